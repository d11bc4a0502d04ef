"""Which step graph an onboarding runs on, and how its rows come over to the present one.

They are made for one version of the catalogue and stay pinned to it: a worker that does not know the version, be it older or newer,
leaves the onboarding alone (docs/adr/0017-pinned-step-graph.md).
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, exists, insert, select, update

from engine.claim import free_expired_lease
from engine.digest import digest
from engine.transitions import append_event, move_step
from models.spec.onboarding import spec_from_json
from models.states import StepState
from models.tables import Event, Onboarding, Step

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from engine.contract import Catalogue

log = logging.getLogger(__name__)

# So often an onboarding's history says that it is left alone, however many messages come for it.
TOLD_EVERY = timedelta(hours=1)
LEFT_ALONE = "graph:unknown"


# As engine.transitions.lock_onboarding, with what has to be known.
_LOCKED = (
    select(Onboarding.c.graph_version, Onboarding.c.name)
    .where(Onboarding.c.id == bindparam("onboarding"))
    .with_for_update(key_share=True)
)


def is_known(connection: Connection, catalogue: Catalogue, onboarding_id: int, *, at: datetime, worker: str) -> bool:
    """Whether these steps may run for it; call it in the transaction that claims one: it locks the onboarding.

    If not, its history says so.
    """
    row = connection.execute(_LOCKED, {"onboarding": onboarding_id}).one_or_none()
    if row is None or row.graph_version in catalogue.known:
        return True
    text = (
        f"left alone: it runs on step graph {row.graph_version}, and the worker {worker} knows {catalogue.version}; "
        + how_to_go_on(catalogue, row.graph_version)
    )
    log.warning("%s: %s", row.name, text)
    told = exists().where(
        Event.c.onboarding_id == onboarding_id, Event.c.kind == LEFT_ALONE, Event.c.at > at - TOLD_EVERY
    )
    if not connection.execute(select(told)).scalar_one():
        append_event(connection, onboarding_id, LEFT_ALONE, text, at=at)
    return False


def how_to_go_on(catalogue: Catalogue, version: int) -> str:
    """For people: what to do about rows of another version."""
    if version > catalogue.version:
        return "a newer version of onboard made it, and only that one can go on with it"
    return "`onboard migrate` brings it over"


def bring_rows(connection: Connection, catalogue: Catalogue, row: Row[Any], *, at: datetime) -> set[str] | None:
    """Give the onboarding the rows of the present graph: new steps are added, removed ones are closed, all are in order.

    Of one that is taken down, or was, new steps are closed too: they never made anything.

    :param row: the onboarding, locked.
    :return: the steps that were added; None when a worker is at one of its steps, or when a newer version made it: then
        nothing was changed.
    """
    if row.graph_version == catalogue.version:
        return set()
    if row.graph_version > catalogue.version:
        return None
    for name in _names(connection, row.id, StepState.RUNNING):
        free_expired_lease(connection, row.id, name, at=at)
    if _names(connection, row.id, StepState.RUNNING):
        return None
    known = _names(connection, row.id)
    spec = spec_from_json(row.spec)
    added = [step for step in catalogue.steps if step.name not in known]
    removed = [name for name in known if name not in catalogue.by_name]
    closed = dict.fromkeys(removed, f"skipped: no longer one of the steps (step graph {catalogue.version})")
    if added:
        goes_back = select(exists().where(Step.c.onboarding_id == row.id, Step.c.is_removal))
        is_removal = connection.execute(goes_back).scalar_one()
        fresh = {"onboarding_id": row.id, "is_removal": is_removal}
        rows = [{**fresh, "name": step.name, **_fresh(digest(step.inputs(spec)))} for step in added]
        connection.execute(insert(Step), rows)
        if is_removal:
            closed |= dict.fromkeys([step.name for step in added], "skipped: nothing was made")
    for position, name in enumerate([*catalogue.names, *removed]):
        mine = (Step.c.onboarding_id == row.id) & (Step.c.name == name)
        connection.execute(update(Step).where(mine).values(position=position))
    for name, reason in closed.items():
        move_step(
            connection,
            onboarding_id=row.id,
            name=name,
            sources=[state for state in StepState if state is not StepState.RUNNING],
            target=StepState.SKIPPED,
            at=at,
            reason=reason,
            closes=True,
            settles=False,
            finished_at=at,
        )
    connection.execute(update(Onboarding).where(Onboarding.c.id == row.id).values(graph_version=catalogue.version))
    changes = [f"{step.name} is new" for step in added] + [f"{name} is no longer one of its steps" for name in removed]
    text = f"step graph {row.graph_version} -> {catalogue.version}: {'; '.join(changes) or 'the same steps'}"
    append_event(connection, row.id, "graph:taken_over", text, at=at)
    return {step.name for step in added}


def _names(connection: Connection, onboarding_id: int, state: StepState | None = None) -> list[str]:
    found = select(Step.c.name).where(Step.c.onboarding_id == onboarding_id).order_by(Step.c.position)
    return list(connection.execute(found if state is None else found.where(Step.c.state == state)).scalars())


def _fresh(inputs_digest: str) -> dict[str, Any]:
    """A step that nothing has happened to yet."""
    counts = {"position": 0, "attempt": 0, "failures": 0, "lost_leases": 0}
    return {"state": StepState.PENDING, "due_at": None, "inputs_digest": inputs_digest, "is_signalled": False, **counts}
