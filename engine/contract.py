"""What a step is and what it may answer. ``tasks.steps`` holds the five; the engine receives them as a catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from engine.context import StepContext
    from engine.desired import OwnedObject
    from engine.last_change import LastChange
    from engine.memory import View
    from engine.removal import Choice, Removal
    from models.spec.onboarding import MmsSpec, RcsSpec, SmsSpec

    AnySpec = RcsSpec | SmsSpec | MmsSpec


Also = Callable[["Connection"], None]
"""What is to be written in the transaction that records the outcome: both happen, or neither."""


@dataclass(frozen=True, slots=True)
class Done:
    """The step reached its goal."""

    note: str = ""
    also: Also | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until time passes, a vendor moves or a person acts. Costs a row, no worker.

    :param topic: a short key of what is waited for; the clock runs on while it stays the same.
    :param reason: one sentence: what is waited for, and how far it is.
    :param who: who can end it (``Twilio and the carriers``, ``a person in the Twilio Console``).
    :param look_again: when to look next; scaled by ``ONBOARD_WAIT_SCALE``.
    :param at_most: after this a person is asked to look.
    """

    topic: str
    reason: str
    who: str
    look_again: timedelta
    at_most: timedelta
    needs_person: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """Final until somebody changes something; ``reason`` ends with what to do."""

    reason: str
    also: Also | None = None


Outcome = Done | Wait | Failed


class Suspend(Exception):
    def __init__(self, outcome: Wait | Failed) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between what is declared and what is there.

    :param key: ``SUBJECT/FIELD`` of a difference at a vendor; empty where it is about something else (a message).
    :param difference: a fingerprint of what is wanted and what is there; empty where nothing is compared.
    :param sid: of the object at Twilio; empty where it is not there or another vendor's.
    :param last_change: who changed it, where that was asked and is known.
    """

    subject: str
    problem: str
    cure: str
    severity: str = "error"
    key: str = ""
    difference: str = ""
    sid: str = ""
    last_change: LastChange | None = None

    def as_json(self) -> dict[str, str]:
        return {"severity": self.severity, "subject": self.subject, "problem": self.problem, "cure": self.cure}


class StepDefinition(Protocol):
    """One of the five steps. Stateless: everything it knows comes from the context."""

    @property
    def name(self) -> str: ...
    @property
    def owns(self) -> tuple[str, ...]:
        """Resource kinds that this step may create or adopt."""

    def skip_reason(self, spec: AnySpec) -> str | None:
        """Why the step does not apply to this channel; None when it does."""

    def inputs(self, spec: AnySpec) -> dict[str, Any]:
        """The part of the spec that this step depends on: when it changes, the step runs again."""

    def desired(self, ctx: View) -> Iterable[OwnedObject]:
        """Each object that the step owns, as it shall be and as it is now. Reads only."""

    def observe(self, ctx: StepContext) -> list[Finding]:
        """What differs of ``desired``, and what else the step can see to be wrong. Changes nothing at a vendor."""

    def act(self, ctx: StepContext) -> Outcome:
        """Observe, then find, adopt or create until the goal holds. Safe to repeat from the top at any time."""

    def removals(self, ctx: StepContext, choice: Choice) -> list[Removal]:
        """What :meth:`undo` would do about each object, in its order. Reads only."""

    def undo(self, ctx: StepContext) -> Outcome:
        """Take away what the step made and put back what it changed. Safe to repeat from the top at any time."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The steps in their order.

    :param version: of this graph; raised when a step is added, removed or moved (``engine.graph``).
    :param carries_on: older versions whose runs these steps may carry on as they are.
    """

    steps: tuple[StepDefinition, ...]
    version: int = 1
    carries_on: frozenset[int] = frozenset()
    by_name: dict[str, StepDefinition] = field(init=False)
    known: frozenset[int] = field(init=False)
    """Versions whose runs these steps go on with."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {step.name: step for step in self.steps})
        object.__setattr__(self, "known", self.carries_on | {self.version})

    @property
    def names(self) -> list[str]:
        return [step.name for step in self.steps]

    def from_step(self, name: str, *, is_removal: bool = False) -> Sequence[StepDefinition]:
        """The step and what follows it: a removal goes from the last step to the first."""
        place = self.names.index(name)
        return self.steps[place::-1] if is_removal else self.steps[place:]
