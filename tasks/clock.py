"""What beat triggers. Two beats do no harm; none is only slow."""

from __future__ import annotations

from engine import inbox, wake
from tasks import names
from tasks.celery import app
from tasks.chain import send
from tasks.inbox import send_forwards
from tasks.process import workshop


# Every few seconds and never news: without events they do not bury the steps in Flower.
@app.task(name=names.TICK, send_events=False)
def tick() -> None:
    """Wake what is due by its own clock, and forwards whose message got lost."""
    shop = workshop()
    with shop.db.begin() as connection:
        wakeups = wake.tick(connection, at=shop.now(), grace_seconds=shop.settings.wake_grace_seconds)
        forwards = inbox.due_forwards(connection, at=shop.now())
    send(wakeups)
    send_forwards(forwards)


@app.task(name=names.SWEEP, send_events=False)
def sweep() -> None:
    """Take over from vanished workers and wake what was never woken."""
    shop = workshop()
    with shop.db.begin() as connection:
        wakeups = wake.sweep(connection, at=shop.now(), grace_seconds=shop.settings.wake_grace_seconds)
    send(wakeups)
