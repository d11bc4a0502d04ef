"""The bridge's own restricted key at Twilio: what it may do, and whether its secret is in our hands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import kinds
from engine.desired import Means, OwnedField, OwnedObject, Presence, changes, presence_of, subject_of
from models.states import Provenance
from providers.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.context import StepContext
    from engine.memory import View
    from providers.twilio.types import ApiKey, NewKey

KIND = kinds.API_KEY
# All that the bridge does at Twilio: send, and look up what it sent.
PERMISSIONS = (
    "/twilio/messaging/messages/create",
    "/twilio/messaging/messages/list",
    "/twilio/messaging/messages/read",
)


def marked_name(ctx: View) -> str:
    return f"onboard bridge {ctx.name[:30]} [{ctx.mark}]"


def desired(ctx: View) -> Iterator[OwnedObject]:
    """The key that is recorded; without it also each of our name, which nobody can be using."""
    key = _recorded(ctx)
    yield declared(ctx, key)
    if key is None or ctx.find_secret(kinds.API_KEY_SECRET) is None:
        for stray in _strays(ctx, key.sid if key else None):
            yield OwnedObject(
                kind=KIND,
                label=f"Twilio API key {stray.friendly_name} ({stray.sid})",
                subject=f"{subject_of(KIND)}:{stray.sid}",
                vendor="twilio",
                presence=Presence.UNWANTED,
                external_id=stray.sid,
                note="its secret is lost",
            )


def declared(ctx: View, key: ApiKey | None) -> OwnedObject:
    known = ctx.resource(KIND)
    is_held = ctx.find_secret(kinds.API_KEY_SECRET) is not None
    fields = [
        OwnedField(name="friendly_name", wanted=marked_name(ctx), actual=key.friendly_name if key else None),
        # Twilio shows a secret once: a key without it is of no use to the bridge.
        OwnedField(
            name="secret", wanted="held by onboard", actual="held by onboard" if is_held else "lost", means=Means.NEVER
        ),
    ]
    if key is None or key.permissions is not None:
        allowed = sorted(key.permissions) if key and key.permissions else None
        fields.append(OwnedField(name="permissions", wanted=list(PERMISSIONS), actual=allowed))
    return OwnedObject(
        kind=KIND,
        label=f"Twilio API key {marked_name(ctx)}",
        subject=subject_of(KIND),
        vendor="twilio",
        presence=presence_of(key),
        fields=tuple(fields),
        external_id=key.sid if key else None,
        is_recorded=known is not None and known.external_id is not None,
    )


def _recorded(ctx: View) -> ApiKey | None:
    known = ctx.resource(KIND)
    if known is None or known.external_id is None:
        return None
    try:
        return ctx.vendors.twilio.fetch_key(known.external_id)
    except NotFound:
        return None


def _strays(ctx: View, in_use: str | None) -> list[ApiKey]:
    """Ours by their mark; a crash kept their secret from being stored."""
    name = marked_name(ctx)
    return [key for key in ctx.vendors.twilio.list_keys() if key.friendly_name == name and key.sid != in_use]


def make(ctx: StepContext, *, in_use: str | None) -> NewKey:
    """A new key beside the one that is in use, by its SID. What else is of our name nobody can be using."""
    for stray in _strays(ctx, in_use):
        ctx.vendors.twilio.delete_key(stray.sid)
    return ctx.vendors.twilio.create_restricted_key(friendly_name=marked_name(ctx), permissions=PERMISSIONS)


def ensure(ctx: StepContext) -> None:
    """A restricted key whose secret we hold. One that lost its secret is replaced."""
    twilio = ctx.vendors.twilio
    name = marked_name(ctx)
    key = _recorded(ctx)
    owned = declared(ctx, key)
    if key is not None and ctx.find_secret(kinds.API_KEY_SECRET) is not None:
        changed = {field.name: field.wanted for field in changes(owned, ctx.accepted)}
        if changed:
            kept = {"friendly_name": key.friendly_name, "permissions": key.permissions or PERMISSIONS}
            twilio.update_key(key.sid, **{**kept, **changed})
        return
    ctx.intend(KIND, vendor="twilio", name=name)
    made = make(ctx, in_use=None)
    ctx.keep_secret(kinds.API_KEY_SECRET, made.secret)
    ctx.record(KIND, vendor="twilio", name=name, external_id=made.sid, provenance=Provenance.CREATED)
