"""Work for people: opened by a step, answered, rejected and assigned from the command line."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, select, update

from engine.texts import fill
from engine.transitions import append_event
from engine.upsert import upsert
from models.states import DONE, OperatorTaskState
from models.tables import OperatorTask, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

T = OperatorTaskState


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person brought back, and who."""

    values: dict[str, str]
    by: str


@dataclass(frozen=True, slots=True)
class StillOpen:
    """Nobody has done it yet; ``why`` when somebody rejected it."""

    title: str
    why: str | None


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
    params: Mapping[str, str] | None = None,
    instructions: Sequence[str] = (),
) -> Answer | StillOpen:
    """Open the task unless it is there; its answer if it was done for exactly these values.

    :param title: like ``place``, ``instructions`` and the fields' labels an id of :mod:`engine.texts`, with ``params``.
    :param secrets: the values of the secrets that ``fields`` name. They are not stored; a changed one has to be entered
        by the person again, so it opens the task again.
    """
    params = dict(params or {})
    entered = {"fields": [dict(field) for field in fields]}
    fingerprint = hashlib.sha256(json.dumps({**entered, "secrets": dict(secrets)}, sort_keys=True).encode()).hexdigest()
    text = fill(title, params)
    row = connection.execute(
        select(OperatorTask).where(OperatorTask.c.onboarding_id == onboarding_id, OperatorTask.c.key == key)
    ).one_or_none()
    if row is not None and row.digest == fingerprint:
        if row.state == T.DONE:
            return Answer(row.values, row.done_by)
        return StillOpen(text, f"rejected by {row.rejected_by}: {row.rejection}" if row.rejection else None)
    values: dict[str, Any] = {
        **entered,
        "title": title,
        "params": params,
        "place": place,
        "instructions": list(instructions),
        "step": step,
        "bring_back": list(bring_back),
        "digest": fingerprint,
        "state": T.OPEN,
        "values": {},
        "opened_at": at,
        "done_at": None,
        "done_by": None,
        "rejection": None,
        "rejected_at": None,
        "rejected_by": None,
    }
    upsert(connection, OperatorTask, key={"onboarding_id": onboarding_id, "key": key}, values=values)
    append_event(connection, onboarding_id, "operator_task:opened", text, at=at, step=step)
    return StillOpen(text, None)


def find_task(connection: Connection, onboarding_id: int, key: str) -> Row[Any]:
    """The task, with the state of its step as ``step_state``.

    :raises UnknownTask: no task that is still of use has this key.
    """
    row = connection.execute(
        select(OperatorTask, Step.c.state.label("step_state"))
        .join(Step, (Step.c.onboarding_id == OperatorTask.c.onboarding_id) & (Step.c.name == OperatorTask.c.step))
        .where(OperatorTask.c.onboarding_id == onboarding_id, OperatorTask.c.key == key)
    ).one_or_none()
    if row is None or row.step_state in DONE:
        raise UnknownTask(key)
    return row


def answer_task(
    connection: Connection, onboarding_id: int, key: str, *, values: Mapping[str, str], by: str, at: datetime
) -> str:
    """Record that a person did it; the name of the step that waits for it.

    A task that was answered already can be answered anew while its step is not done: what was brought back was wrong.

    :raises UnknownTask: no task that is still of use has this key.
    :raises MissingValues: a value that the task asks for was not given.
    """
    row = find_task(connection, onboarding_id, key)
    missing = [name for name in row.bring_back if not _is_usable(name, values.get(name, ""))]
    if missing:
        raise MissingValues(missing)
    _change(
        connection,
        row,
        state=T.DONE,
        values=dict(values),
        done_by=by,
        done_at=at,
        rejection=None,
        rejected_at=None,
        rejected_by=None,
    )
    text = f"{fill(row.title, row.params)}, by {by}"
    append_event(connection, onboarding_id, "operator_task:done", text, at=at, step=row.step)
    return str(row.step)


def reject_task(connection: Connection, onboarding_id: int, key: str, *, reason: str, by: str, at: datetime) -> str:
    """Record that it cannot be done as it stands, or that what was brought back is wrong; the name of its step.

    A task that was done is open again, without its answer; one that was open is blocked.

    :raises UnknownTask: no task that is still of use has this key.
    """
    row = find_task(connection, onboarding_id, key)
    state = T.OPEN if row.state == T.DONE else T.BLOCKED
    _change(
        connection,
        row,
        state=state,
        values={},
        done_at=None,
        done_by=None,
        rejection=reason,
        rejected_at=at,
        rejected_by=by,
    )
    text = f"{fill(row.title, row.params)}: rejected by {by}: {reason}"
    append_event(connection, onboarding_id, "operator_task:rejected", text, at=at, step=row.step)
    return str(row.step)


def assign_task(connection: Connection, onboarding_id: int, key: str, *, who: str, by: str, at: datetime) -> None:
    """Record whose work it is.

    :raises UnknownTask: no task that is still of use has this key.
    """
    row = find_task(connection, onboarding_id, key)
    _change(connection, row, assignee=who)
    text = f"{fill(row.title, row.params)}: assigned to {who} by {by}"
    append_event(connection, onboarding_id, "operator_task:assigned", text, at=at, step=row.step)


def _change(connection: Connection, row: Row[Any], **values: Any) -> None:
    connection.execute(update(OperatorTask).where(OperatorTask.c.id == row.id).values(**values))


def _is_usable(name: str, value: str) -> bool:
    """What can be checked at once is: an address has to be one. More of it: :mod:`engine.operator_checks`."""
    return value.startswith(("https://", "http://")) if name == "url" else bool(value)
