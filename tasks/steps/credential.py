"""Step 3: the AJO SMS API credential; for RCS also the bridge's own Twilio key and the token AJO shows to the bridge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from engine import kinds
from engine.contract import Done, Finding, Outcome
from engine.desired import findings
from engine.endpoints import oauth_url, send_url
from engine.rotation import new_token
from engine.sign_in import GRANT_TYPE, JWT_SECONDS, TOKEN_HEADER
from models.spec.onboarding import RcsSpec
from providers.ajo.templates import OUTBOUND_TEMPLATE
from providers.errors import Misconfigured
from tasks.steps import ajo_objects, api_key, rotating
from tasks.steps.ajo_objects import AjoObject
from tasks.steps.removal import in_ajo
from tasks.steps.removal.steps import CredentialRemoval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.context import StepContext
    from engine.contract import AnySpec
    from engine.desired import OwnedObject
    from engine.memory import View
    from models.spec.ajo import SignIn

PLACE = "Journey Optimizer > Administration > Channels > SMS settings > API Credentials > Create new API credentials"
# What no answer shows, of all the ways to sign in.
SECRETS_OF_AUTH = ("token", "password", "client_secret")
INSTRUCTIONS = ("Create API credentials with the values below and submit them.",)


class Credential(CredentialRemoval):
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

    def desired(self, ctx: View) -> Iterable[OwnedObject]:
        if isinstance(ctx.spec, RcsSpec):
            yield from api_key.desired(ctx)
        yield ajo_objects.declared(ctx, wanted_credential(ctx))

    def observe(self, ctx: StepContext) -> list[Finding]:
        return findings(self.desired(ctx), ctx.name, ctx.accepted)

    def act(self, ctx: StepContext) -> Outcome:
        if isinstance(ctx.spec, RcsSpec):
            if ctx.spec.ajo.credential.mtls and not ctx.settings.mtls_proxies:
                msg = (
                    "The spec says mtls: true, and ONBOARD_MTLS_PROXIES names no proxy that checks AJO's certificate: "
                    "set it for gateway and workers (docs/bridge.md)."
                )
                raise Misconfigured(msg)
            rotating.replace_key(ctx)
            api_key.ensure(ctx)
            if ctx.find_secret(kinds.BRIDGE_TOKEN) is None:
                ctx.keep_secret(kinds.BRIDGE_TOKEN, new_token())
        ajo_objects.ensure(ctx, wanted_credential(ctx))
        return Done()


def wanted_credential(ctx: View) -> AjoObject:
    return _custom_credential(ctx, ctx.spec) if isinstance(ctx.spec, RcsSpec) else _twilio_credential(ctx)


def as_ajo_has_it(ctx: View) -> dict[str, Any]:
    """The credential of vendor Custom with the fields as AJO shows them; what it does not show is as we entered it."""
    wanted = wanted_credential(ctx)
    found = ajo_objects.declared(ctx, wanted).seen or {}
    return {name: found.get(name, value) for name, value in wanted.body.items() if name != "auth"} | {
        # AJO shows no secret, so the way to sign in is ours as a whole.
        "auth": wanted.body["auth"]
    }


def _custom_credential(ctx: View, spec: RcsSpec) -> AjoObject:
    """Vendor Custom: AJO posts JSON to the gateway, which speaks Twilio's form data (RCS needs its own payload)."""
    url = send_url(ctx.settings.resolved_public_url, ctx.endpoint_token)
    headers = [header.model_dump() for header in spec.ajo.credential.headers]
    auth, auth_fields = _sign_in(ctx, spec, url)
    template = payload_template(spec.ajo.credential.sign_in)
    body = {
        "name": spec.ajo.credential.name,
        "vendor": "custom",
        "channel_type": "RCS",
        "provider_app_id": spec.rcs.sender_id,
        "provider_name": "onboard bridge to Twilio",
        "provider_url": url,
        "auth": auth,
        "mtls": spec.ajo.credential.mtls,
        "headers": headers,
        "payload_template": template,
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
        *auth_fields,
        {"label": "mTLS support", "choice": "on" if spec.ajo.credential.mtls else "off"},
        *({"label": "Header %(name)s", "name": header["name"], "value": header["value"]} for header in headers),
        {"label": "Provider Payload", "value": template},
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
        edit_place=in_ajo.BY_HAND[kinds.CREDENTIAL].place,
        secrets=frozenset(f"auth.{name}" for name in SECRETS_OF_AUTH if name in auth),
        is_secret_new=True,
    )


