"""Carries stored events on to AJO: one task per onboarding, in order per message, until delivered or parked."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from engine import inbox
from engine.wake import WakeUp
from models.db import reader
from models.tables import Onboarding, Resource
from providers.errors import OnboardingError, Retryable
from tasks import names
from tasks.celery import BROKER_ERRORS, app
from tasks.chain import send
from tasks.process import workshop
from tasks.to_ajo import post_to_ajo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Row

    from engine.context import Workshop

log = logging.getLogger(__name__)


# A task that went on for ever would keep its thread from everybody else's events.
EVENTS_PER_TASK = 50


@app.task(name=names.FORWARD)
def forward(onboarding_id: int) -> None:
    send(forward_due(workshop(), onboarding_id))


def forward_due(shop: Workshop, onboarding_id: int) -> list[WakeUp]:
    """Forward what is due for this onboarding, in order per message; the steps that this made ready."""
    wakeups: list[WakeUp] = []
    for _ in range(EVENTS_PER_TASK):
        with shop.db.begin() as connection:
            row = inbox.take_next(connection, onboarding_id, at=shop.now(), lease_seconds=shop.settings.lease_seconds)
        if row is None:
            return wakeups
        wakeup = _forward_one(shop, row)
        wakeups += [wakeup] if wakeup else []
    # What is left is due by the clock, and the tick finds it.
    return wakeups


def _forward_one(shop: Workshop, row: Row[Any]) -> WakeUp | None:
    error: str | None = None
    is_final, asked = False, None
    with reader(shop.db).begin() as connection:
        onboarding = connection.execute(
            select(Onboarding.c.name, Onboarding.c.id, Onboarding.c.spec).where(Onboarding.c.id == row.onboarding_id)
        ).one()
    try:
        _post(shop, row, onboarding.spec)
    except Retryable as failure:
        error, asked = failure.message, failure.after
    except OnboardingError as failure:
        error, is_final = failure.message, True
    except Exception as failure:
        # A defect of ours must not stop the events behind this one; it is tried again until it is parked.
        log.exception("event %s of %s could not be forwarded", row.dedupe_key, onboarding.name)
        error = f"internal error ({type(failure).__name__}); see the worker's log"
    if error is not None:
        log.warning("event %s of %s was not taken by AJO: %s", row.dedupe_key, onboarding.name, error)
    with shop.db.begin() as connection:
        wakes = inbox.settle_event(
            connection,
            row,
            error=error,
            is_final=is_final,
            asked=asked,
            base_seconds=shop.settings.retry_base_seconds,
            at=shop.now(),
            grace_seconds=shop.settings.wake_grace_seconds,
        )
    return WakeUp(onboarding.id, onboarding.name, "webhook") if wakes else None


def _post(shop: Workshop, row: Row[Any], spec: dict[str, Any]) -> None:
    """Translate one event and post it.

    :raises Retryable: AJO cannot take it now, or its webhook does not exist yet.
    :raises OnboardingError: AJO will not take it.
    """
    kind = "ajo_inbound_webhook" if row.kind == "inbound" else "ajo_feedback_webhook"
    with reader(shop.db).begin() as connection:
        details = connection.execute(
            select(Resource.c.details).where(Resource.c.onboarding_id == row.onboarding_id, Resource.c.kind == kind)
        ).scalar_one_or_none()
        reference = inbox.client_reference(connection, row.message_sid)
    url = (details or {}).get("url")
    if not url:
        raise Retryable("AJO's webhook is not known yet")
    post_to_ajo(shop, row, spec, url=url, reference=reference)


def send_forwards(due: Iterable[tuple[int, str]]) -> None:
    """Send one forwarding message per onboarding; a failure is no loss, the tick tries again."""
    for onboarding_id, name in due:
        try:
            forward.apply_async((onboarding_id,), argsrepr=f"({name!r},)")
        except BROKER_ERRORS as error:
            log.warning("forwarding for %s could not be woken now (%s)", name, type(error).__name__)
