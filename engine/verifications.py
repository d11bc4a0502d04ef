"""The memory of verification runs: which one is open, its messages, its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, insert, select, true, update

from engine import drift_memory, kinds
from engine.message_status import apply_callback, record_status, transport_of
from engine.rechecks import schedule_verification
from models.states import ResourceState, StepState, VerificationState
from models.tables import Message, Resource, Step, Verification, WebhookEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from engine.context import StepContext
    from engine.contract import Also, Finding

# A row of a table, as steps see it without knowing the database library.
Record = Row[Any]

OPEN = (VerificationState.PENDING, VerificationState.RUNNING)
REPLACED = {"severity": "error", "subject": "run", "problem": "a newer run replaced it", "cure": ""}


def open_run(ctx: StepContext) -> Record:
    """The newest unfinished run; the first one of an onboarding is made here and always sends a message."""
    onboarding_id = ctx.lease.onboarding_id

    def work(connection: Connection) -> None:
        newest = connection.execute(
            select(Verification.c.id)
            .where(Verification.c.onboarding_id == onboarding_id, Verification.c.state.in_(OPEN))
            .order_by(Verification.c.id.desc())
            .limit(1)
        ).scalar_one_or_none()
        if newest is None:
            connection.execute(
                insert(Verification).values(
                    onboarding_id=onboarding_id,
                    trigger="first",
                    sends_message=True,
                    findings=[],
                    state=VerificationState.RUNNING,
                    requested_at=ctx.now(),
                    started_at=ctx.now(),
                )
            )
            return
        mine = update(Verification).where(Verification.c.onboarding_id == onboarding_id)
        connection.execute(
            mine.where(Verification.c.id == newest, Verification.c.state == VerificationState.PENDING).values(
                state=VerificationState.RUNNING, started_at=ctx.now()
            )
        )
        # A run that was overtaken by a newer request will never end by itself.
        connection.execute(
            mine.where(Verification.c.id < newest, Verification.c.state.in_(OPEN)).values(
                state=VerificationState.FAILED, finished_at=ctx.now(), findings=[REPLACED]
            )
        )

    ctx.write(work)
    return ctx.read(
        select(Verification)
        .where(Verification.c.onboarding_id == onboarding_id, Verification.c.state == VerificationState.RUNNING)
        .order_by(Verification.c.id.desc())
        .limit(1)
    )[0]


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """Those that keep a check from passing."""
    return [finding for finding in findings if finding.severity == "error"]


def closing(
    ctx: StepContext, run_id: int, findings: Sequence[Finding], *, is_passed: bool, has_looked: bool = True
) -> Also:
    """Stores the result and sets the next due time, once the step's own outcome is recorded.

    :param has_looked: whether all objects could be read; else nothing is said of drift.

    Not before: a run that is closed while its step is still to be recorded would be followed by a new one after a
    crash, and that one would send.
    """

    def work(connection: Connection) -> None:
        connection.execute(
            update(Verification)
            .where(Verification.c.id == run_id)
            .values(
                state=VerificationState.PASSED if is_passed else VerificationState.FAILED,
                finished_at=ctx.now(),
                findings=[finding.as_json() for finding in findings],
            )
        )
        if is_passed:
            _mark_seen(connection, ctx)
        if has_looked:
            drift_memory.record(connection, ctx.lease.onboarding_id, findings, at=ctx.now())
        schedule_verification(connection, ctx.lease.onboarding_id, ctx.spec.verification.every, at=ctx.now())

    return work


def _mark_seen(connection: Connection, ctx: StepContext) -> None:
    """What a check without errors has looked at exists: not what belongs to a skipped step, nor what nobody can look at.

    Without the automation driver AJO shows its channel configurations only.
    """
    onboarding_id = ctx.lease.onboarding_id
    skipped = select(Step.c.name).where(Step.c.onboarding_id == onboarding_id, Step.c.state == StepState.SKIPPED)
    is_looked_at = (Resource.c.vendor != "ajo") | (Resource.c.kind == kinds.CHANNEL_CONFIGURATION)
    connection.execute(
        update(Resource)
        .where(
            Resource.c.onboarding_id == onboarding_id,
            Resource.c.state == ResourceState.PRESENT,
            Resource.c.step.not_in(skipped),
            true() if ctx.spec.ajo.driver == "automation" else is_looked_at,
        )
        .values(seen_at=ctx.now())
    )


def last_check_passed(connection: Connection, onboarding_id: int) -> bool:
    """Whether the newest run that came to an end passed; also when there was none."""
    newest = (
        select(Verification.c.state)
        .where(Verification.c.onboarding_id == onboarding_id, Verification.c.finished_at.isnot(None))
        .order_by(Verification.c.id.desc())
        .limit(1)
    )
    return connection.execute(newest).scalar_one_or_none() in {None, VerificationState.PASSED}


def replace_open_runs(connection: Connection, onboarding_id: int, *, at: datetime, only_silent: bool) -> None:
    """End the runs that are under way: what they set out to check is no longer what is declared.

    :param only_silent: leave those that send messages.
    """
    is_open = [Verification.c.onboarding_id == onboarding_id, Verification.c.state.in_(OPEN)]
    if only_silent:
        is_open.append(Verification.c.sends_message.is_(False))
    connection.execute(
        update(Verification).where(*is_open).values(state=VerificationState.FAILED, finished_at=at, findings=[REPLACED])
    )


def messages_of(ctx: StepContext, run_id: int) -> Sequence[Record]:
    return ctx.read(select(Message).where(Message.c.verification_id == run_id).order_by(Message.c.id))


def intend_message(ctx: StepContext, *, run_id: int, recipient: str, reference: str, body: str) -> None:
    """Commit that we are about to send; the row's reference stands in the body, so a crash can be cleared up."""
    ctx.write(
        lambda connection: connection.execute(
            insert(Message).values(
                onboarding_id=ctx.lease.onboarding_id,
                verification_id=run_id,
                client_reference=reference,
                recipient=recipient,
                body=body,
                status="intended",
                created_at=ctx.now(),
                updated_at=ctx.now(),
            )
        )
    )


