"""`plan`, `update`, `start` on a terminal, `drift` and `accept-drift`, with plans made up instead of vendors read."""

from __future__ import annotations

import json
from types import SimpleNamespace

import click
import pytest
from sqlalchemy.exc import OperationalError

import cli.looking
import engine.plan
import settings as settings_module
from cli.looking import plan_or_problem
from engine.desired import Means, OwnedField, OwnedObject, Presence
from engine.plan import Plan, _planned
from engine.removal import Choice
from providers.errors import NeedsPerson
from tests.factories import spec_data
from tests.unit.cli_world import make_world

BY_HAND = "another, which a person set"
AWAY = "Twilio cannot be reached"


@pytest.fixture
def world(tmp_path, monkeypatch):
    made = make_world(tmp_path, monkeypatch)
    made.answers, made.asked, made.runs = {}, [], []

    def planned(ctx):
        """By the onboarding's name: why one cannot look, or the actual value of its one field."""
        actual = made.answers.get(ctx.name, "a")
        if actual == AWAY:
            return AWAY
        by_hand = {"means": Means.HAND, "cure": "set it in the Console"} if actual == BY_HAND else {}
        field = OwnedField(name="status_callback", wanted="a", actual=actual, **by_hand)
        owned = OwnedObject(
            kind="twilio_messaging_service",
            label="messaging service",
            subject="messaging-service",
            vendor="twilio",
            presence=Presence.THERE,
            fields=(field,),
            is_recorded=True,
        )
        one = _planned("registration", owned, ctx.accepted)
        return Plan(
            name=ctx.name,
            channel="sms",
            is_started=ctx.row is not None,
            planned=[one],
            spec_differences=[],
            skipped={},
            steps=["registration"],
            done=frozenset(ctx.steps()),
            runs=made.runs or (["registration", "verification"] if one.is_for_step or ctx.row is None else []),
            mends=["registration"] if one.is_for_step else [],
        )

    monkeypatch.setattr(cli.looking, "plan_or_problem", planned)
    return made


@pytest.fixture
def on_a_terminal(world, monkeypatch):
    monkeypatch.setattr(settings_module, "is_interactive", lambda: True)
    world.says = True

    def confirm(text, *, abort, **_):
        assert abort
        world.asked.append(text)
        if not world.says:
            raise click.Abort

    monkeypatch.setattr(click, "confirm", confirm)
    return world


def started(world, *names):
    files = [world.write_spec("sms", name) for name in names]
    for file in files:
        world.onboard("start", file, "--yes")
    world.sent.clear()
    return files


def activated(world, name="acme"):
    (file,) = started(world, name)
    world.migrate()
    for step in ("registration", "webhook", "credential", "channel", "verification"):
        world.run(step, name)
    return file


# -- plan -----------------------------------------------------------------------------------------------------------
def test_plan_is_0_when_there_is_nothing_to_do_2_when_there_is_and_1_when_one_cannot_look(world):
    started(world, "ace", "bee")
    assert "Nothing to do: 1 objects are as declared." in world.onboard("plan", "ace")
    world.answers["bee"] = "b"
    output = world.onboard("plan", "ace", "bee", code=2)
    assert "status_callback: b → a" in output
    assert "Plan: 0 to create, 1 to change, 0 to delete." in output
    world.answers["ace"] = AWAY
    assert f"ace cannot be planned: {AWAY}" in world.onboard("plan", "ace", "bee", code=1)
    first, second = json.loads(world.onboard("plan", "ace", "bee", "--json", code=1))
    assert first == {"name": "ace", "error": AWAY}
    assert second["counts"]["change"] == 1


def test_plan_of_many_has_a_line_for_each_and_one_that_sums_up(world):
    started(world, "ace", "bee", "cee", "dee")
    world.answers |= {"bee": "b", "cee": AWAY}
    output = world.onboard("plan", "--all", code=1)
    assert "ace  Nothing to do: 1 objects are as declared.\nbee  Plan: " in output
    assert output.endswith("4 onboardings: 2 with nothing to do, 1 to be changed, 1 cannot be planned\n")
    world.onboard("cancel", "dee")
    seen = world.onboard("plan", "--where", "name=?ee", "--json", code=1)
    assert seen.startswith("To plan: 2 onboardings (bee, cee). Left out: 1 cancelled.")


