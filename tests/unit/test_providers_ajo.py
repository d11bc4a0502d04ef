from __future__ import annotations

import itertools
import threading
from urllib.parse import parse_qs

import httpx
import pytest

from providers.ajo import ims
from providers.ajo.ims import MARGIN_SECONDS
from providers.ajo.surfaces import Surface
from providers.errors import Misconfigured, NeedsPerson, NotFound, RateLimited, Refused, Retryable
from tests.unit.providers_world import CLIENT_SECRET, Vendor, ajo

AUTOMATION = "http://127.0.0.1:8800/automation"
_numbers = itertools.count()


@pytest.fixture
def client_id() -> str:
    return f"client-{next(_numbers)}"


def token(value: str = "token-of-the-tests", lives: float = 86399) -> httpx.Response:
    return httpx.Response(200, json={"access_token": value, "token_type": "bearer", "expires_in": lives})


def surfaces(*items: dict[str, str]) -> httpx.Response:
    return httpx.Response(200, json={"data": list(items), "_page": {}, "_links": {}})


class Adobe(Vendor):
    """IMS answers by itself with tokens 1, 2, 3 …; everything else from the list."""

    def __init__(self, *answers: httpx.Response | Exception, lives: float = 86399) -> None:
        super().__init__(*answers)
        self.tokens = 0
        self.lives = lives

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/ims/token/v3":
            request.read()
            self.tokens += 1
            self.token_form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
            return token(f"token-number-{self.tokens}", self.lives)
        return super()._answer(request)

    @property
    def bearers(self) -> list[str]:
        return [request.headers["authorization"] for request in self.requests]


def test_a_token_is_asked_for_as_adobe_wants_it_and_then_kept(client_id):
    adobe = Adobe(surfaces())
    ajo(adobe, client_id=client_id).surfaces.find_surface("a")
    ajo(adobe, client_id=client_id).surfaces.find_surface("b")
    assert adobe.tokens == 1
    assert adobe.token_form == {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": CLIENT_SECRET,
        "scope": "openid,AdobeID",
    }
    assert adobe.bearers == ["Bearer token-number-1"] * 2


def test_a_token_shows_in_no_text(client_id):
    vendor = Vendor(token("token-of-this-test"), httpx.Response(400, json={"title": "bad token-of-this-test"}))
    with pytest.raises(Refused, match="400: bad") as caught:
        ajo(vendor, client_id=client_id).surfaces.find_surface("a")
    assert "token-of-this-test" not in caught.value.message


