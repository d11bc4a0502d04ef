"""The other half of signing in: what AJO is told, and what its stand-in makes of it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import httpx
import pytest
from pydantic import ValidationError

from engine import kinds
from gateway.outbound import read_message
from providers.errors import Misconfigured
from settings import Settings
from simulator.adobe.provider_auth import CannotSignIn, auth_headers
from tasks.steps.credential import Credential, payload_template, wanted_credential
from tests.factories import make_spec, spec_data

TOKEN = "bridge-token-of-the-tests"
OAUTH = {"type": "oauth", "url": "https://gateway.example/token", "client_id": "acme", "client_secret": TOKEN}


def spec_with(**credential):
    ajo = spec_data("rcs")["ajo"]
    return make_spec("rcs", ajo=ajo | {"credential": ajo["credential"] | credential})


def step_context(**credential):
    return SimpleNamespace(
        spec=spec_with(**credential),
        name="acme",
        settings=Settings(public_url="https://gateway.example"),
        endpoint_token="endpoint",
        secret={kinds.BRIDGE_TOKEN: TOKEN}.get,
        external_id=lambda kind: kind,
    )


@pytest.mark.parametrize("way", ["api_key", "basic", "bearer", "jwt", "oauth", "none"])
def test_a_person_is_told_the_token_by_reference_only(way):
    fields = wanted_credential(step_context(auth=way, mtls=True)).fields
    assert TOKEN not in repr(fields)
    assert [field["secret"] for field in fields if "secret" in field] == [kinds.BRIDGE_TOKEN] * (way != "none")
    assert {"label": "mTLS support", "choice": "on"} in fields


def test_the_payload_of_basic_and_bearer_has_what_adobe_demands_and_the_bridge_takes_it():
    for way in ("basic", "bearer"):
        assert f'"authOption": "{way}"' in payload_template(way)
    said = b'{"to": "+12125550177", "message": "Hello", "authOption": %s}'
    prints = {read_message(said % option).fingerprint() for option in (b'"basic"', b"null", b'{"type": ["x"]}')}
    assert len(prints) == 1, "two attempts at one message must look the same"


def test_mtls_without_a_proxy_that_checks_is_told_before_anything_is_made():
    with pytest.raises(Misconfigured, match="ONBOARD_MTLS_PROXIES"):
        Credential().act(step_context(mtls=True))


@pytest.mark.parametrize("wrong", ["proxy.example", "10.0.0.0/33", "10.0.0.5,,10.0.0.6", "10.0.0.5 10.0.0.6"])
def test_a_proxy_that_is_no_address_is_refused(wrong):
    with pytest.raises(ValidationError, match="neither an address"):
        Settings(mtls_proxies=wrong)


# -- the stand-in -----------------------------------------------------------------------------------------------------
def world_of(*answers):
    """A provider whose token endpoint gives these answers in turn."""
    left = list(answers)
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: left.pop(0)))
    return SimpleNamespace(http_client=lambda: client, provider_tokens={}, left=left)


def token(text, **changes):
    return httpx.Response(200, json={"access_token": text, "token_type": "Bearer", "expires_in": 900} | changes)


def bearer_of(world, auth=OAUTH):
    return asyncio.run(auth_headers(world, auth))["Authorization"]


def test_an_access_token_is_fetched_once_and_again_when_it_is_over_or_the_secret_is_another():
    world = world_of(token("one"), token("short", expires_in=1), token("three"))
    assert [bearer_of(world) for _ in range(3)] == ["Bearer one"] * 3
    assert bearer_of(world, OAUTH | {"client_secret": "another"}) == "Bearer short"
    assert bearer_of(world, OAUTH | {"client_secret": "another"}) == "Bearer three"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(401, json={"error": "invalid_client"}), "answered 401"),
        (httpx.Response(200, text="x"), "no access_token"),
        (httpx.Response(200, json=[]), "no access_token"),
        (token("x", expires_in="soon"), "no access_token"),
    ],
)
def test_a_token_that_is_not_to_be_had_is_told_as_such(answer, reason):
    with pytest.raises(CannotSignIn, match=reason):
        bearer_of(world_of(answer))
