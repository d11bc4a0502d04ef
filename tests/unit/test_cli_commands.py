"""The commands on a database of their own; no broker, so what would be woken is only noted."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import yaml
from click.testing import CliRunner
from sqlalchemy import insert, select

import settings
from cli.main import cli
from engine.clock import now
from engine.operator_tasks import open_task
from engine.transitions import move_step
from models.db import make_engine
from models.states import StepState
from models.tables import Event, Onboarding, Resource, Step
from tests.factories import spec_data

S = StepState
TOKEN = "0123456789abcdef0123456789abcdef"


class Desk:
    """A person at a terminal."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.woken = []
        for name, value in {
            "ONBOARD_HOME": str(folder / "home"),
            "TEST_TWILIO_AUTH_TOKEN": TOKEN,
            "TEST_AJO_CLIENT_SECRET": "p8e-secret-of-tests",
        }.items():
            monkeypatch.setenv(name, value)
        settings.get_settings.cache_clear()
        monkeypatch.setattr("tasks.chain.send", self._send)
        self.db = make_engine(settings.get_settings().resolved_database_url)

    def _send(self, wakeups):
        self.woken += [(wakeup.name, wakeup.step) for wakeup in wakeups]
        return len(self.woken)

    def run(self, *arguments, code=0, stdin=None):
        result = CliRunner().invoke(cli, list(arguments), input=stdin, standalone_mode=False)
        got = result.exception.exit_code if result.exception else (result.return_value or 0)
        assert got == code, (result.output, result.exception)
        return result.output + (result.exception.format_message() if result.exception else "")

    def spec(self, name="acme", channel="sms", **overrides):
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(json.loads(json.dumps(spec_data(channel, name, **overrides)))))
        return str(path)

    def move(self, step, *targets, name="acme", **columns):
        with self.db.begin() as connection:
            onboarding_id = connection.execute(select(Onboarding.c.id).where(Onboarding.c.name == name)).scalar_one()
            for target in targets:
                state = select(Step.c.state).where(Step.c.onboarding_id == onboarding_id, Step.c.name == step)
                source = connection.execute(state).scalar_one()
                extra = columns if target is targets[-1] else {}
                assert move_step(
                    connection,
                    onboarding_id=onboarding_id,
                    name=step,
                    sources=(source,),
                    target=target,
                    at=now(),
                    **extra,
                )
        return onboarding_id

    def finish(self, name="acme"):
        for step in ("registration", "webhook", "credential", "channel", "verification"):
            self.move(step, *([] if step == "registration" else [S.READY]), S.RUNNING, S.SUCCEEDED, name=name)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    yield Desk(tmp_path, monkeypatch)
    settings.get_settings.cache_clear()


def test_start_creates_wakes_and_says_how_to_follow(desk):
    output = desk.run("start", desk.spec())
    assert "acme: started" in output
    assert "onboard watch" in output
    assert desk.woken == [("acme", "registration")]


def test_start_of_the_same_file_says_unchanged_and_wakes_nothing(desk):
    file = desk.spec()
    desk.run("start", file)
    desk.woken.clear()
    assert "unchanged" in desk.run("start", file)
    assert desk.woken == []


def test_start_of_a_changed_file_shows_old_and_new_and_needs_update(desk):
    desk.run("start", desk.spec())
    file = desk.spec(brand="Other Coffee")
    output = desk.run("start", file, code=2)
    assert "brand: 'Acme Coffee' -> 'Other Coffee'" in output
    assert "--update" in output
    assert "updated" in desk.run("start", file, "--update")


def test_one_bad_file_among_good_ones_changes_nothing(desk):
    good = desk.spec("good")
    bad = desk.spec("bad", brand="")
    desk.run("start", good, bad, code=2)
    assert not (desk.folder / "home" / "onboard.sqlite3").exists()