def test_a_new_file_is_planned_without_a_database_and_makes_none(world):
    assert "acme  SMS, not started yet" in world.onboard("plan", world.write_spec(), code=2)
    assert not world.home.exists()


def test_plan_answers_1_to_what_is_an_error_elsewhere_too(world):
    started(world, "ace")
    assert "did you mean 'ace'" in world.onboard("plan", "ase", code=1)
    assert "brand" in world.onboard("plan", world.write_spec("sms", "bad", brand=""), code=1)


def test_plan_is_2_while_a_step_is_not_done_and_names_it(world):
    started(world, "acme")
    world.runs = ["verification"]
    output = world.onboard("plan", "acme", code=2)
    assert "Not done yet: verification; `onboard explain acme` says why." in output
    assert "Nothing to do" not in output


@pytest.mark.parametrize(
    "words",
    [("plan",), ("plan", "acme", "--nonsense"), ("drift",), ("drift", "acme", "--all"), ("drift", "--where", "x")],
)
def test_a_wrong_command_line_is_1_for_cron_and_not_the_2_that_means_changes(world, words):
    assert "Usage: onboard" in world.onboard(*words, code=1)


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_a_broken_installation_is_1_for_cron_and_help_is_0(world, monkeypatch, command):
    started(world, "acme")

    def away(*_, **__):
        raise OperationalError("SELECT 1", {}, OSError("connection refused"))

    monkeypatch.setattr("engine.plan.find_row", away)
    assert "the database does not answer" in world.onboard(command, "acme", code=1)
    assert "database that does not answer" in world.onboard(command, "--help")


# -- start and update -------------------------------------------------------------------------------------------------
def test_on_a_terminal_start_shows_the_plan_and_asks(on_a_terminal):
    world = on_a_terminal
    file = world.write_spec()
    world.says = False
    output = world.onboard("start", file, code=130)
    assert "acme  SMS, not started yet" in output
    assert not world.path.exists()
    world.says = True
    assert "acme  started" in world.onboard("start", file)
    assert world.asked == ["Start it?"] * 2


def test_on_a_terminal_what_was_started_already_is_no_question(on_a_terminal):
    world = on_a_terminal
    (file,) = started(world, "acme")
    assert "unchanged" in world.onboard("start", file)
    changed = world.write_spec(verification=spec_data("sms")["verification"] | {"message": "Other words"})
    assert "To apply it: onboard update" in world.onboard("start", changed, code=2)
    assert world.asked == []


def remove(world, *, wholly=True):
    world.command("begin", Choice())
    for step in ("verification", "channel", "credential", "webhook", "registration")[: 5 if wholly else 1]:
        world.run(step)


def test_a_removed_one_counts_as_not_started(on_a_terminal):
    world = on_a_terminal
    file = activated(world)
    remove(world)
    assert "acme  SMS, not started yet" in world.onboard("plan", file, code=2)
    assert "not started yet" in world.onboard("update", file, "--yes", code=2)
    world.asked.clear()
    assert "acme  started" in world.onboard("start", file)
    assert world.asked == ["Start it?"]


def test_one_that_is_being_removed_is_not_updated_and_left_out_of_a_look_at_all(world):
    file = activated(world)
    remove(world, wholly=False)
    world.answers["acme"] = "b"
    assert "not possible: acme is being taken down" in world.onboard("update", file, "--yes", code=2)
    world.command("pause")
    assert "not possible: acme is being taken down" in world.onboard("update", file, "--yes", code=2)
    assert "acme is left out: it is being taken down" in world.onboard("drift", "--all")
    assert "2/5 undo channel" in world.onboard("list")
    world.command("cancel")
    shown = " ".join(world.onboard("list").split())
    assert "2/5 undo channel" in shown
    assert "cancelled its teardown" in shown


def test_when_a_vendor_cannot_be_read_start_says_so_and_is_possible(on_a_terminal):
    on_a_terminal.answers["acme"] = AWAY
    output = on_a_terminal.onboard("start", on_a_terminal.write_spec())
    assert f"acme  cannot be planned: {AWAY}" in output
    assert "acme  started" in output


