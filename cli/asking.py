"""What is said where a question would be asked and nobody is there to answer it."""

from __future__ import annotations

from cli.exits import USAGE, Exit


def require_somebody(*, as_json: bool = False, code: int = USAGE) -> None:
    """Call this before a question that ``--yes`` answers.

    :raises Exit: nobody can be asked.
    """
    from settings import is_interactive

    if not is_interactive():
        raise Exit("this is not a terminal, so nobody can be asked: add --yes", code)
    if as_json:
        raise Exit("with --json nobody is asked: add --yes", code)
