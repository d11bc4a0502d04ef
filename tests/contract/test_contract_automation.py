"""The `automation` contract: its description holds together, and the product and the simulator keep to it.

All of it happens in this process: the product's client calls the simulator's application without a socket. One file, because
all its parts judge against one description, read once.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from engine import kinds
from engine.desired import changes
from models.states import Provenance, ResourceState
from providers.ajo.automation import AutomationClient
from providers.ajo.client import AjoClient
from providers.ajo.mapping import Ours, ajo_event
from providers.ajo.templates import FEEDBACK_TEMPLATE, INBOUND_TEMPLATE
from providers.ajo.webhook import post_event
from providers.errors import NotFound, Refused, Retryable
from settings import Settings
from simulator.adobe import automation, webhooks
from simulator.config import Config
from simulator.world import CLIENT_ID, CLIENT_SECRET, ORGANIZATION_ID, SCOPES
from tasks.steps import ajo_objects
from tasks.steps.channel import wanted_configuration
from tasks.steps.credential import wanted_credential
from tasks.steps.webhook import wanted_webhooks
from tests.contract.in_process import simulator_client
from tests.contract.openapi import Contract, Operation
from tests.factories import make_spec, spec_data

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT: dict[str, Any] = yaml.safe_load((DOCS / "automation.openapi.yaml").read_text())
METHODS = ("get", "post", "put", "delete")
COLLECTIONS = ("webhooks", "credentials", "channel-configurations")  # each needs ids of those before it
EVENTS = "/ajo-webhooks/{token}"
IMS = "/ims-na1.adobelogin.com/ims/token/v3"
# The schema keywords of OpenAPI 3.0.3; all others are another version's, and tools pass over them in silence.
KEYWORDS = {
    *("title", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength"),
    *("pattern", "maxItems", "minItems", "uniqueItems", "maxProperties", "minProperties", "required", "enum", "type"),
    *("allOf", "oneOf", "anyOf", "not", "items", "properties", "additionalProperties", "description", "format"),
    *("default", "nullable", "discriminator", "readOnly", "writeOnly", "example", "externalDocs", "deprecated", "xml"),
}
# Tokens are kept per address of IMS, so each simulator has a host of its own.
_numbers = itertools.count()


# -- reading the description --------------------------------------------------------------------------------------
def without(mark: str) -> Contract:
    """The description as one direction sees it: fields with the mark (`readOnly`, `writeOnly`) are unknown there."""
    whole = Contract(DOCUMENT)

    def stripped(node: Any) -> Any:
        if isinstance(node, list):
            return [stripped(item) for item in node]
        if not isinstance(node, dict):
            return node
        node = {key: stripped(value) for key, value in node.items()}
        if isinstance(node.get("properties"), dict):
            gone = {name for name, schema in node["properties"].items() if whole.resolve(schema).get(mark)}
            node["properties"] = {name: schema for name, schema in node["properties"].items() if name not in gone}
            if "required" in node:
                node["required"] = [name for name in node["required"] if name not in gone]
        return node

    return Contract(stripped(DOCUMENT))


REQUESTS = without("readOnly")
ANSWERS = without("writeOnly")


def operations() -> Iterator[Operation]:
    for template, item in ANSWERS.document["paths"].items():
        for method in METHODS:
            if method in item:
                yield Operation(template, method.upper(), item[method])


def nodes(node: Any, where: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the document, with its place."""
    if isinstance(node, dict):
        yield where, node
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from nodes(value, f"{where}/{key}")


def request_examples(template: str) -> dict[str, Any]:
    """The bodies that a create (or an event) shows, by name."""
    content = REQUESTS.document["paths"][template]["post"]["requestBody"]["content"]["application/json"]
    return {name: REQUESTS.resolve(example)["value"] for name, example in content["examples"].items()}


def prefix_of(path: str) -> str | None:
    """What stands before the described path; None when the call is none of this contract."""
    if path.startswith("/automation/"):
        return "/automation"
    return "" if path.startswith("/ajo-webhooks/") else None


