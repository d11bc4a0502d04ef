"""The two halves of replacing a channel's secrets (``engine/rotation.py``) that speak to Twilio."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from engine import kinds, rotation
from engine.contract import Wait
from models.db import reader
from providers.errors import NotFound
from tasks.steps import api_key

if TYPE_CHECKING:
    from engine.context import StepContext


def replace_key(ctx: StepContext) -> None:
    """Make the key that was asked for, if one was. One whose secret a crash has lost is deleted: nobody can be using it."""
    if ctx.resource(kinds.NEXT_API_KEY) is None:
        return
    known, name = ctx.resource(kinds.API_KEY), api_key.marked_name(ctx)
    made = api_key.make(ctx, in_use=known.external_id if known is not None else None)
    onboarding_id = ctx.lease.onboarding_id
    ctx.write(
        lambda connection: rotation.take_key(
            connection, ctx.shop.vault, onboarding_id, name=name, sid=made.sid, secret=made.secret, at=ctx.now()
        )
    )


def revoke_former(ctx: StepContext, *, is_proved: bool) -> Wait | None:
    """End what the new secrets have replaced, once nobody can be using it. None when there is nothing to do now.

    :param is_proved: a message was sent with the new key.
    """
    return (_revoke_key(ctx) if is_proved else None) or _forget_token(ctx)


def _revoke_key(ctx: StepContext) -> Wait | None:
    former, present = ctx.resource(kinds.FORMER_API_KEY), ctx.resource(kinds.API_KEY)
    if former is None:
        return None
    calls_end = rotation.GATEWAYS_KNOW_AFTER + timedelta(seconds=2 * ctx.settings.http_timeout_seconds)
    if present is not None and (left := present.present_at + calls_end - ctx.now()) > timedelta(0):
        return _wait("the new key is proved; the old one is revoked when no gateway can be using it any more", left)
    with contextlib.suppress(NotFound):
        ctx.vendors.twilio.delete_key(former.external_id)
    ctx.write(lambda connection: rotation.forget_key(connection, ctx.lease.onboarding_id, at=ctx.now()))
    return None


def _forget_token(ctx: StepContext) -> Wait | None:
    """Only what AJO has shown can be known to be there: until then the old token stays good, and the channel active."""
    with reader(ctx.shop.db).begin() as connection:
        until = rotation.good_until(connection, ctx.lease.onboarding_id, ctx.spec.ajo.credential.sign_in)
    if until is None:
        return None
    if (left := until - ctx.now()) > timedelta(0):
        return _wait("AJO uses the new token; the old one ends when nothing can come with it any more", left)
    why = "it has signed in with the new one"
    ctx.write(
        lambda connection: rotation.forget_token(
            connection, ctx.shop.vault, ctx.lease.onboarding_id, at=ctx.now(), why=why
        )
    )
    return None


def _wait(reason: str, left: timedelta) -> Wait:
    return Wait(topic="rotation", reason=reason, who="the gateways", look_again=left, at_most=timedelta(days=1))
