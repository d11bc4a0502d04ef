"""What a step knows and records while it takes away what it made: choices, the way it was before, intents, what is gone.

Rules and reasons: docs/teardown.md. Deciding about each object is for ``tasks.steps.removal``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, func, select, update

from engine import kinds
from engine.desired import subject_of
from models.states import ForwardState, OnboardingState, Provenance, ResourceState
from models.tables import Onboarding, OperatorTask, Resource, WebhookEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from engine.context import StepContext
    from engine.memory import View

# A row of a table, as steps see it without knowing the database library.
Record = Row[Any]

# Begins the reason where a vendor could not be asked.
NOT_LOOKED_AT = "not looked at: "
ON_ITS_WAY = (ForwardState.ARRIVED, ForwardState.PENDING)


class Fate(StrEnum):
    """What becomes of an object."""

    REMOVE = "remove"
    # It stays, and what we changed on it becomes what it was.
    RESTORE = "restore"
    BY_HAND = "by hand"
    KEEP = "keep"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose when they had it taken down.

    :param adopted: also what was there before onboard came.
    :param keep: of :data:`engine.kinds.KEEPABLE`.
    """

    adopted: bool = False
    keep: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"adopted": self.adopted, "keep": list(self.keep)}


@dataclass(frozen=True, slots=True)
class Removal:
    """What would be done about one object.

    :param what: the object with its name and id, for people.
    :param why: the reason, or what it means; may be empty.
    :param place: where a person does it, when only a person can.
    """

    step: str
    kind: str
    what: str
    fate: Fate
    why: str = ""
    place: str = ""

    @property
    def is_unseen(self) -> bool:
        return NOT_LOOKED_AT in self.why


def read_choice(stored: Mapping[str, Any] | None) -> Choice:
    return Choice(bool(stored["adopted"]), tuple(stored["keep"])) if stored else Choice()


def choice_of(ctx: StepContext) -> Choice:
    rows = ctx.read(select(Onboarding.c.teardown).where(Onboarding.c.id == ctx.lease.onboarding_id))
    return read_choice(rows[0].teardown)


def shown_kind(kind: str) -> str:
    """``twilio_api_key`` as ``Twilio API key``."""
    words = {"twilio": "Twilio", "ajo": "AJO", "api": "API", "rcs": "RCS"}
    return " ".join(words.get(word, word) for word in kind.split("_"))


def shown(row: Row[Any]) -> str:
    """The object with its name and id."""
    name = f"{shown_kind(row.kind)} {row.name}"
    return name if row.external_id in (None, row.name) else f"{name} ({row.external_id})"


def resources_of(ctx: StepContext, kinds: Sequence[str]) -> list[Row[Any]]:
    """Those recorded, or intended, in the order of ``kinds``."""
    found = {row.kind: row for row in map(ctx.resource, kinds) if row is not None}
    return [found[kind] for kind in kinds if kind in found]


def other_users(ctx: View, row: Row[Any]) -> list[Row[Any]]:
    """Other onboardings (id, name, spec) that have this very object recorded and are not removed themselves."""
    if row.external_id is None:
        return []
    same = [
        Resource.c.kind == row.kind,
        Resource.c.external_id == row.external_id,
        Resource.c.state == ResourceState.PRESENT,
        Resource.c.onboarding_id != row.onboarding_id,
        Onboarding.c.status != OnboardingState.REMOVED,
    ]
    if row.vendor == "ajo":
        # Adobe's names are unique in a sandbox only; Twilio's ids everywhere.
        place = (Onboarding.c.organization_id, Onboarding.c.sandbox)
        mine = ctx.read(select(*place).where(Onboarding.c.id == row.onboarding_id))[0]
        same += [place[0] == mine.organization_id, place[1] == mine.sandbox]
    who = (Onboarding.c.id, Onboarding.c.name, Onboarding.c.spec)
    found = select(*who).join(Resource, Resource.c.onboarding_id == Onboarding.c.id)
    return list(ctx.read(found.where(*same).order_by(Onboarding.c.name)))


