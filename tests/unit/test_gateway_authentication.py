"""The ways in which AJO may sign in: what each takes, and what each refuses."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from ipaddress import ip_network

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.datastructures import Headers

from gateway.authentication import WAYS, ClientCertificate, Denied, Gate, authenticate, make_access_token
from gateway.oauth import TokenRefused, grant, read_json

TOKEN = "bridge-token-of-the-tests-0123456789-abcdef"
ADOBE = "ajo-sms.aep-mtls.adobe.com"
PROXY = "10.0.0.5"
GATE = Gate("api_key", "acme", TOKEN, "ORG@AdobeOrg", "https://gateway.example.com/ajo/t/messages")
CERTIFICATE = ClientCertificate((ip_network("10.0.0.0/24"), ip_network("fd00::/8")), "X-Client", ADOBE)


def gate(way, **changes):
    return replace(GATE, way=way, **changes)


def headers(*pairs):
    """As a server hands them over: latin-1, and a name may come twice."""
    return Headers(raw=[(name.lower().encode(), value.encode("latin-1")) for name, value in pairs])


def refusal(which, *pairs, peer="203.0.113.9"):
    with pytest.raises(Denied) as caught:
        authenticate(which, headers(*pairs), peer)
    said = f"{caught.value} {caught.value.challenge}"
    assert TOKEN not in said
    assert not [value for _, value in pairs if len(value) > 8 and value in said], "what was sent is repeated"
    assert said.isascii()
    return str(caught.value)


def bearer(token):
    return ("Authorization", f"Bearer {token}")


def basic(user, password=TOKEN):
    return ("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


def after(seconds):
    """So many seconds from when it is called: a table of cases is made long before its tests run."""
    return lambda: time.time() + seconds


def claims(**changes):
    """AJO's, good for five minutes. None leaves one out."""
    said = {"iss": GATE.issuer, "sub": GATE.name, "aud": GATE.audience, "exp": after(300)} | changes
    return {name: value() if callable(value) else value for name, value in said.items() if value is not None}


def signed(key=TOKEN, algorithm="HS256", **changes):
    return jwt.encode(claims(**changes), key, algorithm)


