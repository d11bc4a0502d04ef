"""The test messages of a verification: one to each handset, followed until each has proved itself or cannot."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from engine import kinds, verifications
from engine.bridge import listing_delay
from engine.contract import Finding, Wait
from engine.endpoints import status_url
from engine.message_status import status_rank
from models.spec.onboarding import RcsSpec
from providers.errors import Refused, Retryable
from providers.twilio.errors import delivery_decision
from providers.twilio.messages import Outgoing

if TYPE_CHECKING:
    from engine.context import StepContext
    from engine.verifications import Record
    from providers.twilio.client import TwilioClient
    from providers.twilio.types import Message

DEAD_ENDS = frozenset({"undelivered", "failed", "canceled"})


def prove_delivery(ctx: StepContext, run: Record) -> Wait | list[Finding]:
    """Send to each handset, follow each message, and judge it; a Wait while any is still under way."""
    twilio = sending_client(ctx)
    findings: list[Finding] = []
    waits: list[str] = []
    for recipient in ctx.spec.verification.to:
        tries = [row for row in verifications.messages_of(ctx, run.id) if row.recipient == recipient]
        verdict = _follow(ctx, twilio, run, recipient, tries)
        if isinstance(verdict, Finding):
            findings.append(verdict)
        elif verdict is not None:
            waits.append(verdict)
    if waits:
        return Wait(
            topic=f"delivery-{run.id}",
            reason="; ".join(waits),
            who="the handset and its carrier",
            look_again=ctx.scaled(seconds=15),
            at_most=ctx.spec.verification.within * 2,
        )
    return findings


def sending_client(ctx: StepContext) -> TwilioClient:
    """RCS is sent with the bridge's own key, so that the key is proved too."""
    if not isinstance(ctx.spec, RcsSpec):
        return ctx.vendors.twilio
    return ctx.vendors.twilio_by_key(ctx.external_id(kinds.API_KEY), ctx.secret(kinds.API_KEY_SECRET))


def _follow(
    ctx: StepContext, twilio: TwilioClient, run: Record, recipient: str, tries: list[Record]
) -> Finding | str | None:
    """None when the handset has it, a sentence while it is under way, a finding when it will not arrive."""
    if not tries:
        return _send(ctx, twilio, run, recipient, number=1)
    message = tries[-1]
    if message.sid is None and message.status in DEAD_ENDS:
        return _refused(message)
    if message.sid is None:
        return _clear_up(ctx, twilio, message, number=len(tries))
    if status_rank(message.status) < required_rank(ctx) and message.status not in DEAD_ENDS:
        seen = twilio.fetch_message(message.sid)
        verifications.message_polled(ctx, seen.sid, seen.status, sender=seen.sender, error_code=seen.error_code)
        message = next(row for row in verifications.messages_of(ctx, run.id) if row.id == message.id)
    if message.status in DEAD_ENDS:
        return _judge_failure(ctx, twilio, run, message, number=len(tries))
    if status_rank(message.status) >= required_rank(ctx):
        return _judge_transport(ctx, message)
    if ctx.now() >= (message.posted_at or message.created_at) + ctx.spec.verification.within:
        problem = f"is {message.status} after {minutes(ctx.spec.verification.within)}, not {ctx.spec.verification.required_status}"
        cure = f"check that the handset is on and reachable, then `onboard retry {ctx.name}`"
        return Finding(f"test message {message.sid} to {recipient}", problem, cure)
    return f"test message {message.sid} to {recipient} is {message.status}"


def minutes(duration: timedelta) -> str:
    return f"{duration.total_seconds() / 60:g} min"


def required_rank(ctx: StepContext) -> int:
    return status_rank(ctx.spec.verification.required_status)


def _send(ctx: StepContext, twilio: TwilioClient, run: Record, recipient: str, *, number: int) -> Finding | str:
    """Commit the intent, send, record the SID. An unclear failure leaves the intent for :func:`_clear_up`."""
    reference = f"{ctx.mark}-{run.id}-{secrets.token_hex(3)}"
    body = f"{ctx.spec.verification.message} ({reference})"
    verifications.intend_message(ctx, run_id=run.id, recipient=recipient, reference=reference, body=body)
    row = verifications.messages_of(ctx, run.id)[-1]
    return _post(ctx, twilio, row, number=number)