def test_a_token_is_renewed_five_minutes_before_its_end(client_id, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(ims.time, "monotonic", lambda: clock[0])
    adobe = Adobe(surfaces(), lives=3600)
    client = ajo(adobe, client_id=client_id)
    for later in (0, 3600 - MARGIN_SECONDS - 1, 2):
        clock[0] += later
        client.tokens.bearer()
    assert adobe.tokens == 2


def test_another_secret_never_lives_on_the_old_ones_token(client_id):
    adobe = Adobe(surfaces())
    ajo(adobe, client_id=client_id).surfaces.find_surface("a")
    ajo(adobe, client_id=client_id, secret="another-secret-of-the-tests").surfaces.find_surface("a")
    assert adobe.tokens == 2


def test_many_threads_share_one_token(client_id):
    adobe = Adobe(surfaces())
    client = ajo(adobe, client_id=client_id)
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(client.tokens.bearer())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert adobe.tokens == 1
    assert set(got) == {"token-number-1"}


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_client_credentials_need_a_person_who_is_told_the_specs_fields(client_id, status):
    said = {"error": "invalid_client", "error_description": f"bad secret {CLIENT_SECRET}"}
    vendor = Vendor(httpx.Response(status, json=said))
    with pytest.raises(NeedsPerson, match="Adobe IMS refused the client credentials") as caught:
        ajo(vendor, client_id=client_id).surfaces.find_surface("a")
    assert "ajo.client_secret" in caught.value.cure
    assert CLIENT_SECRET not in caught.value.message
    assert len(vendor.requests) == 1


def test_an_ims_answer_without_a_token_is_retried(client_id):
    with pytest.raises(Retryable, match="cannot be read"):
        ajo(Vendor(httpx.Response(200, json={"expires_in": 1})), client_id=client_id).surfaces.find_surface("a")


@pytest.mark.parametrize("kind", ["platform", "automation"])
def test_a_token_refused_before_its_time_is_renewed_once(client_id, kind):
    adobe = Adobe(httpx.Response(401, json={"title": "expired"}), surfaces({"surfaceName": "x", "id": "1"}))
    client = ajo(adobe, client_id=client_id, ajo_automation_url=AUTOMATION)
    if kind == "platform":
        assert client.surfaces.find_surface("x") == Surface("1", "x", "unknown")
    else:
        adobe.answers[-1] = httpx.Response(201, json={"id": 7})
        assert client.automation.create("webhooks", {"name": "w"}) == {"id": "7"}
    assert adobe.bearers == ["Bearer token-number-1", "Bearer token-number-2"]


def test_a_token_refused_twice_needs_a_person(client_id):
    adobe = Adobe(httpx.Response(401, json={"title": "no"}))
    with pytest.raises(NeedsPerson) as caught:
        ajo(adobe, client_id=client_id).surfaces.find_surface("x")
    assert len(adobe.requests) == 2
    assert "ajo.client_id" in caught.value.cure


@pytest.mark.parametrize("answer", [httpx.Response(403, json={"title": "no"}), httpx.Response(302)])
def test_what_no_new_token_would_mend_keeps_the_token(client_id, answer):
    adobe = Adobe(answer)
    with pytest.raises(NeedsPerson):
        ajo(adobe, client_id=client_id).surfaces.find_surface("x")
    assert (len(adobe.requests), adobe.tokens) == (1, 1)


def test_a_token_that_another_thread_renewed_is_not_thrown_away(client_id):
    adobe = Adobe(surfaces())
    tokens = ajo(adobe, client_id=client_id).tokens
    tokens.bearer()
    tokens.invalidate("token-number-0")
    assert tokens.bearer() == "token-number-1"
    tokens.invalidate()
    assert tokens.bearer() == "token-number-2"


def test_a_surface_is_found_by_its_name_with_adobes_headers(client_id):
    wanted = {"surfaceName": "acme-sms", "id": "s1", "surfaceStatus": "Active"}
    adobe = Adobe(surfaces({"surfaceName": "acme-sms-2", "id": "s2"}, wanted))
    client = ajo(adobe, client_id=client_id)
    assert client.surfaces.find_surface("acme-sms", channel="sms") == Surface("s1", "acme-sms", "Active")
    assert client.surfaces.find_surface("other") is None
    request = adobe.requests[0]
    assert request.url.path == "/journey/campaigns/service/metadata/surfaces"
    assert dict(request.url.params) == {"channel": "sms", "property": "surfaceName==acme-sms", "count": "50"}
    assert request.headers["x-api-key"] == client_id
    assert request.headers["x-gw-ims-org-id"] == "ORG@AdobeOrg"
    assert request.headers["x-sandbox-name"] == "prod"


def test_a_surfaces_answer_of_another_shape_is_retried(client_id):
    with pytest.raises(Retryable, match="cannot be read"):
        ajo(Adobe(httpx.Response(200, json={})), client_id=client_id).surfaces.find_surface("a")


def test_without_its_address_the_automation_is_misconfigured_by_name(client_id):
    with pytest.raises(Misconfigured, match="ONBOARD_AJO_AUTOMATION_URL"):
        _ = ajo(Adobe(surfaces()), client_id=client_id).automation


def test_the_automations_five_calls(client_id):
    adobe = Adobe(
        httpx.Response(200, json={"items": [{"id": 1, "name": "other"}, {"id": "a/b", "name": "w"}]}),
        httpx.Response(200, json={"id": "a/b", "name": "w"}),
        httpx.Response(201, json={"id": "n1", "url": "https://ajo.test/w"}),
        httpx.Response(200, json={"id": "n1"}),
        httpx.Response(204),
    )
    automation = ajo(adobe, client_id=client_id, ajo_automation_url=AUTOMATION + "/").automation
    assert automation.find("webhooks", "w") == {"id": "a/b", "name": "w"}
    assert automation.fetch("webhooks", "a/b")["name"] == "w"
    assert automation.create("webhooks", {"name": "n"})["url"] == "https://ajo.test/w"
    assert automation.update("webhooks", "n1", {"name": "n"}) == {"id": "n1"}
    automation.delete("channel-configurations", "n1")
    assert [f"{request.method} {path}" for request, path in zip(adobe.requests, adobe.paths, strict=True)] == [
        "GET /automation/webhooks?name=w",
        "GET /automation/webhooks/a%2Fb",
        "POST /automation/webhooks",
        "PUT /automation/webhooks/n1",
        "DELETE /automation/channel-configurations/n1",
    ]
    assert [request.content for request in adobe.requests] == [b"", b"", b'{"name":"n"}', b'{"name":"n"}', b""]
    assert {request.headers["x-sandbox-name"] for request in adobe.requests} == {"prod"}


def test_an_automation_without_the_object_finds_none(client_id):
    adobe = Adobe(httpx.Response(200, json={"items": []}))
    assert ajo(adobe, client_id=client_id, ajo_automation_url=AUTOMATION).automation.find("webhooks", "w") is None


@pytest.mark.parametrize("answer", [httpx.Response(204), httpx.Response(201, json={"name": "w"})])
def test_an_automation_that_tells_no_id_is_retried_as_ambiguous(client_id, answer):
    automation = ajo(Adobe(answer), client_id=client_id, ajo_automation_url=AUTOMATION).automation
    with pytest.raises(Retryable, match="cannot be read") as caught:
        automation.create("webhooks", {"name": "w"})
    assert caught.value.ambiguous


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Refused),
        (403, NeedsPerson),
        (404, NotFound),
        (408, Retryable),
        (409, Retryable),
        (415, Refused),
        (422, Refused),
        (425, Retryable),
        (429, RateLimited),
        (500, Retryable),
        (503, Retryable),
    ],
)
def test_each_refusal_of_adobe_has_its_decision(client_id, status, expected):
    adobe = Adobe(httpx.Response(status, json={"title": "the reason", "status": status}))
    with pytest.raises(expected) as caught:
        ajo(adobe, client_id=client_id).surfaces.find_surface("a")
    assert type(caught.value) is expected
    assert caught.value.context.status == status
    if status < 500 and status != 429:
        assert "the reason" in caught.value.message


