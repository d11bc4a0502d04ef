"""What people say of the work that waits for them. Each command is one transaction, like those of engine.commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import select

from engine import evidence, operator_tasks
from engine.commands import NotPossible, find
from engine.operator_items import wait_key
from engine.operator_tasks import UnknownTask
from engine.transitions import append_event
from engine.wake import WakeUp, signal_step
from models.states import StepState
from models.tables import OperatorTask, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from engine.evidence import Exhibit
    from engine.vault import Vault


@dataclass(frozen=True, slots=True)
class Said:
    """What came of it: what to wake, and whether the step had failed, so that only a retry lets it look."""

    wakeups: list[WakeUp]
    has_failed: bool


def report_done(
    connection: Connection,
    name: str,
    key: str,
    *,
    values: Mapping[str, str],
    exhibits: Sequence[Exhibit],
    vault: Vault | None,
    by: str,
    at: datetime,
    grace_seconds: float,
) -> Said:
    """Record that a person did an operator task, or what a step waits for; the step looks at once.

    :param vault: to refuse secrets in clear; None where this machine has no key to know them.
    :raises engine.commands.UnknownOnboarding: there is none of this name.
    :raises engine.operator_tasks.UnknownTask: nothing of this key waits for a person.
    :raises engine.operator_tasks.MissingValues: something was not brought back.
    :raises engine.evidence.NotAcceptable: a piece of evidence or a value cannot be kept.
    """
    row = find(connection, name)
    given = [(f"the value {each}", value.encode()) for each, value in values.items()]
    given += [(exhibit.name, exhibit.content) for exhibit in exhibits]
    evidence.refuse_secrets(connection, row.id, vault, given)
    wait = _find_wait(connection, row.id, key)
    if wait is None:
        step = operator_tasks.answer_task(connection, row.id, key, values=values, by=by, at=at)
    else:
        step = str(wait.name)
        text, details = f"{key}: done, says {by}", {"what": wait.reason, "by": by}
        append_event(connection, row.id, "wait:answered", text, at=at, step=step, details=details)
    evidence.keep(connection, row.id, key, exhibits, step=step, by=by, at=at)
    return _wake(connection, row, step, at=at, grace_seconds=grace_seconds)


def reject(
    connection: Connection,
    name: str,
    key: str,
    *,
    reason: str,
    vault: Vault | None,
    by: str,
    at: datetime,
    grace_seconds: float,
) -> Said:
    """Record that an operator task cannot be done, or was done wrong; its step says so from now on.

    :raises engine.commands.UnknownOnboarding: there is none of this name.
    :raises engine.operator_tasks.UnknownTask: no such task is of use any more.
    :raises engine.evidence.NotAcceptable: the reason holds a secret.
    """
    row = find(connection, name)
    evidence.refuse_secrets(connection, row.id, vault, [("the reason", reason.encode())])
    step = operator_tasks.reject_task(connection, row.id, key, reason=reason, by=by, at=at)
    return _wake(connection, row, step, at=at, grace_seconds=grace_seconds)


def assign(connection: Connection, name: str, key: str, *, who: str, by: str, at: datetime) -> None:
    """Record whose work an operator task is.

    :raises engine.commands.UnknownOnboarding: there is none of this name.
    :raises engine.operator_tasks.UnknownTask: no such task is of use any more.
    """
    row = find(connection, name)
    operator_tasks.assign_task(connection, row.id, key, who=who, by=by, at=at)


def reveal(connection: Connection, vault: Vault, name: str, key: str, *, by: str, at: datetime) -> dict[str, str]:
    """The secrets that a task wants entered, by their stored names; that ``by`` asked for each is an event.

    :raises engine.commands.UnknownOnboarding: there is none of this name.
    :raises engine.operator_tasks.UnknownTask: there is no such task.
    :raises engine.commands.NotPossible: a secret is not stored.
    """
    row = find(connection, name)
    where = (OperatorTask.c.onboarding_id == row.id, OperatorTask.c.key == key)
    task = connection.execute(select(OperatorTask.c.step, OperatorTask.c.fields).where(*where)).one_or_none()
    if task is None:
        raise UnknownTask(key)
    shown: dict[str, str] = {}
    for field in task.fields:
        if "secret" not in field:
            continue
        value = vault.read(connection, row.id, field["secret"])
        if value is None:
            raise NotPossible(f"the secret {field['secret']} is not stored; run `onboard update FILE`")
        shown[field["secret"]] = value
        text = f"{field['label']} of the task {key} was shown to {by}"
        append_event(connection, row.id, "secret:revealed", text, at=at, step=task.step)
    return shown


def _find_wait(connection: Connection, onboarding_id: int, key: str) -> Row[Any] | None:
    """The step (name, reason) that waits for a person without an operator task, under its key in the list.

    Also while it is looking whether the wait is over.
    """
    tasks = select(OperatorTask.c.key).where(OperatorTask.c.onboarding_id == onboarding_id)
    keys = set(connection.execute(tasks).scalars())
    is_looking = Step.c.state.in_([StepState.READY, StepState.RUNNING]) & Step.c.waiting_for.like("a person%")
    steps = select(Step.c.name, Step.c.reason, Step.c.waiting_topic).where(
        Step.c.onboarding_id == onboarding_id, (Step.c.state == StepState.WAITING_PERSON) | is_looking
    )
    for step in connection.execute(steps):
        topic = step.waiting_topic or "person"
        if topic not in keys and wait_key(topic) == key:
            return cast("Row[Any]", step)
    return None


def _wake(connection: Connection, row: Row[Any], step: str, *, at: datetime, grace_seconds: float) -> Said:
    is_ready = signal_step(connection, row.id, step, at=at, grace_seconds=grace_seconds)
    found = select(Step.c.state, Step.c.is_removal).where(Step.c.onboarding_id == row.id, Step.c.name == step)
    now = connection.execute(found).one()
    wakeups = [WakeUp(row.id, row.name, step, now.is_removal)] if is_ready else []
    return Said(wakeups, now.state is StepState.FAILED)
