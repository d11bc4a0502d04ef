"""Step 4: the AJO channel configuration, until Adobe's public surfaces API calls it active."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from engine import kinds
from engine.contract import Done, Finding, Outcome, Wait
from tasks.steps import ajo_objects
from tasks.steps.ajo_objects import AjoObject
from tasks.steps.removal.steps import ChannelRemoval

if TYPE_CHECKING:
    from engine.context import StepContext
    from engine.contract import AnySpec

PLACE = "Journey Optimizer > Administration > Channels > General settings > Channel configurations > Create channel configuration"
INSTRUCTIONS = (
    "Create a channel configuration with the values below and submit it.",
    "It is Processing first and Active later: onboard asks Adobe's public API until it is.",
)
# Adobe names SMS, MMS and RCS one channel; which token its surfaces API takes for it is not published (inference).
SURFACE_CHANNEL = "sms"


class Channel(ChannelRemoval):
    name = "channel"
    owns = (kinds.CHANNEL_CONFIGURATION,)

    def skip_reason(self, spec: AnySpec) -> str | None:  # noqa: ARG002  applies to every channel
        return None

    def inputs(self, spec: AnySpec) -> dict[str, Any]:
        configuration = spec.ajo.channel_configuration.model_dump(mode="json")
        ajo = {
            "channel_configuration": configuration,
            "credential": spec.ajo.credential.name,
            "driver": spec.ajo.driver,
        }
        return {"ajo": ajo, "sender": spec.sender}

    def observe(self, ctx: StepContext) -> list[Finding]:
        name = ctx.spec.ajo.channel_configuration.name
        subject = f"AJO channel configuration {name}"
        surface = ctx.vendors.ajo.surfaces.find_surface(name, channel=SURFACE_CHANNEL)
        if surface is None:
            return [
                Finding(
                    subject, "does not exist any more", f"`onboard retry {ctx.name}` after deciding why it was deleted"
                )
            ]
        findings = ajo_objects.observe(ctx, wanted_configuration(ctx))
        if surface.status.lower() != "active":
            findings.append(Finding(subject, f"is {surface.status}", "open it in Journey Optimizer and activate it"))
        return findings

    def act(self, ctx: StepContext) -> Outcome:
        found = ajo_objects.ensure(ctx, wanted_configuration(ctx))
        name = ctx.spec.ajo.channel_configuration.name
        surface = ctx.vendors.ajo.surfaces.find_surface(name, channel=SURFACE_CHANNEL)
        status = surface.status if surface is not None else "not visible yet"
        match status.lower():
            case "active":
                return Done()
            case "failed" | "deactivated":
                why = found.get("status_reason") or "AJO shows the reason on the configuration's page"
                return ctx.person_wait(
                    f"channel configuration {name} is {status} ({why}): correct it in Journey Optimizer, or delete it and "
                    f"`onboard retry {ctx.name}`",
                    topic="configuration-failed",
                    look_again=ctx.scaled(minutes=15),
                )
        return Wait(
            topic="activation",
            reason=f"channel configuration {name} is {status}",
            who="Adobe Journey Optimizer",
            look_again=ctx.scaled(minutes=2),
            at_most=timedelta(hours=24),
        )


def wanted_configuration(ctx: StepContext) -> AjoObject:
    spec = ctx.spec
    configuration = spec.ajo.channel_configuration
    body = {
        "name": configuration.name,
        "channel": "sms",
        "message_type": configuration.message_type,
        "credential_id": ctx.external_id(kinds.CREDENTIAL),
        "sender": spec.sender,
        "subdomain": configuration.subdomain,
        "execution_field": configuration.execution_field,
        "dataset": configuration.dataset,
        "marketing_actions": configuration.marketing_actions,
    }
    fields = [
        {"label": "Name", "value": configuration.name},
        {"label": "Channel", "choice": "Mobile (SMS/MMS/RCS)"},
        {"label": "Type", "choice": configuration.message_type.capitalize()},
        {"label": "Configuration", "value": spec.ajo.credential.name},
        {"label": "Sender number", "value": spec.sender},
        *(
            {"label": label, "value": value}
            for label, value in (
                ("Subdomain", configuration.subdomain),
                ("Execution field", configuration.execution_field),
                ("Custom inbound dataset", configuration.dataset),
                ("Marketing actions", ", ".join(configuration.marketing_actions) or None),
            )
            if value
        ),
    ]
    return AjoObject(
        kind=kinds.CHANNEL_CONFIGURATION,
        collection="channel-configurations",
        name=configuration.name,
        body=body,
        title="Create the channel configuration %(name)s",
        place=PLACE,
        instructions=INSTRUCTIONS,
        fields=fields,
    )