def raw_token(header, body, signature=b""):
    parts = [json.dumps(header).encode() if isinstance(header, dict) else header, json.dumps(body).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


WITH_PROOF = ("api_key", "basic", "bearer", "jwt", "oauth")


def proof(way):
    return {
        "api_key": ("x-onboard-token", TOKEN),
        "basic": basic("acme"),
        "bearer": bearer(TOKEN),
        "jwt": bearer(signed()),
        "oauth": bearer(make_access_token(gate("oauth"))),
    }[way]


@pytest.mark.parametrize("way", WAYS)
def test_only_the_declared_way_opens(way):
    if way == "none":
        assert refusal(gate(way), *map(proof, WITH_PROOF)) == "there is no way to sign in"
        return
    authenticate(gate(way), headers(proof(way)), None)
    for other in set(WITH_PROOF) - {way}:
        refusal(gate(way), proof(other))
    refusal(gate(way))


@pytest.mark.parametrize("way", WITH_PROOF)
def test_a_new_token_ends_what_the_old_one_opened(way):
    refusal(gate(way, token=TOKEN + "-rotated"), proof(way))


@pytest.mark.parametrize("way", WITH_PROOF)
def test_while_a_token_is_replaced_both_open(way):
    replaced = gate(way, token=TOKEN + "-rotated", former=TOKEN)
    authenticate(replaced, headers(proof(way)), None)
    authenticate(gate(way, former=TOKEN + "-before"), headers(proof(way)), None)
    refusal(gate(way, token=TOKEN + "-rotated", former=TOKEN + "-before"), proof(way))


def test_while_a_client_secret_is_replaced_each_gets_a_token_that_ends_with_it():
    fields = {"grant_type": "client_credentials", "client_id": "acme", "client_secret": TOKEN}
    replaced = gate("oauth", token=TOKEN + "-rotated", former=TOKEN)
    granted = grant(replaced, fields, "")["access_token"]
    authenticate(replaced, headers(bearer(granted)), None)
    refusal(replace(replaced, former=None), bearer(granted))


@pytest.mark.parametrize("way", WITH_PROOF)
def test_what_opens_one_onboarding_does_not_open_another_with_the_same_token(way):
    other = gate(way, name="other", audience="https://gateway.example.com/ajo/u/messages")
    if way not in ("api_key", "bearer"):
        refusal(other, proof(way))


@pytest.mark.parametrize("way", WITH_PROOF)
@pytest.mark.parametrize(
    "value",
    ["", " ", "Bearer", "Bearer ", "Basic ", "Basic !!!", "Basic YQ==", "Basic \xe4\xf6", "Basic /////w==", "Bearer \xfc\xff",
     "Bearer a.b.c", "Bearer ..", f"Digest {TOKEN}", TOKEN + "x", "Bearer " + "x" * 60_000, "Basic " + "QUFB" * 9000],
)  # fmt: skip
def test_what_is_no_proof_is_refused_and_breaks_nothing(way, value):
    refusal(gate(way), ("Authorization", value))
    refusal(gate(way), ("X-Onboard-Token", value))


@pytest.mark.parametrize("way", WITH_PROOF)
def test_two_of_one_header_are_refused_even_if_one_is_right(way):
    right = proof(way)
    for pairs in ((right, (right[0], "other")), ((right[0], "other"), right), (right, right)):
        assert "2 times" in refusal(gate(way), *pairs)


def test_schemes_are_known_in_any_letters():
    authenticate(gate("bearer"), headers(("authorization", f"bEARER  {TOKEN}")), None)
    authenticate(gate("basic"), headers(("authorization", basic("acme")[1].replace("Basic", "basic"))), None)


def test_basic_takes_a_colon_in_the_password_and_no_other_user():
    authenticate(gate("basic", token="a:b:ü"), headers(basic("acme", "a:b:ü")), None)
    for wrong in (basic("other"), basic(""), basic("acme", "a"), basic("acme", ""), basic("acme:" + TOKEN, "")):
        refusal(gate("basic", token="a:b:ü"), wrong)


# -- JWT ------------------------------------------------------------------------------------------------------------
HOUR = 3600


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": after(-60)}, "is expired"),
        ({"exp": None}, "lacks a claim"),
        ({"iss": None}, "lacks a claim"),
        ({"sub": None}, "lacks a claim"),
        ({"aud": None}, "lacks a claim"),
        ({"iss": "OTHER@AdobeOrg"}, "another issuer"),
        ({"sub": "other"}, "another subject"),
        ({"aud": "https://elsewhere.example"}, "another audience"),
        ({"aud": []}, "lacks a claim"),
        ({"nbf": after(HOUR)}, "not valid yet"),
        ({"iat": after(HOUR)}, "not valid yet"),
        ({"exp": after(2 * HOUR)}, "longer than 3600 seconds"),
        ({"exp": 10**300}, "longer than 3600 seconds"),
        ({"exp": 10**400}, "longer than 3600 seconds"),
        ({"exp": int("9" * 2500)}, "longer than 3600 seconds"),
        ({"nbf": float("inf")}, "cannot be read"),
        ({"iat": float("-inf")}, "cannot be read"),
        ({"iat": [1]}, "cannot be read"),
        ({"nbf": {}}, "cannot be read"),
        ({"sub": 1}, "another subject"),
        ({"aud": {"a": 1}}, "another audience"),
        ({"exp": "tomorrow"}, "cannot be read"),
        ({"exp": float("inf")}, "cannot be read"),
        ({"exp": float("nan")}, "cannot be read"),
        ({"exp": [1]}, "cannot be read"),
        ({"iat": "today"}, "cannot be read"),
    ],
)
def test_a_jwt_with_wrong_claims_is_refused_by_its_reason(changes, reason):
    assert reason in refusal(gate("jwt"), bearer(signed(**changes)))


@pytest.mark.parametrize("changes", [{"exp": after(-5)}, {"nbf": after(20)}, {"aud": ["x", GATE.audience]}])
def test_a_clock_that_is_a_little_off_and_a_list_of_audiences_are_taken(changes):
    authenticate(gate("jwt"), headers(bearer(signed(**changes))), None)


def test_the_algorithm_is_pinned():
    assert "not signed with HS256" in refusal(gate("jwt"), bearer(jwt.encode(claims(), "", "none")))
    assert "not signed with HS256" in refusal(gate("jwt"), bearer(signed(key=TOKEN * 2, algorithm="HS512")))
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert "not signed with HS256" in refusal(gate("jwt"), bearer(signed(key=private, algorithm="RS256")))
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = {"alg": "HS256", "jwk": {"kty": "oct", "k": base64.urlsafe_b64encode(public).decode()}}
    refusal(gate("jwt"), bearer(raw_token(header, claims(), b"x" * 32)))
    assert "another key" in refusal(gate("jwt"), bearer(signed(key=TOKEN + "x")))


@pytest.mark.parametrize(
    "header",
    [b"[" * 2500, b"[]", b"\xff", b'{"alg":{}}', b'{"alg":"HS256","kid":1}', b'{"alg":"HS256","crit":["a\\nb"],"a\\nb":1}',
     b'{"alg":"HS256","b64":false,"crit":["b64"]}', b'{"alg":"nOnE"}', b"{}"],
)  # fmt: skip
def test_a_malicious_header_is_refused_before_anything_is_believed(header):
    assert "\n" not in refusal(gate("jwt"), bearer(raw_token(header, claims())))


def test_a_token_without_its_signature_is_refused():
    refusal(gate("jwt"), bearer(signed().rpartition(".")[0] + "."))
    refusal(gate("jwt"), bearer(signed().rpartition(".")[0]))


# -- OAuth ----------------------------------------------------------------------------------------------------------
ASK = {"grant_type": "client_credentials", "client_id": "acme", "client_secret": TOKEN}


