"""Work for people: opened by a step, answered from the command line."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from engine.transitions import append_event
from engine.upsert import upsert
from models.states import DONE, OperatorTaskState
from models.tables import OperatorTask, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person brought back, and who."""

    values: dict[str, str]
    by: str


class UnknownTask(LookupError):
    """There is no such operator task."""


class MissingValues(ValueError):
    """The person did not bring back everything, or something that cannot be it."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def open_task(
    connection: Connection,
    *,
    onboarding_id: int,
    step: str,
    key: str,
    title: str,
    place: str,
    fields: Sequence[Mapping[str, str]],
    secrets: Mapping[str, str],
    bring_back: Sequence[str],
    at: datetime,
) -> Answer | None:
    """Open the task unless it is there; its answer if it was done for exactly these values, else None.

    :param secrets: the values of the secrets that ``fields`` name. They are not stored; a changed one has to be entered
        by the person again, so it opens the task again.
    """
    wanted = {"title": title, "place": place, "fields": [dict(field) for field in fields]}
    fingerprint = hashlib.sha256(json.dumps({**wanted, "secrets": dict(secrets)}, sort_keys=True).encode()).hexdigest()
    row = connection.execute(
        select(OperatorTask).where(OperatorTask.c.onboarding_id == onboarding_id, OperatorTask.c.key == key)
    ).one_or_none()
    if row is not None and row.digest == fingerprint:
        return Answer(row.values, row.done_by) if row.state == OperatorTaskState.DONE else None
    values: dict[str, Any] = {
        **wanted,
        "step": step,
        "bring_back": list(bring_back),
        "digest": fingerprint,
        "state": OperatorTaskState.OPEN,
        "values": {},
        "opened_at": at,
        "done_at": None,
        "done_by": None,
    }
    upsert(connection, OperatorTask, key={"onboarding_id": onboarding_id, "key": key}, values=values)
    append_event(connection, onboarding_id, "operator_task:opened", title, at=at, step=step)
    return None


def answer_task(
    connection: Connection, onboarding_id: int, key: str, *, values: Mapping[str, str], by: str, at: datetime
) -> str:
    """Record that a person did it; the name of the step that waits for it.

    A task that was answered already can be answered anew while its step is not done: what was brought back was wrong.

    :raises UnknownTask: no task that is still of use has this key.
    :raises MissingValues: a value that the task asks for was not given.
    """
    row = connection.execute(
        select(OperatorTask, Step.c.state.label("step_state"))
        .join(Step, (Step.c.onboarding_id == OperatorTask.c.onboarding_id) & (Step.c.name == OperatorTask.c.step))
        .where(OperatorTask.c.onboarding_id == onboarding_id, OperatorTask.c.key == key)
    ).one_or_none()
    if row is None or (row.state != OperatorTaskState.OPEN and row.step_state in DONE):
        raise UnknownTask(key)
    missing = [name for name in row.bring_back if not _is_usable(name, values.get(name, ""))]
    if missing:
        raise MissingValues(missing)
    connection.execute(
        update(OperatorTask)
        .where(OperatorTask.c.id == row.id)
        .values(state=OperatorTaskState.DONE, values=dict(values), done_by=by, done_at=at)
    )
    append_event(connection, onboarding_id, "operator_task:done", f"{row.title}, by {by}", at=at, step=row.step)
    return str(row.step)


def _is_usable(name: str, value: str) -> bool:
    """What can be checked at once is: an address has to be one."""
    return value.startswith(("https://", "http://")) if name == "url" else bool(value)