def test_a_missing_secret_is_said_before_anything_is_changed(desk, monkeypatch):
    monkeypatch.delenv("TEST_TWILIO_AUTH_TOKEN")
    output = desk.run("start", desk.spec(), code=2)
    assert not (desk.folder / "home" / "onboard.sqlite3").exists()
    assert TOKEN not in output


def test_reading_before_anything_was_started_says_so(desk):
    assert "nothing was started yet" in desk.run("list", code=5)


def test_list_shows_one_row_each_with_status_and_counts(desk):
    desk.run("start", desk.spec("acme"), desk.spec("bistro"))
    desk.move("registration", S.RUNNING, S.FAILED, reason="number not owned", name="bistro")
    output = desk.run("list")
    assert "acme" in output
    assert "number not owned" in output
    assert "1 failed" in output
    assert "1 running" in output


def test_list_filters_and_pages_and_prints_json(desk):
    desk.run("start", *(desk.spec(f"brand-{number}") for number in range(5)))
    page = json.loads(desk.run("list", "--limit", "2", "--after", "brand-1", "--json"))
    assert [row["name"] for row in page["onboardings"]] == ["brand-2", "brand-3"]
    assert page["counts"] == {"running": 5}
    assert json.loads(desk.run("list", "--status", "failed", "--json"))["onboardings"] == []
    assert "onboard list --after brand-1" in desk.run("list", "--limit", "2")


def test_list_finds_what_waits_for_a_person(desk):
    desk.run("start", desk.spec("acme"), desk.spec("bistro"))
    desk.move("registration", S.RUNNING, S.WAITING_PERSON, reason="submit it", waiting_for="a person", name="bistro")
    rows = json.loads(desk.run("list", "--waiting", "person", "--json"))["onboardings"]
    assert [row["name"] for row in rows] == ["bistro"]


def test_show_says_what_it_waits_for_since_when_who_can_end_it_and_when_it_looks(desk):
    desk.run("start", desk.spec())
    desk.move(
        "registration",
        S.RUNNING,
        S.WAITING_VENDOR,
        reason="review is under way",
        waiting_for="the carriers",
        waiting_since=now() - timedelta(days=3),
        due_at=now() + timedelta(minutes=14, seconds=30),
    )
    output = desk.run("show", "acme")
    for words in ("is waiting: review is under way", "waits for the carriers", "3 d", "in 14 min"):
        assert words in output


def test_show_does_not_take_square_brackets_for_markup(desk):
    desk.run("start", desk.spec())
    onboarding_id = desk.move("registration", S.RUNNING)
    with desk.db.begin() as connection:
        connection.execute(
            insert(Resource).values(
                onboarding_id=onboarding_id,
                step="registration",
                vendor="twilio",
                kind="twilio_messaging_service",
                name="Acme [onb-1234567890]",
                external_id="MG1",
                state="present",
                provenance="created",
                details={},
                intended_at=now(),
            )
        )
    assert "Acme [onb-1234567890]" in desk.run("show", "acme")


def test_an_unknown_name_gets_the_nearest_one_and_exit_code_4(desk):
    desk.run("start", desk.spec("acme-rcs"))
    assert "did you mean acme-rcs?" in desk.run("show", "acme-rsc", code=4)


def test_events_are_in_order_and_filter_by_step(desk):
    desk.run("start", desk.spec())
    desk.move("registration", S.RUNNING, S.SUCCEEDED)
    lines = [json.loads(line) for line in desk.run("events", "acme", "--json").splitlines()]
    assert [line["kind"] for line in lines] == [
        "onboarding:started",
        "step:running",
        "step:succeeded",
        "onboarding:waiting",
    ]
    assert "started" not in desk.run("events", "acme", "--step", "registration")


def test_retry_of_a_failed_onboarding_wakes_the_failed_step(desk):
    desk.run("start", desk.spec())
    desk.move("registration", S.RUNNING, S.FAILED, reason="broken")
    desk.woken.clear()
    desk.run("retry", "acme")
    assert desk.woken == [("acme", "registration")]


