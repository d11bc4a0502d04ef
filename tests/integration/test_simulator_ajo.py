"""Adobe's sign-in, the automation contract, the public surfaces API and the webhooks' receiving end."""

from typing import Any

import httpx
import pytest

from tests.integration.simulator_fixture import (
    CLIENT_ID,
    CLIENT_SECRET,
    ORGANIZATION,
    Simulator,
    check_contract,
)

IMS = "/ims-na1.adobelogin.com/ims/token/v3"
SURFACES = "/platform.adobe.io/journey/campaigns/service/metadata/surfaces"
TEMPLATE = '{"from": "{{fromNumber}}", "to": "{{toNumber}}", "body": "{{message}}"}'
CUSTOM = {
    "name": "brand-rcs",
    "vendor": "custom",
    "channel_type": "RCS",
    "provider_url": "https://gateway.example/ajo/send",
    "auth": {"type": "api_key", "name": "x-onboard-token", "token": "very-secret"},
    "payload_template": TEMPLATE,
    "message_id_path": "sid",
}
INBOUND = {
    "InboundMessage": "STOP",
    "ProfileNumber": "+14155551234",
    "RequestID": "SM1",
    "OriginTimestamp": "2026-01-01T00:00:00Z",
    "InboundNumber": "+14155550100",
}


def sign_in(sim: Simulator, **form: str) -> httpx.Response:
    given = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": "openid,AdobeID,read_organizations,additional_info.projectedProductContext,session",
    }
    return sim.http.post(IMS, data=given | form)


@pytest.fixture
def headers(sim: Simulator) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {sign_in(sim).json()['access_token']}",
        "x-api-key": CLIENT_ID,
        "x-gw-ims-org-id": ORGANIZATION,
        "x-sandbox-name": "prod",
    }


def make(sim: Simulator, headers: dict[str, str], part: str, body: dict[str, Any]) -> Any:
    response = sim.http.post(f"/automation/{part}", headers=headers, json=body)
    assert response.status_code == 201, response.text
    return response.json()


def configuration(credential: Any, name: str = "brand-rcs") -> dict[str, Any]:
    return {
        "name": name,
        "channel": "sms",
        "message_type": "transactional",
        "credential_id": credential["id"],
        "sender": "+14155550100",
    }


def find_surface(sim: Simulator, headers: dict[str, str], name: str) -> Any:
    query = {"channel": "sms", "property": f"surfaceName=={name}"}
    return sim.http.get(SURFACES, headers=headers, params=query).json()["data"]


def test_a_token_lasts_a_day_and_needs_the_right_secret(sim: Simulator) -> None:
    token = sign_in(sim).json()
    assert (token["token_type"], token["expires_in"]) == ("bearer", 86399)
    refused = sign_in(sim, client_secret="wrong")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert sign_in(sim, client_id="nobody").status_code == 400
    as_json = sim.http.post(IMS, json={"grant_type": "client_credentials"})
    assert as_json.status_code == 400


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"x-api-key": "other"}, 403),
        ({"x-gw-ims-org-id": "OTHER@AdobeOrg"}, 403),
        ({"x-sandbox-name": ""}, 400),
        ({"x-sandbox-name": "nowhere"}, 404),
    ],
)
@pytest.mark.parametrize("path", [SURFACES, "/automation/credentials"])
def test_every_header_counts(
    sim: Simulator, headers: dict[str, str], path: str, wrong: dict[str, str], status: int
) -> None:
    assert sim.http.get(path, headers=headers).status_code == 200
    refused = sim.http.get(path, headers=headers | wrong)
    assert refused.status_code == status
    assert refused.json().keys() == {"type", "title", "status"}


def test_another_organization_can_be_added(sim: Simulator) -> None:
    body = {"organization_id": "B@AdobeOrg", "client_id": "b", "client_secret": "s", "sandboxes": ["one"]}
    sim.control("POST", "organizations", body)
    assert sign_in(sim, client_id="b", client_secret="s").status_code == 200


def test_a_credential_never_gives_its_secrets_back(sim: Simulator, headers: dict[str, str]) -> None:
    made = make(sim, headers, "credentials", CUSTOM)
    twilio = {"name": "sms", "vendor": "twilio", "account_sid": "AC1", "auth_token": "very-secret"}
    make(sim, headers, "credentials", twilio)
    listed = sim.http.get("/automation/credentials", headers=headers)
    assert len(listed.json()["items"]) == 2
    assert "very-secret" not in listed.text
    (found,) = sim.http.get("/automation/credentials?name=brand-rcs", headers=headers).json()["items"]
    assert found == made
    assert found["auth"] == {"type": "api_key", "name": "x-onboard-token"}