def message_posting(ctx: StepContext, message_id: int) -> None:
    """We are about to ask Twilio, or do not know what came of it; proves the lease once more."""
    ctx.write(
        lambda connection: connection.execute(
            update(Message).where(Message.c.id == message_id).values(posted_at=ctx.now(), updated_at=ctx.now())
        )
    )


def message_refused(ctx: StepContext, message_id: int, *, error_code: int | None) -> None:
    """Twilio will not send it, and is not asked again for this row."""
    ctx.write(
        lambda connection: connection.execute(
            update(Message)
            .where(Message.c.id == message_id)
            .values(status="failed", error_code=error_code, updated_at=ctx.now())
        )
    )


def message_accepted(
    ctx: StepContext, message_id: int, *, sid: str, status: str, sender: str | None, error_code: int | None
) -> None:
    """Twilio has it, and may have finished with it already. Callbacks that were faster than this commit are applied now.

    :param sender: None while a messaging service has not chosen one.
    """

    def work(connection: Connection) -> None:
        values = {
            "sid": sid,
            "status": status,
            "transport": transport_of(sid, sender) if sender else None,
            "error_code": error_code,
            "updated_at": ctx.now(),
        }
        connection.execute(update(Message).where(Message.c.id == message_id).values(**values))
        early = select(WebhookEvent.c.payload).where(
            WebhookEvent.c.onboarding_id == ctx.lease.onboarding_id,
            WebhookEvent.c.message_sid == sid,
            WebhookEvent.c.kind == "status",
        )
        for payload in connection.execute(early.order_by(WebhookEvent.c.id)).scalars():
            apply_callback(connection, ctx.lease.onboarding_id, payload, at=ctx.now())

    ctx.write(work)


def message_polled(ctx: StepContext, sid: str, status: str, *, sender: str | None, error_code: int | None) -> None:
    """What Twilio answered when asked; the fallback where a callback got lost."""
    ctx.write(
        lambda connection: record_status(
            connection, ctx.lease.onboarding_id, sid, status, sender=sender, error_code=error_code, at=ctx.now()
        )
    )
