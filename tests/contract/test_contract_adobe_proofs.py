"""Our calls for proofs are those that Adobe describes, and answers of the described shapes can be read."""

from __future__ import annotations

import itertools

import httpx
import pytest

from engine.proofs import OVER
from providers.ajo.client import AjoClient
from providers.ajo.proofs import Proof
from settings import Settings
from tests.contract.openapi import load

SIMULATIONS, CAMPAIGNS = (
    ("ajo_simulations.yaml", "/ajo/simulations"),
    ("ajo_campaigns-retrieve.yaml", "/journey/campaigns"),
)
CAMPAIGN, JOB = "8fd4b5e2-e559-425b-bd89-389b007d32d5", "2b380e1d-e4e2-4451-a5f7-3968af23e8c2"
# Tokens are kept per client id; each test takes its own.
_numbers = itertools.count()


def described(contract_of, answer):
    """Proofs whose every request, and this one answer to it, fit the description; and the requests."""
    file, prefix = contract_of
    contract = load(file)
    requests = []

    def handle(request: httpx.Request) -> httpx.Response:
        request.read()
        if request.url.path == "/ims/token/v3":
            return httpx.Response(200, json={"access_token": "a-token-of-tests", "expires_in": 86399})
        requests.append(request)
        operation = contract.check_request(request, prefix)
        contract.check_response(operation, answer)
        return answer

    client = AjoClient(
        Settings(),
        organization_id="ORG@AdobeOrg",
        sandbox="prod",
        client_id=f"proof-tests-{next(_numbers)}",
        client_secret="client-secret-of-tests",
        scopes=["openid"],
        client=httpx.Client(transport=httpx.MockTransport(handle)),
    )
    return client.proofs, requests


def job(status, *reasons):
    item = {"messageId": CAMPAIGN, "variantId": JOB, "targeted": 1, "submitted": 0, "status": "FAILED"}
    failures = [{"type": "https://ns.adobe.com/aep/errors/X-1", "title": title, "status": "400"} for title in reasons]
    if failures:
        item["proofFailureReasons"] = [{"profileIds": ["ann"], "failureReasons": failures}]
    return httpx.Response(200, json={"proofJobId": JOB, "status": status, "proofs": [item]})


def test_a_proof_is_asked_for_as_described():
    proofs, requests = described(SIMULATIONS, job("CREATED"))
    made = proofs.create(CAMPAIGN, phone_number="+12125550123", user_id="ann", namespace="Email", reference="onb-1")
    assert made == Proof(JOB, "CREATED", ())
    assert str(requests[0].url) == f"https://platform.adobe.io/ajo/simulations/campaigns/{CAMPAIGN}/proofs"
    assert requests[0].headers["x-sandbox-name"] == "prod"


@pytest.mark.parametrize("status", ["PROCESSING", "FAILED"])
def test_its_state_and_each_reason_of_a_failure_are_read(status):
    proofs, _ = described(SIMULATIONS, job(status, "No route", "No route", "No profile"))
    assert proofs.fetch(CAMPAIGN, JOB) == Proof(JOB, status, ("No route", "No profile"))


def test_the_words_that_end_a_job_are_among_the_described_ones():
    schema = load(SIMULATIONS[0]).document["components"]["schemas"]["CampaignProofResponse"]
    assert set(schema["properties"]["status"]["enum"]) == OVER | {"CREATED", "PROCESSING"}


def test_the_check_before_publishing_is_asked_for_as_described_and_its_notes_are_read():
    contract = load(CAMPAIGNS[0])
    note = {"type": "https://ns.adobe.com/aep/errors/S-1", "title": "The configuration is inactive", "status": 400}
    problem = {"id": "s1", "errorSource": "SURFACE", "notifications": [note]}
    schema = contract.document["components"]["schemas"]["Campaign Notifications"]
    contract.validate(problem, schema, "notifications")
    contract.refuse_unknown(problem, schema, "notifications")
    answer = httpx.Response(200, json={"data": [problem], "_page": {"count": 1}, "_links": {}})
    proofs, _ = described(CAMPAIGNS, answer)
    assert proofs.obstacles(CAMPAIGN) == ("The configuration is inactive",)
