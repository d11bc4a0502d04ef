"""Step 3: the AJO SMS API credential; for RCS also the bridge's own Twilio key and the token AJO shows to the bridge."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from engine import kinds
from engine.contract import Done, Finding, Outcome
from engine.endpoints import send_url
from models.spec.onboarding import RcsSpec
from models.states import Provenance
from providers.ajo.templates import OUTBOUND_TEMPLATE
from providers.errors import NotFound
from tasks.steps import ajo_objects
from tasks.steps.ajo_objects import AjoObject

if TYPE_CHECKING:
    from engine.context import StepContext
    from engine.contract import AnySpec

PLACE = "Journey Optimizer > Administration > Channels > SMS settings > API Credentials > Create new API credentials"
INSTRUCTIONS = ("Create API credentials with the values below and submit them.",)
# All that the bridge does at Twilio: send, and look up what it sent.
KEY_PERMISSIONS = (
    "/twilio/messaging/messages/create",
    "/twilio/messaging/messages/read",
    "/twilio/messaging/messages/list",
)
TOKEN_HEADER = "X-Onboard-Token"  # noqa: S105  a header's name


class Credential:
    name = "credential"
    owns = (kinds.API_KEY, kinds.CREDENTIAL)

    def skip_reason(self, spec: AnySpec) -> str | None:  # noqa: ARG002  applies to every channel
        return None

    def inputs(self, spec: AnySpec) -> dict[str, Any]:
        credential = spec.ajo.credential.model_dump(mode="json")
        twilio = {
            "account_sid": spec.twilio.account_sid,
            "service": spec.twilio.messaging_service.model_dump(mode="json"),
        }
        return {"ajo": {"credential": credential, "driver": spec.ajo.driver}, "twilio": twilio, "sender": spec.sender}

    def observe(self, ctx: StepContext) -> list[Finding]:
        findings = []
        if isinstance(ctx.spec, RcsSpec):
            sid = ctx.external_id(kinds.API_KEY)
            try:
                ctx.vendors.twilio.fetch_key(sid)
            except NotFound:
                findings.append(
                    Finding(f"Twilio key {sid}", "was deleted", f"`onboard retry {ctx.name}` mints a new one")
                )
        return findings + ajo_objects.observe(ctx, wanted_credential(ctx))

    def act(self, ctx: StepContext) -> Outcome:
        if isinstance(ctx.spec, RcsSpec):
            _ensure_key(ctx)
            if ctx.find_secret(kinds.BRIDGE_TOKEN) is None:
                ctx.keep_secret(kinds.BRIDGE_TOKEN, secrets.token_urlsafe(32))
        ajo_objects.ensure(ctx, wanted_credential(ctx))
        return Done()


def _ensure_key(ctx: StepContext) -> None:
    """A restricted key whose secret we hold. Twilio shows a secret once, so a key without its secret is replaced."""
    twilio = ctx.vendors.twilio
    name = f"onboard bridge {ctx.name[:30]} [{ctx.mark}]"
    known = ctx.resource(kinds.API_KEY)
    keys = {key.sid: key for key in twilio.list_keys()}
    if known is not None and known.external_id in keys and ctx.find_secret(kinds.API_KEY_SECRET) is not None:
        return
    for key in keys.values():
        if key.friendly_name == name:
            # Ours by its mark; a crash kept its secret from being stored, so nobody can be using it.
            twilio.delete_key(key.sid)
    ctx.intend(kinds.API_KEY, vendor="twilio", name=name)
    key_and_secret = twilio.create_restricted_key(friendly_name=name, permissions=KEY_PERMISSIONS)
    ctx.keep_secret(kinds.API_KEY_SECRET, key_and_secret.secret)
    ctx.record(kinds.API_KEY, vendor="twilio", name=name, external_id=key_and_secret.sid, provenance=Provenance.CREATED)


def wanted_credential(ctx: StepContext) -> AjoObject:
    return _custom_credential(ctx, ctx.spec) if isinstance(ctx.spec, RcsSpec) else _twilio_credential(ctx)


def _custom_credential(ctx: StepContext, spec: RcsSpec) -> AjoObject:
    """Vendor Custom: AJO posts JSON to the gateway, which speaks Twilio's form data (RCS needs its own payload)."""
    url = send_url(ctx.settings.resolved_public_url, ctx.endpoint_token)
    headers = [header.model_dump() for header in spec.ajo.credential.headers]
    body = {
        "name": spec.ajo.credential.name,
        "vendor": "custom",
        "channel_type": "RCS",
        "provider_app_id": spec.rcs.sender_id,
        "provider_name": "onboard bridge to Twilio",
        "provider_url": url,
        "auth": {"type": "api_key", "name": TOKEN_HEADER, "token": ctx.secret(kinds.BRIDGE_TOKEN)},
        "headers": headers,
        "payload_template": OUTBOUND_TEMPLATE,
        "message_id_path": "sid",
        "webhook_ids": [ctx.external_id(kinds.INBOUND_WEBHOOK), ctx.external_id(kinds.FEEDBACK_WEBHOOK)],
    }
    fields = [
        {"label": "SMS vendor", "choice": "Custom"},
        {"label": "Name", "value": spec.ajo.credential.name},
        {"label": "Provider AppId", "value": spec.rcs.sender_id},
        {"label": "Provider Name", "value": "onboard bridge to Twilio"},
        {"label": "Provider URL", "value": url},
        {"label": "Channel Type", "value": "RCS"},
        {"label": "Auth Type", "choice": "API key"},
        {"label": "API key name", "value": TOKEN_HEADER},
        {"label": "API Token", "secret": kinds.BRIDGE_TOKEN},
        *({"label": "Header %(name)s", "name": header["name"], "value": header["value"]} for header in headers),
        {"label": "Provider Payload", "value": OUTBOUND_TEMPLATE},
        {"label": "Response message-ID extractor", "value": "sid"},
        {"label": "Webhooks", "note": "open both webhooks and choose these credentials"},
    ]
    return AjoObject(
        kind=kinds.CREDENTIAL,
        collection="credentials",
        name=spec.ajo.credential.name,
        body=body,
        title="Create the API credential %(name)s (vendor Custom)",
        place=PLACE,
        instructions=INSTRUCTIONS,
        fields=fields,
        secrets=frozenset({"auth"}),
    )


