"""When to try again, and when to stop trying."""

from __future__ import annotations

import random
from datetime import timedelta

LONGEST_DELAY_SECONDS = 3600.0
# With the default base this is about six hours of patience before a person is asked.
FAILURES_BEFORE_GIVING_UP = 15
# What a message broker may hold; anything longer is a timestamp in the database.
LONGEST_BROKER_DELAY_SECONDS = 30.0


def next_delay(
    failures: int, *, base_seconds: float, asked: float | None, at_most: float = LONGEST_DELAY_SECONDS
) -> timedelta:
    """Exponential backoff with jitter (half to all of it), never shorter than what the vendor asked for.

    :param failures: passing failures in a row, this one included (1 or more).
    :param asked: seconds from ``Retry-After``, if the vendor gave any.
    :param at_most: seconds that the backoff stops growing at.
    """
    ceiling = min(base_seconds * 2.0 ** min(failures - 1, 30), at_most)
    delay = random.uniform(ceiling / 2, ceiling)  # noqa: S311  spreads retries, guards nothing
    return timedelta(seconds=max(delay, asked or 0.0))