def test_names_are_unique_in_a_sandbox_and_free_in_another(sim: Simulator, headers: dict[str, str]) -> None:
    make(sim, headers, "credentials", CUSTOM)
    assert sim.http.post("/automation/credentials", headers=headers, json=CUSTOM).status_code == 409
    elsewhere = headers | {"x-sandbox-name": "dev"}
    assert sim.http.get("/automation/credentials", headers=elsewhere).json() == {"items": []}
    make(sim, elsewhere, "credentials", CUSTOM)
    assert sim.ledger()["duplicates"] == []


@pytest.mark.parametrize(
    ("part", "body", "word"),
    [
        ("credentials", CUSTOM | {"payload_template": "{}"}, "{{fromNumber}}"),
        ("credentials", CUSTOM | {"vendor": "sinch"}, "vendor"),
        ("credentials", CUSTOM | {"colour": "red"}, "colour"),
        ("credentials", CUSTOM | {"webhook_ids": ["none"]}, "none"),
        ("credentials", {"name": "x", "vendor": "twilio", "account_sid": "AC1"}, "auth_token"),
        ("webhooks", {"name": "x", "vendor": "twilio", "type": "inbound"}, "vendor"),
        (
            "webhooks",
            {"name": "x", "vendor": "custom", "type": "feedback", "keywords": {"help": ["A"]}},
            "keywords",
        ),
        ("channel-configurations", configuration({"id": "none"}), "credential_id"),
        ("channel-configurations", configuration({"id": "none"}, "1st"), "letter"),
    ],
)
def test_a_bad_object_is_refused_by_the_name_of_its_fault(
    sim: Simulator, headers: dict[str, str], part: str, body: dict[str, Any], word: str
) -> None:
    refused = sim.http.post(f"/automation/{part}", headers=headers, json=body)
    assert refused.status_code == 400
    assert word in refused.json()["title"]


def test_an_update_replaces_the_fields_and_keeps_the_id(sim: Simulator, headers: dict[str, str]) -> None:
    made = make(sim, headers, "credentials", CUSTOM)
    path = f"/automation/credentials/{made['id']}"
    url = "https://gateway.example/new"
    updated = sim.http.put(path, headers=headers, json=CUSTOM | {"provider_url": url})
    assert (updated.status_code, updated.json()["id"]) == (200, made["id"])
    assert sim.http.get(path, headers=headers).json()["provider_url"] == url


def test_a_channel_configuration_becomes_active_and_shows_as_a_surface(sim: Simulator, headers: dict[str, str]) -> None:
    credential = make(sim, headers, "credentials", CUSTOM)
    made = make(sim, headers, "channel-configurations", configuration(credential))
    assert made["status"] == "Draft"
    seen: list[str] = []
    for _ in range(7):
        (surface,) = find_surface(sim, headers, "brand-rcs")
        seen.append(surface["surfaceStatus"])
        sim.advance("1s")
    assert list(dict.fromkeys(seen)) == ["Draft", "Processing", "Active"]
    (surface,) = find_surface(sim, headers, "brand-rcs")
    fetched = sim.http.get(f"{SURFACES}/sms/{surface['id']}", headers=headers).json()
    assert fetched == surface
    check_contract("ajo_campaigns-retrieve.yaml", "Surface", fetched)
    assert find_surface(sim, headers, "other") == []
    assert find_surface(sim, headers | {"x-sandbox-name": "dev"}, "brand-rcs") == []


def test_whoever_names_no_channel_sees_in_app_surfaces_only(sim: Simulator, headers: dict[str, str]) -> None:
    credential = make(sim, headers, "credentials", CUSTOM)
    make(sim, headers, "channel-configurations", configuration(credential))
    listed = sim.http.get(SURFACES, headers=headers).json()
    assert listed["data"] == []
    check_contract("ajo_campaigns-retrieve.yaml", "Multi Response Model", listed)


def test_surfaces_come_in_pages(sim: Simulator, headers: dict[str, str]) -> None:
    credential = make(sim, headers, "credentials", CUSTOM)
    for name in ("c", "a", "b"):
        make(sim, headers, "channel-configurations", configuration(credential, name))
    first = sim.http.get(SURFACES, headers=headers, params={"channel": "SMS", "count": 2}).json()
    assert [surface["surfaceName"] for surface in first["data"]] == ["a", "b"]
    assert (first["_page"]["totalCount"], first["_page"]["totalPages"]) == (3, 2)
    second = sim.http.get(first["_links"]["next"]["href"], headers=headers).json()
    assert [surface["surfaceName"] for surface in second["data"]] == ["c"]


