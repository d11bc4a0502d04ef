"""Drift: a look at what is there, what it changes, and the differences that people accept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from engine import drift_memory, last_change, reviews, verifications
from engine.claim import claim_step
from engine.commands import CAN_VERIFY, NotPossible, find
from engine.context import StepContext
from engine.contract import Done, Failed
from engine.desired import EXISTS, findings
from engine.reasons import reason_of
from engine.rechecks import begin_verification
from engine.runner import conclude
from engine.transitions import append_event, lock_onboarding
from engine.upsert import upsert
from models.tables import AcceptedDrift, DriftFinding, Onboarding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from engine.context import Workshop
    from engine.contract import Finding
    from engine.desired import OwnedObject
    from engine.plan import Plan, PlanContext


class NeverSeen(LookupError):
    """No difference of this key was ever seen; the argument is a list of those that were."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__(", ".join(known))
        self.known = list(known)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found.

    :param found: differences that nobody accepted.
    :param known: those that somebody did.
    """

    found: list[Finding]
    known: list[Finding]


def look(ctx: PlanContext, plan: Plan) -> Look:
    """The differences at what is done: what is still to be made is no drift.

    What drifted stays drift while its step runs again or waits for a person, until it is seen to be gone. Of what is new
    Twilio is asked who changed it.
    """
    done = [one.owned for one in plan.planned if one.step in plan.done]
    undone = [one.owned for one in plan.planned if one.step not in plan.done]
    drifted = drift_memory.remembered(ctx).keys()

    def differences(accepted: Collection[str]) -> list[Finding]:
        again = [one for one in findings(undone, ctx.name, accepted) if one.key in drifted]
        return [*findings(done, ctx.name, accepted), *again]

    found = last_change.ask(ctx, differences(ctx.accepted), drifted)
    seen = {finding.key for finding in found}
    return Look(found, [finding for finding in differences(()) if finding.key not in seen])


def settle(shop: Workshop, seen: Row[Any], found: Sequence[Finding], objects: Iterable[OwnedObject] = ()) -> bool:
    """Record a look as a run of the checks, so that the onboarding goes degraded, or back.

    False, with the findings remembered all the same, when it is not active or on a step graph that is not known here, or
    its checks run right now and will say it themselves. The look is an attempt like any other: a crash in the middle
    leaves a lease that ends.

    :param seen: the onboarding as it was when the look began.
    :param objects: what was looked at, for the checklist and the matrix.
    :raises engine.commands.NotPossible: its spec is another one now; nothing was recorded.
    """
    with shop.db.begin() as connection:
        lock_onboarding(connection, seen.id)
        now = shop.now()
        present = connection.execute(select(Onboarding).where(Onboarding.c.id == seen.id)).one()
        if present.spec_digest != seen.spec_digest:
            msg = f"the spec of {seen.name} changed during the look; `onboard drift {seen.name}` looks again"
            raise NotPossible(msg)
        is_ours = present.graph_version in shop.catalogue.known and present.status in CAN_VERIFY
        begun = is_ours and begin_verification(
            connection, seen.id, trigger="drift", sends_message=False, at=now, grace_seconds=0
        )
        lease = begun and claim_step(
            connection,
            seen.id,
            "verification",
            worker=shop.worker,
            at=now,
            lease_seconds=shop.settings.lease_seconds,
        )
        if not lease:
            drift_memory.record(connection, seen.id, found, at=now)
            return False
    ctx = StepContext(shop, lease)
    run = verifications.open_run(ctx)
    reviews.follow(ctx, objects)
    errors = verifications.errors_of(found)
    closing = verifications.closing(ctx, run.id, found, is_passed=not errors)
    conclude(shop, lease, Failed(reason_of(errors), also=closing) if errors else Done(also=closing))
    return True


def accept(
    connection: Connection, name: str, key: str, *, reason: str, until: datetime, actor: str, at: datetime
) -> None:
    """Leave a difference as it was last seen until a day: it is neither reported nor mended. Another one at its place is.

    :raises engine.commands.UnknownOnboarding: there is none of this name.
    :raises NeverSeen: it would hide nothing; most likely a misspelling.
    :raises engine.commands.NotPossible: a whole object is gone.
    """
    row = find(connection, name)
    if key.endswith(f"/{EXISTS}"):
        msg = (
            f"{name}: what is gone cannot be left gone, since the channel needs it; take it out of the spec, or mend it"
        )
        raise NotPossible(msg)
    known = select(DriftFinding).where(DriftFinding.c.onboarding_id == row.id).order_by(DriftFinding.c.key)
    seen = {found.key: found.difference for found in connection.execute(known)}
    if key not in seen:
        raise NeverSeen(list(seen))
    values = {"difference": seen[key], "reason": reason, "accepted_by": actor, "accepted_at": at, "until": until}
    upsert(connection, AcceptedDrift, key={"onboarding_id": row.id, "key": key}, values=values)
    text = f"{actor} accepted {key} until {until:%Y-%m-%d %H:%M}: {reason}"
    append_event(connection, row.id, "drift:accepted", text, at=at, details={"actor": actor, "key": key})


def withdraw(connection: Connection, name: str, key: str, *, actor: str, at: datetime) -> bool:
    """Take an acceptance back. False when there was none."""
    row = find(connection, name)
    mine = delete(AcceptedDrift).where(AcceptedDrift.c.onboarding_id == row.id, AcceptedDrift.c.key == key)
    if connection.execute(mine).rowcount == 0:
        return False
    text = f"{actor} no longer accepts {key}"
    append_event(connection, row.id, "drift:withdrawn", text, at=at, details={"actor": actor, "key": key})
    return True


def acceptances(ctx: PlanContext) -> dict[str, Row[Any]]:
    """Those that have not expired."""
    mine = select(AcceptedDrift).where(AcceptedDrift.c.onboarding_id == ctx.onboarding_id)
    return {row.key: row for row in ctx.read(mine.where(AcceptedDrift.c.until > ctx.now()))}
