"""The Twilio Messaging Service, its name, and what is in its pool."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine import kinds
from engine.contract import Failed, Suspend
from engine.desired import Checked, OwnedField, OwnedObject, changes, presence_of, subject_of
from engine.removal import numbers_of_others, remember_added, senders_of_others
from engine.reuse import owner_of
from models.spec.onboarding import RcsSpec
from models.states import Provenance, ResourceState
from providers.errors import NeedsPerson, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from engine.context import StepContext
    from engine.memory import View
    from engine.removal import Record
    from providers.twilio.types import PoolNumber, PoolSender, Service

KIND = kinds.MESSAGING_SERVICE
# Twilio's error code (providers/twilio/errors.py).
IN_ANOTHER_POOL = 21712


def marked_name(ctx: View) -> str:
    """The friendly name with our mark at its end: Twilio stores no other field that could carry it."""
    return f"{ctx.spec.twilio.messaging_service.friendly_name} [{ctx.mark}]"


def adopted_sid(ctx: View) -> str | None:
    """Of the service that the spec names, or that was adopted, whatever its name is now; None where it is ours."""
    declared = ctx.spec.twilio.messaging_service
    known = ctx.resource(KIND)
    if declared.sid is None and known is not None and known.provenance is Provenance.ADOPTED:
        return None if known.state is ResourceState.GONE else known.external_id
    return declared.sid


def is_ours(ctx: View) -> bool:
    """Whether its name and its whole pool are ours to say; of an adopted one only what the spec puts into it."""
    return adopted_sid(ctx) is None


def find(ctx: View) -> Service | None:
    """The declared service; or ours, also when somebody took our mark out of its name."""
    twilio = ctx.vendors.twilio
    sid = adopted_sid(ctx)
    known = ctx.resource(KIND)
    if sid is None and known is not None and known.provenance is Provenance.CREATED:
        sid = known.external_id
    if sid is not None:
        try:
            return twilio.fetch_service(sid)
        except NotFound:
            if not is_ours(ctx):
                return None
    marked = (one for one in twilio.list_services() if one.friendly_name.endswith(f"[{ctx.mark}]"))
    return next(marked, None)


def desired(ctx: View, service: Service | None, senders: Sequence[str] | None) -> OwnedObject:
    """:param senders: SIDs of the RCS senders that belong into the pool; None where there are none to own."""
    known = ctx.resource(KIND)
    twilio = ctx.vendors.twilio
    sid = service.sid if service else None
    fields = [name_field(ctx, service), numbers_field(ctx, twilio.list_service_numbers(sid) if sid else [])]
    if senders is not None:
        fields.append(senders_field(ctx, senders, twilio.list_channel_senders(sid) if sid else []))
    owned = _owned(
        ctx,
        service,
        [field for field in fields if field is not None],
        is_recorded=known is not None and known.external_id is not None,
    )
    alike = _look_alike(ctx) if service is None and is_ours(ctx) else None
    note = (
        f"Twilio has one of this name that onboard did not make ({alike.sid}): a person is asked first" if alike else ""
    )
    return replace(owned, note=_another(ctx) or note, checks=(_is_ready(service),))


def _is_ready(service: Service | None) -> Checked:
    return Checked(
        item="service.ready", is_met=service is not None, detail=service.sid if service else "does not exist"
    )


def _owned(
    ctx: View, service: Service | None, fields: Iterable[OwnedField], *, is_recorded: bool, is_part: bool = False
) -> OwnedObject:
    name = marked_name(ctx) if is_ours(ctx) else adopted_sid(ctx)
    cure = (
        ""
        if is_ours(ctx)
        else "write the `sid` of one that is there under twilio.messaging_service, then `onboard update FILE`"
    )
    return OwnedObject(
        kind=KIND,
        label=f"messaging service {name}",
        subject=subject_of(KIND),
        vendor="twilio",
        presence=presence_of(service),
        fields=tuple(fields),
        external_id=service.sid if service else None,
        is_recorded=is_recorded,
        is_part=is_part,
        cure=cure,
    )


def part(ctx: View, service: Service | None, fields: Iterable[OwnedField]) -> OwnedObject:
    """What another step owns of it."""
    return _owned(ctx, service, fields, is_recorded=True, is_part=True)


def name_field(ctx: View, service: Service | None) -> OwnedField | None:
    if not is_ours(ctx):
        return None
    return OwnedField(name="friendly_name", wanted=marked_name(ctx), actual=service.friendly_name if service else None)


def numbers_field(ctx: View, pool: Sequence[PoolNumber]) -> OwnedField:
    actual = [number.phone_number for number in pool]
    return _pool_field(ctx, "numbers", ctx.spec.twilio.numbers, actual, numbers_of_others)


def senders_field(ctx: View, wanted: Sequence[str], pool: Sequence[PoolSender]) -> OwnedField:
    return _pool_field(ctx, "senders", wanted, [sender.sid for sender in pool], senders_of_others)


def _pool_field(
    ctx: View, name: str, wanted: Sequence[str], actual: Sequence[str], of_others: Callable[[View, Record], set[str]]
) -> OwnedField:
    """What is in the pool beyond the spec may send in the brand's name, but nothing is broken by it.

    :param of_others: what other onboardings that use the service have in it: theirs to say.
    """
    more = {one for one in actual if one not in wanted} if is_ours(ctx) else set()
    known = ctx.resource(KIND)
    if more and known is not None:
        more -= of_others(ctx, known)
    seen = sorted(one for one in actual if one in wanted or one in more)
    is_missing = not set(wanted) <= set(seen)
    return OwnedField(name=name, wanted=sorted(set(wanted)), actual=seen, severity="error" if is_missing else "warning")


def ensure(ctx: StepContext) -> str:
    """The SID of the declared service, or of ours, created if need be.

    :raises Suspend: there is none of the declared SID, or the spec names another than the one that is in use.
    """
    another = _another(ctx)
    if another:
        raise Suspend(Failed(another))
    service = find(ctx)
    if service is None and not is_ours(ctx):
        sid = adopted_sid(ctx)
        reason = f"no messaging service {sid} in account {ctx.spec.twilio.account_sid}"
        cure = "write the `sid` of one that is there under twilio.messaging_service, then `onboard update FILE`"
        raise Suspend(Failed(f"{reason}: {cure}"))
    name = marked_name(ctx)
    if service is None:
        _refuse_look_alike(ctx)
        ctx.intend(KIND, vendor="twilio", name=name)
        service = ctx.vendors.twilio.create_service(friendly_name=name)
    field = name_field(ctx, service)
    if field is not None and changes(part(ctx, service, [field]), ctx.accepted):
        service = ctx.vendors.twilio.update_service(service.sid, friendly_name=name)
    provenance = Provenance.CREATED if is_ours(ctx) else Provenance.ADOPTED
    shown = name if is_ours(ctx) else service.friendly_name
    ctx.record(KIND, vendor="twilio", name=shown, external_id=service.sid, provenance=provenance)
    ready = _is_ready(service)
    ctx.check(ready.item, is_met=ready.is_met, detail=ready.detail)
    return service.sid


def _another(ctx: View) -> str:
    """Why the spec's SID is refused: one row remembers one service, and the former would never be given back."""
    declared, known = ctx.spec.twilio.messaging_service.sid, ctx.resource(KIND)
    if declared is None or known is None or known.external_id in (None, declared) or known.state is ResourceState.GONE:
        return ""
    try:
        former = ctx.vendors.twilio.fetch_service(known.external_id)
    except NotFound:
        return ""
    return (
        f"the spec names messaging service {declared}, but {ctx.name} uses {former.friendly_name} ({former.sid}), which would "
        "keep onboard's callbacks and numbers: put twilio.messaging_service back as it was, then "
        f"`onboard update FILE`; or give the former back first: `onboard teardown {ctx.name}`, then `onboard start FILE`"
    )


