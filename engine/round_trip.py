"""The round trip of one message, hop by hop: AJO, the bridge, Twilio, Twilio's callbacks, AJO's feedback webhook.

Reads what gateway and forwarding wrote and changes none of it. A hop that nobody can see from here says so itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, select, update

from engine.bridge import OWN_REFERENCE
from engine.inbox import PROBE_PREFIX
from engine.message_status import status_of
from engine.proofs import FAILED, REFUSED
from models.states import ForwardState
from models.tables import BridgeMessage, Verification, WebhookEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from engine.context import StepContext

    Record = Row[Any]

BEYOND = "what AJO makes of the feedback: from outside, only the answer of its webhook can be seen"


class HopState(StrEnum):
    SEEN = "seen"
    AWAITED = "awaited"
    FAILED = "failed"
    # Nobody can see it from here; the text says why.
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Hop:
    """One stretch of the way: between whom, what passed, whether and when it was seen."""

    way: str
    text: str
    state: HopState = HopState.SEEN
    at: datetime | None = None

    def as_json(self) -> dict[str, str | None]:
        at = self.at.isoformat() if self.at else None
        return {"way": self.way, "text": self.text, "state": self.state.value, "at": at}


@dataclass(frozen=True, slots=True)
class Trip:
    """What is known of one proof.

    :ivar proof: the row of ``ajo_proof``.
    :ivar message: the row of ``bridge_message`` that is taken for it; None while there is none.
    :ivar is_certain: the text at Twilio shows our reference; else recipient and time have to do.
    :ivar rivals: other messages that came through the bridge for the same handset meanwhile.
    :ivar events: the statuses that Twilio reported of it, in the order of their arrival.
    """

    proof: Record
    message: Record | None = None
    is_certain: bool = False
    rivals: int = 0
    events: Sequence[Record] = ()


def find_candidates(ctx: StepContext, proof: Record) -> Sequence[Record]:
    """What came through the bridge for the proof's recipient since AJO was asked, oldest first."""
    statement = select(BridgeMessage).where(
        BridgeMessage.c.onboarding_id == ctx.lease.onboarding_id,
        BridgeMessage.c.id > proof.newest_before,
        BridgeMessage.c.recipient.in_([proof.recipient, f"rcs:{proof.recipient}"]),
    )
    return ctx.read(statement.order_by(BridgeMessage.c.id))


def find_statuses(ctx: StepContext, sid: str) -> Sequence[Record]:
    """Twilio's reports of one message, in the order of their arrival."""
    statement = select(WebhookEvent).where(
        WebhookEvent.c.onboarding_id == ctx.lease.onboarding_id,
        WebhookEvent.c.message_sid == sid,
        WebhookEvent.c.kind == "status",
    )
    return ctx.read(statement.order_by(WebhookEvent.c.id))


def find_probe(ctx: StepContext) -> Record | None:
    """The newest probe event that AJO's feedback webhook took."""
    statement = select(WebhookEvent).where(
        WebhookEvent.c.onboarding_id == ctx.lease.onboarding_id,
        WebhookEvent.c.message_sid.startswith(PROBE_PREFIX, autoescape=True),
        WebhookEvent.c.forward_state == ForwardState.FORWARDED,
    )
    rows = ctx.read(statement.order_by(WebhookEvent.c.id.desc()).limit(1))
    return rows[0] if rows else None


def keep_hops(ctx: StepContext, run_id: int, hops: Sequence[Hop]) -> None:
    """Store them with the verification: rows that they were read from may be deleted later."""
    stored = [hop.as_json() for hop in hops]
    ctx.write(
        lambda connection: connection.execute(
            update(Verification).where(Verification.c.id == run_id).values(hops=stored)
        )
    )


def hops_of_proof(trip: Trip, *, has_failed: bool) -> list[Hop]:
    """The way of a proof as far as it came.

    :param has_failed: nobody waits any longer, so that what is awaited is missing.
    """
    hops = [*_way_of_proof(trip), Hop("inside AJO", BEYOND, HopState.HIDDEN)]
    if not has_failed:
        return hops
    return [replace(hop, state=HopState.FAILED) if hop.state is HopState.AWAITED else hop for hop in hops]