def test_of_many_files_each_has_one_line(on_a_terminal):
    files = [on_a_terminal.write_spec("sms", f"brand-{number}") for number in range(5)]
    output = on_a_terminal.onboard("start", *files)
    assert output.count("Plan: ") == 5
    assert "registration" not in output
    assert on_a_terminal.asked == ["Start these 5?"]


def test_update_asks_or_needs_yes_and_is_only_for_what_was_started(world):
    file = world.write_spec()
    assert "not started yet" in world.onboard("update", file, "--yes", code=2)
    world.onboard("start", file)
    assert "add --yes" in world.onboard("update", file, code=2)
    assert "unchanged" in world.onboard("update", file, "--yes")


def test_update_applies_a_changed_file_and_names_the_steps(world):
    started(world, "acme")
    changed = spec_data("sms")["verification"] | {"message": "Other words"}
    output = world.onboard("update", world.write_spec(verification=changed), "--yes")
    assert "runs again: verification" in output
    assert world.json("show", "acme")["spec"]["verification"]["message"] == "Other words"


def test_update_of_an_unchanged_file_runs_the_steps_whose_objects_drifted(world):
    file = activated(world)
    world.answers["acme"] = "b"
    output = world.onboard("update", file, "--yes")
    assert "runs again: registration, verification" in output
    assert world.sent == [("acme", "registration")]


def test_update_changes_nothing_when_one_of_its_files_cannot_be_looked_at(world):
    files = started(world, "ace", "bee")
    world.answers |= {"ace": "b", "bee": AWAY}
    assert "nothing was changed" in world.onboard("update", *files, "--yes", code=1)
    assert world.sent == []


@pytest.mark.parametrize(
    ("cure", "before"),
    [
        ("check the token, then `onboard update FILE`; if only the account was closed, open it", "check the token"),
        ("leave DE out of `rcs.countries` and run `onboard update FILE`", "leave DE out of `rcs.countries`"),
        ("nothing: it passes", "nothing: it passes"),
    ],
)
def test_the_cure_for_a_file_that_was_not_started_names_no_command_for_one_that_was(
    tmp_path, monkeypatch, cure, before
):
    def refuse(_):
        raise NeedsPerson("Twilio refused", cure=cure)

    monkeypatch.setattr(engine.plan, "make_plan", refuse)
    assert plan_or_problem(SimpleNamespace(row=None)) == f"Twilio refused: {before}"
    assert plan_or_problem(SimpleNamespace(row="acme")) == f"Twilio refused: {cure}"


# -- drift ----------------------------------------------------------------------------------------------------------
def test_drift_is_0_without_2_with_and_1_when_one_could_not_look(world):
    activated(world)
    assert "acme  as declared" in world.onboard("drift", "acme")
    world.answers["acme"] = "b"
    output = world.onboard("drift", "--all", code=2)
    assert "messaging-service/status_callback  since" in output
    assert world.json("show", "acme")["status"] == "degraded"
    world.answers["acme"] = AWAY
    assert world.onboard("drift", "acme", code=1) == f"acme  could not look: {AWAY}\n"
    assert world.json("drift", "acme", code=1)["result"] == "could not look"
    world.answers.clear()
    world.onboard("drift", "acme")
    assert world.json("show", "acme")["status"] == "active"


def test_each_is_looked_at_by_its_spec_of_that_moment(world, monkeypatch):
    activated(world, "ace")
    activated(world, "bee")
    whole, words = cli.looking.plan_or_problem, []

    def slow(ctx):
        """While the first is looked at, the second is updated."""
        words.append(ctx.spec.verification.message)
        if len(words) == 1:
            changed = spec_data("sms", "bee")["verification"] | {"message": "Other words"}
            world.start("bee", is_update=True, verification=changed)
            world.run("verification", "bee")
        return whole(ctx)

    monkeypatch.setattr(cli.looking, "plan_or_problem", slow)
    assert "bee  as declared" in world.onboard("drift", "ace", "bee")
    assert words[1] == "Other words"


