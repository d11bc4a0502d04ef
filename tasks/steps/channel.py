"""Step 4: the AJO channel configuration, until Adobe's public surfaces API calls it active."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from engine import kinds
from engine.contract import Done, Finding, Outcome, Wait
from engine.desired import Means, OwnedField, Presence, findings
from tasks.steps import ajo_objects
from tasks.steps.ajo_objects import AjoObject
from tasks.steps.removal.steps import ChannelRemoval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.context import StepContext
    from engine.contract import AnySpec
    from engine.desired import OwnedObject
    from engine.memory import View
    from providers.ajo.surfaces import Surface

PLACE = "Journey Optimizer > Administration > Channels > General settings > Channel configurations > Create channel configuration"
INSTRUCTIONS = (
    "Create a channel configuration with the values below and submit it.",
    "It is Processing first and Active later: onboard asks Adobe's public API until it is.",
)
# Adobe names SMS, MMS and RCS one channel; which token its surfaces API takes for it is not published (inference).
SURFACE_CHANNEL = "sms"
# Both from Adobe's page on channel configurations; it publishes no time for SMS, MMS and RCS.
ACTIVATION = "Adobe says up to 3 hours until it is Active"
READ_ONLY = (
    "it is read-only once the configuration is Active: put the old value back into the spec, or delete the configuration "
    "in Journey Optimizer (not while a live journey or campaign uses it) and onboard makes it anew"
)


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

    def desired(self, ctx: View) -> Iterable[OwnedObject]:
        """Adobe's public API shows that it is there and its status, whatever the driver."""
        surface = find_surface(ctx)
        is_active = surface is not None and surface.status.lower() == "active"
        owned = ajo_objects.declared(ctx, wanted_configuration(ctx))
        if surface is None:
            is_gone = owned.presence is Presence.UNREADABLE
            return [replace(owned, presence=Presence.ABSENT) if is_gone else owned]
        status = OwnedField(
            name="status",
            wanted="Active",
            actual="Active" if is_active else surface.status,
            means=Means.HAND,
            cure="open it in Journey Optimizer and activate it",
            cost=ACTIVATION,
        )
        return [replace(owned, fields=(*owned.fields, status), external_id=owned.external_id or surface.id)]

    def observe(self, ctx: StepContext) -> list[Finding]:
        return findings(self.desired(ctx), ctx.name, ctx.accepted)

    def act(self, ctx: StepContext) -> Outcome:
        name = ctx.spec.ajo.channel_configuration.name
        found = ajo_objects.ensure(ctx, wanted_configuration(ctx))
        surface = find_surface(ctx)
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


def find_surface(ctx: View) -> Surface | None:
    """What Adobe's public API shows of the configuration, whatever the driver.

    :raises providers.errors.OnboardingError: above all where the sandbox is not there, or may not be entered.
    """
    return ctx.vendors.ajo.surfaces.find_surface(ctx.spec.ajo.channel_configuration.name, channel=SURFACE_CHANNEL)


def wanted_configuration(ctx: View) -> AjoObject:
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
        read_only=dict.fromkeys(("name", "channel", "subdomain"), READ_ONLY),
        cost=ACTIVATION,
    )
