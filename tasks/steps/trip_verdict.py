"""How a proof's round trip is judged: the first hop that failed gives the finding and its cure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.contract import Finding
from engine.message_status import status_of, status_rank
from engine.proofs import FAILED, REFUSED
from models.states import ForwardState
from providers.twilio.errors import delivery_decision
from tasks.steps.delivery import DEAD_ENDS, minutes

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from engine.round_trip import Trip
    from engine.verifications import Record


@dataclass(frozen=True, slots=True)
class Patience:
    """:ivar within: how long each half may take: to the bridge, and from there to AJO's feedback webhook.
    :ivar rank: of the status that proves the channel.
    """

    now: datetime
    within: timedelta
    rank: int

    def is_over_since(self, start: datetime) -> bool:
        return self.now >= start + self.within

    @property
    def spent(self) -> str:
        return minutes(self.within)


def judge(trip: Trip, patience: Patience, *, name: str) -> str | list[Finding]:
    """A sentence while it is under way; else the findings, without an error when AJO has heard of the required status.

    :param name: of the onboarding, for the cures.
    """
    if trip.proof.status == REFUSED:
        return [Finding(_subject(trip), f"was refused: {trip.proof.error}", trip.proof.cure)]
    if trip.message is None:
        return _not_arrived(trip, patience, name)
    if trip.message.sid is None:
        return _not_sent(trip, trip.message, patience, name)
    return _sent(trip, trip.message, patience, name)


def _subject(trip: Trip) -> str:
    return f"AJO's proof of campaign {trip.proof.campaign_id}"


def _not_arrived(trip: Trip, patience: Patience, name: str) -> str | list[Finding]:
    proof = trip.proof
    cure = (
        "check in AJO that the campaign uses this channel configuration, and in its API credential the provider URL and the "
        f"X-Onboard-Token (`onboard tasks {name}` showed them); then `onboard retry {name}`"
    )
    if proof.status in FAILED:
        problem = f"failed, and the bridge never heard of it: AJO says {proof.error or 'no reason'}"
        return [Finding(_subject(trip), problem, cure)]
    if not patience.is_over_since(proof.asked_at):
        how_far = f"job {proof.job_id} is {proof.status}" if proof.job_id else "its answer got lost"
        return f"AJO was asked for a proof ({how_far}); the bridge has not heard of it yet"
    if proof.job_id is None:
        problem = f"may have been made: AJO's answer got lost, and nothing came to the bridge in {patience.spent}"
    else:
        problem = f"is {proof.status} (job {proof.job_id}), but nothing came to the bridge in {patience.spent}"
    return [Finding(_subject(trip), problem, cure)]


def _not_sent(trip: Trip, message: Record, patience: Patience, name: str) -> str | list[Finding]:
    subject = f"AJO's message to {message.recipient}"
    again = f"see the gateway's log, then `onboard retry {name}`"
    if message.status == "failed":
        cure = delivery_decision(message.error_code).cure if message.error_code else again
        return [Finding(subject, f"reached the bridge, but Twilio refused it: {message.error}", cure)]
    if trip.proof.status in FAILED:
        problem = f"reached the bridge, which could not send it: AJO says {trip.proof.error or 'no reason'}"
        return [Finding(subject, problem, again)]
    if patience.is_over_since(message.created_at):
        problem = f"reached the bridge, but whether Twilio took it is unclear after {patience.spent}"
        return [Finding(subject, problem, again)]
    return "the bridge has AJO's message; Twilio has not taken it yet"


def _sent(trip: Trip, message: Record, patience: Patience, name: str) -> str | list[Finding]:
    subject = f"AJO's message {message.sid} to {message.recipient}"
    parked = next((event for event in trip.events if event.forward_state is ForwardState.PARKED), None)
    if parked is not None:
        problem = f"was refused by AJO's feedback webhook: {parked.forward_error}"
        cure = f"check the webhook's URL and payload in AJO, `onboard inbox replay {parked.id}`, then `onboard retry {name}`"
        return [Finding(f"feedback {status_of(parked.payload)} of {message.sid}", problem, cure)]
    dead = next((event for event in trip.events if status_of(event.payload) in DEAD_ENDS), None)
    if dead is not None:
        code = dead.payload.get("ErrorCode") or "0"
        decision = delivery_decision(int(code) if code.isdigit() else 0)
        problem = f"is {status_of(dead.payload)} with error {code}, {decision.sentence}"
        return [Finding(subject, problem, decision.cure)]
    if trip.proof.status == "FAILED":
        problem = f"was sent, but AJO counts the proof as failed: {trip.proof.error or 'it gives no reason'}"
        cure = f"check the response message-ID extractor (`sid`) of the API credential, then `onboard retry {name}`"
        return [Finding(subject, problem, cure)]
    reached = [event for event in trip.events if status_rank(status_of(event.payload)) >= patience.rank]
    if any(event.forward_state is ForwardState.FORWARDED for event in reached):
        return _warnings(trip, subject, reached[0], name)
    if not patience.is_over_since(message.created_at):
        return f"{subject} is {status_of(trip.events[-1].payload) if trip.events else 'with Twilio'}; AJO has not heard of its end yet"
    return [_not_heard(trip, message, reached, patience, name)]


def _not_heard(trip: Trip, message: Record, reached: list[Record], patience: Patience, name: str) -> Finding:
    """The time is over: the status did not come, or AJO did not take it."""
    subject = f"AJO's message {message.sid} to {message.recipient}"
    if reached:
        problem = f"has not been taken by AJO's feedback webhook in {patience.spent}"
        problem += f": {reached[0].forward_error}" if reached[0].forward_error else ": it was not posted yet"
        cure = f"check that a worker runs and that the webhook's URL in AJO is right, then `onboard retry {name}`"
        return Finding(f"feedback {status_of(reached[0].payload)} of {message.sid}", problem, cure)
    if not trip.events:
        cure = f"check that Twilio can reach ONBOARD_PUBLIC_URL (Twilio Console > Monitor > Errors), then `onboard retry {name}`"
        return Finding(subject, f"was sent, but no callback came in {patience.spent}", cure)
    problem = f"is {status_of(trip.events[-1].payload)} after {patience.spent}, and the required status has not come"
    return Finding(subject, problem, f"check that the handset is on and reachable, then `onboard retry {name}`")


def _warnings(trip: Trip, subject: str, event: Record, name: str) -> list[Finding]:
    findings = []
    if not event.payload.get("From", "").startswith("rcs:"):
        problem = "arrived, but not over RCS: Twilio fell back to SMS"
        cure = f"switch the handset's RCS chats on, then `onboard verify {name} --send`"
        findings.append(Finding(subject, problem, cure, severity="warning"))
    if trip.proof.status in FAILED:
        problem = f"failed in part: AJO says {trip.proof.error or 'no reason'}"
        cure = f"look at the campaign's variants in AJO, then `onboard verify {name} --send`"
        findings.append(Finding(_subject(trip), problem, cure, severity="warning"))
    return findings
