"""Step 1: the account, the messaging service with its numbers and, for RCS, an approved sender in its pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import checklist, kinds, reviews
from engine.contract import Done, Finding, Outcome
from engine.desired import findings
from models.spec.onboarding import RcsSpec
from tasks.steps import account, channel, messaging_service, rcs_sender
from tasks.steps.removal.steps import RegistrationRemoval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.context import StepContext
    from engine.contract import AnySpec
    from engine.desired import OwnedObject
    from engine.memory import View


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

    def desired(self, ctx: View) -> Iterable[OwnedObject]:
        yield from account.desired(ctx)
        service = messaging_service.find(ctx)
        if not isinstance(ctx.spec, RcsSpec):
            yield messaging_service.desired(ctx, service, None)
            return
        sender = rcs_sender.find(ctx, ctx.spec)
        yield messaging_service.desired(ctx, service, [sender.sid if sender else rcs_sender.SID_LATER])
        yield rcs_sender.desired(ctx, ctx.spec, sender)

    def observe(self, ctx: StepContext) -> list[Finding]:
        objects = list(self.desired(ctx))
        reviews.follow(ctx, objects)
        return findings(objects, ctx.name, ctx.accepted)

    def act(self, ctx: StepContext) -> Outcome:
        checklist.open_items(ctx)
        account.check_account(ctx)
        if ctx.resource(kinds.MESSAGING_SERVICE) is None:
            # A sandbox that is not there, or that we may not enter, is heard of before anything is made.
            channel.find_surface(ctx)
        service_sid = messaging_service.ensure(ctx)
        messaging_service.ensure_numbers(ctx, service_sid, account.check_numbers(ctx))
        if isinstance(ctx.spec, RcsSpec):
            rcs_sender.ensure_launched(ctx, ctx.spec)
            messaging_service.ensure_senders(ctx, service_sid, [ctx.external_id(kinds.RCS_SENDER)])
        return Done()
