"""The five steps as five Celery tasks each way, and the chain that carries an onboarding through them.

Each link runs its step through ``engine.runner``. What the runner answers decides about the chain: go on, deliver
this link again in a moment, or end here because the database knows when to go on.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from celery import chain
from sqlalchemy.exc import SQLAlchemyError

from engine import wake
from engine.limit_queue import anybody_waits
from engine.runner import GoOn, Stop, TryAgain, run_step
from tasks.celery import BROKER_ERRORS, app
from tasks.names import STEP_TASKS, UNDO_TASKS
from tasks.process import workshop
from tasks.steps import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.wake import WakeUp

log = logging.getLogger(__name__)


def _define(name: str, step: str) -> Any:
    # max_retries=None: the engine decides when to give up, and records it.
    @app.task(name=name, bind=True, max_retries=None)
    def run(self: Any, onboarding_id: int) -> None:
        following = run_step(workshop(), onboarding_id, step)
        if following != Stop(is_held=True):
            call_up_beside(onboarding_id)
        match following:
            case GoOn():
                return
            case Stop():
                # Cut the tail: a resume builds the chain of what remains anew.
                self.request.chain = None
            case TryAgain(seconds=seconds):
                raise self.retry(countdown=seconds)

    return run


def call_up_beside(onboarding_id: int) -> None:
    """This step's place at its vendors is free: send for whoever waits for it. The tick makes up for a failure."""
    shop = workshop()
    try:
        if not anybody_waits(shop.db):
            return
        with shop.db.begin() as connection:
            called = wake.call_up(
                connection,
                at=shop.now(),
                grace_seconds=shop.settings.wake_grace_seconds,
                versions=shop.catalogue.known,
                beside=onboarding_id,
            )
    except SQLAlchemyError as error:
        log.warning("nobody could be called up now (%s); the tick will", type(error).__name__)
        return
    send(called)


# Names tell people which way it goes; the database decides what a link does.
LINKS = {step: _define(STEP_TASKS[step], step) for step in CATALOGUE.names}
UNDO_LINKS = {step: _define(UNDO_TASKS[step], step) for step in CATALOGUE.names}


def send(wakeups: Iterable[WakeUp]) -> int:
    """Send the chain of the remaining steps for each; the number that could be sent.

    Call after commit only. A failure is no loss: the sweep finds what was not woken.
    """
    sent = 0
    with app.producer_pool.acquire(block=True) as producer:
        for wakeup in wakeups:
            shown = f"({wakeup.name!r},)"
            tasks = UNDO_LINKS if wakeup.is_removal else LINKS
            steps = CATALOGUE.from_step(wakeup.step, is_removal=wakeup.is_removal)
            links = [tasks[step.name].si(wakeup.onboarding_id).set(argsrepr=shown) for step in steps]
            try:
                chain(*links, app=app).apply_async(producer=producer)
                sent += 1
            except BROKER_ERRORS as error:
                log.warning("%s could not be woken now (%s); the sweep will", wakeup.name, type(error).__name__)
    return sent
