from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from cli import words
from cli.render import make_console
from cli.show import print_detail
from engine.contract import Failed, Wait
from engine.queries import read_onboarding
from models.tables import Event, Message, Verification
from tests.unit.cli_world import make_world, terminal

REVIEW = Wait("review", "US: PENDING", "Twilio and the carriers", timedelta(minutes=15), timedelta(days=60))


@pytest.fixture
def world(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch).migrate()


def test_a_list_in_a_pipe_keeps_every_word_on_one_line(world):
    reason = "the profile is wrong: " + "very " * 60 + "wrong"
    world.start("ace", brand="A brand with quite a long name that nobody shortens")
    world.script["registration"] = [Failed(reason)]
    world.run("registration", "ace")
    line = next(line for line in world.onboard("list").splitlines() if line.startswith("ace"))
    assert reason in line
    assert "A brand with quite a long name that nobody shortens" in line
    assert "1/5 registration" in line


def test_the_footer_counts_all_and_names_the_next_page(world):
    for name in ("ace", "bee", "cee"):
        world.start(name)
    output = world.onboard("list", "--limit", "2")
    assert "2 of 3 shown. In all: 3 running." in output
    assert "--after bee" in output
    assert "cee" in world.onboard("list", "--after", "bee")


def test_limit_zero_lists_all(world):
    for number in range(60):
        world.start(f"brand-{number}")
    assert len(world.json("list", "--limit", "0")["onboardings"]) == 60
    assert world.json("list")["after"] is not None


def test_an_empty_list_says_how_to_begin_and_a_filtered_one_does_not(world):
    assert "onboard init" in world.onboard("list")
    world.start()
    assert "onboard init" not in world.onboard("list", "--status", "failed")


def test_show_says_in_one_sentence_what_is_waited_for(world):
    world.time -= timedelta(days=3)
    world.start()
    world.script["registration"] = [REVIEW]
    world.run("registration")
    output = world.onboard("show", "acme")
    assert "It has waited for Twilio and the carriers for 3 d: US: PENDING; its next look has been due for" in output
    assert "a person is asked" in output


def test_show_prints_findings_with_their_cures_and_messages(world):
    world.start()
    findings = [{"severity": "error", "subject": "the sender", "problem": "is gone", "cure": "make a new one"}]
    run = {"trigger": "first", "sends_message": True, "state": "failed", "requested_at": world.time}
    world.add(Verification, **run, findings=findings)
    message = {"client_reference": "onb-1", "body": "Hello", "created_at": world.time, "updated_at": world.time}
    world.add(Message, **message, recipient="+12125550123", status="undelivered", error_code=30003)
    output = world.onboard("show", "acme")
    assert "the sender is gone\n      -> make a new one" in output
    assert "+12125550123" in output
    assert "error 30003" in output


HOPS = [
    {
        "way": "onboard -> AJO",
        "text": "a proof of campaign " + "c" * 36,
        "state": "seen",
        "at": "2026-11-23T12:00:00+00:00",
    },
    {"way": "AJO -> bridge", "text": "nothing came for this handset", "state": "failed", "at": None},
    {"way": "inside AJO", "text": "from outside nothing can be seen", "state": "hidden", "at": None},
]


def test_show_prints_the_hops_of_the_newest_run_that_has_some(world):
    world.start()
    run = {"trigger": "first", "sends_message": True, "state": "failed", "requested_at": world.time, "findings": []}
    world.add(Verification, **run, hops=[HOPS[2]])
    world.add(Verification, **run, hops=HOPS)
    world.add(Verification, **run)
    output = world.onboard("show", "acme")
    assert "Round trip of the last message, 2026-11-23" in output
    assert [line.split()[0] for line in output.splitlines() if "AJO" in line and "  " in line][-3:] == ["✔", "✘", "·"]
    assert world.json("show", "acme")["verifications"][1]["hops"] == HOPS
    console = terminal(80)
    with world.fetching() as fetch:
        print_detail(console, read_onboarding(fetch, "acme"), world.time)
    assert max(map(len, console.file.getvalue().splitlines())) <= 80