def payload_template(way: SignIn) -> str:
    """What AJO fills in. For basic and bearer its page demands ``authOption``, and says not what it holds: inference."""
    if way not in ("basic", "bearer"):
        return OUTBOUND_TEMPLATE
    return json.dumps({**json.loads(OUTBOUND_TEMPLATE), "authOption": way})


def _sign_in(ctx: View, spec: RcsSpec, url: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """How AJO proves itself: for the automation, and as fields for a person. The gateway's half: gateway/authentication.py.

    What the fields do on the wire is inference throughout (docs/bridge.md); their names are Adobe's.
    """
    token = ctx.secret(kinds.BRIDGE_TOKEN)
    way = spec.ajo.credential.sign_in
    token_field = {"label": "API Token", "secret": kinds.BRIDGE_TOKEN}
    auth: dict[str, Any]
    match way:
        case "api_key":
            auth = {"name": TOKEN_HEADER, "token": token}
            title, fields = "API key", [{"label": "API key name", "value": TOKEN_HEADER}, token_field]
        case "basic":
            auth = {"user": ctx.name, "password": token}
            password = {"label": "Password", "secret": kinds.BRIDGE_TOKEN}
            title, fields = "Basic", [{"label": "User name", "value": ctx.name}, password]
        case "bearer":
            auth = {"token": token}
            title, fields = "Bearer App", [token_field]
        case "jwt":
            claims = {"issuer": spec.ajo.organization_id, "subject": ctx.name, "audience": url}
            auth = {"token": token, **claims, "expiry_seconds": JWT_SECONDS}
            claims["expiry"] = f"{JWT_SECONDS} seconds"
            rows = [{"label": "JWT Payload, %(name)s", "name": name, "value": value} for name, value in claims.items()]
            title, fields = "JWT", [token_field, *rows]
        case "oauth":
            token_url = oauth_url(ctx.settings.resolved_public_url, ctx.endpoint_token)
            auth = {"url": token_url, "client_id": ctx.name, "client_secret": token}
            title, fields = (
                "OAuth",
                [
                    {"label": "OAuth URL", "value": token_url},
                    {"label": "OAuth Body, %(name)s", "name": "grant_type", "value": GRANT_TYPE},
                    {"label": "OAuth Body, %(name)s", "name": "client_id", "value": ctx.name},
                    {"label": "OAuth Body, %(name)s", "name": "client_secret", "secret": kinds.BRIDGE_TOKEN},
                ],
            )
        case "none":
            auth, title, fields = {}, "No Authentication", []
    return {"type": way, **auth}, [{"label": "Auth Type", "choice": title}, *fields]


def _twilio_credential(ctx: View) -> AjoObject:
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
        edit_place=in_ajo.BY_HAND[kinds.CREDENTIAL].place,
        secrets=frozenset({"auth_token"}),
        is_secret_new=_is_token_new(ctx),
    )


def _is_token_new(ctx: View) -> bool:
    """Whether the auth token has changed since onboard knows it, or would by the file that is looked at."""
    stored = ctx.find_secret(kinds.AUTH_TOKEN)
    return ctx.find_secret(kinds.FORMER_AUTH_TOKEN) is not None or stored not in (None, ctx.secret(kinds.AUTH_TOKEN))
