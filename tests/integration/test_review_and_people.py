"""A sender for three countries: what people have to say first, weeks of carriers, and who was told of the waiting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from engine import checklist, notices
from engine.clock import now
from engine.matrix import read_matrix
from engine.reading import EngineSource
from models.tables import ChecklistItem, Notice
from tests.factories import rcs_part
from tests.integration.house import House

COUNTRIES = ("US", "DE", "MX")
# As soon as it waits; nobody is configured to hear it.
AT_ONCE = {f"{level}_{who}_days": 1e-9 for level in ("remind", "escalate") for who in ("person", "vendor")}


@pytest.fixture
def house(tmp_path, simulator) -> Iterator[House]:
    built = House(tmp_path, simulator, **AT_ONCE)
    yield built
    built.close()


def topic(house):
    return house.steps("acme")[0].waiting_topic


def reach(house, wanted):
    house.run_until(lambda: topic(house) == wanted, what=f"it waits for {wanted}")


def confirm(house, key):
    with house.db.begin() as connection:
        checklist.settle(connection, "acme", key, is_met=True, by="Jo Doe", vault=None, at=now(), grace_seconds=2)


def told(house):
    with house.db.begin() as connection:
        notices.plan(connection, house.settings, at=now())
    return {(row.subject, row.level) for row in house.of(Notice, "acme")}


def matrix(house):
    with EngineSource(house.db).snapshot() as fetch:
        return {row.country: row for row in read_matrix(fetch, "acme")[0].countries}


@pytest.mark.simulator("--no-auto-submit", "--review", "20d")
def test_letters_submission_a_rejection_and_its_correction(house):
    sender = "senders/rcs:acme_agent"
    house.start("rcs", "acme", rcs=rcs_part(countries=COUNTRIES))
    reach(house, "checklist")
    asked = ("de.brand_letter", "de.german_pages", "mx.spanish")
    assert all(key in house.onboarding("acme").reason for key in asked)
    assert ("step:registration:checklist:person", "escalate") in told(house)
    for key in asked:
        confirm(house, key)
    reach(house, "submission")
    house.simulator.post("verdicts", {"sender_id_regex": "acme", "country": "DE", "status": "REJECTED"})
    house.simulator.post(f"{sender}/submit", {"countries": list(COUNTRIES)})
    reach(house, "review")
    assert ("step:registration:review:vendor", "escalate") in told(house)
    house.simulator.post("clock/advance", {"duration": "30d"})
    reach(house, "rejected")
    assert "no carrier accepts the sender in DE" in house.onboarding("acme").reason
    found = matrix(house)
    assert {country: row.is_usable for country, row in found.items()} == {"US": True, "DE": False, "MX": True}
    assert {cell.status for cell in found["DE"].carriers} == {"REJECTED"}
    house.simulator.post(f"{sender}/review", {"country": "DE", "carrier": "O2", "status": "APPROVED"})
    house.run_until(lambda: house.onboarding("acme").status == "active", what="it is active")
    assert [(cell.carrier, cell.status) for cell in matrix(house)["DE"].carriers][1] == ("O2", "APPROVED")
    assert matrix(house)["US"].typical_count == 1
    rows = {row.key: row for row in house.of(ChecklistItem, "acme")}
    assert rows["de.brand_letter"].confirmed_by == "Jo Doe"
    assert rows["us.brand_vetting"].settled_by == "vendor"
    assert not [row.key for row in rows.values() if row.stage != "advice" and row.state != "met"]
    assert rows["rcs.google_email"].due_at - rows["rcs.google_email"].opened_at == timedelta(days=14)