def numbers_of_others(ctx: View, row: Row[Any]) -> set[str]:
    """The numbers that other onboardings with this messaging service declare."""
    return {number for user in other_users(ctx, row) for number in user.spec["twilio"]["numbers"]}


def senders_of_others(ctx: View, row: Row[Any]) -> set[str]:
    """The SIDs of the RCS senders of other onboardings with this messaging service."""
    theirs = (
        Resource.c.onboarding_id.in_([user.id for user in other_users(ctx, row)]),
        Resource.c.kind == kinds.RCS_SENDER,
        Resource.c.state != ResourceState.GONE,
        Resource.c.external_id.isnot(None),
    )
    return {sender.external_id for sender in ctx.read(select(Resource.c.external_id).where(*theirs))}


def decide(ctx: StepContext, row: Row[Any], choice: Choice) -> tuple[Fate, str]:
    """Whether the object goes (``REMOVE``), stays (``KEEP``) or is known to be gone, and why."""
    if row.state is ResourceState.GONE:
        return Fate.GONE, row.details.get("gone", "")
    if subject_of(row.kind) in choice.keep:
        return Fate.KEEP, "as asked (--keep)"
    users = [user.name for user in other_users(ctx, row)]
    if users:
        return Fate.KEEP, f"used by {', '.join(users)} too"
    if row.provenance is Provenance.ADOPTED and not choice.adopted:
        return Fate.KEEP, "adopted: it was there before onboard came"
    return Fate.REMOVE, ""


def events_on_their_way(ctx: StepContext, *, since: datetime) -> int:
    """How many of Twilio's events that came after ``since`` have not reached AJO."""
    found = select(func.count()).where(
        WebhookEvent.c.onboarding_id == ctx.lease.onboarding_id,
        WebhookEvent.c.forward_due_at.isnot(None),
        WebhookEvent.c.forward_state.in_(ON_ITS_WAY),
        WebhookEvent.c.received_at >= since,
    )
    return int(ctx.read(found)[0][0])


# -- memory -------------------------------------------------------------------------------------------------------
def remember(ctx: StepContext, kind: str, key: str, value: Any) -> None:
    """Commit something about an object beside what is recorded of it."""
    row = ctx.resource(kind)
    if row is not None:
        statement = update(Resource).where(Resource.c.id == row.id)
        ctx.write(lambda connection: connection.execute(statement.values(details={**row.details, key: value})))


def remember_before(ctx: StepContext, kind: str, values: Mapping[str, Any]) -> None:
    """Commit how the object was before we change it for the first time."""
    row = ctx.resource(kind)
    if row is not None and "before" not in row.details:
        remember(ctx, kind, "before", dict(values))


def remember_added(ctx: StepContext, kind: str, sid: str, name: str) -> None:
    """Commit that we are about to put this into the object's pool."""
    row = ctx.resource(kind)
    if row is not None:
        remember(ctx, kind, "added", {**row.details.get("added", {}), sid: name})


def about_to_remove(ctx: StepContext, row: Row[Any]) -> None:
    """Commit that we are about to delete it: after a crash it is told from what others deleted."""
    if row.state is ResourceState.REMOVING:
        return

    def work(connection: Connection) -> None:
        connection.execute(update(Resource).where(Resource.c.id == row.id).values(state=ResourceState.REMOVING))
        ctx.append(connection, "resource:removing", f"about to delete {shown(row)}")

    ctx.write(work)


def record_gone(ctx: StepContext, row: Row[Any], how: str) -> None:
    """Commit that it is gone, and how: ``removed``, ``gone already`` or who says so.

    A task by which a person made it is asked anew if the onboarding is built up again.
    """

    def work(connection: Connection) -> None:
        values = {"state": ResourceState.GONE, "details": {"gone": how}, "seen_at": ctx.now()}
        connection.execute(update(Resource).where(Resource.c.id == row.id).values(**values))
        made_by = (OperatorTask.c.onboarding_id == row.onboarding_id, OperatorTask.c.key == subject_of(row.kind))
        connection.execute(update(OperatorTask).where(*made_by).values(digest=""))
        ctx.append(connection, "resource:removed", f"{shown(row)}: {how}")

    ctx.write(work)
