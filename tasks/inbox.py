"""Carries stored events on to AJO: one task per onboarding, in order per message, until delivered or parked."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from engine import inbox
from engine.arrivals import apply_arrived
from engine.wake import WakeUp
from models.db import reader
from models.tables import Onboarding
from providers.errors import OnboardingError, Retryable, WorkerStops
from providers.writes import checked
from settings import LONGEST_CALL
from tasks import names
from tasks.celery import BROKER_ERRORS, app
from tasks.chain import send
from tasks.process import workshop
from tasks.to_ajo import load_destinations, post_to_ajo

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Row

    from engine.context import Workshop
    from tasks.to_ajo import Destinations

log = logging.getLogger(__name__)

# Taken together, posted and recorded one by one: what a killed worker had taken waits for the end of its lease.
EVENTS_PER_LOOK = 10
# In timeouts: a token, the event, refused, another token, the event again.
LONGEST_POST = 4 * LONGEST_CALL
# A task that went on for ever would keep its thread from everybody else's events.
LOOKS_PER_TASK = 10


@app.task(name=names.FORWARD)
def forward(onboarding_id: int) -> None:
    shop = workshop()
    wakeups, is_all = forward_due(shop, onboarding_id)
    send(wakeups)
    if not is_all:
        send_forwards([(onboarding_id, wakeups[0].name if wakeups else _name_of(shop, onboarding_id))])


def forward_due(shop: Workshop, onboarding_id: int) -> tuple[list[WakeUp], bool]:
    """Apply what has arrived for this onboarding and forward what is due.

    :return: the steps that this made ready, and whether nothing that could be done is left.
    """
    wakeups: dict[str, WakeUp] = {}
    # Whatever came before it, the first of them has time for its call.
    lease_seconds = shop.settings.lease_seconds + LONGEST_POST * shop.settings.http_timeout_seconds
    for _ in range(LOOKS_PER_TASK):
        if shop.stops.is_set():
            break
        with shop.db.begin() as connection:
            applied = apply_arrived(
                connection, onboarding_id, at=shop.now(), grace_seconds=shop.settings.wake_grace_seconds
            )
            rows = inbox.take(
                connection, onboarding_id, at=shop.now(), lease_seconds=lease_seconds, most=EVENTS_PER_LOOK
            )
        if applied.wakes_verification:
            name = _name_of(shop, onboarding_id)
            wakeups["verification"] = WakeUp(onboarding_id, name, "verification")
        if rows:
            destinations = load_destinations(shop, onboarding_id, rows)
            if _forward_all(shop, rows, destinations):
                wakeups["webhook"] = WakeUp(onboarding_id, destinations.name, "webhook")
        elif applied.is_all:
            return list(wakeups.values()), True
    return list(wakeups.values()), False


def _name_of(shop: Workshop, onboarding_id: int) -> str:
    with reader(shop.db).begin() as connection:
        found = select(Onboarding.c.name).where(Onboarding.c.id == onboarding_id)
        return str(connection.execute(found).scalar_one())


def _forward_all(shop: Workshop, rows: Sequence[Row[Any]], destinations: Destinations) -> bool:
    """Post what was taken together, until this worker shall begin no more calls. True when that makes the webhook step ready."""
    is_ready, unwell, untried = False, set(), []
    longest_call = timedelta(seconds=LONGEST_POST * shop.settings.http_timeout_seconds)
    for row in rows:
        # Its circuit may be open now; and nobody else may take an event before our call for it has ended.
        if shop.stops.is_set() or row.kind in unwell or shop.now() + longest_call > row.forward_due_at:
            untried.append(row)
            continue
        try:
            error, wakes = _forward_one(shop, row, destinations)
        except WorkerStops:
            untried.append(row)
            continue
        is_ready |= wakes
        if error is not None:
            unwell.add(row.kind)
    if untried:
        with shop.db.begin() as connection:
            inbox.give_back(connection, untried, at=shop.now())
    return is_ready


def _forward_one(shop: Workshop, row: Row[Any], destinations: Destinations) -> tuple[str | None, bool]:
    """Post one event and record what came of it: the error, and whether the webhook step is ready now.

    :raises WorkerStops: it was not posted: this worker was asked to end.
    """
    error: str | None = None
    is_final, asked = False, None
    try:
        with checked(partial(_go_on, shop)):
            post_to_ajo(shop, row, destinations)
    except WorkerStops:
        raise
    except Retryable as failure:
        error, asked = failure.message, failure.after
    except OnboardingError as failure:
        error, is_final = failure.message, True
    except Exception as failure:
        # A defect of ours must not stop the events behind this one; it is tried again until it is parked.
        log.exception("event %s of %s could not be forwarded", row.dedupe_key, destinations.name)
        error = f"internal error ({type(failure).__name__}); see the worker's log"
    if error is not None:
        log.warning("event %s of %s was not taken by AJO: %s", row.dedupe_key, destinations.name, error)
    with shop.db.begin() as connection:
        wakes = inbox.settle_event(
            connection,
            row,
            error=error,
            is_final=is_final,
            asked=asked,
            base_seconds=shop.settings.retry_base_seconds,
            park_after=timedelta(seconds=shop.settings.park_after_seconds),
            at=shop.now(),
            grace_seconds=shop.settings.wake_grace_seconds,
        )
    return error, wakes


def _go_on(shop: Workshop) -> None:
    """Between a token and the event that it is for, too: together they may take longer than a worker is waited for."""
    if shop.stops.is_set():
        raise WorkerStops("this worker was asked to stop; another one goes on")


def send_forwards(due: Iterable[tuple[int, str]]) -> None:
    """Send one forwarding message per onboarding; a failure is no loss, the tick tries again."""
    with app.producer_pool.acquire(block=True) as producer:
        for onboarding_id, name in due:
            try:
                forward.apply_async((onboarding_id,), argsrepr=f"({name!r},)", producer=producer)
            except BROKER_ERRORS as error:
                log.warning("forwarding for %s could not be woken now (%s)", name, type(error).__name__)
