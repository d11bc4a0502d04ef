"""The two halves of replacing a channel's secrets (``engine/rotation.py``) that speak to Twilio."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from engine import kinds, rotation
from engine.contract import Wait
from providers.errors import NotFound
from tasks.steps import api_key

if TYPE_CHECKING:
    from engine.context import StepContext


def replace_key(ctx: StepContext) -> None:
    """Make the key that was asked for, if one was. One whose secret a crash has lost is deleted: nobody can be using it."""
    if ctx.resource(kinds.NEXT_API_KEY) is None:
        return
    twilio = ctx.vendors.twilio
    name = api_key.marked_name(ctx)
    known = ctx.resource(kinds.API_KEY)
    for key in twilio.list_keys():
        if key.friendly_name == name and (known is None or key.sid != known.external_id):
            twilio.delete_key(key.sid)
    made = twilio.create_restricted_key(friendly_name=name, permissions=api_key.PERMISSIONS)
    onboarding_id = ctx.lease.onboarding_id
    ctx.write(
        lambda connection: rotation.take_key(
            connection, ctx.shop.vault, onboarding_id, name=name, sid=made.sid, secret=made.secret, at=ctx.now()
        )
    )


def revoke_former(ctx: StepContext) -> Wait | None:
    """End what the new secrets have replaced, once no gateway can be using it. None when there is nothing left to do."""
    former = ctx.resource(kinds.FORMER_API_KEY)
    if former is None and ctx.find_secret(kinds.FORMER_BRIDGE_TOKEN) is None:
        return None
    if former is not None:
        since = ctx.resource(kinds.API_KEY)
        calls_end = rotation.GATEWAYS_KNOW_AFTER + timedelta(seconds=2 * ctx.settings.http_timeout_seconds)
        left = since.present_at + calls_end - ctx.now() if since is not None else timedelta(0)
        if left > timedelta(0):
            return Wait(
                topic="rotation",
                reason="the new secrets are proved; the old key is revoked when no gateway can be using it any more",
                who="the gateways",
                look_again=left,
                at_most=timedelta(days=1),
            )
        with contextlib.suppress(NotFound):
            ctx.vendors.twilio.delete_key(former.external_id)
    ctx.write(
        lambda connection: rotation.forget_former(connection, ctx.shop.vault, ctx.lease.onboarding_id, at=ctx.now())
    )
    return None
