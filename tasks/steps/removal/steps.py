"""The way back of each step; they run from the last to the first. The step's class inherits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import kinds
from engine.contract import Done
from tasks.steps.removal import events, in_ajo, key, sender, service, target

if TYPE_CHECKING:
    from engine.context import StepContext
    from engine.contract import Outcome
    from engine.removal import Choice, Removal

WEBHOOKS = (kinds.FEEDBACK_WEBHOOK, kinds.INBOUND_WEBHOOK)


class VerificationRemoval:
    """Verification makes nothing, so its turn is the first: access ends before anything else."""

    name: str

    def removals(self, ctx: StepContext, choice: Choice) -> list[Removal]:
        return key.plan(ctx, self.name, choice)

    def undo(self, ctx: StepContext) -> Outcome:
        return key.undo(ctx)


class ChannelRemoval:
    name: str

    def removals(self, ctx: StepContext, choice: Choice) -> list[Removal]:
        return in_ajo.plan(ctx, self.name, [kinds.CHANNEL_CONFIGURATION], choice)

    def undo(self, ctx: StepContext) -> Outcome:
        return in_ajo.undo(ctx, [kinds.CHANNEL_CONFIGURATION])


class CredentialRemoval:
    name: str

    def removals(self, ctx: StepContext, choice: Choice) -> list[Removal]:
        return in_ajo.plan(ctx, self.name, [kinds.CREDENTIAL], choice)

    def undo(self, ctx: StepContext) -> Outcome:
        return in_ajo.undo(ctx, [kinds.CREDENTIAL])


class WebhookRemoval:
    """Twilio stops calling the gateway before AJO stops listening, so nothing that was told is lost."""

    name: str

    def removals(self, ctx: StepContext, choice: Choice) -> list[Removal]:
        if ctx.spec.channel != "rcs":
            return []
        callbacks = service.plan_callbacks(ctx, self.name, choice) + sender.plan_callbacks(ctx, self.name, choice)
        return callbacks + in_ajo.plan(ctx, self.name, WEBHOOKS, choice)

    def undo(self, ctx: StepContext) -> Outcome:
        if ctx.spec.channel != "rcs":
            return Done("nothing to take away")
        service.give_back_callbacks(ctx)
        sender.give_back_callbacks(ctx)
        events.drain(ctx)
        return in_ajo.undo(ctx, WEBHOOKS)


class RegistrationRemoval:
    """What a program can do comes first: a person may take weeks for the sender."""

    name: str

    def removals(self, ctx: StepContext, choice: Choice) -> list[Removal]:
        return service.plan(ctx, self.name, choice) + sender.plan(ctx, self.name, choice)

    def undo(self, ctx: StepContext) -> Outcome:
        service.undo(ctx)
        sender.undo(ctx)
        return Done(target.told(ctx, (kinds.MESSAGING_SERVICE, kinds.RCS_SENDER)))