# -- the simulator ------------------------------------------------------------------------------------------------
class House:
    """One simulator. Every answer is held against the description; the product's requests are, too."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.url = f"http://simulator-{next(_numbers)}.test"
        http.base_url = httpx.URL(self.url)
        http.event_hooks = {"request": [self._check_request], "response": [self._check_answer]}
        self.checks_requests = False
        self.seen: list[tuple[str, int]] = []
        self.headers = {
            "Authorization": f"Bearer {self.sign_in()}",
            "x-api-key": CLIENT_ID,
            "x-gw-ims-org-id": ORGANIZATION_ID,
            "x-sandbox-name": "prod",
        }

    def sign_in(self, client_id: str = CLIENT_ID, secret: str = CLIENT_SECRET) -> str:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        answer = self.http.post(IMS, data={**form, "scope": ",".join(SCOPES)})
        return str(answer.json()["access_token"])

    def product(self) -> AjoClient:
        self.checks_requests = True
        return AjoClient(
            Settings(adobe_ims_url=f"{self.url}/ims-na1.adobelogin.com", ajo_automation_url=f"{self.url}/automation"),
            organization_id=ORGANIZATION_ID,
            sandbox="prod",
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            scopes=SCOPES,
            client=self.http,
        )

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """:param headers: in place of the right ones, with ``_`` for ``-``."""
        given = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(method, f"/automation{path}", json=body, headers=given)

    def create(self, collection: str, body: Any) -> dict[str, Any]:
        answer = self.call("POST", f"/{collection}", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def fill(self) -> dict[str, dict[str, Any]]:
        """Create all that the description shows; the objects by their example's name.

        The examples name each other by ids of their own, which are put right on the way.
        """
        made: dict[str, dict[str, Any]] = {}
        ids: dict[str, str] = {}
        for collection in COLLECTIONS:
            for name, example in request_examples(f"/{collection}").items():
                made[name] = self.create(collection, renamed(example, ids))
                ids[shown_example(name)["id"]] = made[name]["id"]
        return made

    def _check_request(self, request: httpx.Request) -> None:
        prefix = prefix_of(request.url.path)
        if prefix is None or not self.checks_requests:
            return
        operation = REQUESTS.check_request(request, prefix)
        security = operation.body.get("security", DOCUMENT["security"])
        for scheme in security[0]:
            header = DOCUMENT["components"]["securitySchemes"][scheme].get("name", "Authorization")
            assert request.headers.get(header), f"{header} is missing"

    def _check_answer(self, response: httpx.Response) -> None:
        path, status = response.request.url.path, response.status_code
        prefix = prefix_of(path)
        if prefix is None:
            return
        operation = ANSWERS.operation(response.request.method, path, prefix)
        response.read()
        ANSWERS.check_response(operation, response)
        if status >= 400:
            assert response.json()["status"] == status
        self.seen.append((operation.body["operationId"], status))


def renamed(value: Any, ids: dict[str, str]) -> Any:
    """The value with other ids in it."""
    text = json.dumps(value)
    for old, new in ids.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    return json.loads(text)


def shown_example(name: str) -> dict[str, Any]:
    return dict(DOCUMENT["components"]["examples"][f"{name}Shown"]["value"])


@pytest.fixture
def house() -> Iterator[House]:
    with simulator_client(Config(activation_seconds=0)) as http:
        yield House(http)


# -- the description itself -----------------------------------------------------------------------------------------
def test_every_reference_leads_somewhere():
    references = [(where, node["$ref"]) for where, node in nodes(DOCUMENT) if isinstance(node.get("$ref"), str)]
    assert references
    for where, reference in references:
        assert reference.startswith("#/"), where
        assert Contract(DOCUMENT).resolve({"$ref": reference}), where


def test_everything_that_can_be_shared_is_used():
    used = {node["$ref"] for _, node in nodes(DOCUMENT) if isinstance(node.get("$ref"), str)}
    kinds_of = {kind: items for kind, items in DOCUMENT["components"].items() if kind != "securitySchemes"}
    assert {f"#/components/{kind}/{name}" for kind, items in kinds_of.items() for name in items} == used


def test_every_schema_is_one_of_openapi_3_0():
    assert DOCUMENT["openapi"].startswith("3.0.")
    schemas = DOCUMENT["components"]["schemas"]
    for name, schema in schemas.items():
        # The dialect of OpenAPI 3.0 grew out of draft 4's successor, which differs in hyper-schemas only.
        jsonschema.Draft4Validator.check_schema(schema)
        _check_keywords(schema, name)
    for where, node in nodes(DOCUMENT["paths"]):
        if "schema" in node and "$ref" not in node["schema"]:
            jsonschema.Draft4Validator.check_schema(node["schema"])
            _check_keywords(node["schema"], where)


def _check_keywords(schema: dict[str, Any], where: str) -> None:
    if "$ref" in schema:
        assert set(schema) == {"$ref"}, f"{where}: what stands beside a reference does not count"
        return
    assert set(schema) <= KEYWORDS, f"{where}: {set(schema) - KEYWORDS}"
    assert schema.get("type", "object") in {"array", "boolean", "integer", "number", "object", "string"}, where
    assert set(schema.get("required", ())) <= set(schema.get("properties", ())), where
    for name, part in schema.get("properties", {}).items():
        _check_keywords(part, f"{where}.{name}")
    for part in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        _check_keywords(part, where)


@pytest.mark.parametrize("operation", [*operations()], ids=lambda operation: operation.body["operationId"])
def test_every_operation_has_a_name_a_summary_and_an_error_answer(operation):
    body = operation.body
    assert body["summary"]
    assert [one.body["operationId"] for one in operations()].count(body["operationId"]) == 1
    assert any(status.startswith("4") for status in body["responses"])
    assert any(status.startswith("2") for status in body["responses"])
    for status, answer in body["responses"].items():
        described = ANSWERS.resolve(answer)
        assert described["description"]
        assert not status.startswith("4") or list(described["content"]) == ["application/problem+json"]
    declared = ANSWERS.parameters(operation)
    in_path = {one["name"] for one in declared if one["in"] == "path" and one["required"]}
    assert in_path == set(re.findall(r"{(\w+)}", operation.template))
    for scheme in (name for way in body.get("security", DOCUMENT["security"]) for name in way):
        assert scheme in DOCUMENT["components"]["securitySchemes"]


def test_no_status_is_left_out():
    """The tests below go through what is described, so a status that nobody describes would not be missed there."""
    refusals = {400, 401, 403, 404}
    usual = {
        "GET": {200} | refusals,
        "POST": {201, 409, 415} | refusals,
        "PUT": {200, 409, 415} | refusals,
        "DELETE": {204, 409} | refusals,
    }
    for operation in operations():
        expected = usual[operation.method]
        if operation.template == EVENTS:
            expected = {200, 400, 401, 404, 415}
        if operation.body["operationId"] == "deleteWebhook":
            expected = expected - {409}
        assert {int(status) for status in operation.body["responses"]} == expected, operation.body["operationId"]


def test_each_discriminator_leads_to_what_has_its_word():
    found = [(name, schema) for name, schema in nodes(DOCUMENT["components"]["schemas"]) if "discriminator" in schema]
    assert {name for name, _ in found} == {"#/Auth", "#/Credential", "#/Webhook"}
    for _, schema in found:
        told = schema["discriminator"]
        assert {one["$ref"] for one in schema["oneOf"]} == set(told["mapping"].values())
        for word, reference in told["mapping"].items():
            target = Contract(DOCUMENT).resolve({"$ref": reference})
            assert target["properties"][told["propertyName"]]["enum"] == [word]
            assert told["propertyName"] in target["required"]


def test_secrets_are_in_requests_only_and_what_is_made_in_answers_only():
    flags: dict[str, set[str]] = {"readOnly": set(), "writeOnly": set()}
    for schema in DOCUMENT["components"]["schemas"].values():
        for name, part in schema.get("properties", {}).items():
            for flag, names in flags.items():
                if Contract(DOCUMENT).resolve(part).get(flag):
                    names.add(name)
    assert flags == {
        "readOnly": {"id", "url", "status", "status_reason"},
        "writeOnly": {"auth_token", "token", "password", "client_secret"},
    }


def test_every_example_is_of_its_schema():
    checked = set()
    for contract, part in ((REQUESTS, "requestBody"), (ANSWERS, "responses")):
        for operation in operations():
            described = REQUESTS.document["paths"][operation.template][operation.method.lower()].get(part, {})
            holders = [described] if part == "requestBody" else [ANSWERS.resolve(one) for one in described.values()]
            for media in (media for holder in holders for media in holder.get("content", {}).values()):
                for name, example in media["examples"].items():
                    contract.validate(contract.resolve(example)["value"], media["schema"], name)
                    checked.add(name)
    assert checked == set(DOCUMENT["components"]["examples"])


def test_the_page_for_people_names_the_same_fields():
    page = (DOCS / "automation.md").read_text()
    assert "(automation.openapi.yaml)" in page
    schemas = {
        "/credentials": ("TwilioCredential", "CustomCredential"),
        "/webhooks": ("InboundWebhook", "FeedbackWebhook"),
        "/channel-configurations": ("ChannelConfiguration",),
    }
    for path, names in schemas.items():
        section = page.partition(f"### `{path}`")[2].partition("\n### ")[0]
        rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
        told = {field for row in rows for field in re.findall(r"`(\w+)`", row)}
        assert told == {field for name in names for field in DOCUMENT["components"]["schemas"][name]["properties"]}


# -- the simulator keeps to it ----------------------------------------------------------------------------------------
def test_the_simulator_offers_exactly_the_described_operations():
    offered = {
        (method, route.path.removeprefix("/automation"))
        for route in (*automation.ROUTES, *webhooks.ROUTES)
        for method in route.methods - {"HEAD"}
    }
    assert offered == {(operation.method, operation.template) for operation in operations()}


def test_the_simulator_makes_of_each_example_what_the_description_shows(house):
    made = house.fill()
    ids = {shown_example(name)["id"]: item["id"] for name, item in made.items()}
    for name, item in made.items():
        expected = renamed(shown_example(name), ids)
        # An address is a secret of each simulator.
        assert item == (expected | {"url": item["url"]} if "url" in expected else expected)
    for collection in COLLECTIONS:
        for name in request_examples(f"/{collection}"):
            answer = house.call("GET", f"/{collection}?name={made[name]['name']}").json()
            assert [item["id"] for item in answer["items"]] == [made[name]["id"]]
            assert answer["items"][0].keys() == shown_example(name).keys()


def ways(house: House, operation: Operation, status: int) -> Iterator[httpx.Response]:
    """Each way there is to get this status from this operation."""
    made = house.fill()
    method, template = operation.method, operation.template
    collection = template.split("/")[1]
    examples = request_examples(f"/{collection}")
    name = next(iter(examples))
    # One that nothing uses yet, and for which a body is at hand.
    ids = {shown_example(other)["id"]: item["id"] for other, item in made.items()}
    body = renamed(examples[name], ids) | {"name": "spare"}
    spare = house.create(collection, body)
    path = template.replace("{id}", spare["id"])
    takes_body = "requestBody" in operation.body
    # The name of an active configuration cannot be changed any more.
    given = body | ({"name": "fresh"} if method == "POST" else {}) if takes_body else None
    match status:
        case 200 | 201 | 204:
            yield house.call(method, path, given)
        case 400:
            yield house.call(method, path, given, x_sandbox_name="")
            if takes_body:
                yield house.call(method, path, {})
                yield house.call(method, path, [])
                yield house.http.request(
                    method,
                    f"/automation{path}",
                    content="{",
                    headers={**house.headers, "Content-Type": "application/json"},
                )
        case 401:
            yield house.call(method, path, given, Authorization="Bearer of nothing")
            yield house.call(method, path, given, Authorization="")
        case 403:
            yield house.call(method, path, given, x_api_key="another")
            yield house.call(method, path, given, x_gw_ims_org_id="another@AdobeOrg")
        case 404:
            yield house.call(method, path, given, x_sandbox_name="nowhere")
            if "{id}" in template:
                yield house.call(method, template.replace("{id}", "nothing"), given)
                yield house.call(method, path, given, x_sandbox_name="dev")
        case 409 if takes_body:
            yield house.call(method, path, body | {"name": made[name]["name"]})
            if operation.body["operationId"] == "replaceChannelConfiguration":
                active = until_decided(house, spare["id"])
                assert active["status"] == "Active"
                yield house.call(method, path, body | {"subdomain": "another.example.com"})
        case 409:
            yield from conflicts_of_deleting(house, made)[operation.body["operationId"]]
        case 415:
            yield house.http.request(method, f"/automation{path}", data={"name": "fresh"}, headers=house.headers)
            yield house.http.request(method, f"/automation{path}", headers=house.headers)


def conflicts_of_deleting(house: House, made: dict[str, dict[str, Any]]) -> dict[str, Iterator[httpx.Response]]:
    def credential() -> Iterator[httpx.Response]:
        yield house.call("DELETE", f"/credentials/{made['TwilioCredential']['id']}")

    def configuration() -> Iterator[httpx.Response]:
        used = made["TransactionalConfiguration"]
        until_decided(house, used["id"])
        campaign = {"name": "Winter", "channel_configuration": used["name"], "text": "Hello"}
        assert house.http.post("/_sim/campaigns", json=campaign).status_code == 201
        yield house.call("DELETE", f"/channel-configurations/{used['id']}")

    return {"deleteCredential": credential(), "deleteChannelConfiguration": configuration()}


def ways_of_events(house: House, status: int) -> Iterator[httpx.Response]:
    made = house.fill()
    events = request_examples(EVENTS)
    inbound = made["InboundWebhook"]["url"]
    guarded = made["FeedbackWebhook"]["url"]
    assert made["FeedbackWebhook"]["authentication"] == "ims"
    bearer = {"Authorization": house.headers["Authorization"]}
    match status:
        case 200:
            yield house.http.post(inbound, json=events["InboundEvent"])
            yield house.http.post(guarded, json=events["FeedbackEvent"], headers=bearer)
        case 400:
            yield house.http.post(inbound, json=events["FeedbackEvent"])
            yield house.http.post(guarded, json=events["InboundEvent"], headers=bearer)
            yield house.http.post(inbound, json=[events["InboundEvent"]])
            yield house.http.post(inbound, content="{", headers={"Content-Type": "application/json"})
        case 401:
            yield house.http.post(guarded, json=events["FeedbackEvent"])
            yield house.http.post(guarded, json=events["FeedbackEvent"], headers={"Authorization": "Bearer of nothing"})
        case 404:
            yield house.http.post("/ajo-webhooks/nothing", json=events["InboundEvent"])
        case 415:
            yield house.http.post(inbound, data=events["InboundEvent"])
            yield house.http.post(guarded, data={"clientReference": "1"}, headers=bearer)


def until_decided(house: House, configuration_id: str) -> dict[str, Any]:
    """The configuration, once its way has ended. Each look lets the simulator's clock go on."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found: dict[str, Any] = house.call("GET", f"/channel-configurations/{configuration_id}").json()
        if found["status"] not in {"Draft", "Processing"}:
            return found
    raise AssertionError(f"still {found['status']}")


