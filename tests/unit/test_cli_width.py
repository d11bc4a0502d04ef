"""At 80 columns no word is broken, and further lines begin where the first one did."""

from __future__ import annotations

import sys

import pytest

from cli.credential import _print
from cli.exits import Exit
from cli.start import Report, _print_reports
from engine.desired import OwnedField, OwnedObject, Presence
from tests.unit.cli_world import make_world, terminal

WORDS = " ".join(f"permission-{number}" for number in range(20))


@pytest.fixture
def console(monkeypatch):
    made = terminal(80)
    monkeypatch.setattr("cli.render.make_console", lambda **_: made)
    return made


def lines_of(console):
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines).split()).count(WORDS) == 1
    return lines


def test_of_a_credential(console):
    field = OwnedField(name="permissions", wanted=WORDS, actual=WORDS)
    _print(
        console,
        OwnedObject(
            kind="key", label="API key", subject="key", vendor="twilio", presence=Presence.THERE, fields=(field,)
        ),
    )
    assert all(line.startswith("               permission") for line in lines_of(console)[2:])


def test_of_what_kept_a_file_from_being_started(console):
    _print_reports([Report("acme", "not possible", WORDS)])
    assert lines_of(console)[1].startswith("      permission")


def test_of_a_failed_command(console, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    Exit(WORDS).show()
    assert lines_of(console)[1].startswith("       permission")


def test_of_one_among_many_that_was_not_possible(console):
    from cli.control import _print_result

    _print_result("acme", "not possible", WORDS, as_json=False)
    assert lines_of(console)[1].startswith("       permission")


def test_of_whom_a_command_is_meant_for(console, tmp_path, monkeypatch):
    world = make_world(tmp_path, monkeypatch).migrate()
    for number in range(12):
        world.start(f"brand-number-{number}")
    world.onboard("pause", "--all", "--yes")
    shown = [line for line in console.file.getvalue().splitlines() if "paused" not in line]
    assert shown[0].startswith("To pause: 12 onboardings (brand-number-0, ")
    assert max(map(len, shown)) <= 80
    assert all("brand-number-" in line for line in shown)
