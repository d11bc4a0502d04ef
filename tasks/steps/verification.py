"""Step 5: the proof. All earlier steps' objects are as declared, a test message reaches each handset, and AJO's own too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import drift_memory, last_change, verifications
from engine.contract import Done, Failed, Finding, Outcome, Wait
from engine.reasons import reason_of
from models.spec.onboarding import RcsSpec
from providers.errors import NeedsPerson, Refused
from tasks.steps.delivery import prove_delivery
from tasks.steps.removal.steps import VerificationRemoval
from tasks.steps.rotating import revoke_former
from tasks.steps.round_trip import note_without_proof, prove_round_trip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.context import StepContext
    from engine.contract import AnySpec
    from engine.desired import OwnedObject
    from engine.memory import View
    from engine.verifications import Record


class Verification(VerificationRemoval):
    name = "verification"
    owns = ()

    def skip_reason(self, spec: AnySpec) -> str | None:  # noqa: ARG002  applies to every channel
        return None

    def inputs(self, spec: AnySpec) -> dict[str, Any]:
        # When and how often is no reason to send a test message again.
        declared = spec.verification.model_dump(mode="json", exclude={"every", "send_on_schedule"})
        # Left out as long as it is not used: what earlier versions stored stays the same.
        return {"verification": {key: value for key, value in declared.items() if key != "ajo_proof" or value}}

    def desired(self, ctx: View) -> Iterable[OwnedObject]:  # noqa: ARG002  owns nothing outside
        return []

    def observe(self, ctx: StepContext) -> list[Finding]:  # noqa: ARG002  as above
        return []

    def act(self, ctx: StepContext) -> Outcome:
        run = verifications.open_run(ctx)
        findings, has_looked = _check_objects(ctx)
        if not verifications.errors_of(findings) and run.sends_message:
            outcome = _prove(ctx, run)
            if isinstance(outcome, Wait):
                return outcome
            findings += outcome
        errors = verifications.errors_of(findings)
        if not errors and (waits := revoke_former(ctx, is_proved=run.sends_message)) is not None:
            return waits
        if has_looked and findings:
            findings = _with_who_did_it(ctx, findings)
        closing = verifications.closing(ctx, run.id, findings, is_passed=not errors, has_looked=has_looked)
        if errors:
            return Failed(reason_of(errors), also=closing)
        return Done(also=closing)


def _check_objects(ctx: StepContext) -> tuple[list[Finding], bool]:
    """Compare everything with what is declared; what a vendor refuses to show is a finding, not a crash.

    The second value says whether everything could be read.
    """
    try:
        return ctx.observe_all(), True
    except (NeedsPerson, Refused) as error:
        return [Finding("vendor", error.message, error.cure)], False


def _with_who_did_it(ctx: StepContext, findings: list[Finding]) -> list[Finding]:
    known = drift_memory.remembered(ctx)
    # As in `observe_all`: a slow vendor must not cost the lease.
    return last_change.ask(ctx, findings, known, before_a_call=lambda: ctx.write(lambda _connection: None))


def _prove(ctx: StepContext, run: Record) -> Wait | list[Finding]:
    """The test messages first: when these do not arrive, AJO's will not either."""
    findings = prove_delivery(ctx, run)
    if isinstance(findings, Wait) or verifications.errors_of(findings) or not isinstance(ctx.spec, RcsSpec):
        return findings
    wanted = ctx.spec.verification.ajo_proof
    if wanted is None:
        note_without_proof(ctx, run)
        return findings
    outcome = prove_round_trip(ctx, run, wanted)
    return outcome if isinstance(outcome, Wait) else findings + outcome
