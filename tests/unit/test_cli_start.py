from __future__ import annotations

import json

import pytest
from sqlalchemy import update

from engine.kinds import MESSAGING_SERVICE
from models.states import OnboardingState
from models.tables import Onboarding, Resource
from tests.factories import spec_data
from tests.unit.cli_world import TOKEN, make_world


@pytest.fixture
def world(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch)


def changed(**changes):
    return {"verification": spec_data()["verification"] | changes}


def test_start_makes_the_embedded_database_and_wakes_each_onboarding(world):
    output = world.onboard("start", world.write_spec("sms", "ace"), world.write_spec("rcs", "bee"))
    assert "ace  started" in output
    assert world.sent == [("ace", "registration"), ("bee", "registration")]
    assert [one["name"] for one in world.json("list")["onboardings"]] == ["ace", "bee"]


def test_starting_the_same_file_again_says_so_and_wakes_nobody(world):
    file = world.write_spec()
    world.onboard("start", file)
    world.sent.clear()
    assert "unchanged" in world.onboard("start", file)
    assert world.sent == []


def test_a_changed_file_shows_old_and_new_and_asks_for_update(world):
    world.onboard("start", world.write_spec())
    file = world.write_spec(**changed(message="Other words"))
    output = world.onboard("start", file, code=2)
    assert "verification.message: 'Hello from acme' -> 'Other words'" in output
    assert f"onboard update {file}" in output
    assert world.json("show", "acme")["spec"]["verification"]["message"] == "Hello from acme"


def test_update_applies_it_and_names_the_steps_that_run_again(world):
    world.onboard("start", world.write_spec())
    output = world.onboard("start", "--update", world.write_spec(**changed(message="Other words")))
    assert "runs again: verification" in output
    assert world.json("show", "acme")["spec"]["verification"]["message"] == "Other words"


def test_a_sender_that_would_serve_two_sandboxes_is_warned_of_with_adobes_advice(world):
    shared = spec_data()["twilio"] | {"messaging_service": {"sid": "MG" + "1" * 32}}
    world.onboard("start", world.write_spec("sms", "acme", twilio=shared))
    assert "Warning" not in world.onboard("start", world.write_spec("sms", "acme-too", twilio=shared))
    elsewhere = spec_data("sms", "acme-dev")["ajo"] | {"sandbox": "dev"}
    said = world.onboard("start", world.write_spec("sms", "acme-dev", ajo=elsewhere, twilio=shared))
    assert "Warning: acme-dev: +14155550101 is used by acme in sandbox prod. Adobe advises" in said


def test_a_number_that_belongs_to_another_onboarding_is_refused_before_anything_is_made(world):
    world.onboard("start", world.write_spec("sms", "olive"))
    number = world.numbers["olive"]
    mine = world.write_spec("sms", "plum", twilio=spec_data("sms", "plum")["twilio"] | {"numbers": [number]})
    for command in ("start", "plan"):
        said = world.onboard(command, mine, code=2 if command == "start" else 1)
        assert "plum.yaml:" in said
        assert f"twilio.numbers[0]: {number} belongs to olive (`onboard show olive`), and Twilio keeps" in said
    assert [one["name"] for one in world.json("list")["onboardings"]] == ["olive"]
    # The owner itself is not asked about it, whatever else its file changes.
    assert "updated" in world.onboard("start", "--update", world.write_spec("sms", "olive", brand="Olive Two"))


def test_a_number_is_shared_with_the_service_that_the_other_made_and_free_once_it_is_removed(world):
    world.onboard("start", world.write_spec("sms", "olive"))
    world.migrate()
    made = "MG" + "2" * 32
    twilio = spec_data("sms", "plum")["twilio"] | {"numbers": [world.numbers["olive"]]}
    world.add(
        Resource,
        "olive",
        kind=MESSAGING_SERVICE,
        vendor="twilio",
        step="registration",
        name="Acme",
        external_id=made,
        provenance="created",
        state="present",
        details={},
        intended_at=world.time,
    )
    own = world.write_spec("sms", "plum", twilio=twilio)
    assert f"twilio.messaging_service.sid: {made}" in world.onboard("start", own, code=2)
    other = world.write_spec("sms", "plum", twilio=twilio | {"messaging_service": {"sid": "MG" + "3" * 32}})
    assert "belongs to olive" in world.onboard("start", other, code=2)
    shared = world.write_spec("sms", "plum", twilio=twilio | {"messaging_service": {"sid": made}})
    assert "plum  started" in world.onboard("start", shared)
    with world.db.begin() as connection:
        connection.execute(update(Onboarding).values(status=OnboardingState.REMOVED))
    fresh = world.write_spec("sms", "quince", twilio=twilio)
    assert "quince  started" in world.onboard("start", fresh)


