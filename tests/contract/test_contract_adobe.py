"""The surfaces request is the one Adobe describes, and an answer of the described shape can be read."""

from __future__ import annotations

import itertools
from urllib.parse import parse_qs

import httpx
import pytest

from providers.ajo.client import AjoClient
from providers.ajo.surfaces import Surface
from settings import Settings
from tests.contract.openapi import load

CONTRACT = "ajo_campaigns-retrieve.yaml"
PREFIX = "/journey/campaigns"
# Tokens are kept per client id; each test takes its own.
_numbers = itertools.count()


@pytest.fixture
def described():
    contract = load(CONTRACT)
    surface = {"id": "s1", "surfaceName": "acme-sms", "surfaceChannel": "sms", "surfaceStatus": "Active"}
    requests: list[httpx.Request] = []
    tokens: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/ims/token/v3":
            request.read()
            tokens.append(request)
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
        client_id=f"contract-tests-{next(_numbers)}",
        client_secret="client-secret-of-tests",
        scopes=["openid", "AdobeID"],
        client=httpx.Client(transport=httpx.MockTransport(answer)),
    )
    return client, requests, tokens


def test_the_token_request_is_the_one_that_adobes_reference_names(described):
    """IMS has no machine-readable description: host, path, form and field names are from its reference."""
    client, _, tokens = described
    client.surfaces.find_surface("acme-sms")
    (request,) = tokens
    assert (request.method, str(request.url)) == ("POST", "https://ims-na1.adobelogin.com/ims/token/v3")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    form = parse_qs(request.content.decode(), strict_parsing=True)
    assert form.keys() == {"grant_type", "client_id", "client_secret", "scope"}
    assert form["grant_type"] == ["client_credentials"]
    assert form["scope"] == ["openid,AdobeID"]
    assert "authorization" not in request.headers


def test_the_surfaces_request_is_described_and_its_answer_is_read(described):
    client, requests, _ = described
    assert client.surfaces.find_surface("acme-sms") == Surface("s1", "acme-sms", "Active")
    assert str(requests[0].url).startswith("https://platform.adobe.io" + PREFIX)
    assert requests[0].headers["authorization"] == "Bearer a-token-of-tests"


def test_the_base_path_is_the_described_production_server():
    servers = {server["url"] for server in load(CONTRACT).document["servers"]}
    assert "https://platform.adobe.io" + PREFIX in servers