def _post(ctx: StepContext, twilio: TwilioClient, row: Record, *, number: int) -> Finding | str:
    is_rcs = isinstance(ctx.spec, RcsSpec)
    verifications.message_posting(ctx, row.id)
    try:
        outgoing = Outgoing(
            # rcs: in front of the number forces RCS; without it Twilio would quietly fall back to SMS.
            to=f"rcs:{row.recipient}" if is_rcs else row.recipient,
            service_sid=ctx.external_id(kinds.MESSAGING_SERVICE),
            body=row.body,
            media_urls=[ctx.spec.verification.media_url] if ctx.spec.verification.media_url else [],
            status_callback=status_url(ctx.settings.resolved_public_url, ctx.endpoint_token),
        )
        accepted = twilio.send_message(outgoing)
    except Refused as error:
        code = error.context.code if error.context is not None else None
        verifications.message_refused(ctx, row.id, error_code=code if isinstance(code, int) else None)
        return Finding(f"test message to {row.recipient}", f"was refused: {error.message}", error.cure)
    except Retryable as error:
        if error.ambiguous:
            # From now on, and not from the beginning of the call, Twilio has time to list what it may have taken.
            verifications.message_posting(ctx, row.id)
        raise
    _note_accepted(ctx, row.id, accepted)
    return f"test message {accepted.sid} to {row.recipient} is {accepted.status} (try {number})"


def _refused(message: Record) -> Finding:
    decision = delivery_decision(message.error_code or 0)
    code = f" with error {message.error_code}" if message.error_code else ""
    return Finding(f"test message to {message.recipient}", f"was refused{code}, {decision.sentence}", decision.cure)


def _note_accepted(ctx: StepContext, message_id: int, seen: Message) -> None:
    verifications.message_accepted(
        ctx, message_id, sid=seen.sid, status=seen.status, sender=seen.sender, error_code=seen.error_code
    )


def _clear_up(ctx: StepContext, twilio: TwilioClient, message: Record, *, number: int) -> Finding | str:
    """The intent is there, the SID is not: look the message up by the reference in its body before sending again."""
    is_rcs = isinstance(ctx.spec, RcsSpec)
    to = f"rcs:{message.recipient}" if is_rcs else message.recipient
    for seen in twilio.list_messages(to=to, sent_after=message.created_at - timedelta(days=2)):
        if message.client_reference in seen.body:
            _note_accepted(ctx, message.id, seen)
            return f"test message {seen.sid} to {message.recipient} is {seen.status} (found again)"
    since = message.posted_at or message.created_at
    if ctx.now() < since + listing_delay(ctx.settings.wait_scale):
        return f"whether the test message to {message.recipient} was taken is being looked up"
    return _post(ctx, twilio, message, number=number)


def _judge_failure(
    ctx: StepContext, twilio: TwilioClient, run: Record, message: Record, *, number: int
) -> Finding | str:
    """A failed message: send once more where that can help, else say what to do."""
    decision = delivery_decision(message.error_code or 0)
    if decision.kind == "retry" and number <= ctx.spec.verification.retries:
        if ctx.now() < message.updated_at + ctx.scaled(minutes=1):
            return f"test message to {message.recipient} is {message.status} ({message.error_code}); sending again soon"
        return _send(ctx, twilio, run, message.recipient, number=number + 1)
    code = f" with error {message.error_code}" if message.error_code else ""
    return Finding(
        f"test message {message.sid} to {message.recipient}",
        f"is {message.status}{code}, {decision.sentence}",
        decision.cure,
    )


def _judge_transport(ctx: StepContext, message: Record) -> Finding | None:
    if isinstance(ctx.spec, RcsSpec) and message.transport != "rcs":
        return Finding(
            f"test message {message.sid} to {message.recipient}",
            "arrived, but not over RCS",
            f"check the sender's approval for this handset's carrier, then `onboard retry {ctx.name}`",
        )
    return None
