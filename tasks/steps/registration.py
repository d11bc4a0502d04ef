"""Step 1: the account, the messaging service with its numbers and, for RCS, an approved sender in its pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import checklist, kinds
from engine.contract import Done, Failed, Finding, Outcome, Suspend
from models.spec.onboarding import RcsSpec
from tasks.steps import messaging_service, rcs_sender
from tasks.steps.removal.steps import RegistrationRemoval

if TYPE_CHECKING:
    from engine.context import StepContext
    from engine.contract import AnySpec


class Registration(RegistrationRemoval):
    name = "registration"
    owns = (kinds.MESSAGING_SERVICE, kinds.RCS_SENDER)

    def skip_reason(self, spec: AnySpec) -> str | None:  # noqa: ARG002  applies to every channel
        return None

    def inputs(self, spec: AnySpec) -> dict[str, Any]:
        inputs: dict[str, Any] = {"channel": spec.channel, "twilio": spec.twilio.model_dump(mode="json")}
        if spec.checklist:
            inputs["checklist"] = [declared.model_dump(mode="json") for declared in spec.checklist]
        return inputs | ({"rcs": spec.rcs.model_dump(mode="json")} if isinstance(spec, RcsSpec) else {})

    def observe(self, ctx: StepContext) -> list[Finding]:
        findings = messaging_service.observe(ctx)
        return findings + (rcs_sender.observe(ctx, ctx.spec) if isinstance(ctx.spec, RcsSpec) else [])

    def act(self, ctx: StepContext) -> Outcome:
        checklist.open_items(ctx)
        _check_account(ctx)
        service_sid = messaging_service.ensure(ctx)
        messaging_service.ensure_numbers(ctx, service_sid)
        if isinstance(ctx.spec, RcsSpec):
            rcs_sender.ensure_launched(ctx, ctx.spec)
            rcs_sender.ensure_in_pool(ctx, ctx.spec, service_sid)
        return Done()


def _check_account(ctx: StepContext) -> None:
    account = ctx.vendors.twilio.fetch_account()
    is_active = account.status == "active"
    ctx.check("account.active", is_met=is_active, detail=f"status {account.status}")
    if not is_active:
        raise Suspend(
            Failed(
                f"the Twilio account is {account.status}: reactivate it in the Twilio Console, then `onboard retry {ctx.name}`"
            )
        )
    is_full = account.type == "Full"
    ctx.check("account.full", is_met=is_full, detail=f"type {account.type}")
    if not is_full:
        raise Suspend(
            Failed(
                f"the Twilio account is of type {account.type}: upgrade it in the Twilio Console, then `onboard retry {ctx.name}`"
            )
        )