def test_fix_shows_the_plan_and_runs_the_steps_again_when_it_may(world):
    activated(world)
    world.answers["acme"] = "b"
    assert "add --yes" in world.onboard("drift", "acme", "--fix", code=1)
    output = world.onboard("drift", "acme", "--fix", "--yes", code=2)
    assert "Plan: 0 to create, 1 to change" in output
    assert world.sent == [("acme", "registration")]


def test_what_only_a_person_mends_is_said_and_nothing_runs(on_a_terminal):
    world = on_a_terminal
    file = activated(world)
    world.answers["acme"] = BY_HAND
    world.asked.clear()
    output = world.onboard("plan", "acme", code=2)
    assert "change, by hand: nothing of ours runs for it" in output
    assert "Nothing runs: a person mends this; `onboard drift acme` says how." in output
    output = world.onboard("drift", "acme", "--fix", "--yes", code=2)
    assert "set it in the Console" in output
    assert "acme can be mended only by a person" in output
    world.onboard("update", file)
    world.onboard("update", file, "--yes")
    assert (world.sent, world.asked) == ([], [])


def test_an_accepted_difference_is_no_drift_any_more_and_says_whose_word_it_is(world):
    activated(world)
    world.answers["acme"] = "b"
    world.onboard("drift", "acme", code=2)
    key = "messaging-service/status_callback"
    how = ("--reason", "moved, INC-7", "--until", "30d", "--by", "jo")
    assert "seen were: messaging-service/status_callback" in world.onboard(
        "accept-drift", "acme", "messaging-service/nothing", *how, code=2
    )
    world.onboard("accept-drift", "acme", key, *how)
    output = world.onboard("drift", "acme")
    assert f"{key}  accepted by jo until" in output
    assert "moved, INC-7" in output
    assert world.json("show", "acme")["status"] == "active"
    world.onboard("accept-drift", "acme", key, "--withdraw")
    world.onboard("drift", "acme", code=2)


@pytest.mark.parametrize("words", [("--reason", "r"), ("--until", "30d"), ("--reason", "r", "--until", "2020-01-01")])
def test_nothing_is_accepted_without_a_reason_and_a_day_to_come(world, words):
    activated(world)
    world.onboard("accept-drift", "acme", "messaging-service/numbers", *words, code=2)


def test_an_object_that_a_person_declared_is_shown_with_who_and_when():
    from datetime import UTC, datetime

    from models.states import OperatorTaskState
    from tasks.steps import ajo_objects
    from tests.unit.test_texts import Ctx

    ctx = Ctx("sms", driver="guided")
    wanted = ajo_objects.AjoObject(
        kind="ajo_credential",
        collection="credentials",
        name="acme",
        body={},
        title="",
        place="",
        fields=[{"label": "Name", "value": "acme"}, {"label": "Auth Token", "secret": "x"}],
    )
    ctx.task = lambda _: SimpleNamespace(
        state=OperatorTaskState.DONE, fields=[{"label": "Name", "value": "old"}, {"label": "Auth Token", "secret": "x"}]
    )
    ctx.resource = lambda _: SimpleNamespace(
        external_id="acme", declared_by="Maria", present_at=datetime(2026, 11, 2, tzinfo=UTC)
    )
    owned = ajo_objects.declared(ctx, wanted)
    assert owned.presence is Presence.UNREADABLE
    assert owned.note == "cannot be read; declared by Maria on 2026-11-02"
    assert [(one.name, one.actual, one.wanted) for one in owned.fields if one.differs] == [("Name", "old", "acme")]


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_a_misspelt_condition_is_no_green_monitor(world, command):
    world.migrate()
    assert "Nothing to" in world.onboard(command, "--all")
    world.start("ace", channel="rcs")
    world.start("bee")
    said = world.onboard(command, "--where", "sandbox=prd", "--where", "channel=mms", code=1)
    assert "no onboarding is like that. Values that occur: sandbox=prod; channel=rcs, sms." in said
    world.onboard(command, "--where", "sandbox=prod")
    for name in ("ace", "bee"):
        world.command("cancel", name=name)
    assert "left out: 2 cancelled" in world.onboard(command, "--where", "sandbox=prod")
