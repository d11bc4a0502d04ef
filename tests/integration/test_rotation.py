"""New secrets under traffic: AJO sends without pause while the bridge's key and AJO's token are replaced.

``ONBOARD_ROTATION_SENDS=5000`` sends as many as docs/procedure.md speaks of.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

import gateway.lines
from engine import kinds, rotation, teardown
from engine.claim import free_expired_lease
from engine.clock import now
from engine.commands import NotPossible
from engine.removal import Choice
from models.tables import Event, Resource, Secret
from tasks.steps import CATALOGUE
from tests.integration.house import House
from tests.integration.services import eventually

SENDS = int(os.environ.get("ONBOARD_ROTATION_SENDS", "300"))
PUT_CREDENTIAL = "PUT /automation/credentials/{id}"

pytestmark = pytest.mark.slow


@pytest.fixture
def house(tmp_path, simulator, monkeypatch):
    # What gateways believe for five seconds, and what is revoked after ten, a tenth of it.
    monkeypatch.setattr(gateway.lines, "KNOWN_SECONDS", 0.5)
    monkeypatch.setattr(rotation, "GATEWAYS_KNOW_AFTER", timedelta(seconds=1))
    monkeypatch.setattr(rotation, "STRAGGLERS", timedelta(seconds=1))
    # The simulator stands still while it tells its ledger, which takes seconds when thousands of messages are in it.
    built = House(tmp_path, simulator, http_timeout_seconds=2 if SENDS < 1000 else 10)
    yield built
    built.close()


def secret(house, name):
    with house.db.begin() as connection:
        return house.vault.read(connection, house.onboarding("acme").id, name)


def rotate(house):
    with house.db.begin() as connection:
        return rotation.begin(connection, CATALOGUE, house.vault, "acme", actor="jo", at=now(), grace_seconds=2)


def key_sids(house):
    return {
        one["id"] for one in house.simulator.ledger["objects"] if one["kind"] == "api_key" and not one["removed_at"]
    }


class Ajo(threading.Thread):
    """Sends one message after the other with the token that AJO has at the moment."""

    def __init__(self, house, number):
        super().__init__()
        self.house, self.number = house, number
        self.answers, self.is_over, self.sent = Counter(), threading.Event(), 0
        self.token = secret(house, kinds.BRIDGE_TOKEN)
        self.url = (
            f"http://127.0.0.1:{house.settings.gateway_port}/ajo/{house.onboarding('acme').endpoint_token}/messages"
        )

    def run(self):
        with httpx.Client(trust_env=False, timeout=20) as http:
            while not self.is_over.is_set():
                self.answers[self.send(self.token, http)] += 1

    def send(self, token, http=httpx):
        self.sent += 1
        name = f"{self.number}-{self.sent}"
        body = {"to": f"+12125552{self.sent % 1000:03d}", "message": f"Message {name}", "reference": name}
        options = {} if http is not httpx else {"trust_env": False, "timeout": 20}
        return http.post(self.url, json=body, headers={"X-Onboard-Token": token}, **options).status_code


def sent_by(senders):
    return sum(sum(one.answers.values()) for one in senders)


def run_under_traffic(house, senders, reached, *, what):
    """As ``house.run_until``, but half of all messages meet the state at its beginning, and some more each that follows."""

    def send(count):
        enough = sent_by(senders) + count
        eventually(lambda: sent_by(senders) >= enough, within=60 + count / 10, what=f"{count} messages go out")

    def turn_after_messages():
        if not reached():
            send(SENDS // 15)
            house.turn()
        return reached()

    send(SENDS // 2)
    eventually(turn_after_messages, within=60 + SENDS / 10, what=what)


def test_secrets_are_replaced_while_messages_go_on_and_none_is_refused(house):
    house.start("rcs", "acme")
    assert house.run_to_end("acme").status == "active", house.story()
    old_token, old_keys = secret(house, kinds.BRIDGE_TOKEN), key_sids(house)
    senders = [Ajo(house, number) for number in range(4)]
    for sender in senders:
        sender.start()
    try:
        puts = house.simulator.ledger["calls"].get(PUT_CREDENTIAL, 0)
        rotate(house)
        before = sent_by(senders)
        with pytest.raises(NotPossible, match="being replaced already"):
            rotate(house)
        run_under_traffic(
            house,
            senders,
            lambda: house.simulator.ledger["calls"].get(PUT_CREDENTIAL, 0) > puts,
            what="AJO has the new token",
        )
        for sender in senders:
            sender.token = secret(house, kinds.BRIDGE_TOKEN)
        run_under_traffic(
            house, senders, lambda: house.onboarding("acme").status == "active", what="the rotation is over"
        )
        during = sent_by(senders) - before
    finally:
        for sender in senders:
            sender.is_over.set()
            sender.join()
    assert during >= SENDS
    assert sum((one.answers for one in senders), Counter()).keys() == {200}
    assert len(key_sids(house)) == 1
    assert key_sids(house).isdisjoint(old_keys)
    assert house.read(select(Resource.c.kind).where(Resource.c.kind.contains("api_key"))) == [(kinds.API_KEY,)]
    assert not house.read(select(Secret).where(Secret.c.name == kinds.FORMER_BRIDGE_TOKEN))
    assert house.read(select(Event).where(Event.c.kind == "credential:rotated"))
    assert house.simulator.ledger["duplicates"] == []
    assert senders[0].send(old_token) == 401


def test_the_old_token_is_good_until_ajo_has_shown_the_new_one_or_a_person_ends_it(house):
    house.start("rcs", "acme")
    assert house.run_to_end("acme").status == "active", house.story()
    old_token = secret(house, kinds.BRIDGE_TOKEN)
    rotate(house)
    assert house.run_to_end("acme", within=60).status == "active", house.story()
    assert len(key_sids(house)) == 1
    ajo = Ajo(house, 0)
    assert [ajo.send(old_token), ajo.send("made up")] == [200, 401]
    with pytest.raises(NotPossible, match="onboard credential finish acme"):
        rotate(house)
    with house.db.begin() as connection:
        rotation.finish(connection, house.vault, "acme", actor="jo", at=now())
    house.run_until(lambda: ajo.send(old_token) == 401, what="the gateway has heard of it")
    assert ajo.send(ajo.token) == 200
    rotate(house)


def test_a_key_whose_secret_a_crash_has_lost_is_made_again_and_the_one_in_use_stays(house, monkeypatch):
    house.start("rcs", "acme")
    assert house.run_to_end("acme").status == "active", house.story()
    (used,) = key_sids(house)
    rotate(house)

    def die(*_args, **_options):
        raise SystemExit

    with monkeypatch.context() as crash:
        crash.setattr(rotation, "take_key", die)
        with pytest.raises(SystemExit):
            house.run_until(lambda: False)
    assert len(key_sids(house)) == 2
    assert used in key_sids(house)
    with house.db.begin() as connection:
        later = now() + timedelta(seconds=house.settings.lease_seconds + 1)
        assert free_expired_lease(connection, house.onboarding("acme").id, "credential", at=later)
    assert house.run_to_end("acme").status == "active", house.story()
    assert len(key_sids(house)) == 1
    assert used not in key_sids(house)


def test_only_proved_secrets_of_an_rcs_channel_are_replaced(house):
    house.start("sms", "acme")
    with pytest.raises(NotPossible, match="secondary auth token"):
        rotate(house)


def test_a_channel_that_is_taken_down_meanwhile_leaves_neither_key(house):
    house.start("rcs", "acme")
    assert house.run_to_end("acme").status == "active", house.story()
    rotate(house)
    house.run_until(lambda: len(key_sids(house)) == 2, what="the new key is there beside the old one")
    with house.db.begin() as connection:
        teardown.begin(connection, CATALOGUE, "acme", Choice(), actor="jo", at=now(), grace_seconds=2)
    house.run_until(lambda: not key_sids(house), what="both are revoked")
    gone = house.read(select(Resource.c.kind, Resource.c.state).where(Resource.c.kind.contains("api_key")))
    assert {row.state for row in gone} == {"gone"}
