"""Entry point: the table of commands, each imported only when it is used, so that ``--help`` stays fast."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

# name -> (module, one line for the overview). The line stands here so that the overview imports nothing.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("cli.spec", "Write a commented spec template for a channel."),
    "expand": ("cli.expand", "Write one spec for each row of a CSV, from a template."),
    "validate": ("cli.spec", "Check spec files; show every fault with its place and its cure."),
    "lint": ("cli.lint", "Check spec files as a reviewer would, with their pictures and pages."),
    "schema": ("cli.spec", "Print the JSON Schema of specs, for editors."),
    "plan": ("cli.plan", "Show what would be done, object by object; changes nothing."),
    "start": ("cli.start", "Start (or --update) the onboardings declared in spec files."),
    "update": ("cli.start", "Bring onboardings to their changed spec files, and what drifted back."),
    "drift": ("cli.drift", "Compare what is there with what is declared; mend it with --fix."),
    "accept-drift": ("cli.drift", "Accept one difference, with a reason, until a day."),
    "list": ("cli.onboarding", "List onboardings."),
    "show": ("cli.show", "Show one onboarding: steps, resources, waits, findings."),
    "explain": ("cli.explain", "Say what an onboarding waits for, since when, and who can end it."),
    "events": ("cli.onboarding", "Show what happened to one onboarding."),
    "watch": ("cli.watch", "Follow onboardings live until they end or wait for a person."),
    "adopt": ("cli.adopt", "Take over a channel that was set up by hand."),
    "promote": ("cli.promote", "Write the spec of a verified channel for another sandbox."),
    "teardown": ("cli.teardown", "Take an onboarding down: show what would go and stay, then remove it."),
    "retry": ("cli.control", "Try a failed or waiting onboarding again now."),
    "cancel": ("cli.control", "Stop an onboarding; what exists at the vendors stays."),
    "pause": ("cli.control", "Hold an onboarding after the step that is running."),
    "resume": ("cli.control", "Let a paused onboarding go on."),
    "verify": ("cli.verify", "Check an active onboarding again now."),
    "credential": ("cli.credential", "Show, try and replace what AJO and the bridge sign in with."),
    "skip": ("cli.by_hand", "Leave a step out, on a person's word."),
    "mark-done": ("cli.by_hand", "Take a step as done, on a person's word."),
    "tasks": ("cli.operator", "List what waits for a person."),
    "task": ("cli.operator", "Show, confirm, reject or assign one operator task."),
    "done": ("cli.operator", "Short for `task done`."),
    "evidence": ("cli.evidence", "Write the evidence pack of an onboarding, or check one."),
    "checklist": ("cli.checklist", "Show what has to be true before the launch; confirm what a person settles."),
    "matrix": ("cli.matrix", "Show who approved where, since when: country by carrier."),
    "inbox": ("cli.inbox", "Look at events on their way to AJO; send parked ones again."),
    "limits": ("cli.limits", "Show what each Twilio and Adobe account takes, and its pauses."),
    "demo": ("cli.demo", "Run three onboardings against the simulator, from nothing to verified."),
    "up": ("cli.up", "Start everything this mode needs and keep it running."),
    "doctor": ("cli.doctor", "Check this installation and say what to mend."),
    "worker": ("cli.processes", "Run a Celery worker."),
    "beat": ("cli.processes", "Run the scheduler."),
    "gateway": ("cli.processes", "Run the HTTP gateway."),
    "flower": ("cli.processes", "Run Flower."),
    "simulator": ("cli.simulator", "Run the stand-ins for Twilio and AJO, or move their time."),
    "migrate": ("cli.processes", "Bring the database to the current version."),
    "backup": ("cli.backup", "Write a copy of the database (SQLite) while everything runs."),
    "restore": ("cli.backup", "Bring the database back to a copy."),
    "secrets": ("cli.secrets", "Make and rotate the key that encrypts stored secrets."),
    "settings": ("cli.settings", "Print every setting and where it comes from."),
    "completion": ("cli.completion", "Print the shell completion script."),
}

# What other programs call these, and so what is typed first.
OTHER_WORDS = {
    "status": "show",
    "apply": "start",
    "diff": "drift",
    "logs": "events",
    "delete": "teardown",
    "destroy": "teardown",
    "remove": "teardown",
}

EPILOG = """\b
Exit codes:
  0  done, or nothing to do
  1  something failed (an onboarding, a vendor, a check)
  2  the command line or a spec is wrong, or a spec differs and --update is missing;
     or not possible now (pause what is paused, verify what still waits)
  3  waits for a person
  4  no such onboarding
  5  this installation is not set up or does not answer (onboard doctor)
  6  nothing worse than warnings (onboard lint)
`onboard plan` and `onboard drift` have codes of their own, for cron and CI: see their --help.
"""


class LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_") + "_command")
        assert isinstance(command, click.Command)  # noqa: S101  the table above is ours
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not (name.startswith("-") or ctx.resilient_parsing):
            import difflib

            near = difflib.get_close_matches(name, [*COMMANDS, *OTHER_WORDS], n=2, cutoff=0.7)
            meant = " or ".join(dict.fromkeys(OTHER_WORDS.get(one, one) for one in near))
            ctx.fail(f"there is no command {name!r}" + (f"; did you mean {meant}?" if near else "."))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="onboard", prog_name="onboard")
def cli() -> None:
    """Take a brand's RCS, SMS or MMS channel from nothing to verified in Adobe Journey Optimizer through Twilio.

    \b
    Try it:      onboard demo
    For real:    onboard init rcs > acme.yaml; onboard validate acme.yaml; onboard up; onboard start acme.yaml
    """


# Commands that only read leave nothing to tidy up, and Python's own tidying takes a tenth of a second.
READING = frozenset(
    {"list", "show", "explain", "events", "tasks", "matrix", "validate", "schema", "settings", "completion"}
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; every expected failure becomes one clear sentence and its exit code."""
    # Collecting while thousands of objects of imported modules are made finds nothing and costs as much again.
    gc.set_threshold(100_000, 20, 20)
    from cli.exits import run

    code = run(cli, argv)
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in READING:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