DESCRIBED = [(operation, int(status)) for operation in operations() for status in operation.body["responses"]]


@pytest.mark.parametrize(
    ("operation", "status"), DESCRIBED, ids=[f"{one.body['operationId']}-{status}" for one, status in DESCRIBED]
)
def test_every_described_status_of_every_operation_is_answered_as_described(house, operation, status):
    """The house holds each answer against the description."""
    answers = list(ways_of_events(house, status) if operation.template == EVENTS else ways(house, operation, status))
    assert answers, "nothing leads to it"
    assert {answer.status_code for answer in answers} == {status}, [answer.text for answer in answers]
    assert (operation.body["operationId"], status) in house.seen


def test_what_nobody_described_does_not_pass_for_an_answer(house):
    described = house.http.get("/automation/credentials", headers=house.headers)
    for wrong in (
        httpx.Response(200, json={"items": [{"id": "1"}]}, request=described.request),
        httpx.Response(200, json={"items": []}, headers={"Content-Type": "text/json"}, request=described.request),
        httpx.Response(418, json={}, request=described.request),
        httpx.Response(
            200, json={"items": [shown_example("TwilioCredential") | {"auth_token": "x"}]}, request=described.request
        ),
    ):
        with pytest.raises(AssertionError, match="GET /credentials"):
            house._check_answer(wrong)


