"""Signs of life: a tiny task through each queue, and a note in the database of what is consumed and of each beat."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from typing import Any

from celery.signals import beat_init, before_task_publish, task_prerun, worker_ready
from sqlalchemy.exc import SQLAlchemyError

from engine import pulse
from engine.clock import now
from engine.signs import BEAT
from models.db import make_engine
from settings import get_settings
from tasks import names
from tasks.celery import BROKER_ERRORS, app
from tasks.process import workshop

log = logging.getLogger(__name__)

# Written this seldom, however much is consumed.
LEAST_SECONDS = 10.0

_noted: dict[str, float] = {}


@app.task(name=names.CANARY, send_events=False)
def canary() -> None:
    """Nothing: that it was taken is noted as of every task, so that a queue that is seldom used shows signs of life too."""


def _is_time(what: str) -> bool:
    at = time.monotonic()
    if at - _noted.get(what, float("-inf")) < min(LEAST_SECONDS, get_settings().sweep_seconds):
        return False
    _noted[what] = at
    return True


@task_prerun.connect(weak=False)
def _on_task(task: Any, **_: object) -> None:
    queue = (task.request.delivery_info or {}).get("routing_key")
    if queue not in names.QUEUES or not _is_time(queue):
        return
    shop = workshop()
    try:
        with shop.db.begin() as connection:
            pulse.note_consumed(connection, queue, worker=shop.worker, at=shop.now())
    except SQLAlchemyError as error:
        log.warning("that %s is consumed could not be noted (%s)", queue, type(error).__name__)


@beat_init.connect(weak=False)
def _on_beat(**_: object) -> None:
    db = make_engine(get_settings().resolved_database_url)
    name = f"{socket.gethostname()}:{os.getpid()}"

    def note() -> None:
        try:
            with db.begin() as connection:
                pulse.note_beat(connection, name, at=now())
        except SQLAlchemyError as error:
            log.warning("this beat's tick could not be noted (%s)", type(error).__name__)

    def on_send(**_: object) -> None:
        if _is_time(BEAT):
            # A database that is away must not keep the ticks.
            threading.Thread(target=note, daemon=True).start()

    before_task_publish.connect(on_send, weak=False)
    on_send()


@worker_ready.connect(weak=False)
def _on_worker(**_: object) -> None:
    # Beat's next one may be half a minute away.
    for queue in names.QUEUES:
        try:
            canary.apply_async(queue=queue, expires=get_settings().sweep_seconds * 2)
        except BROKER_ERRORS as error:
            log.warning("no canary could be sent (%s)", type(error).__name__)
            return
