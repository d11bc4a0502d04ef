"""The memory of the proofs that AJO is asked for: one row per verification, committed before the call.

A proof that may have been made is never asked for again: AJO has no list of proofs to look it up in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, func, insert, select, update

from engine.transitions import append_event
from models.tables import AjoProof, BridgeMessage

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engine.context import StepContext

INTENDED = "intended"
REFUSED = "refused"
# AJO's own words (Adobe's description of proof jobs): these end a job, CREATED and PROCESSING do not.
FAILED = frozenset({"FAILED", "PARTIALLY_FAILED"})
OVER = FAILED | {"SUBMITTED"}


def find_proof(ctx: StepContext, run_id: int) -> Row[Any] | None:
    rows = ctx.read(select(AjoProof).where(AjoProof.c.verification_id == run_id))
    return rows[0] if rows else None


def intend_proof(ctx: StepContext, *, run_id: int, campaign_id: str, recipient: str, reference: str) -> Row[Any]:
    """Commit that AJO is asked for a proof right now. A row whose call has certainly done nothing is used again."""

    def work(connection: Connection) -> None:
        newest = select(func.max(BridgeMessage.c.id)).where(BridgeMessage.c.onboarding_id == ctx.lease.onboarding_id)
        asked = {"asked_at": ctx.now(), "newest_before": connection.execute(newest).scalar_one() or 0}
        again = update(AjoProof).where(AjoProof.c.verification_id == run_id, AjoProof.c.asked_at.is_(None))
        if connection.execute(again.values(**asked)).rowcount == 1:
            return
        connection.execute(
            insert(AjoProof).values(
                onboarding_id=ctx.lease.onboarding_id,
                verification_id=run_id,
                campaign_id=campaign_id,
                recipient=recipient,
                reference=reference,
                status=INTENDED,
                **asked,
            )
        )

    ctx.write(work)
    return _known(ctx, run_id)


def proof_not_made(ctx: StepContext, run_id: int) -> None:
    """The call has certainly done nothing: it may be made again."""
    _change(ctx, run_id, asked_at=None)


def proof_refused(ctx: StepContext, run_id: int, *, error: str, cure: str) -> Row[Any]:
    return _change(ctx, run_id, status=REFUSED, error=error, cure=cure)


def proof_taken(ctx: StepContext, run_id: int, *, job_id: str, status: str) -> Row[Any]:
    """AJO has made a job of it."""
    text = f"AJO has made a proof (job {job_id})"
    return _change(ctx, run_id, text, taken_at=ctx.now(), job_id=job_id, status=status[:24])


def proof_seen(ctx: StepContext, run_id: int, *, status: str, error: str | None) -> Row[Any]:
    """How far AJO says that it is."""
    return _change(ctx, run_id, status=status[:24], error=error)


def _change(ctx: StepContext, run_id: int, text: str | None = None, /, **values: Any) -> Row[Any]:
    def work(connection: Connection) -> None:
        connection.execute(update(AjoProof).where(AjoProof.c.verification_id == run_id).values(**values))
        if text is not None:
            append_event(connection, ctx.lease.onboarding_id, "proof:made", text, at=ctx.now(), step=ctx.lease.step)

    ctx.write(work)
    return _known(ctx, run_id)


def _known(ctx: StepContext, run_id: int) -> Row[Any]:
    row = find_proof(ctx, run_id)
    assert row is not None  # noqa: S101  written by the caller under the lease
    return row