def test_a_configuration_that_fails_says_why(house):
    made = house.fill()
    body = renamed(
        request_examples("/channel-configurations")["TransactionalConfiguration"],
        {shown_example("TwilioCredential")["id"]: made["TwilioCredential"]["id"]},
    )
    failed = until_decided(house, house.create("channel-configurations", body | {"name": "acme_failed"})["id"])
    example = DOCUMENT["components"]["examples"]["FailedConfigurationShown"]["value"]
    assert (failed["status"], failed["status_reason"]) == (example["status"], example["status_reason"])


def test_an_answer_can_be_sent_back_with_its_secrets(house):
    """What only answers have is ignored then."""
    made = house.fill()
    for collection in COLLECTIONS:
        for name, example in request_examples(f"/{collection}").items():
            secrets = {field: example[field] for field in ("auth_token", "auth") if field in example}
            forged = made[name] | secrets | {"id": "another"}
            answer = house.call("PUT", f"/{collection}/{made[name]['id']}", forged)
            assert answer.status_code == 200, answer.text
            assert {**answer.json(), "status": None} == {**made[name], "status": None}


def wrong_bodies(schema: dict[str, Any], example: Any) -> Iterator[tuple[str, Any]]:
    """The example with a required field left out, a word that is none of the enum's, or an unknown field."""
    schema = REQUESTS.resolve(schema)
    if "discriminator" in schema:
        yield "another type", {**example, "type": "another"}
        schema = REQUESTS.resolve({"$ref": schema["discriminator"]["mapping"][example["type"]]})
    if schema.get("additionalProperties") is False:
        yield "unknown field", {**example, "colour": "red"}
    for name in schema.get("required", ()):
        yield f"{name} left out", {field: value for field, value in example.items() if field != name}
    for name, part in schema.get("properties", {}).items():
        if "enum" in REQUESTS.resolve(part):
            yield f"{name} of another word", {**example, name: "another"}
        if isinstance(example.get(name), dict):
            for what, wrong in wrong_bodies(part, example[name]):
                yield f"{name}: {what}", {**example, name: wrong}


