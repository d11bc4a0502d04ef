"""Every mapping file against real-looking callbacks, and what a mapping may say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_args

import pytest

from models.spec.ajo import MappingVersion, Webhooks
from providers.ajo.mapping import FOLDER, MODELS, Ours, Source, ajo_event, load_mapping
from providers.errors import Misconfigured

FILES = sorted(FOLDER.glob("*.json"))
FIXTURES = Path(__file__).parents[1] / "mappings"
CASES = sorted(FIXTURES.glob("*/*.json"))
AT = datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)
OURS = Ours(client_reference="r-1", received_at=AT, sender="+14155550100")
VERSIONS = get_args(MappingVersion)


def read(case: Path) -> dict[str, Any]:
    return json.loads(case.read_text())


def test_every_file_loads_has_fixtures_and_can_be_chosen_in_a_spec():
    names = {tuple(file.stem.split(".")) for file in FILES}
    assert names == {(kind, version) for kind in MODELS for version in VERSIONS}
    assert {f"{kind}.{version}" for kind, version in names} == {folder.name for folder in FIXTURES.iterdir()}
    for kind, version in names:
        assert isinstance(load_mapping(kind, version), MODELS[kind])


def test_a_spec_that_names_no_version_takes_the_newest():
    newest = max(VERSIONS, key=lambda version: int(version.removeprefix("v")))
    assert Webhooks(inbound_name="a", feedback_name="b").mapping == newest == VERSIONS[-1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_a_callback_becomes_exactly_this_event(case):
    kind, version = case.parent.name.split(".")
    told = read(case)
    assert ajo_event(kind, version, told["twilio"], OURS) == told["ajo"]
    assert told["about"]


@pytest.mark.parametrize("case", [case for case in CASES if "opt_" in case.stem], ids=lambda case: case.stem)
def test_consent_words_pass_unchanged(case):
    told = read(case)
    assert told["twilio"]["OptOutType"]
    assert ajo_event("inbound", "v1", told["twilio"], OURS)["InboundMessage"] == told["twilio"]["Body"]


def test_times_go_out_in_utc_and_a_bare_callback_breaks_nothing():
    at = AT.astimezone(timezone(timedelta(hours=9)))
    event = ajo_event("inbound", "v1", {"SmsSid": "SM9"}, Ours(client_reference="", received_at=at, sender="x"))
    assert event == {
        "InboundMessage": "[attachment]",
        "ProfileNumber": "",
        "RequestID": "SM9",
        "OriginTimestamp": "2026-11-23T10:00:00.123Z",
        "InboundNumber": "x",
    }


@pytest.mark.parametrize(
    ("source", "params", "value"),
    [
        ({"twilio": ["A", "B"]}, {"A": "", "B": "b"}, "b"),
        ({"twilio": ["A"], "ours": "client_reference", "constant": "c"}, {"A": "a"}, "a"),
        ({"twilio": ["A"], "ours": "client_reference", "constant": "c"}, {}, "r-1"),
        ({"twilio": ["A"], "constant": "c"}, {}, "c"),
        ({"constant": "c"}, {"A": "a"}, "c"),
        ({"twilio": ["A"], "without_rcs": True}, {"A": "rcs:agent"}, "agent"),
        ({"twilio": ["A"], "without_rcs": True}, {"A": "+14155551234"}, "+14155551234"),
        ({"twilio": ["A"]}, {"A": "rcs:agent"}, "rcs:agent"),
        ({"twilio": ["A"], "words": {"undelivered": "bounce"}}, {"A": "undelivered"}, "bounce"),
        ({"twilio": ["A"], "words": {"undelivered": "bounce"}}, {"A": "a new word"}, "a new word"),
        ({"twilio": ["A"], "words": {"c": "x"}, "constant": "c"}, {}, "c"),
    ],
)
def test_a_field_takes_the_first_source_that_says_something(source, params, value):
    assert Source.model_validate(source).value(params, OURS) == value


def broken(folder: Path, change) -> str:
    mapping = json.loads((FOLDER / "feedback.v1.json").read_text())
    change(mapping, mapping["fields"])
    (folder / "feedback.v7.json").write_text(json.dumps(mapping))
    with pytest.raises(Misconfigured) as caught:
        load_mapping("feedback", "v7", folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m, f: m.pop("about"), "about: Field required"),
        (lambda m, f: f.pop("clientReference"), "fields.clientReference: Field required"),
        (lambda m, f: f.update(colour={"constant": "red"}), "fields.colour: Extra inputs"),
        (lambda m, f: f.update(statuses=[]), "fields.statuses: List should have at least 1 item"),
        (lambda m, f: f["statuses"][0].update(code={}), "fields.statuses.0.code: names no source"),
        (lambda m, f: f["statuses"][0].update(code={"constant": ""}), "fields.statuses.0.code.constant: String"),
        (lambda m, f: f["statuses"][0].update(code={"constant": 0}), "fields.statuses.0.code.constant: Input"),
        (lambda m, f: f["statuses"][0].update(code={"twillio": ["A"]}), "fields.statuses.0.code.twillio: Extra"),
        (lambda m, f: f["statuses"][0].update(code={"twilio": "A"}), "fields.statuses.0.code.twilio: Input should be"),
        (lambda m, f: f.update(clientReference={"ours": "secret"}), "fields.clientReference.ours: Input should be"),
        (lambda m, f: f.update(clientReference={"constant": "x", "words": {"a": "b"}}), "about what Twilio says"),
    ],
)
def test_a_wrong_mapping_is_refused_by_file_and_place(tmp_path, change, said):
    message = broken(tmp_path, change)
    assert message.startswith("The mapping feedback.v7.json is wrong; correct it: ")
    assert said in message


def test_what_is_no_json_is_refused_by_its_file(tmp_path):
    (tmp_path / "inbound.v7.json").write_text("{")
    with pytest.raises(Misconfigured, match=r"mapping inbound\.v7\.json is wrong; correct it: Invalid JSON"):
        load_mapping("inbound", "v7", tmp_path)


def test_a_version_that_this_release_lacks_is_named():
    with pytest.raises(Misconfigured, match=r"no mapping inbound\.v99\.json"):
        load_mapping("inbound", "v99")
