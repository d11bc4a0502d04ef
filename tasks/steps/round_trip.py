"""AJO's own message, at the end of a verification: AJO is asked for one proof, which is followed all the way and back.

Nothing wakes this wait before its time: callbacks of messages that AJO sends wake no step.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from engine import proofs, round_trip, verifications
from engine.contract import Finding, Wait
from engine.round_trip import Trip
from providers.errors import NeedsPerson, OnboardingError, Refused, Retryable
from tasks.steps import trip_verdict
from tasks.steps.delivery import required_rank, sending_client

if TYPE_CHECKING:
    from engine.context import StepContext
    from engine.verifications import Record
    from models.spec.verification import AjoProof


def prove_round_trip(ctx: StepContext, run: Record, wanted: AjoProof) -> Wait | list[Finding]:
    """Ask AJO for a proof, once, and judge how far its message came; a Wait while it is on its way."""
    proof = proofs.find_proof(ctx, run.id)
    if proof is None or proof.asked_at is None:
        proof = _ask(ctx, run, wanted)
    elif proof.job_id is not None and proof.status not in proofs.OVER:
        proof = _look_at_job(ctx, run, proof)
    trip = _look(ctx, proof)
    patience = trip_verdict.Patience(ctx.now(), ctx.spec.verification.within, required_rank(ctx))
    verdict = trip_verdict.judge(trip, patience, name=ctx.name)
    has_failed = not isinstance(verdict, str) and bool(verifications.errors_of(verdict))
    round_trip.keep_hops(ctx, run.id, round_trip.hops_of_proof(trip, has_failed=has_failed))
    if isinstance(verdict, str):
        return Wait(
            topic=f"proof-{run.id}",
            reason=verdict,
            who="AJO, Twilio and the handset",
            look_again=ctx.scaled(seconds=15),
            at_most=ctx.spec.verification.within * 3,
        )
    return [_explained(ctx, trip, finding) for finding in verdict]


def _ask(ctx: StepContext, run: Record, wanted: AjoProof) -> Record:
    """Commit the intent, ask, record the job. An unclear end leaves the intent: only what comes can tell then."""
    recipient = ctx.spec.verification.to[0]
    reference = f"{ctx.mark}-{run.id}-{secrets.token_hex(3)}"
    proof = proofs.intend_proof(
        ctx, run_id=run.id, campaign_id=wanted.campaign_id, recipient=recipient, reference=reference
    )
    try:
        job = ctx.vendors.ajo.proofs.create(
            proof.campaign_id,
            phone_number=recipient,
            user_id=wanted.user_id,
            namespace=wanted.namespace,
            reference=proof.reference,
        )
    except Retryable as error:
        if error.ambiguous:
            return proof
        proofs.proof_not_made(ctx, run.id)
        raise
    except (Refused, NeedsPerson) as error:
        return proofs.proof_refused(ctx, run.id, error=error.message, cure=error.cure)
    return proofs.proof_taken(ctx, run.id, job_id=job.job_id, status=job.status)


def _look_at_job(ctx: StepContext, run: Record, proof: Record) -> Record:
    try:
        job = ctx.vendors.ajo.proofs.fetch(proof.campaign_id, proof.job_id)
    except Retryable:
        # What comes through the bridge says more.
        return proof
    except (Refused, NeedsPerson) as error:
        return proofs.proof_seen(ctx, run.id, status=proof.status, error=error.message)
    return proofs.proof_seen(ctx, run.id, status=job.status, error="; ".join(job.failures) or None)


def _look(ctx: StepContext, proof: Record) -> Trip:
    """What has come of it so far. Where the campaign's text shows our reference, that tells its message for certain."""
    candidates = round_trip.find_candidates(ctx, proof)
    if not candidates:
        return Trip(proof)
    twilio = sending_client(ctx)
    sent = [row for row in candidates if row.sid is not None]
    ours = next((row for row in sent if proof.reference in twilio.fetch_message(row.sid).body), None)
    message = ours or candidates[0]
    events = round_trip.find_statuses(ctx, message.sid) if message.sid is not None else ()
    return Trip(proof, message, is_certain=ours is not None, rivals=len(candidates) - 1, events=events)


def _explained(ctx: StepContext, trip: Trip, finding: Finding) -> Finding:
    """With what the vendors say when they are asked: AJO of a campaign that sends nothing, Twilio of a silent message."""
    if finding.severity != "error":
        return finding
    said = ""
    try:
        if trip.message is None:
            obstacles = ctx.vendors.ajo.proofs.obstacles(trip.proof.campaign_id)
            said = "; AJO's check of the campaign says: " + "; ".join(obstacles) if obstacles else ""
        elif trip.message.sid is not None and not trip.events:
            said = f"; Twilio, asked for it, says {sending_client(ctx).fetch_message(trip.message.sid).status}"
    except OnboardingError:
        # An explanation only: the finding stands without it.
        return finding
    return Finding(finding.subject, finding.problem + said, finding.cure)


def note_without_proof(ctx: StepContext, run: Record) -> None:
    """Record the hops that the test message to the first handset shows, and what it cannot show."""
    first = ctx.spec.verification.to[0]
    message = [row for row in verifications.messages_of(ctx, run.id) if row.recipient == first][-1]
    events = round_trip.find_statuses(ctx, message.sid)
    hops = round_trip.hops_without_proof(message, events, round_trip.find_probe(ctx))
    round_trip.keep_hops(ctx, run.id, hops)