def test_a_client_gets_a_token_that_opens_for_a_quarter_of_an_hour():
    for fields, authorization in ((ASK, ""), ({"grant_type": ASK["grant_type"]}, basic("acme")[1])):
        answer = grant(gate("oauth"), fields, authorization)
        assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 900)
        authenticate(gate("oauth"), headers(bearer(answer["access_token"])), None)


def test_an_access_token_expires(monkeypatch):
    from datetime import timedelta

    from engine import clock

    at = clock.now() - timedelta(seconds=900 + 31)
    monkeypatch.setattr("gateway.authentication.now", lambda: at)
    old = make_access_token(gate("oauth"))
    monkeypatch.undo()
    assert "is expired" in refusal(gate("oauth"), bearer(old))


@pytest.mark.parametrize(
    ("changes", "authorization", "expected"),
    [
        ({"client_secret": "wrong"}, "", (401, "invalid_client")),
        ({"client_secret": ""}, "", (401, "invalid_client")),
        ({"client_secret": "\ud800"}, "", (401, "invalid_client")),
        ({"client_id": "other"}, "", (401, "invalid_client")),
        ({"client_secret": None}, "", (401, "invalid_client")),
        ({"client_secret": None}, "Basic !", (401, "invalid_client")),
        ({"client_secret": None}, basic("other")[1], (401, "invalid_client")),
        ({}, basic("acme")[1], (400, "invalid_request")),
        ({"grant_type": None}, "", (400, "invalid_request")),
        ({"grant_type": "password"}, "", (400, "unsupported_grant_type")),
        ({"grant_type": "password", "client_id": "x"}, "", (401, "invalid_client")),
    ],
)
def test_a_token_is_refused_in_the_words_of_the_rfc(changes, authorization, expected):
    fields = {name: value for name, value in (ASK | changes).items() if value is not None}
    with pytest.raises(TokenRefused) as caught:
        grant(gate("oauth"), fields, authorization)
    assert (caught.value.status, caught.value.code) == expected


def test_who_does_not_sign_in_by_oauth_gets_no_token():
    with pytest.raises(TokenRefused, match="sign in by api_key") as caught:
        grant(gate("api_key"), ASK, "")
    assert (caught.value.status, caught.value.code) == (400, "unauthorized_client")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"client_id": 1}', b'{"a": {}}', b"[" * 60_000])
def test_a_body_that_is_no_object_of_texts_is_refused(body):
    with pytest.raises(TokenRefused) as caught:
        read_json(body)
    assert (caught.value.status, caught.value.code) == (400, "invalid_request")


# -- mTLS -----------------------------------------------------------------------------------------------------------
def mutual(way="none", **changes):
    return gate(way, certificate=replace(CERTIFICATE, **changes))


@pytest.mark.parametrize("peer", [PROXY, "::ffff:10.0.0.5", "fd00::1"])
@pytest.mark.parametrize(
    "subject", [ADOBE, f"CN={ADOBE}", f"CN={ADOBE},O=Adobe Inc.,C=US", f"C=US,O=Adobe\\, Inc.,CN={ADOBE}"]
)
def test_the_trusted_proxys_word_is_believed(peer, subject):
    authenticate(mutual(), headers(("X-Client", subject)), peer)


@pytest.mark.parametrize(
    "peer", ["203.0.113.9", "10.0.1.5", "::ffff:203.0.113.9", "::1", "", None, "unix:", "10.0.0.5x"]
)
def test_nobody_elses_word_is(peer):
    assert "past the proxy" in refusal(mutual(), ("X-Client", ADOBE), peer=peer)


@pytest.mark.parametrize(
    "subject",
    ["", "other.example", f"{ADOBE}.evil.example", f"evil.{ADOBE}", f"CN={ADOBE},CN=evil", f"CN=evil,CN={ADOBE}", f"OU={ADOBE}",
     f"CN=evil,O=CN\\={ADOBE}", f"CN=evil+O={ADOBE}", f"O=x\\,CN={ADOBE}", f"/CN={ADOBE}", "=", "\xff=\xfe", f"{ADOBE}, {ADOBE}"],
)  # fmt: skip
def test_another_certificate_or_none_is_refused(subject):
    assert "is not that of" in refusal(mutual(), ("X-Client", subject), peer=PROXY)


def test_a_certificate_is_asked_for_beside_the_way_and_two_are_none():
    assert "2 times" in refusal(mutual(), ("X-Client", ADOBE), ("X-Client", ADOBE), peer=PROXY)
    assert "is missing or wrong" in refusal(mutual("api_key"), ("X-Client", ADOBE), peer=PROXY)
    assert "is not that of" in refusal(mutual("api_key"), proof("api_key"), peer=PROXY)
    authenticate(mutual("api_key"), headers(proof("api_key"), ("X-Client", ADOBE)), PROXY)


def test_without_a_trusted_proxy_mtls_opens_to_nobody():
    assert "ONBOARD_MTLS_PROXIES" in refusal(mutual(proxies=()), ("X-Client", ADOBE), peer=PROXY)
