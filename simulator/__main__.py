"""`python -m simulator`: read the options, then serve until told to stop."""

import math
from pathlib import Path
from typing import Any

import click

from simulator.config import MAX_SPEED, Config
from simulator.durations import parse_duration

_DEFAULTS = Config()


class Speed(click.FloatRange):
    """FloatRange lets what is no number pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no speed", param, ctx)
        return float(number)


class Duration(click.ParamType[float]):
    """A length of time, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Countries(click.ParamType[tuple[str, ...]]):
    """Two-letter codes, separated by commas."""

    name = "countries"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        codes = tuple(code.strip().upper() for code in str(value).split(","))
        if not all(len(code) == 2 and code.isalpha() for code in codes):
            self.fail(f"{value!r} is not a list of two-letter country codes, such as US,GB", param, ctx)
        return codes


@click.command("simulator", context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--host", default=_DEFAULTS.host, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=_DEFAULTS.port, help="0 takes a free one.")
@click.option(
    "--review",
    "review_seconds",
    type=Duration(),
    default=_DEFAULTS.review_seconds,
    help="From an RCS sender's submission to the last carrier's decision.",
)
@click.option(
    "--message",
    "message_seconds",
    type=Duration(),
    default=_DEFAULTS.message_seconds,
    help="From a message's creation to its last status.",
)
@click.option(
    "--activation",
    "activation_seconds",
    type=Duration(),
    default=_DEFAULTS.activation_seconds,
    help="From a channel configuration's creation to Active.",
)
@click.option(
    "--speed",
    type=Speed(min=0, max=MAX_SPEED),
    default=_DEFAULTS.speed,
    help="Simulated seconds per real one; 0 stops the clock until it is advanced.",
)
@click.option(
    "--max-concurrent",
    type=click.IntRange(min=1),
    default=_DEFAULTS.max_concurrent,
    help="Twilio calls of one account at the same time before 20429.",
)
@click.option(
    "--auto-submit/--no-auto-submit",
    default=_DEFAULTS.auto_submit,
    help="Play the person who submits RCS senders in the Console.",
)
@click.option(
    "--countries",
    type=Countries(),
    default=",".join(_DEFAULTS.countries),
    help="Countries that this person submits them for, separated by commas.",
)
@click.option("--seed", type=int, help="Makes SIDs and chances repeatable.")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), help="Keep the world in this file.")
def simulate(**options: Any) -> int:
    """Run the stand-ins for Twilio and Adobe Journey Optimizer.

    The page at / shows what exists. Durations are simulated time: 3s, 12h, 28d, or seconds.
    """
    # Late: the server takes half a second to import, and --help needs none of it.
    from simulator.server import serve

    code = serve(Config(**options))
    if code:
        raise click.exceptions.Exit(code)
    return code


if __name__ == "__main__":
    simulate.main(prog_name="python -m simulator")