def test_brackets_of_vendors_are_text_and_no_markup(world):
    world.start()
    world.script["registration"] = [Failed("refused [red]by[/red] [onb-1]")]
    world.run("registration")
    assert "refused [red]by[/red] [onb-1]" in world.onboard("show", "acme")
    assert "refused [red]by[/red] [onb-1]" in world.onboard("list")


@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_line_of_show_is_wider_than_the_terminal(world, width):
    world.start("acme", channel="rcs")
    world.script["registration"] = [
        REVIEW.__class__("r", "US: PENDING " * 30, "carriers", REVIEW.look_again, REVIEW.at_most)
    ]
    world.run("registration")
    console = terminal(width)
    with world.fetching() as fetch:
        print_detail(console, read_onboarding(fetch, "acme"), world.time)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert sum("US: PENDING" in line for line in lines) > 2


def test_without_a_terminal_there_are_no_colours(world):
    world.start()
    assert "\x1b" not in world.onboard("list") + world.onboard("show", "acme")
    assert not make_console().is_terminal


def test_an_unknown_name_suggests_the_nearest(world):
    world.start("acme-rcs")
    assert "did you mean 'acme-rcs'?" in world.onboard("show", "acme-rsc", code=4)
    assert "onboard list" in world.onboard("show", "zzz", code=4)
    assert "did you mean 'acme-rcs'?" in world.onboard("events", "acme-rc", code=4)


def test_events_are_one_json_object_a_line(world):
    world.start()
    world.run("registration")
    events = [json.loads(line) for line in world.onboard("events", "acme", "--json").splitlines()]
    assert [event["kind"] for event in events] == world.events()
    assert all(datetime.fromisoformat(event["at"]).tzinfo for event in events)


def test_events_since_take_spans_and_times(world):
    world.time -= timedelta(hours=5)
    world.start()
    world.forward(hours=4, minutes=50)
    world.run("registration")
    recent = world.onboard("events", "acme", "--since", "30min")
    assert "onboarding:started" not in recent
    assert "step:succeeded" in recent
    day = (world.time - timedelta(days=2)).strftime("%Y-%m-%d")
    assert "onboarding:started" in world.onboard("events", "acme", "--since", day)
    assert "30min" in world.onboard("events", "acme", "--since", "soon", code=2)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172_799, "47 h"), (172_800, "2 d")],
)
def test_spans_use_the_largest_unit_that_fits_twice(seconds, text):
    assert words.span(timedelta(seconds=seconds)) == text


def test_what_is_overdue_is_due_now():
    now = datetime(2026, 11, 23, tzinfo=UTC)
    assert words.until(now - timedelta(hours=1), now) == "now"
    assert words.until(now + timedelta(hours=3), now) == "in 3 h"


def test_a_step_that_nobody_takes_asks_after_the_workers(world):
    world.time -= timedelta(minutes=10)
    world.start()
    assert "is a worker running?" in world.onboard("show", "acme")
    assert "no worker has taken it for 10 min" in world.onboard("list")


def test_a_list_takes_the_conditions_of_the_commands_on_many(world):
    world.start("ace", channel="rcs")
    world.start("bee")
    listed = world.json("list", "--where", "channel=sms", "--status", "running")["onboardings"]
    assert [one["name"] for one in listed] == ["bee"]
    assert "Values that occur: name=ace, bee." in world.onboard("list", "--where", "name=c*")
    assert "there is no field 'nmae'" in world.onboard("list", "--where", "nmae=c", code=2)


def test_the_longest_kind_of_event_keeps_its_column(world):
    world.start()
    for kind in ("onboarding:tearing_down", "step:ready"):
        world.add(Event, kind=kind, text="news", at=world.time, details={})
    lines = [line for line in world.onboard("events", "acme").splitlines() if line.endswith("news")]
    assert len({line.index("news") for line in lines}) == 1
    assert len(lines) == 2
