"""The rows of the matrix: what is run, from where it begins, when it is over, and what the vendors must then have."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from engine import teardown
from engine.commands import retry
from engine.inbox import ON_ITS_WAY
from engine.operator_commands import report_done
from engine.removal import Choice
from engine.start import start
from models.db import reader
from models.states import OnboardingState, OperatorTaskState, StepState
from models.tables import Event, Onboarding, OperatorTask, Step, WebhookEvent
from tests.factories import make_spec
from tests.integration.house import AUTH_TOKEN, CLIENT_SECRET
from tests.integration.services import fetch

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engine.context import Workshop
    from tests.crash.seams import Cell
    from tests.crash.small_worker import SmallWorker

NAME = "acme"
# The call that makes it, and what keeps it: only after the last of these is it ours for good.
KEY = re.compile("API key|keep_secret|twilio_api_key")
SECRETS = {"twilio.auth_token": AUTH_TOKEN, "ajo.client_secret": CLIENT_SECRET}


@dataclass(frozen=True, slots=True)
class Run:
    """
    :ivar prepare: what has happened before; nobody dies in it.
    :ivar extra: how many more the vendors may have of something, after these deaths.
    """

    prepare: Callable[[Workshop, SmallWorker, str], None]
    is_over: Callable[[Workshop], bool]
    extra: Callable[[list[Cell], str], int]


def _start(shop: Workshop, worker: SmallWorker, channel: str) -> None:
    spec = make_spec(channel, NAME)
    with shop.db.begin() as connection:
        start(
            connection,
            shop.catalogue,
            shop.vault,
            spec,
            SECRETS,
            is_update=False,
            at=shop.now(),
            grace_seconds=shop.settings.wake_grace_seconds,
        )


def _is_active(shop: Workshop) -> bool:
    """And AJO has heard all."""
    pending = select(func.count()).where(WebhookEvent.c.forward_state.in_(ON_ITS_WAY))
    with reader(shop.db).begin() as connection:
        status = connection.execute(select(Onboarding.c.status)).scalar_one()
        return status is OnboardingState.ACTIVE and connection.execute(pending).scalar_one() == 0


def _extra(cells: list[Cell], key: str) -> int:
    """What no protocol can do better, or the vendor does not offer.

    A key whose secret was lost with the process is deleted and made again: Twilio shows a secret once. AJO knows no key
    against duplicates: an event that it took, and whose taking could not be recorded, comes again.
    """
    deaths = [cell for cell in cells for _ in cell.deaths if cell.column != "before the call"]
    if key == "api_key made":
        return sum(cell.where == "credential" and bool(KEY.search(cell.row)) for cell in deaths)
    if key.startswith("event "):
        return sum(cell.where == "forwarder" for cell in deaths)
    return 0


def _begin_teardown(shop: Workshop, worker: SmallWorker, channel: str) -> None:
    _start(shop, worker, channel)
    worker.run(lambda: _is_active(shop))
    with shop.db.begin() as connection:
        teardown.begin(connection, shop.catalogue, NAME, Choice(), actor="a person", at=shop.now(), grace_seconds=1)


def _is_removed(shop: Workshop) -> bool:
    """The person who deletes the RCS sender in Twilio's Console is quick."""
    with reader(shop.db).begin() as connection:
        keys = connection.execute(select(OperatorTask.c.key).where(OperatorTask.c.state == OperatorTaskState.OPEN))
        key = keys.scalars().first()
    if key is not None:
        fetch(f"{os.environ['TEST_SIMULATOR_URL']}/_sim/senders/rcs:acme_agent", method="DELETE")
        with shop.db.begin() as connection:
            done = {"values": {}, "exhibits": (), "vault": shop.vault, "by": "a person"}
            report_done(connection, NAME, key, at=shop.now(), grace_seconds=1, **done)
    with reader(shop.db).begin() as connection:
        return connection.execute(select(Onboarding.c.status)).scalar_one() is OnboardingState.REMOVED


RUNS = {"onboarding": Run(_start, _is_active, _extra), "teardown": Run(_begin_teardown, _is_removed, _extra)}


def at_vendors(ledger: dict[str, Any]) -> dict[str, int]:
    """The simulator's own count, without what differs from run to run."""
    seen: Counter[str] = Counter({"duplicates": len(ledger["duplicates"])})
    for kind, counts in ledger["counts"].items():
        seen[f"{kind} live"], seen[f"{kind} made"] = counts["live"], counts["created"]
    seen.update(f"message {m['direction']} to {m['to']} {m['status']}" for m in ledger["messages"])
    seen.update(f"message of AJO {m['status']}" for m in ledger["ajo_messages"])
    taken = [event for event in ledger["events"] if event["http_status"] == 200]
    seen.update(f"event {event['type']} {said(event)}" for event in taken)
    return dict(seen)


def said(event: dict[str, Any]) -> str:
    statuses = event["body"].get("statuses") or [{}]
    return str(statuses[0].get("status"))


def mend(shop: Workshop) -> None:
    """``onboard retry``, once the cause is gone."""
    with shop.db.begin() as connection:
        retry(connection, shop.catalogue, NAME, actor="a person", at=shop.now(), grace_seconds=1)


def is_parked(shop: Workshop) -> bool:
    with reader(shop.db).begin() as connection:
        return any(reasons(connection))


def reasons(connection: Connection) -> list[str]:
    """Of the steps that a person has to look at."""
    parked = select(Step.c.reason).where(Step.c.state == StepState.WAITING_PERSON)
    return list(connection.execute(parked).scalars())


def story(shop: Workshop) -> str:
    with reader(shop.db).begin() as connection:
        rows = connection.execute(select(Event.c.kind, Event.c.step, Event.c.text).order_by(Event.c.id)).all()
        waiting = connection.execute(select(WebhookEvent).where(WebhookEvent.c.forward_state.in_(ON_ITS_WAY))).all()
    lines = [f"    {row.kind} {row.step or ''}: {row.text}" for row in rows[-25:]]
    lines += [
        f"    {row.forward_state} since {row.received_at}, due {row.forward_due_at}, {row.forward_tries} tries: {row.forward_error}"
        for row in waiting
    ]
    return "\n".join([*lines, f"    now {shop.now()}"])
