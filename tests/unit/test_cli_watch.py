from __future__ import annotations

from datetime import timedelta

import pytest

from cli.render import make_console
from cli.watch import follow
from engine.contract import Failed, Wait
from tests.unit.cli_world import make_world, terminal
from tests.unit.engine_world import STEPS

REVIEW = Wait("review", "under review", "the carriers", timedelta(minutes=15), timedelta(days=60))
SUBMIT = Wait("submit", "submit it", "a person", timedelta(hours=6), timedelta(days=60), needs_person=True)


@pytest.fixture
def world(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch).migrate()


def watch(world, names, *moves, console=None, deadline=None):
    """Follow; before each further look the next of ``moves`` happens."""
    left = list(moves)

    def pause(_seconds):
        left.pop(0)()

    with world.source() as source:
        code = follow(source, names, deadline_seconds=deadline, console=console or make_console(), pause=pause)
    assert not left, "ended before everything happened"
    return code


def test_all_active_is_success(world, capsys):
    world.start()
    moves = [lambda step=step: world.run(step) for step in STEPS]
    assert watch(world, ["acme"], *moves) == 0
    shown = capsys.readouterr().out
    assert "webhook       skipped  not for sms\n" in shown
    lines = [line.split(maxsplit=2)[2].split(maxsplit=1) for line in shown.splitlines()]
    assert [step for name, step in lines if "succeeded" in step] == [
        f"{step:<12}  succeeded" for step in STEPS if step != "webhook"
    ]


def test_what_does_not_change_is_not_printed_again(world, capsys):
    world.start()
    world.script["registration"] = [REVIEW, REVIEW, REVIEW]
    world.run("registration")

    def look():
        world.make_ready("registration")
        world.run("registration")

    assert watch(world, ["acme"], look, look, lambda: [world.make_ready("registration"), world.run_all()]) == 0
    assert capsys.readouterr().out.count("under review") == 2  # the step's line and the onboarding's


def test_one_failed_is_failure_but_only_when_the_others_are_settled(world):
    world.start("ace")
    world.start("bee")
    world.script["registration"] = [Failed("refused")]
    world.run("registration", "ace")
    assert watch(world, ["ace", "bee"], lambda: world.run_all("bee")) == 1


def test_one_that_waits_for_a_person_is_said_so(world):
    world.start("ace")
    world.start("bee")
    world.script["registration"] = [SUBMIT]
    world.run("registration", "ace")
    assert watch(world, ["ace", "bee"], lambda: world.run_all("bee")) == 3


def test_failure_outranks_waiting(world):
    for name, outcome in (("ace", SUBMIT), ("bee", Failed("refused"))):
        world.start(name)
        world.script["registration"] = [outcome]
        world.run("registration", name)
    assert watch(world, ["ace", "bee"]) == 1


def test_a_paused_one_needs_a_person_and_a_cancelled_one_is_not_active(world):
    world.start("ace")
    world.command("pause", name="ace")
    world.start("bee")
    world.command("cancel", name="bee")
    assert watch(world, ["ace"]) == 3
    assert watch(world, ["bee"]) == 1


def test_the_deadline_ends_it_and_names_what_is_open(world, capsys):
    world.start()
    assert watch(world, ["acme"], deadline=0) == 1
    assert "not settled yet: acme" in capsys.readouterr().err


def test_without_names_all_that_is_under_way_is_followed(world):
    world.start("ace")
    world.start("bee")
    world.run_all("bee")
    output = world.onboard("watch", "--timeout", "0", code=1)
    assert "ace" in output
    assert "bee" not in output


def test_nothing_under_way_is_fine(world):
    assert "Nothing is under way" in world.onboard("watch")


def test_an_unknown_name_is_refused_before_watching(world):
    world.start("acme")
    output = world.onboard("watch", "acme", "acmee", code=4)
    assert "'acmee'" in output
    assert "'acme';" not in output


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_live_view_fits_and_shows_who_is_waited_for(world, width):
    world.start("acme-rcs", channel="rcs")
    world.script["registration"] = [REVIEW]
    world.run("registration", "acme-rcs")
    console = terminal(width)
    finish = lambda: [world.make_ready("registration", "acme-rcs"), world.run_all("acme-rcs")]  # noqa: E731
    assert watch(world, ["acme-rcs"], finish, console=console) == 0
    text = console.file.getvalue()
    assert "the carriers: under" in text
    assert "1 active" in text


def test_a_long_live_view_shows_first_what_moves(world):
    for number in range(20):
        world.start(f"brand-{number:02d}")
    for number in range(18):
        world.run_all(f"brand-{number:02d}")
    console = terminal(100, height=10)
    assert watch(world, [f"brand-{number:02d}" for number in range(20)], console=console, deadline=0) == 1
    before_the_end = console.file.getvalue().split("and 15 more")[0]
    assert "brand-18" in before_the_end
    assert "brand-17" not in before_the_end