WRONG = [
    (collection, name, what)
    for collection, schemas in {
        "webhooks": ("InboundWebhook", "FeedbackWebhook"),
        "credentials": ("TwilioCredential", "CustomCredential"),
        "channel-configurations": ("MarketingConfiguration",),
    }.items()
    for name in schemas
    for what, _ in wrong_bodies(
        {"$ref": f"#/components/schemas/{name.replace('Marketing', 'Channel')}"},
        request_examples(f"/{collection}")[name],
    )
]


@pytest.mark.parametrize(("collection", "name", "what"), WRONG, ids=[f"{name}: {what}" for _, name, what in WRONG])
def test_what_the_description_refuses_the_simulator_refuses(house, collection, name, what):
    made = house.fill()
    ids = {shown_example(other)["id"]: item["id"] for other, item in made.items()}
    described = REQUESTS.document["paths"][f"/{collection}"]["post"]["requestBody"]["content"]["application/json"]
    one = {"$ref": f"#/components/schemas/{name.replace('Marketing', 'Channel')}"}
    example = renamed(request_examples(f"/{collection}")[name], ids) | {"name": "fresh"}
    wrong = dict(wrong_bodies(one, example))[what]
    with pytest.raises(AssertionError, match="body"):
        REQUESTS.validate(wrong, described["schema"], "body")
    assert house.call("POST", f"/{collection}", wrong).status_code == 400