def test_two_files_of_one_start_are_compared_by_the_services_that_they_will_have(world):
    twilio = spec_data()["twilio"]
    made, named = world.write_spec("sms", "ace", twilio=twilio), {"messaging_service": {"sid": "MG" + "4" * 32}}
    said = world.onboard("start", made, world.write_spec("sms", "bee", twilio=twilio | named), code=2)
    assert f"+14155550101 is in {made} too" in said
    assert not world.path.exists()


def test_one_bad_file_keeps_all_from_being_started(world):
    bad = world.write_spec("sms", "bad", brand="")
    output = world.onboard("start", world.write_spec("sms", "good"), bad, code=2)
    assert "bad.yaml" in output
    assert not world.path.exists()


def test_a_missing_secret_keeps_all_from_being_started(world, monkeypatch):
    monkeypatch.delenv("TEST_TWILIO_AUTH_TOKEN")
    assert "TEST_TWILIO_AUTH_TOKEN" in world.onboard("start", world.write_spec(), code=2)
    assert not world.path.exists()


def test_what_cannot_be_updated_is_refused_and_the_others_are_started(world):
    world.onboard("start", world.write_spec("sms", "ace"))
    moved = world.write_spec("sms", "ace", ajo=spec_data("sms", "ace")["ajo"] | {"sandbox": "dev"})
    output = world.onboard("start", "--update", moved, world.write_spec("sms", "bee"), code=2)
    assert "another name" in output
    assert [one["name"] for one in world.json("list")["onboardings"]] == ["ace", "bee"]
    assert world.sent[-1] == ("bee", "registration")


def test_a_broker_that_is_away_is_no_failure_and_is_tried_once(world):
    world.is_broker_away = True
    output = world.onboard("start", *(world.write_spec("sms", f"brand-{number}") for number in range(5)))
    assert output.count("The broker does not answer") == 1
    assert world.attempts_to_send == 1
    assert world.json("list")["counts"] == {"running": 5}


def test_hundreds_are_sent_in_few_batches(world):
    from cli.waking import wake
    from engine.wake import WakeUp

    world.migrate()
    assert wake([WakeUp(number, f"brand-{number}", "registration") for number in range(450)])
    assert len(world.sent) == 450
    assert world.attempts_to_send == 4


def test_the_secret_is_stored_but_never_printed(world):
    file = world.write_spec()
    output = world.onboard("start", file) + world.onboard("start", file, "--json")
    assert TOKEN not in output
    assert TOKEN not in world.onboard("show", "acme", "--json")
    assert TOKEN.encode() not in world.path.read_bytes()


def test_json_reports_every_file(world):
    files = [world.write_spec("sms", "ace"), world.write_spec("sms", "bee")]
    world.onboard("start", files[0])
    found = map(json.loads, world.onboard("start", *files, "--json").splitlines())
    assert [(one["name"], one["result"], one["file"]) for one in found] == [
        ("ace", "unchanged", files[0]),
        ("bee", "created", files[1]),
    ]


def test_a_new_secret_alone_is_a_difference(world, monkeypatch):
    file = world.write_spec()
    world.onboard("start", file)
    monkeypatch.setenv("TEST_TWILIO_AUTH_TOKEN", "an0ther-token")
    output = world.onboard("start", file, code=2)
    assert "twilio.auth_token: another secret" in output
    assert "an0ther-token" not in output


def test_started_onboardings_run(world):
    world.onboard("start", world.write_spec())
    world.migrate()
    assert world.status() is OnboardingState.RUNNING
