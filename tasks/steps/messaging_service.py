"""The Twilio Messaging Service and the numbers in its pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import kinds
from engine.contract import Failed, Finding, Suspend
from engine.removal import remember_added
from models.states import Provenance, ResourceState
from providers.errors import NotFound

if TYPE_CHECKING:
    from engine.context import StepContext
    from providers.twilio.types import Service

KIND = kinds.MESSAGING_SERVICE
# What a number must be able to do, per channel. RCS falls back to SMS.
CAPABILITIES = {"rcs": {"sms"}, "sms": {"sms"}, "mms": {"sms", "mms"}}


def marked_name(ctx: StepContext) -> str:
    """The friendly name with our mark at its end: Twilio stores no other field that could carry it."""
    return f"{ctx.spec.twilio.messaging_service.friendly_name} [{ctx.mark}]"


def ensure(ctx: StepContext) -> str:
    """The SID of the declared service, or of ours, created if need be."""
    sid = _find_or_create(ctx)
    ctx.check("service.ready", is_met=True, detail=sid)
    return sid


def _find_or_create(ctx: StepContext) -> str:
    declared = ctx.spec.twilio.messaging_service
    if declared.sid is not None:
        return _adopt(ctx, declared.sid)
    known = ctx.resource(KIND)
    if known is not None and known.provenance is Provenance.ADOPTED and known.name == declared.friendly_name:
        # `onboard adopt` found it by this very name.
        return _adopt(ctx, known.external_id)
    name = marked_name(ctx)
    services = ctx.vendors.twilio.list_services()
    ours = [service for service in services if service.friendly_name.endswith(f"[{ctx.mark}]")]
    if not ours:
        _refuse_look_alike(ctx, services, declared.friendly_name or "")
        ctx.intend(KIND, vendor="twilio", name=name)
        ours = [ctx.vendors.twilio.create_service(friendly_name=name)]
    if ours[0].friendly_name != name:
        ctx.vendors.twilio.update_service(ours[0].sid, friendly_name=name)
    ctx.record(KIND, vendor="twilio", name=name, external_id=ours[0].sid, provenance=Provenance.CREATED)
    return ours[0].sid


def _adopt(ctx: StepContext, sid: str) -> str:
    try:
        service = ctx.vendors.twilio.fetch_service(sid)
    except NotFound:
        reason = f"no messaging service {sid} in account {ctx.spec.twilio.account_sid}: correct `twilio.messaging_service.sid`"
        raise Suspend(Failed(f"{reason}, then `onboard start FILE --update`")) from None
    ctx.record(KIND, vendor="twilio", name=service.friendly_name, external_id=sid, provenance=Provenance.ADOPTED)
    return sid


def _refuse_look_alike(ctx: StepContext, services: list[Service], name: str) -> None:
    """A service of the same plain name may be the brand's own: a person says whether to adopt it."""
    known = ctx.resource(KIND)
    if known is not None and known.state is ResourceState.INTENDED:
        return
    for service in services:
        if service.friendly_name == name:
            raise Suspend(
                ctx.person_wait(
                    f"Twilio has a messaging service named {name!r} that onboard did not make: to use it, write "
                    f"`sid: {service.sid}` under twilio.messaging_service, else choose another friendly_name; "
                    "then `onboard start FILE --update`",
                    topic="look-alike",
                )
            )


def ensure_numbers(ctx: StepContext, service_sid: str) -> None:
    """Every declared number is owned, capable, and in the service's pool."""
    twilio = ctx.vendors.twilio
    pool = {number.phone_number for number in twilio.list_service_numbers(service_sid)}
    needed = CAPABILITIES[ctx.spec.channel]
    for phone in ctx.spec.twilio.numbers:
        number = twilio.find_number(phone)
        lacking = sorted(needed - number.capabilities) if number else []
        detail = (
            "not owned by the account" if number is None else f"cannot send {', '.join(lacking)}" if lacking else None
        )
        ctx.check("number", each=phone, is_met=detail is None, detail=detail)
        if number is None or detail is not None:
            cure = (
                "buy it or correct `twilio.numbers`" if number is None else "choose another number in `twilio.numbers`"
            )
            raise Suspend(
                Failed(f"{phone}: {detail}; {cure}, then `onboard start FILE --update` or `onboard retry {ctx.name}`")
            )
        if phone not in pool:
            remember_added(ctx, KIND, number.sid, phone)
            twilio.add_service_number(service_sid, number.sid)


def observe(ctx: StepContext) -> list[Finding]:
    sid = ctx.external_id(KIND)
    try:
        ctx.vendors.twilio.fetch_service(sid)
    except NotFound:
        cure = f"`onboard retry {ctx.name}` after deciding why it was deleted"
        return [Finding(f"messaging service {sid}", "does not exist any more", cure)]
    pool = {number.phone_number for number in ctx.vendors.twilio.list_service_numbers(sid)}
    return [
        Finding(
            f"number {phone}", f"is not in the pool of messaging service {sid}", "put it back in the Twilio Console"
        )
        for phone in ctx.spec.twilio.numbers
        if phone not in pool
    ]
