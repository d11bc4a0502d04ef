"""Step 2 (RCS): events find their way. Twilio's to the gateway, the gateway's to AJO, and a probe passes through."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from engine import kinds
from engine.contract import Done, Failed, Finding, Outcome, Suspend, Wait
from engine.desired import Means, OwnedField, OwnedObject, changes, findings
from engine.digest import digest
from engine.endpoints import inbound_url, status_url
from engine.inbox import ON_ITS_WAY, PROBE_PREFIX, find_probes
from models.spec.onboarding import RcsSpec
from models.states import ForwardState
from providers.ajo.templates import FEEDBACK_TEMPLATE, INBOUND_TEMPLATE
from providers.errors import NeedsPerson
from providers.twilio.probe import post_callback
from tasks.steps import ajo_objects, messaging_service, rcs_sender
from tasks.steps.ajo_objects import AjoObject
from tasks.steps.removal import service as service_removal
from tasks.steps.removal.steps import WebhookRemoval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.context import StepContext
    from engine.contract import AnySpec
    from engine.memory import View
    from models.spec.ajo import Webhooks
    from providers.twilio.types import RcsSender, Service

TOPIC = "probe"
PLACE = "Journey Optimizer > Administration > Channels > SMS settings > SMS Webhooks > Create webhook"
INSTRUCTIONS = (
    "Create a webhook with the values below; open the payload editor, paste the payload there and save it.",
    "Submit the webhook, open it again and copy its webhook URL.",
)


class Webhook(WebhookRemoval):
    name = "webhook"
    owns = (kinds.INBOUND_WEBHOOK, kinds.FEEDBACK_WEBHOOK)

    def skip_reason(self, spec: AnySpec) -> str | None:
        return None if isinstance(spec, RcsSpec) else "AJO offers no webhooks for vendor Twilio"

    def inputs(self, spec: AnySpec) -> dict[str, Any]:
        if not isinstance(spec, RcsSpec) or spec.ajo.webhooks is None:
            return {}
        return {
            "ajo": {"webhooks": spec.ajo.webhooks.model_dump(mode="json"), "driver": spec.ajo.driver},
            "sender": spec.sender,
        }

    def desired(self, ctx: View) -> Iterable[OwnedObject]:
        assert isinstance(ctx.spec, RcsSpec)  # noqa: S101  it applies to no other
        yield service_part(ctx, messaging_service.find(ctx))
        yield sender_part(ctx, ctx.spec, rcs_sender.find(ctx, ctx.spec))
        for wanted in wanted_webhooks(ctx):
            yield ajo_objects.declared(ctx, wanted)

    def observe(self, ctx: StepContext) -> list[Finding]:
        return findings(self.desired(ctx), ctx.name, ctx.accepted)

    def act(self, ctx: StepContext) -> Outcome:
        assert isinstance(ctx.spec, RcsSpec)  # noqa: S101  it applies to no other
        sid = ctx.external_id(kinds.MESSAGING_SERVICE)
        differing = changes(service_part(ctx, ctx.vendors.twilio.fetch_service(sid)), ctx.accepted)
        if differing:
            service_removal.remember(ctx)
            ctx.vendors.twilio.update_service(sid, **_service_change(ctx, differing))
        _require_sender_urls(ctx, ctx.spec)
        for wanted in wanted_webhooks(ctx):
            ajo_objects.ensure(ctx, wanted)
        _prove_passage(ctx)
        return Done()


def service_part(ctx: View, service: Service | None) -> OwnedObject:
    """Where the service reports to."""
    public_url = ctx.settings.resolved_public_url
    wanted: dict[str, Any] = {
        "inbound_request_url": inbound_url(public_url, ctx.endpoint_token),
        "inbound_method": "POST",
        "status_callback": status_url(public_url, ctx.endpoint_token),
        # Else each number's own webhook wins over the service's.
        "use_inbound_webhook_on_number": False,
    }
    fields = [
        OwnedField(name=name, wanted=value, actual=getattr(service, name) if service else None)
        for name, value in wanted.items()
    ]
    return messaging_service.part(ctx, service, fields)


def _service_change(ctx: StepContext, differing: Sequence[OwnedField]) -> dict[str, Any]:
    """Twilio is told the method with the address."""
    change = {field.name: field.wanted for field in differing}
    if change.pop("inbound_method", None):
        change["inbound_request_url"] = inbound_url(ctx.settings.resolved_public_url, ctx.endpoint_token)
    return change


def sender_part(ctx: View, spec: RcsSpec, sender: RcsSender | None) -> OwnedObject:
    """Where the sender reports to. Twilio documents changing a sender for WhatsApp only, so a person sets it."""
    fields = [
        OwnedField(
            name=f"webhook.{name}",
            wanted=wanted,
            actual=sender.webhook.get(name) if sender else None,
            means=Means.HAND if sender else Means.API,
            cure="set it in the Twilio Console (the sender's Configuration tab)",
            cost="in the Twilio Console only: the public API changes no RCS sender" if sender else "",
        )
        for name, wanted in rcs_sender.webhook_body(ctx).items()
    ]
    return rcs_sender.part(spec, sender, fields)


def _require_sender_urls(ctx: StepContext, spec: RcsSpec) -> None:
    sender = ctx.vendors.twilio.fetch_sender(ctx.external_id(kinds.RCS_SENDER))
    found = findings([sender_part(ctx, spec, sender)], ctx.name, ctx.accepted)
    if found:
        what = "; ".join(finding.problem for finding in found)
        reason = f"the RCS sender reports elsewhere ({what}): {found[0].cure}"
        raise Suspend(ctx.person_wait(reason, topic="sender-webhook", look_again=ctx.scaled(minutes=15)))


def wanted_webhooks(ctx: View) -> list[AjoObject]:
    """The two AJO webhooks of a custom provider: inbound with its keywords, feedback without."""
    webhooks = ctx.spec.ajo.webhooks
    assert webhooks is not None  # noqa: S101  the spec demands them for RCS
    sender = ctx.spec.sender
    common = {"vendor": "custom", "sender": sender, "authentication": webhooks.authentication}
    inbound = {
        **common,
        "name": webhooks.inbound_name,
        "type": "inbound",
        "payload_template": INBOUND_TEMPLATE,
        "keywords": webhooks.keywords.model_dump(),
        "default_reply": webhooks.default_reply,
    }
    feedback = {**common, "name": webhooks.feedback_name, "type": "feedback", "payload_template": FEEDBACK_TEMPLATE}
    return [
        AjoObject(
            kind=kinds.INBOUND_WEBHOOK,
            collection="webhooks",
            name=webhooks.inbound_name,
            body=inbound,
            title="Create the inbound webhook %(name)s",
            place=PLACE,
            instructions=INSTRUCTIONS,
            fields=_inbound_fields(webhooks, sender),
            bring_back=("url",),
        ),
        AjoObject(
            kind=kinds.FEEDBACK_WEBHOOK,
            collection="webhooks",
            name=webhooks.feedback_name,
            body=feedback,
            title="Create the feedback webhook %(name)s",
            place=PLACE,
            instructions=INSTRUCTIONS,
            fields=_common_fields(webhooks, webhooks.feedback_name, "Feedback", sender, FEEDBACK_TEMPLATE),
            bring_back=("url",),
        ),
    ]


def _common_fields(webhooks: Webhooks, name: str, kind: str, sender: str, template: str) -> list[dict[str, str]]:
    is_guarded = webhooks.authentication == "ims"
    return [
        {"label": "Name", "value": name},
        {"label": "SMS vendor", "choice": "Custom"},
        {"label": "Type", "choice": kind},
        {"label": "Sender Phone Number", "value": sender},
        {"label": "Payload", "value": template},
        {"label": "Authentication", "choice": "on (Adobe IMS token)" if is_guarded else "off"},
    ]


def _inbound_fields(webhooks: Webhooks, sender: str) -> list[dict[str, str]]:
    words = webhooks.keywords
    return [
        *_common_fields(webhooks, webhooks.inbound_name, "Inbound", sender, INBOUND_TEMPLATE),
        {"label": "Opt-In keywords", "value": ", ".join(words.opt_in)},
        {"label": "Opt-Out keywords", "value": ", ".join(words.opt_out)},
        {"label": "Help keywords", "value": ", ".join(words.help)},
        {"label": "Default Reply Message", "value": webhooks.default_reply}
        if webhooks.default_reply
        else {"label": "Default Reply Message", "note": "leave it empty"},
    ]


def _prove_passage(ctx: StepContext) -> None:
    """Send one signed callback to our own public address and wait until AJO's feedback webhook has taken it.

    One probe per way of passing (addresses, authentication, mapping) is enough; one that AJO refused is repeated when a
    person retries.

    :raises Suspend: until AJO has answered, or for good when it refused.
    """
    feedback = ctx.resource(kinds.FEEDBACK_WEBHOOK)
    url = status_url(ctx.settings.resolved_public_url, ctx.endpoint_token)
    webhooks = ctx.spec.ajo.webhooks
    assert webhooks is not None  # noqa: S101  the spec demands them for RCS
    theirs = feedback.details.get("url") if feedback is not None else None
    prefix = PROBE_PREFIX + digest([url, theirs, webhooks.authentication, webhooks.mapping])[:20]
    probes = find_probes(ctx, prefix)
    is_waiting_for_it = ctx.waiting_topic == TOPIC
    if not probes or (probes[-1].forward_state is ForwardState.PARKED and not is_waiting_for_it):
        _send_probe(ctx, url, f"{prefix}-{len(probes) + 1}")
        probes = find_probes(ctx, prefix)
    if not probes or probes[-1].forward_state in ON_ITS_WAY:
        error = probes[-1].forward_error if probes else None
        raise Suspend(
            Wait(
                topic=TOPIC,
                reason="a probe event is on its way through the gateway to AJO"
                + (f" (last: {error})" if error else ""),
                who="the gateway and AJO",
                look_again=ctx.scaled(minutes=1),
                at_most=timedelta(hours=1),
            )
        )
    if probes[-1].forward_state is not ForwardState.FORWARDED:
        raise Suspend(
            Failed(
                f"AJO's feedback webhook refused the probe event ({probes[-1].forward_error}): check the webhook's URL, "
                f"payload and authentication in AJO (a wrong URL: `onboard task done {ctx.name} feedback-webhook --value url=…` again), "
                f"then `onboard retry {ctx.name}`"
            )
        )


def _send_probe(ctx: StepContext, url: str, sid: str) -> None:
    params = {
        "AccountSid": ctx.spec.twilio.account_sid,
        "MessageSid": sid,
        "MessageStatus": "sent",
        "From": ctx.spec.sender,
        "To": ctx.spec.verification.to[0],
    }
    try:
        post_callback(url, params, ctx.secret(kinds.AUTH_TOKEN), ctx.settings)
    except NeedsPerson as error:
        raise Suspend(ctx.person_wait(f"{error.message}: {error.cure}", topic="gateway")) from None
