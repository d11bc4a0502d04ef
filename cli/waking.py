"""Sending what a command made due, once its transaction has committed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.wake import WakeUp

BATCH = 200
AWAY = (
    "The broker does not answer, so nothing runs yet. All is stored: it begins by itself once broker and workers run "
    "(`onboard up`)."
)


def wake(wakeups: Sequence[WakeUp]) -> bool:
    """Whether all were sent. A broker that is away is no failure: the sweep sends what was not sent, and we say so."""
    if not wakeups:
        return True
    from cli.render import make_console, print_wrapped

    # Its warnings, one per onboarding, are for a worker's log; here the one sentence below is enough.
    logging.getLogger("tasks.chain").addHandler(logging.NullHandler())
    # The first goes alone: trying thousands of times on a dead broker would take minutes.
    start, size = 0, 1
    while start < len(wakeups):
        batch = wakeups[start : start + size]
        if send(batch) < len(batch):
            print_wrapped(make_console(stderr=True), AWAY)
            return False
        start, size = start + len(batch), BATCH
    from cli.state import reading, say_if_nothing_runs

    with reading() as fetch:
        say_if_nothing_runs(fetch, before="queued, but ")
    return True


def send(wakeups: Sequence[WakeUp]) -> int:
    """The number that could be sent."""
    from tasks import chain

    return chain.send(wakeups)