# -- the ims switch of a webhook --------------------------------------------------------------------------------------
def test_a_webhook_asks_for_a_token_only_if_it_is_told_to(house):
    body = {"name": "plain", "vendor": "custom", "type": "feedback"}
    event = request_examples(EVENTS)["FeedbackEvent"]
    for authentication, status in ((None, 200), ("none", 200), ("ims", 401)):
        told = {} if authentication is None else {"authentication": authentication}
        webhook = house.create("webhooks", body | told | {"name": f"webhook {authentication}"})
        assert webhook.get("authentication", "none") == (authentication or "none")
        assert house.http.post(webhook["url"], json=event).status_code == status


def test_the_switch_can_be_turned_later(house):
    body = {"name": "plain", "vendor": "custom", "type": "feedback"}
    webhook = house.create("webhooks", body)
    event = request_examples(EVENTS)["FeedbackEvent"]
    for authentication, status in (("ims", 401), ("none", 200)):
        changed = house.call("PUT", f"/webhooks/{webhook['id']}", body | {"authentication": authentication}).json()
        assert changed["url"] == webhook["url"]
        assert house.http.post(webhook["url"], json=event).status_code == status


def test_a_token_of_another_organization_opens_no_webhook(house):
    other = {"organization_id": "B@AdobeOrg", "client_id": "b", "client_secret": "s", "sandboxes": ["prod"]}
    assert house.http.post("/_sim/organizations", json=other).is_success
    webhook = house.fill()["FeedbackWebhook"]
    bearer = {"Authorization": f"Bearer {house.sign_in('b', 's')}"}
    answer = house.http.post(webhook["url"], json=request_examples(EVENTS)["FeedbackEvent"], headers=bearer)
    assert answer.status_code == 401