def test_a_configuration_with_fail_in_its_name_fails_and_says_why(sim: Simulator, headers: dict[str, str]) -> None:
    credential = make(sim, headers, "credentials", CUSTOM)
    made = make(sim, headers, "channel-configurations", configuration(credential, "will_fail"))
    path = f"/automation/channel-configurations/{made['id']}"
    sim.advance("10s")
    failed = sim.http.get(path, headers=headers).json()
    assert failed["status"] == "Failed"
    assert failed["status_reason"]


def test_the_name_of_an_active_configuration_is_read_only(sim: Simulator, headers: dict[str, str]) -> None:
    credential = make(sim, headers, "credentials", CUSTOM)
    made = make(sim, headers, "channel-configurations", configuration(credential))
    path = f"/automation/channel-configurations/{made['id']}"
    sim.advance("10s")
    assert sim.http.get(path, headers=headers).json()["status"] == "Active"
    assert sim.http.put(path, headers=headers, json=configuration(credential, "other")).status_code == 409
    changed = configuration(credential) | {"message_type": "marketing"}
    assert sim.http.put(path, headers=headers, json=changed).json()["message_type"] == "marketing"


def test_a_credential_in_use_cannot_be_removed(sim: Simulator, headers: dict[str, str]) -> None:
    credential = make(sim, headers, "credentials", CUSTOM)
    made = make(sim, headers, "channel-configurations", configuration(credential))
    path = f"/automation/credentials/{credential['id']}"
    assert sim.http.delete(path, headers=headers).status_code == 409
    gone = sim.http.delete(f"/automation/channel-configurations/{made['id']}", headers=headers)
    assert gone.status_code == 204
    assert sim.http.delete(path, headers=headers).status_code == 204
    assert sim.http.get(path, headers=headers).status_code == 404


def test_a_person_deactivates_a_configuration_once_nothing_live_uses_it(
    sim: Simulator, headers: dict[str, str]
) -> None:
    credential = make(sim, headers, "credentials", CUSTOM)
    for name in ("used", "free"):
        make(sim, headers, "channel-configurations", configuration(credential, name))
    sim.advance("1h")
    sim.control("POST", "campaigns", {"name": "Sale", "channel_configuration": "used", "text": "Hi"})
    answers = {
        name: sim.http.post(f"/_sim/channel-configurations/{name}/deactivate").status_code
        for name in ("used", "free", "unknown")
    }
    assert answers == {"used": 409, "free": 200, "unknown": 404}
    status = {name: find_surface(sim, headers, name)[0]["surfaceStatus"].lower() for name in ("used", "free")}
    assert status == {"used": "active", "free": "deactivated"}


def new_webhook(sim: Simulator, headers: dict[str, str], kind: str) -> Any:
    body = {"name": f"brand-{kind}", "vendor": "custom", "type": kind, "sender": "+14155550100"}
    return make(sim, headers, "webhooks", body)


def test_an_inbound_webhook_takes_complete_json_only(sim: Simulator, headers: dict[str, str]) -> None:
    url = new_webhook(sim, headers, "inbound")["url"]
    assert url.startswith(f"{sim.url}/ajo-webhooks/")
    assert sim.http.post(url, data=INBOUND).status_code == 415
    for name in INBOUND:
        refused = sim.http.post(url, json={key: value for key, value in INBOUND.items() if key != name})
        assert refused.status_code == 400
        assert name in refused.json()["title"]
    assert sim.http.post(url, json=INBOUND).status_code == 200
    events = sim.ledger()["events"]
    assert [event["http_status"] for event in events] == [415, *[400] * len(INBOUND), 200]
    assert events[-1]["body"] == INBOUND


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"statuses": [{"code": "0", "status": "sent"}]}, "clientReference"),
        ({"clientReference": "r"}, "statuses"),
        ({"clientReference": "r", "statuses": [{"status": "sent"}]}, "code"),
    ],
)
def test_a_feedback_webhook_names_the_missing_field(
    sim: Simulator, headers: dict[str, str], body: dict[str, Any], word: str
) -> None:
    url = new_webhook(sim, headers, "feedback")["url"]
    refused = sim.http.post(url, json=body)
    assert refused.status_code == 400
    assert word in refused.json()["title"]
    complete = {"clientReference": "r", "statuses": [{"code": "0", "status": "sent"}]}
    assert sim.http.post(url, json=complete).status_code == 200


def test_an_unknown_webhook_address_takes_nothing(sim: Simulator) -> None:
    assert sim.http.post("/ajo-webhooks/guess", json=INBOUND).status_code == 404
    assert "POST /ajo-webhooks/{token}" in sim.ledger()["calls"]
