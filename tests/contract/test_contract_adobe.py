"""The surfaces request is the one Adobe describes, and an answer of the described shape can be read."""

from __future__ import annotations

import httpx
import pytest

from providers.ajo.client import AjoClient
from providers.ajo.surfaces import Surface
from settings import Settings
from tests.contract.openapi import load

CONTRACT = "ajo_campaigns-retrieve.yaml"
PREFIX = "/journey/campaigns"


@pytest.fixture
def described():
    contract = load(CONTRACT)
    surface = {"id": "s1", "surfaceName": "acme-sms", "surfaceChannel": "sms", "surfaceStatus": "Active"}
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/ims/token/v3":
            return httpx.Response(200, json={"access_token": "a-token-of-tests", "expires_in": 86399})
        request.read()
        requests.append(request)
        contract.check_request(request, PREFIX)
        body = {"data": [{**surface, "attributes": {}}], "_page": {"count": 1}, "_links": {}}
        model = contract.document["components"]["schemas"]["Multi Response Model"]
        contract.validate(body, model, "answer")
        contract.refuse_unknown(body, model, "answer")
        contract.refuse_unknown(surface, contract.document["components"]["schemas"]["Surface"], "surface")
        return httpx.Response(200, json=body)

    client = AjoClient(
        Settings(),
        organization_id="ORG@AdobeOrg",
        sandbox="prod",
        client_id="contract-tests",
        client_secret="client-secret-of-tests",
        scopes=["openid"],
        client=httpx.Client(transport=httpx.MockTransport(answer)),
    )
    return client, requests


def test_the_surfaces_request_is_described_and_its_answer_is_read(described):
    client, requests = described
    assert client.surfaces.find_surface("acme-sms") == Surface("s1", "acme-sms", "Active")
    assert str(requests[0].url).startswith("https://platform.adobe.io" + PREFIX)
    assert requests[0].headers["authorization"] == "Bearer a-token-of-tests"


def test_the_base_path_is_the_described_production_server():
    servers = {server["url"] for server in load(CONTRACT).document["servers"]}
    assert "https://platform.adobe.io" + PREFIX in servers