# -- the product keeps to it ------------------------------------------------------------------------------------------
class Notes:
    """What a step sees and remembers, without an engine and a database."""

    def __init__(self, ajo: AjoClient, spec: Any) -> None:
        self.vendors = SimpleNamespace(ajo=ajo)
        self.settings = Settings(public_url="https://gateway.example.com")
        self.spec = spec
        self.name = spec.name
        self.endpoint_token = "endpoint-of-tests"
        self.accepted: frozenset[str] = frozenset()
        self.secrets = {kinds.AUTH_TOKEN: "auth-token-of-tests", kinds.BRIDGE_TOKEN: "bridge-token-of-tests"}
        self.resources: dict[str, Any] = {kinds.MESSAGING_SERVICE: SimpleNamespace(external_id="MG" + "a" * 32)}

    def secret(self, name: str) -> str:
        return self.secrets[name]

    def find_secret(self, name: str) -> str | None:
        return self.secrets.get(name)

    def resource(self, kind: str) -> Any:
        return self.resources.get(kind)

    def external_id(self, kind: str) -> str:
        return str(self.resources[kind].external_id)

    def intend(self, kind: str, **_: Any) -> None:
        nothing = {"external_id": None, "provenance": Provenance.CREATED, "details": {}}
        self.resources[kind] = SimpleNamespace(state=ResourceState.INTENDED, **nothing)

    def record(self, kind: str, *, vendor: str, name: str, **known: Any) -> None:
        self.resources[kind] = SimpleNamespace(state=ResourceState.PRESENT, **known)

    def wanted(self) -> Iterator[ajo_objects.AjoObject]:
        """In the steps' order: each needs the ids of those before it."""
        if self.spec.channel == "rcs":
            yield from wanted_webhooks(self)
        yield wanted_credential(self)
        yield wanted_configuration(self)


def differing(notes: Notes, wanted: ajo_objects.AjoObject) -> list[Any]:
    return changes(ajo_objects.declared(notes, wanted), notes.accepted)


CHANNELS = ("rcs", "sms", "mms")


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_steps_requests_are_described_and_each_answer_says_what_was_wanted(house, channel):
    notes = Notes(house.product(), make_spec(channel))
    for wanted in notes.wanted():
        found = ajo_objects.ensure(notes, wanted)
        assert differing(notes, wanted) == []
        shown = set(wanted.body) - {"auth_token"}
        assert shown <= set(found), "a field that no answer shows is never compared"
    assert {status for _, status in house.seen} == {200, 201}


@pytest.mark.parametrize("way", ["api_key", "basic", "bearer", "jwt", "oauth", "none"])
def test_each_way_of_signing_in_is_described_and_taken_and_less_than_it_is_refused(house, way):
    spec = make_spec("rcs", ajo=spec_data("rcs")["ajo"] | {"credential": {"name": "one", "auth": way, "mtls": True}})
    notes = Notes(house.product(), spec)
    for webhook in wanted_webhooks(notes):
        ajo_objects.ensure(notes, webhook)
    wanted = wanted_credential(notes)
    found = ajo_objects.ensure(notes, wanted)
    assert (found["auth"]["type"], found["mtls"]) == (way, True)
    assert notes.secrets[kinds.BRIDGE_TOKEN] not in str(found) + str(wanted.fields)
    house.checks_requests = False
    described = {"$ref": "#/components/schemas/CustomCredential"}
    for what, wrong in wrong_bodies(described, {**wanted.body, "name": "another"}):
        with pytest.raises(AssertionError, match="body"):
            REQUESTS.validate(wrong, described, "body")
        assert house.call("POST", "/credentials", wrong).status_code == 400, what


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_steps_find_what_they_made_and_write_nothing_twice(house, channel):
    notes = Notes(house.product(), make_spec(channel))
    first = [ajo_objects.ensure(notes, wanted)["id"] for wanted in notes.wanted()]
    house.seen.clear()
    assert [ajo_objects.ensure(notes, wanted)["id"] for wanted in notes.wanted()] == first
    assert {name.removeprefix("list") for name, _ in house.seen} <= {
        "Webhooks",
        "Credentials",
        "ChannelConfigurations",
    }


