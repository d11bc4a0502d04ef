"""What beat triggers. Two beats do no harm; none is only slow."""

from __future__ import annotations

from engine import inbox, notices, wake
from tasks import names
from tasks.celery import app
from tasks.chain import send
from tasks.inbox import send_forwards
from tasks.notices import wake_sender
from tasks.process import workshop


# Every few seconds and never news: without events they do not bury the steps in Flower.
@app.task(name=names.TICK, send_events=False)
def tick() -> None:
    """Wake what is due by its own clock, forwards whose message got lost, and whoever sends notices."""
    shop = workshop()
    with shop.db.begin() as connection:
        wakeups = wake.tick(
            connection,
            at=shop.now(),
            grace_seconds=shop.settings.wake_grace_seconds,
            versions=shop.catalogue.known,
            settings=shop.settings,
        )
        forwards = inbox.due_forwards(connection, at=shop.now())
    send(wakeups)
    send_forwards(forwards)
    # In a transaction of its own, as in the sweep: what is due must move whatever notices do.
    with shop.db.begin() as connection:
        has_notices = notices.is_waiting(connection, shop.settings, at=shop.now())
    if has_notices:
        wake_sender()


@app.task(name=names.SWEEP, send_events=False)
def sweep() -> None:
    """Take over from vanished workers, wake what was never woken, and note which waits have lasted too long."""
    shop = workshop()
    with shop.db.begin() as connection:
        wakeups = wake.sweep(
            connection,
            at=shop.now(),
            grace_seconds=shop.settings.wake_grace_seconds,
            versions=shop.catalogue.known,
        )
    send(wakeups)
    # In a transaction of its own: a defect in it must not keep lost steps from being found.
    with shop.db.begin() as connection:
        notices.plan(connection, shop.settings, at=shop.now())
