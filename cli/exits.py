"""Exit codes and how failures become them. The table is printed by ``onboard --help``."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click

from cli.signs import show_signs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FAILED = 1
USAGE = 2
NEEDS_PERSON = 3
NOT_FOUND = 4
NOT_SET_UP = 5
WARNINGS = 6


class Exit(click.ClickException):
    """A failure the user can act on: one sentence and an exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # click declares it per class, ours differ per failure

    def show(self, file: IO[Any] | None = None) -> None:
        """As click does, but on a terminal no word is broken."""
        if file is not None or not sys.stderr.isatty():
            super().show(file)
            return
        from rich.text import Text

        from cli.render import make_console, print_hanging

        console = make_console(stderr=True)
        for number, line in enumerate(self.format_message().splitlines()):
            print_hanging(console, Text("       " if number else "Error: "), Text(line))


class TwoIsNews(click.Command):
    """A command for cron and CI whose 2 says that there is something to do: whatever goes wrong is 1."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        with _failing():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        with _failing():
            return super().invoke(ctx)


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        error.exit_code = FAILED  # type: ignore[misc]  # as of Exit
        raise
    except click.exceptions.Exit as error:
        # The faults of a spec file are printed already; --help ends with 0.
        raise click.exceptions.Exit(FAILED if error.exit_code else 0) from None
    except click.exceptions.Abort:
        raise
    except Exception as error:
        sentence = _explain(error)
        if sentence is None:
            raise
        raise Exit(sentence, FAILED) from error


def run(command: click.Command, argv: Sequence[str] | None) -> int:
    """Run ``command`` and return its exit code. Ctrl-C is 130, a closed pipe is 0, as shells expect."""
    show_signs()
    try:
        result = command.main(args=argv, standalone_mode=False, prog_name="onboard")
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        sentence = _explain(error)
        if sentence is None:
            raise
        click.echo(f"Error: {sentence}", err=True)
        return NOT_SET_UP
    return result if isinstance(result, int) else 0


def _wrong_setting(fault: dict[str, Any]) -> str:
    """A fault between two settings belongs to neither and names both in its message."""
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"ONBOARD_{fault['loc'][0]}".upper() + f": {message}" if fault["loc"] else message


def _explain(error: Exception) -> str | None:
    """A sentence for the failures of an installation; None for programming errors, which keep their traceback."""
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    if name == "providers.errors.Misconfigured":
        return str(error)
    if name == "pydantic_core._pydantic_core.ValidationError" and "Settings" in str(error):
        return "a setting is wrong. " + "; ".join(map(_wrong_setting, _faults(error)))
    if name == "sqlalchemy.exc.OperationalError":
        return (
            f"the database does not answer ({str(error).splitlines()[0]}). Is it running? `onboard doctor` tells more."
        )
    if name in {"sqlalchemy.exc.NoSuchModuleError", "sqlalchemy.exc.ArgumentError"}:
        return (
            "ONBOARD_DATABASE_URL is not a URL this program can use: write postgresql+psycopg://USER:PASSWORD@HOST/NAME, "
            "or leave it empty for SQLite."
        )
    if isinstance(error, KeyError) and "No such transport" in str(error):
        return "ONBOARD_BROKER_URL is not a URL this program can use: write redis://HOST:6379/0, or leave it empty."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}. ONBOARD_HOME must be a folder that can be written."
    if name == "kombu.exceptions.OperationalError":
        return "the broker does not answer. Is it running? `onboard up` starts everything; `onboard doctor` tells more."
    return None


def _faults(error: Exception) -> list[dict[str, Any]]:
    faults: list[dict[str, Any]] = error.errors()  # type: ignore[attr-defined]  # pydantic is not imported for --help
    return faults
