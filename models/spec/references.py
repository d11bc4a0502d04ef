"""Reads the secrets that a spec refers to, ``${env:NAME}`` and ``${file:PATH}``, once, at ``start``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from models.spec.faults import SpecErrors, SpecFault, path_of
from models.spec.types import SECRET_REFERENCE
from models.spec.wording import SECRETS
from settings import read_reference_variable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.spec.load import LoadedSpec

LARGEST_SECRET = 64 * 1024


class _Unreadable(Exception):
    """Problem and cure of one reference."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.cure = cure


def resolve_references(loaded: LoadedSpec) -> dict[str, SecretStr]:
    """The secrets of one spec, keyed by their path: ``twilio.auth_token``, ``ajo.client_secret``.

    :raises SpecErrors: with every reference that leads nowhere.
    """
    return resolve_all([loaded])[loaded.spec.name]


def resolve_all(specs: Iterable[LoadedSpec]) -> dict[str, dict[str, SecretStr]]:
    """The secrets of each spec, by the onboarding's name; one error for all references of all files."""
    faults: list[SpecFault] = []
    sound: list[LoadedSpec] = []
    secrets: dict[str, dict[str, SecretStr]] = {}
    for loaded in specs:
        found = {}
        count = len(faults)
        for section, key in SECRETS:
            reference: str = getattr(getattr(loaded.spec, section), key)
            try:
                found[path_of((section, key))] = SecretStr(_read(reference, loaded.path.parent))
            except _Unreadable as error:
                faults.append(loaded.document.fault((section, key), error.problem, error.cure))
        secrets[loaded.spec.name] = found
        if len(faults) == count:
            sound.append(loaded)
    if faults:
        raise SpecErrors(faults, sound)
    return secrets


def _read(reference: str, folder: Path) -> str:
    match = SECRET_REFERENCE.match(reference)
    assert match is not None  # noqa: S101  the model has checked it
    if match["kind"]:
        name = match["name"]
        value = read_reference_variable(name)
        if value is None:
            raise _Unreadable(f"the environment variable {name} is not set", f"export {name}=...")
        if not value.strip():
            raise _Unreadable(f"the environment variable {name} is empty", f"export {name}=...")
        return value
    return _read_file(match["path"], folder)


def _read_file(name: str, folder: Path) -> str:
    """The text of the file without its last line break; relative names start at the spec's folder."""
    try:
        path = folder / Path(name).expanduser()
        with path.open("rb") as file:
            raw = file.read(LARGEST_SECRET + 1)
        text = raw.decode("utf-8")
    except FileNotFoundError:
        raise _Unreadable(f"there is no file {path}", "write the secret into it, or correct the name") from None
    except UnicodeDecodeError:
        raise _Unreadable(f"the file {path} is not text", "write the secret into it as plain text") from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name is not valid"
        raise _Unreadable(
            f"the file {name} cannot be read: {reason.lower()}", "check the name and the file's permissions"
        ) from None
    if len(raw) > LARGEST_SECRET:
        raise _Unreadable(f"the file {path} is larger than 64 kB", "name the file that holds only the secret")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise _Unreadable(f"the file {path} is empty", "write the secret into it")
    return text