def test_the_steps_rename_and_change_by_described_requests(house):
    product = house.product()
    notes = Notes(product, make_spec("rcs"))
    first = [ajo_objects.ensure(notes, wanted)["id"] for wanted in notes.wanted()]
    until_decided(house, first[-1])
    house.seen.clear()
    data = notes.spec.ajo.model_dump()
    data["credential"] |= {"name": "another credential", "headers": [{"name": "X-Brand", "value": "acme"}]}
    data["webhooks"] |= {"inbound_name": "another inbound", "default_reply": "Thank you"}
    data["webhooks"]["keywords"]["opt_out"].append("HALT")
    data["channel_configuration"] |= {"execution_field": "mobilePhone.number", "marketing_actions": ["smsTargeting"]}
    notes.spec = notes.spec.model_copy(update={"ajo": type(notes.spec.ajo).model_validate(data)})
    notes.secrets[kinds.BRIDGE_TOKEN] = "another-bridge-token-of-tests"
    for wanted in notes.wanted():
        assert (ajo_objects.ensure(notes, wanted), differing(notes, wanted))[1] == []
    assert [notes.external_id(wanted.kind) for wanted in notes.wanted()] == first
    made = {name for name, _ in house.seen}
    assert {"readWebhook", "readCredential"} <= made
    assert {"replaceWebhook", "replaceCredential", "replaceChannelConfiguration"} <= made
    assert not {name for name in made if name.startswith("create")}


def test_every_method_of_the_client_is_described_for_every_collection(house):
    made = house.fill()
    ids = {shown_example(name)["id"]: item["id"] for name, item in made.items()}
    client = house.product().automation
    house.seen.clear()
    for collection in COLLECTIONS:
        for name, example in request_examples(f"/{collection}").items():
            body = renamed(example, ids) | {"name": "spare"}
            assert client.find(collection, "spare") is None
            spare = client.create(collection, body)
            assert client.find(collection, "spare") == client.fetch(collection, spare["id"])
            with pytest.raises(Retryable, match="exists already"):
                client.create(collection, body)
            assert client.update(collection, spare["id"], body)["id"] == spare["id"]
            client.delete(collection, spare["id"])
            with pytest.raises(NotFound):
                client.fetch(collection, spare["id"])
            assert client.find(collection, made[name]["name"]) is not None
    methods = {name for name in vars(AutomationClient) if not name.startswith("_")}
    assert methods == {"find", "fetch", "create", "update", "delete"}
    called = {one.body["operationId"] for one in operations() if one.template != EVENTS}
    assert {name for name, _ in house.seen} == called


def test_the_steps_templates_name_the_described_fields():
    schemas = DOCUMENT["components"]["schemas"]
    assert list(json.loads(INBOUND_TEMPLATE)) == schemas["InboundEvent"]["required"]
    feedback = json.loads(FEEDBACK_TEMPLATE)
    assert list(feedback) == schemas["FeedbackEvent"]["required"]
    assert list(feedback["statuses"][0]) == schemas["FeedbackEvent"]["properties"]["statuses"]["items"]["required"]


MAPPINGS = sorted((Path(__file__).parents[1] / "mappings").glob("*/*.json"))
OURS = Ours(client_reference="reference", received_at=datetime(2026, 11, 23, 10, tzinfo=UTC), sender="+14155550100")
STATUS = {"MessageSid": "SM" + "b" * 32, "MessageStatus": "undelivered", "ErrorCode": "30003"}


def test_the_products_events_are_described_and_taken(house, monkeypatch):
    examples = request_examples("/webhooks")
    made = {
        kind: house.create("webhooks", examples[f"{kind}Webhook"] | {"authentication": "none"})
        for kind in ("Inbound", "Feedback")
    }
    house.product()
    monkeypatch.setattr("providers.http.thread_client", lambda: house.http)
    assert MAPPINGS
    for case in MAPPINGS:
        name, version = case.parent.name.split(".")
        kind = name.capitalize()
        event = ajo_event(name, version, json.loads(case.read_text())["twilio"], OURS)
        schema = {"$ref": f"#/components/schemas/{kind}Event"}
        REQUESTS.refuse_unknown(event, schema, "event")
        REQUESTS.validate(event, schema, "event")
        post_event(made[kind]["url"], event, Settings())
        assert house.seen[-1] == ("postWebhookEvent", 200), case


def test_a_webhook_that_asks_for_a_token_takes_events_that_carry_it_and_no_others(house, monkeypatch):
    webhook = house.fill()["FeedbackWebhook"]
    assert webhook["authentication"] == "ims"
    tokens = house.product().tokens
    monkeypatch.setattr("providers.http.thread_client", lambda: house.http)
    event = ajo_event("feedback", "v1", STATUS, OURS)
    with pytest.raises(Refused, match="401") as caught:
        post_event(webhook["url"], event, Settings())
    assert "authentication" in caught.value.cure
    post_event(webhook["url"], event, Settings(), tokens)
    assert house.seen[-1] == ("postWebhookEvent", 200)
