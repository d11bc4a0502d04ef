"""``onboard credential verify``: what is refused before anything is sent, and what is said when the vendor refuses."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import tasks.vendors
from engine import kinds
from models.states import Provenance
from models.tables import Resource
from providers.errors import Refused
from tests.unit.cli_world import make_world


@pytest.fixture
def world(tmp_path, monkeypatch):
    made = make_world(tmp_path, monkeypatch).migrate()
    made.start()
    times = {"intended_at": made.time, "step": "registration", "vendor": "twilio", "details": {}, "state": "present"}
    sid = "MG" + "1" * 32
    made.add(
        Resource, kind=kinds.MESSAGING_SERVICE, name="Acme", external_id=sid, provenance=Provenance.CREATED, **times
    )
    made.answer, made.sent_messages = None, []
    monkeypatch.setattr(
        tasks.vendors,
        "make_vendors",
        lambda *_: SimpleNamespace(twilio=SimpleNamespace(send_message=made.answer)),
    )
    return made


@pytest.mark.parametrize(
    ("number", "said"), [("12125", "is not a phone number: write it in E.164"), ("+1 212 555 0123", "is not in E.164")]
)
def test_a_number_is_checked_by_the_rule_of_the_spec_before_anything_is_sent(world, number, said):
    world.answer = world.sent_messages.append
    assert said in world.onboard("credential", "verify", "acme", "--to", number, code=2)
    assert world.sent_messages == []


def test_a_message_that_is_only_accepted_says_where_its_end_is_seen(world):
    world.answer = lambda _: SimpleNamespace(sid="SM1", status="accepted")
    said = world.onboard("credential", "verify", "acme", "--to", "+12125550123")
    assert "taken as SM1 (accepted). What becomes of it: the Twilio Console" in said


def test_the_cure_of_a_refused_number_is_the_option(world):
    def refuse(_):
        raise Refused("no mobile number", cure="correct verification.to, then `onboard update FILE`")

    world.answer = refuse
    said = world.onboard("credential", "verify", "acme", "--to", "+12125550123", code=1)
    assert "no mobile number: write another one with --to" in said
