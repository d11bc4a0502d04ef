"""The command line, in this process."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout

from cli.exits import run
from cli.main import cli


def onboard(*arguments: str, code: int = 0) -> str:
    """What the command prints, both streams; fails when its exit code is another."""
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        found = run(cli, arguments)
    assert found == code, (found, output.getvalue())
    return output.getvalue()
