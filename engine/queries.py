"""What people read: lists and one onboarding whole, as plain data that serialises to JSON. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, and_, func, select

from models.states import OperatorTaskState, StepState
from models.tables import (
    Attempt,
    ChecklistItem,
    Event,
    Message,
    Onboarding,
    OperatorTask,
    Resource,
    Step,
    Verification,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

Record = dict[str, Any]
FINISHED = (StepState.SUCCEEDED, StepState.SKIPPED)


@dataclass(frozen=True, slots=True)
class Filters:
    """What ``list`` shows. ``waiting`` is ``person`` or ``vendor``; ``after`` is the last name of the page before."""

    status: str | None = None
    channel: str | None = None
    sandbox: str | None = None
    waiting: str | None = None
    after: str | None = None
    names: Sequence[str] = ()
    limit: int = 50


def _record(row: Row[Any]) -> Record:
    return dict(row._mapping)


def list_onboardings(connection: Connection, filters: Filters) -> list[Record]:
    """One page, by name. ``step`` is the first step that is not done, ``done`` how many are."""
    # Steps are joined to the page, not to the table: a page of 50 reads 250 steps, whatever the size of the table.
    page = select(Onboarding).where(*_conditions(filters)).order_by(Onboarding.c.name).limit(filters.limit)
    rows = [_record(row) for row in connection.execute(page).all()]
    steps: dict[int, list[Row[Any]]] = {row["id"]: [] for row in rows}
    found = select(Step).where(Step.c.onboarding_id.in_(list(steps))).order_by(Step.c.position)
    for step in connection.execute(found).all():
        steps[step.onboarding_id].append(step)
    return [_summary(row, steps[row["id"]]) for row in rows]


def _conditions(filters: Filters) -> list[Any]:
    conditions: list[Any] = []
    for column, value in (
        (Onboarding.c.status, filters.status),
        (Onboarding.c.channel, filters.channel),
        (Onboarding.c.sandbox, filters.sandbox),
    ):
        if value is not None:
            conditions.append(column == value)
    if filters.names:
        conditions.append(Onboarding.c.name.in_(list(filters.names)))
    if filters.after is not None:
        conditions.append(Onboarding.c.name > filters.after)
    if filters.waiting is not None:
        waits = and_(Step.c.onboarding_id == Onboarding.c.id, Step.c.state == f"waiting_{filters.waiting}")
        conditions.append(select(Step.c.id).where(waits).exists())
    return conditions


def _summary(row: Record, steps: list[Row[Any]]) -> Record:
    current = next((step for step in steps if step.state not in FINISHED), None)
    return {
        "name": row["name"],
        "channel": row["channel"],
        "brand": row["brand"],
        "sandbox": row["sandbox"],
        "status": row["status"],
        "reason": row["reason"],
        "step": current.name if current is not None else None,
        "done": sum(step.state in FINISHED for step in steps),
        "steps": {step.name: step.state for step in steps},
        "waiting_for": current.waiting_for if current is not None else None,
        "waiting_since": current.waiting_since if current is not None else None,
        "updated_at": row["updated_at"],
        "next_verification_at": row["next_verification_at"],
    }


def count_by_status(connection: Connection) -> dict[str, int]:
    statement = select(Onboarding.c.status, func.count()).group_by(Onboarding.c.status).order_by(Onboarding.c.status)
    return {str(row[0]): row[1] for row in connection.execute(statement).all()}


def similar_names(connection: Connection, name: str, limit: int = 200) -> list[str]:
    """Names that begin alike, for "did you mean" and for shell completion."""
    statement = select(Onboarding.c.name).where(Onboarding.c.name.startswith(name[:2], autoescape=True))
    return list(connection.execute(statement.order_by(Onboarding.c.name).limit(limit)).scalars())


def complete_names(connection: Connection, start: str) -> list[str]:
    statement = select(Onboarding.c.name).where(Onboarding.c.name.startswith(start, autoescape=True))
    return list(connection.execute(statement.order_by(Onboarding.c.name).limit(50)).scalars())


def show_onboarding(connection: Connection, name: str) -> Record | None:
    """Everything about one onboarding that people need; None when there is none of that name."""
    row = connection.execute(select(Onboarding).where(Onboarding.c.name == name)).one_or_none()
    if row is None:
        return None

    def of(table: Any, *, newest: int | None = None) -> list[Record]:
        statement = select(table).where(table.c.onboarding_id == row.id)
        if newest is not None:
            statement = statement.order_by(table.c.id.desc()).limit(newest)
            return [_record(found) for found in reversed(connection.execute(statement).all())]
        return [_record(found) for found in connection.execute(statement.order_by(table.c.id)).all()]

    steps = [
        _record(found)
        for found in connection.execute(
            select(Step).where(Step.c.onboarding_id == row.id).order_by(Step.c.position)
        ).all()
    ]
    tasks = [task for task in of(OperatorTask) if task["state"] == OperatorTaskState.OPEN]
    return {
        "onboarding": {key: value for key, value in _record(row).items() if key != "spec"},
        "steps": steps,
        "last_attempts": _last_attempts(connection, [step["id"] for step in steps]),
        "resources": of(Resource),
        "checklist": of(ChecklistItem),
        "operator_tasks": tasks,
        "messages": of(Message, newest=10),
        "verifications": of(Verification, newest=3),
        "events": of(Event, newest=8),
    }


def _last_attempts(connection: Connection, step_ids: list[int]) -> list[Record]:
    newest = (
        select(Attempt.c.step_id, func.max(Attempt.c.number).label("number"))
        .where(Attempt.c.step_id.in_(step_ids))
        .group_by(Attempt.c.step_id)
        .subquery()
    )
    statement = select(Attempt).join(
        newest, and_(Attempt.c.step_id == newest.c.step_id, Attempt.c.number == newest.c.number)
    )
    return [_record(row) for row in connection.execute(statement).all()]


def list_events(
    connection: Connection, onboarding_id: int, *, step: str | None, after: int, limit: int
) -> list[Record]:
    """The newest ``limit`` events after the event ``after``, oldest of them first."""
    statement = select(Event).where(Event.c.onboarding_id == onboarding_id, Event.c.id > after)
    if step is not None:
        statement = statement.where(Event.c.step == step)
    rows = connection.execute(statement.order_by(Event.c.id.desc()).limit(limit)).all()
    return [_record(row) for row in reversed(rows)]


def list_operator_tasks(connection: Connection, name: str | None) -> list[Record]:
    """Open operator tasks, oldest first, with the onboarding's name."""
    statement = (
        select(OperatorTask, Onboarding.c.name.label("onboarding"))
        .join(Onboarding, Onboarding.c.id == OperatorTask.c.onboarding_id)
        .where(OperatorTask.c.state == OperatorTaskState.OPEN)
        .order_by(OperatorTask.c.opened_at)
    )
    if name is not None:
        statement = statement.where(Onboarding.c.name == name)
    return [_record(row) for row in connection.execute(statement).all()]


def onboarding_id(connection: Connection, name: str) -> int | None:
    return connection.execute(select(Onboarding.c.id).where(Onboarding.c.name == name)).scalar_one_or_none()