def _look_alike(ctx: View) -> Service | None:
    """A service of the same plain name, unless we were about to make one: it may be the brand's own."""
    known = ctx.resource(KIND)
    if known is not None and known.state is ResourceState.INTENDED:
        return None
    name = ctx.spec.twilio.messaging_service.friendly_name
    return next((one for one in ctx.vendors.twilio.list_services() if one.friendly_name == name), None)


def _refuse_look_alike(ctx: StepContext) -> None:
    """A person says whether to adopt it."""
    alike = _look_alike(ctx)
    if alike is not None:
        raise Suspend(
            ctx.person_wait(
                f"Twilio has a messaging service named {alike.friendly_name!r} that onboard did not make: to use it, write "
                f"`sid: {alike.sid}` under twilio.messaging_service, else choose another friendly_name; "
                "then `onboard update FILE`",
                topic="look-alike",
            )
        )


def ensure_numbers(ctx: StepContext, service_sid: str, sids: dict[str, str]) -> None:
    """The pool holds the declared numbers; one that we made holds no others but those of other onboardings that use it.

    :param sids: of the declared numbers, by phone number.
    """
    twilio = ctx.vendors.twilio
    pool = twilio.list_service_numbers(service_sid)
    for field in changes(part(ctx, None, [numbers_field(ctx, pool)]), ctx.accepted):
        for phone in set(field.wanted) - set(field.actual):
            remember_added(ctx, KIND, sids[phone], phone)
            _put(ctx, twilio.add_service_number, service_sid, sids[phone], phone)
        for number in pool:
            if number.phone_number in set(field.actual) - set(field.wanted):
                twilio.remove_service_number(service_sid, number.sid)


def ensure_senders(ctx: StepContext, service_sid: str, senders: Sequence[str]) -> None:
    """As :func:`ensure_numbers`, for the SIDs of RCS senders."""
    twilio = ctx.vendors.twilio
    pool = twilio.list_channel_senders(service_sid)
    for field in changes(part(ctx, None, [senders_field(ctx, senders, pool)]), ctx.accepted):
        for sid in set(field.wanted) - set(field.actual):
            name = ctx.spec.rcs.sender_id if isinstance(ctx.spec, RcsSpec) else sid
            remember_added(ctx, KIND, sid, name)
            _put(ctx, twilio.add_channel_sender, service_sid, sid, name)
        for sid in set(field.actual) - set(field.wanted):
            twilio.remove_channel_sender(service_sid, sid)


def _put(ctx: StepContext, add: Callable[[str, str], None], service_sid: str, sid: str, name: str) -> None:
    """Put a number or sender into the pool.

    :raises NeedsPerson: as the provider; when another service has it, with its name and, if it is known here, its owner.
    """
    try:
        add(service_sid, sid)
    except NeedsPerson as error:
        if error.context is None or error.context.code != IN_ANOTHER_POOL:
            raise
        owner = owner_of(ctx, name)
        theirs = f"that of {owner} (`onboard show {owner}`)" if owner else "which no onboarding here has"
        other = "write another one in the spec, then `onboard update FILE`"
        cure = (
            f"{other}; to share its service instead, `onboard teardown {ctx.name}`, then `onboard start FILE` with that "
            "twilio.messaging_service.sid"
            if owner
            else f"{other}; or, if nothing sends with it, take it out there in the Twilio Console, then "
            f"`onboard retry {ctx.name}`"
        )
        message = f"{name} is in the pool of another messaging service, {theirs}"
        raise NeedsPerson(message, cure=cure, context=error.context) from error