def _way_of_proof(trip: Trip) -> Iterator[Hop]:
    proof, message = trip.proof, trip.message
    asked = f"a proof of campaign {proof.campaign_id} to {proof.recipient}, reference {proof.reference}"
    yield Hop("onboard -> AJO", asked, HopState.SEEN, proof.asked_at)
    yield _answer(trip)
    if message is None:
        if proof.status != REFUSED:
            yield Hop("AJO -> bridge", "nothing came for this handset", HopState.AWAITED)
        return
    yield Hop("AJO -> bridge", _arrival(trip, message), HopState.SEEN, message.created_at)
    if message.sid is None:
        is_refused = message.status == "failed"
        text = f"Twilio refused it: {message.error}" if is_refused else "Twilio has not answered"
        yield Hop("bridge -> Twilio", text, HopState.FAILED if is_refused else HopState.AWAITED, message.posted_at)
        return
    yield Hop("bridge -> Twilio", f"{message.sid}, answered to AJO", HopState.SEEN, message.posted_at)
    if not trip.events:
        yield Hop("Twilio -> bridge", "no callback came", HopState.AWAITED)
    told = [hop for event in trip.events for hop in (callback_hop(event), _feedback_hop(event))]
    # Feedback of one status may be posted while the next one arrives.
    yield from sorted(told, key=lambda hop: (hop.at is None, hop.at))


def _answer(trip: Trip) -> Hop:
    proof = trip.proof
    if proof.status == REFUSED:
        return Hop("AJO -> onboard", f"refused: {proof.error}", HopState.FAILED, proof.asked_at)
    if proof.job_id is None:
        came = "that it was made is seen by what came" if trip.message is not None else "whether it was made is unknown"
        return Hop("AJO -> onboard", f"the answer got lost; {came}", HopState.HIDDEN)
    text = f"{proof.status}, job {proof.job_id}" + (f": {proof.error}" if proof.error else "")
    return Hop("AJO -> onboard", text, HopState.FAILED if proof.status in FAILED else HopState.SEEN, proof.taken_at)


def _arrival(trip: Trip, message: Record) -> str:
    """What identifies the message from here on, and how it was recognised."""
    if trip.is_certain:
        how = "its text shows our reference"
    else:
        how = "known by recipient and time only"
        if trip.rivals:
            how += f", and {trip.rivals} more came for the same handset"
    if message.client_reference.startswith(OWN_REFERENCE):
        return f"no {{{{client_reference}}}} came, so the bridge made {message.client_reference} ({how})"
    return f"AJO's reference {message.client_reference} ({how})"


def callback_hop(event: Record) -> Hop:
    """One status that Twilio reported."""
    code = f" (error {event.payload['ErrorCode']})" if event.payload.get("ErrorCode") else ""
    text = f"{status_of(event.payload)} from {event.payload.get('From', '?')}{code}"
    return Hop("Twilio -> bridge", text, HopState.SEEN, event.received_at)


def _feedback_hop(event: Record) -> Hop:
    status, problem = status_of(event.payload), event.forward_error
    match event.forward_state:
        case ForwardState.FORWARDED:
            tries = f" at try {event.forward_tries}" if event.forward_tries > 1 else ""
            return Hop("bridge -> AJO", f"{status}, taken by its webhook{tries}", HopState.SEEN, event.forwarded_at)
        case ForwardState.PARKED:
            return Hop("bridge -> AJO", f"{status}, refused: {problem}", HopState.FAILED)
        case ForwardState.NOT_NEEDED:
            return Hop(
                "bridge -> AJO", f"{status}, not passed on: AJO had heard a later one", HopState.SEEN, event.received_at
            )
        case _:
            return Hop(
                "bridge -> AJO", f"{status}, not taken yet" + (f": {problem}" if problem else ""), HopState.AWAITED
            )


def hops_without_proof(message: Record, events: Sequence[Record], probe: Record | None) -> list[Hop]:
    """Of a run that asked AJO for nothing: Twilio's part, by a test message of ours, and what is not proved at all."""
    sent = f"test message {message.sid} to {message.recipient} (reference {message.client_reference})"
    hidden = "no campaign is named (verification.ajo_proof), so AJO was not asked to send"
    hops = [
        Hop("AJO -> bridge", hidden, HopState.HIDDEN),
        Hop("onboard -> Twilio", sent, HopState.SEEN, message.posted_at or message.created_at),
        *map(callback_hop, events),
    ]
    if not events:
        hops.append(Hop("Twilio -> bridge", "no callback came yet: Twilio was asked for the status", HopState.AWAITED))
    if probe is not None:
        hops.append(Hop("bridge -> AJO", "the probe event, taken by its webhook", HopState.SEEN, probe.forwarded_at))
    return [*hops, Hop("inside AJO", BEYOND, HopState.HIDDEN)]
