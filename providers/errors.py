"""The error vocabulary: each class is a decision, not a layer.

    OnboardingError
    +-- Retryable          passes by itself; try again after a delay. `ambiguous`: the call may have been carried out
    |   +-- RateLimited    the vendor asked for fewer calls; never carried out, so always safe to repeat
    |       +-- HeldBack       the whole account rests until `until`: not this call's fault, and no failure of the step
    |       +-- WorkerStops    this process ends, and began no further call; another one goes on
    +-- NeedsPerson        no program can mend it, a person can; `cure` says what to do
    +-- Refused            final for this input: repeating the same call gives the same answer
    Misconfigured          this installation is set up wrong; outside the tree, so that no step swallows it

Every message is a sentence that may be shown to people: no payload, and known secrets are blanked out on the way in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from providers.redaction import redact

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class CallContext:
    """Where an error came from: enough to open a support ticket, nothing secret."""

    vendor: str
    operation: str
    status: int | None = None
    code: int | str | None = None
    request_id: str | None = None
    more_info: str | None = None


class OnboardingError(Exception):
    """A failed call to a vendor. Subclasses say what to do about it."""

    def __init__(self, message: str, *, context: CallContext | None = None) -> None:
        self.message = redact(message)
        super().__init__(self.message)
        self.context = context


class Retryable(OnboardingError):
    """Try again.

    :param after: seconds the vendor asked to wait; None leaves it to backoff.
    :param ambiguous: the request may have been carried out (no answer came back), so observe before creating again.
    """

    def __init__(
        self,
        message: str,
        *,
        after: float | None = None,
        ambiguous: bool = False,
        context: CallContext | None = None,
    ) -> None:
        super().__init__(message, context=context)
        self.after = after
        self.ambiguous = ambiguous


class RateLimited(Retryable):
    """Too many requests; the request was not carried out."""


class HeldBack(RateLimited):
    """The account of ``vendor`` takes no calls before ``until``; this one was not carried out."""

    def __init__(self, message: str, *, vendor: str, until: datetime, after: float, context: CallContext) -> None:
        super().__init__(message, after=after, context=context)
        self.vendor = vendor
        self.until = until


class WorkerStops(RateLimited):
    """Whoever runs this worker asked it to end; the call was not begun."""


class NeedsPerson(OnboardingError):
    """A person must act at the vendor. ``cure`` is the sentence that tells them what to do."""

    def __init__(self, message: str, *, cure: str, context: CallContext | None = None) -> None:
        super().__init__(message, context=context)
        self.cure = cure


class Refused(OnboardingError):
    """Final for this input. ``cure`` says what to change before another try."""

    def __init__(self, message: str, *, cure: str, context: CallContext | None = None) -> None:
        super().__init__(message, context=context)
        self.cure = cure


class NotFound(Refused):
    """The object is not there (or not visible to these credentials)."""


class Misconfigured(Exception):
    """A setting of this installation is missing or wrong; the message names it."""