@pytest.mark.parametrize("field", ["title", "error_description", "error"])
def test_adobes_reason_is_read_from_where_its_apis_put_it(client_id, field):
    adobe = Adobe(httpx.Response(400, json={field: "the reason"}))
    with pytest.raises(Refused, match="400: the reason"):
        ajo(adobe, client_id=client_id).surfaces.find_surface("a")


PROOF = {"phone_number": "+12125550123", "user_id": "ann", "namespace": "Email", "reference": "onb-1"}


@pytest.mark.parametrize(
    ("answer", "is_ambiguous"),
    [
        (httpx.ReadTimeout("slow"), True),
        (httpx.Response(503), True),
        (httpx.Response(200, json={"status": "CREATED"}), True),
        (httpx.ConnectError("refused"), False),
        (httpx.Response(429), False),
    ],
)
def test_whether_a_proof_may_have_been_made_is_told(client_id, answer, is_ambiguous):
    with pytest.raises(Retryable) as caught:
        ajo(Adobe(answer), client_id=client_id).proofs.create("c/1", **PROOF)
    assert caught.value.ambiguous is is_ambiguous


def test_a_sign_in_that_ends_unclear_leaves_no_doubt_about_the_call(client_id):
    vendor = Vendor(httpx.Response(500))
    with pytest.raises(Retryable) as caught:
        ajo(vendor, client_id=client_id).proofs.create("c1", **PROOF)
    assert not caught.value.ambiguous
    assert vendor.paths == ["/ims/token/v3"]


def test_a_campaign_id_cannot_leave_its_place_in_the_path(client_id):
    adobe = Adobe(httpx.Response(404, json={"title": "none"}))
    with pytest.raises(NotFound):
        ajo(adobe, client_id=client_id).proofs.create("../x", **PROOF)
    assert adobe.paths == ["/ajo/simulations/campaigns/..%2Fx/proofs"]
