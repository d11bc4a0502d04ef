"""``onboard doctor``: checks this installation, and says for each fault how to mend it."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from cli.exits import NOT_SET_UP

SIGNS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor_command(as_json: bool) -> int:
    """Check this installation and say what to mend.

    Exit code 0 when all is well or only warned about, 5 when something has to be mended.
    """
    from rich.text import Text

    from cli.render import make_console, print_hanging
    from cli.stack.checks import run_checks
    from settings import get_settings

    results = run_checks(get_settings())
    if as_json:
        click.echo(json.dumps([asdict(result) for result in results], indent=2))
    else:
        width = max(len(result.subject) for result in results)
        console = make_console()
        for result in results:
            margin = Text.assemble(SIGNS[result.level], f"  {result.subject:<{width}}  ")
            print_hanging(console, margin, Text(result.found))
            if result.cure:
                print_hanging(console, Text(f"{'':<{width + 6}}  -> "), Text(result.cure))
    return NOT_SET_UP if any(result.level == "fail" for result in results) else 0
