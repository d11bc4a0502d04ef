"""Sends reminders and escalations, a few at a time, in a queue of their own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from engine import notices
from providers.notices.apprise_url import kind_of, send
from tasks import names
from tasks.celery import BROKER_ERRORS, app
from tasks.process import workshop

if TYPE_CHECKING:
    from engine.context import Workshop

log = logging.getLogger(__name__)

# What is left is due still, and the next tick sends somebody for it.
NOTICES_PER_TASK = 20


@app.task(name=names.SEND_NOTICES)
def send_notices() -> None:
    deliver(workshop())


def deliver(shop: Workshop) -> int:
    """Send what is due, one after the other; how many notices were settled."""
    for count in range(NOTICES_PER_TASK):
        with shop.db.begin() as connection:
            row = notices.take_next(connection, shop.settings, at=shop.now())
        if row is None:
            return count
        outcomes: dict[str, str | None] = {}
        for number, url in enumerate(notices.targets(shop.settings, row.level), start=1):
            outcomes[f"{number} ({kind_of(url)})"] = send(url, title=row.title, text=row.text)
        with shop.db.begin() as connection:
            notices.settle(connection, row, outcomes, at=shop.now())
    return NOTICES_PER_TASK


def wake_sender() -> None:
    """Ask for one sender; a failure is no loss, the next tick asks again."""
    try:
        send_notices.apply_async()
    except BROKER_ERRORS as error:
        log.warning("notices could not be woken now (%s)", type(error).__name__)