def _twilio_credential(ctx: StepContext) -> AjoObject:
    """Vendor Twilio. AJO's field "Message SID" holds the Messaging Service SID: inference (docs/vendors.md)."""
    spec = ctx.spec
    service_sid = ctx.external_id(kinds.MESSAGING_SERVICE)
    body = {
        "name": spec.ajo.credential.name,
        "vendor": "twilio",
        "channel_type": spec.channel.upper(),
        "account_sid": spec.twilio.account_sid,
        "auth_token": ctx.secret(kinds.AUTH_TOKEN),
        "message_sid": service_sid,
        "inbound_number": spec.sender,
    }
    fields = [
        {"label": "SMS vendor", "value": "Twilio"},
        {"label": "Name", "value": spec.ajo.credential.name},
        {"label": "Account SID", "value": spec.twilio.account_sid},
        {"label": "Auth Token", "secret": kinds.AUTH_TOKEN},
        {"label": "Message SID", "value": service_sid},
        {"label": "Inbound Number", "value": spec.sender},
    ]
    return AjoObject(
        kind=kinds.CREDENTIAL,
        collection="credentials",
        name=spec.ajo.credential.name,
        body=body,
        title="Create the API credential %(name)s (vendor Twilio)",
        place=PLACE,
        instructions=INSTRUCTIONS,
        fields=fields,
        secrets=frozenset({"auth_token"}),
    )