def test_retry_of_an_active_onboarding_names_the_command_that_is_meant(desk):
    desk.run("start", desk.spec())
    desk.finish()
    assert "onboard verify acme" in desk.run("retry", "acme", code=2)


def test_cancel_pause_and_resume_say_what_they_did(desk):
    desk.run("start", desk.spec())
    assert "onboard resume acme" in desk.run("pause", "acme")
    assert "goes on" in desk.run("resume", "acme")
    assert "cancelled" in desk.run("cancel", "acme", "--yes")
    assert json.loads(desk.run("list", "--json"))["counts"] == {"cancelled": 1}


def test_verify_asks_for_a_run_of_an_active_onboarding_only(desk):
    desk.run("start", desk.spec())
    assert "only an active or degraded" in desk.run("verify", "acme", code=2)
    desk.finish()
    desk.woken.clear()
    desk.run("verify", "acme")
    assert desk.woken == [("acme", "verification")]


def test_watch_ends_with_0_when_all_are_active(desk):
    desk.run("start", desk.spec())
    desk.finish()
    assert "active" in desk.run("watch", "acme")


def test_watch_ends_with_1_when_one_failed_and_3_when_one_waits_for_a_person(desk):
    desk.run("start", desk.spec("acme"), desk.spec("bistro"))
    desk.finish("acme")
    desk.move("registration", S.RUNNING, S.WAITING_PERSON, reason="submit it", name="bistro")
    desk.run("watch", "acme", "bistro", code=3)
    desk.move("registration", S.READY, S.RUNNING, S.FAILED, reason="refused", name="bistro")
    desk.run("watch", "acme", "bistro", code=1)


def test_watch_gives_up_after_its_time(desk):
    desk.run("start", desk.spec())
    desk.run("watch", "acme", "--timeout", "0", code=1)


@pytest.fixture
def task(desk):
    desk.run("start", desk.spec())
    onboarding_id = desk.move("registration", S.RUNNING)
    with desk.db.begin() as connection:
        open_task(
            connection,
            onboarding_id=onboarding_id,
            step="registration",
            key="credential",
            title="Create the API credential",
            place="Journey Optimizer > API Credentials",
            fields=[{"label": "Account SID", "value": "AC1"}, {"label": "Auth Token", "secret": "twilio.auth_token"}],
            bring_back=["url"],
            at=now(),
        )
    desk.move("registration", S.WAITING_PERSON, reason="create it", waiting_for="a person")
    return onboarding_id


def test_tasks_show_where_to_click_and_what_to_enter_but_no_secret(desk, task):
    output = desk.run("tasks")
    for words in ("Create the API credential", "Journey Optimizer > API Credentials", "AC1", "--value url=…"):
        assert words in output
    assert TOKEN not in output


def test_a_secret_is_revealed_on_request_and_that_is_recorded(desk, task):
    assert TOKEN in desk.run("tasks", "acme", "--reveal")
    with desk.db.begin() as connection:
        kinds = connection.execute(select(Event.c.kind).where(Event.c.onboarding_id == task)).scalars().all()
    assert "secret:revealed" in kinds


def test_done_needs_what_the_task_asks_for_and_wakes_the_step(desk, task):
    assert "--value url=…" in desk.run("done", "acme", "credential", "--by", "Jo", code=2)
    assert "NAME=VALUE" in desk.run("done", "acme", "credential", "--value", "url", "--by", "Jo", code=2)
    desk.woken.clear()
    desk.run("done", "acme", "credential", "--value", "url=https://x.example.com", "--by", "Jo")
    assert desk.woken == [("acme", "registration")]
    assert "no open task" in desk.run("done", "acme", "credential", "--value", "url=x", "--by", "Jo", code=4)
    assert "Nothing to do by hand" in desk.run("tasks")


def test_every_command_explains_itself_with_an_example_or_a_sentence(desk):
    from cli.main import COMMANDS

    for name in COMMANDS:
        output = CliRunner().invoke(cli, [name, "--help"]).output
        assert "usage:" in output.lower(), name
        assert len(output.splitlines()) > 4, name
