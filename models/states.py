"""Every status word that is stored. Legal moves between them: ``engine.transitions``."""

from __future__ import annotations

from enum import StrEnum


class OnboardingState(StrEnum):
    DRAFT = "draft"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    ACTIVE = "active"
    DEGRADED = "degraded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TEARING_DOWN = "tearing_down"
    REMOVED = "removed"


class StepState(StrEnum):
    PENDING = "pending"
    READY = "ready"
    RUNNING = "running"
    RETRYING = "retrying"
    WAITING_VENDOR = "waiting_vendor"
    WAITING_PERSON = "waiting_person"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"


DONE = frozenset({StepState.SUCCEEDED, StepState.SKIPPED})
WAITING = frozenset({StepState.WAITING_VENDOR, StepState.WAITING_PERSON})
UNDER_WAY = frozenset({StepState.READY, StepState.RUNNING, StepState.RETRYING})

# No step is claimed while its onboarding is in one of these.
HELD = frozenset({OnboardingState.PAUSED, OnboardingState.CANCELLED, OnboardingState.REMOVED})

# Nothing at the vendors is to be as declared.
OVER = frozenset({OnboardingState.CANCELLED, OnboardingState.TEARING_DOWN, OnboardingState.REMOVED})

# Nothing more happens by itself.
ENDED = frozenset({OnboardingState.CANCELLED, OnboardingState.REMOVED})


class Provenance(StrEnum):
    CREATED = "created"
    ADOPTED = "adopted"
    DECLARED = "declared"


class ResourceState(StrEnum):
    INTENDED = "intended"
    PRESENT = "present"
    # About to be deleted.
    REMOVING = "removing"
    GONE = "gone"


class CheckState(StrEnum):
    OPEN = "open"
    MET = "met"
    UNMET = "unmet"


class OperatorTaskState(StrEnum):
    OPEN = "open"
    # Somebody said that it cannot be done as it stands, and why. Whoever can do it nevertheless may.
    BLOCKED = "blocked"
    DONE = "done"


class VerificationState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"


class ForwardState(StrEnum):
    # Stored; what it means is not looked at yet.
    ARRIVED = "arrived"
    NOT_NEEDED = "not_needed"
    PENDING = "pending"
    FORWARDED = "forwarded"
    PARKED = "parked"


class NoticeState(StrEnum):
    DUE = "due"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    # Its sender vanished: it may have gone out, so it is not sent again.
    UNCLEAR = "unclear"
    # Nobody is configured to hear it.
    MUTED = "muted"
    # The wait was over, or a higher level was due with it.
    DROPPED = "dropped"
