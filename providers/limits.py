"""What a call has to ask before it is made, and to tell afterwards. Who answers is injected: ``engine.limit_book``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from providers.errors import OnboardingError, Retryable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from providers.errors import CallContext


class Limit(Protocol):
    """What one account of a vendor takes at the moment. Must never wait, and on an event loop never block."""

    def check(self, context: CallContext) -> None:
        """:raises HeldBack: the account rests.

        :raises WorkerStops: no further call shall be begun.
        """

    def answered(self) -> None:
        """The vendor answered, if only with a refusal."""

    def failed(self, error: Retryable) -> Retryable:
        """It did not, or asked for fewer calls. What is to be raised: ``error``, or a :class:`HeldBack` in its place."""


@contextmanager
def watched(limit: Limit | None, context: CallContext) -> Iterator[None]:
    """One call, within ``limit``."""
    if limit is None:
        yield
        return
    limit.check(context)
    try:
        yield
    except Retryable as error:
        raised = limit.failed(error)
        if raised is error:
            raise
        raise raised from None
    except OnboardingError:
        limit.answered()
        raise
    else:
        limit.answered()
