"""The Twilio account and its numbers: nothing of them is ours to change, and nothing works without them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine import checklist
from engine.contract import Failed, Suspend
from engine.desired import Checked, Means, OwnedField, OwnedObject, Presence, changes, presence_of

if TYPE_CHECKING:
    from engine.context import StepContext
    from engine.memory import View
    from providers.twilio.types import Account, Number

ACCOUNT, NUMBER = "twilio_account", "twilio_number"
# What a number must be able to do, per channel. RCS falls back to SMS.
CAPABILITIES = {"rcs": ("sms",), "sms": ("sms",), "mms": ("mms", "sms")}


def desired(ctx: View) -> list[OwnedObject]:
    twilio = ctx.vendors.twilio
    numbers = [number(ctx, phone, twilio.find_number(phone)) for phone in ctx.spec.twilio.numbers]
    return [account(ctx, twilio.fetch_account()), *numbers]


def account(ctx: View, found: Account) -> OwnedObject:
    owned = OwnedObject(
        kind=ACCOUNT,
        label=f"Twilio account {found.sid}",
        subject="account",
        vendor="twilio",
        presence=Presence.THERE,
        external_id=found.sid,
        is_recorded=True,
        fields=(
            _by_hand("status", "active", found.status, "reactivate it in the Twilio Console"),
            _by_hand("type", "Full", found.type, "upgrade it in the Twilio Console"),
        ),
    )
    status, kind = owned.fields
    wrong = changes(owned, ctx.accepted)
    checks = [Checked(item="account.active", is_met=status not in wrong, detail=f"status {status.actual}")]
    if status not in wrong:
        checks.append(Checked(item="account.full", is_met=kind not in wrong, detail=f"type {kind.actual}"))
    return replace(owned, checks=tuple(checks))


def _by_hand(name: str, wanted: object, actual: object, cure: str) -> OwnedField:
    return OwnedField(name=name, wanted=wanted, actual=actual, means=Means.HAND, cure=cure)


def number(ctx: View, phone: str, found: Number | None) -> OwnedObject:
    needed = CAPABILITIES[ctx.spec.channel]
    able = [one for one in needed if found and one in found.capabilities]
    cure = "choose another number in `twilio.numbers`"
    owned = OwnedObject(
        kind=NUMBER,
        label=f"number {phone}",
        subject=f"number:{phone}",
        vendor="twilio",
        presence=presence_of(found),
        external_id=found.sid if found else None,
        is_recorded=True,
        means=Means.HAND,
        cost="buy it in the Twilio Console (Twilio charges for it by the month)",
        cure="buy it or correct `twilio.numbers`",
        fields=(_by_hand("capabilities", list(needed), able, cure),),
    )
    detail = "not owned by the account" if found is None else None
    for field in changes(owned, ctx.accepted) if found else ():
        detail = f"cannot send {', '.join(one for one in field.wanted if one not in field.actual)}"
    return replace(owned, checks=(Checked(item="number", each=phone, is_met=detail is None, detail=detail),))


def check_account(ctx: StepContext) -> None:
    """:raises Suspend: it is suspended or on trial."""
    owned = account(ctx, ctx.vendors.twilio.fetch_account())
    checklist.follow(ctx, [owned])
    wrong = changes(owned, ctx.accepted)
    if wrong:
        of_type = "of type " if wrong[0].name == "type" else ""
        reason = f"the Twilio account is {of_type}{wrong[0].actual}: {wrong[0].cure}, then `onboard retry {ctx.name}`"
        raise Suspend(Failed(reason))


def check_numbers(ctx: StepContext) -> dict[str, str]:
    """The SIDs of the declared numbers, each owned by the account and capable.

    :raises Suspend: one is not.
    """
    sids = {}
    for phone in ctx.spec.twilio.numbers:
        owned = number(ctx, phone, ctx.vendors.twilio.find_number(phone))
        checklist.follow(ctx, [owned])
        (check,) = owned.checks
        if owned.external_id is None or not check.is_met:
            cure = owned.cure if owned.external_id is None else owned.fields[0].cure
            raise Suspend(
                Failed(f"{phone}: {check.detail}; {cure}, then `onboard update FILE` or `onboard retry {ctx.name}`")
            )
        sids[phone] = owned.external_id
    return sids
