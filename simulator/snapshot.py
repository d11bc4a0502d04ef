"""The whole world as one JSON document, and back."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from simulator.state import State
from simulator.world import World

_FORMAT: Final = "onboard-simulator-1"


@dataclass
class _Snapshot:
    format: Literal["onboard-simulator-1"]
    state: State


_SNAPSHOT = TypeAdapter(_Snapshot)


class NotASnapshot(Exception):
    """The document was not written by this version of the simulator."""


def take_snapshot(world: World) -> bytes:
    """All that exists and all that is still to come, in JSON. It holds the secrets of the pretended world."""
    world.elapsed = world.clock.elapsed()
    world.skew_seconds = world.clock.skew_seconds
    world.appointments = world.clock.appointments
    state = State(**{field.name: getattr(world, field.name) for field in fields(State)})
    return _SNAPSHOT.dump_json(_Snapshot(_FORMAT, state))


def read_snapshot(document: bytes) -> State:
    """:raises NotASnapshot: with the first thing that is wrong."""
    try:
        return _SNAPSHOT.validate_json(document).state
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise NotASnapshot(f"not a snapshot of this simulator: {where}: {first['msg']}") from error


def load_file(path: Path) -> State | None:
    """The state in a file; None when there is no such file.

    :raises NotASnapshot: names the file.
    """
    if not path.exists():
        return None
    try:
        return read_snapshot(path.read_bytes())
    except NotASnapshot as error:
        raise NotASnapshot(f"{path}: {error}. Delete it to begin with an empty world") from error


def prepare_file(path: Path) -> Path:
    """The draft of a state file, empty, readable by its owner only.

    :raises OSError: nothing can be written there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.touch(mode=0o600)
    return draft


def save_file(path: Path, world: World) -> None:
    """Write the world to a file, whole or not at all."""
    draft = prepare_file(path)
    draft.write_bytes(take_snapshot(world))
    draft.replace(path)
