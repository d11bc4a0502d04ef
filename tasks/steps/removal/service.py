"""The messaging service: deleted if onboard made it, else given back as it was: callbacks, and who is in its pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine import kinds, removal
from engine.removal import Fate, Removal
from engine.reuse import senders_of
from models.states import Provenance, ResourceState
from providers.errors import NotFound
from tasks.steps.removal import target

if TYPE_CHECKING:
    from engine.context import StepContext
    from engine.removal import Choice, Record

KIND = kinds.MESSAGING_SERVICE
URLS = ("inbound_request_url", "status_callback")


def _find(ctx: StepContext, row: Record) -> list[str]:
    twilio = ctx.vendors.twilio
    if row.provenance is Provenance.ADOPTED:
        return target.by_id(twilio.fetch_service, row.external_id)
    return target.ours(ctx, row, twilio.fetch_service, twilio.list_services())


SERVICE = target.Target(_find, lambda ctx, sid: ctx.vendors.twilio.delete_service(sid))


def plan(ctx: StepContext, step: str, choice: Choice) -> list[Removal]:
    return [_plan(ctx, step, row, choice) for row in removal.resources_of(ctx, [KIND])]


def _plan(ctx: StepContext, step: str, row: Record, choice: Choice) -> Removal:
    planned = target.plan(ctx, step, row, choice, SERVICE)
    added = [name for name, _ in _to_take_out(ctx, row)] if planned.fate is Fate.KEEP else []
    if not added:
        return planned
    return Removal(step, KIND, planned.what, Fate.RESTORE, f"{planned.why}; out of its pool: {', '.join(added)}")


def undo(ctx: StepContext) -> None:
    for row in removal.resources_of(ctx, [KIND]):
        match removal.decide(ctx, row, removal.choice_of(ctx))[0]:
            case Fate.REMOVE:
                target.remove(ctx, row, SERVICE)
            case Fate.KEEP:
                _empty_pool(ctx, row)


def _to_take_out(ctx: StepContext, row: Record) -> list[tuple[str, str]]:
    """What we put into the pool of a service that was there before (name, SID), but for what others declare too."""
    if row.provenance is not Provenance.ADOPTED:
        return []
    theirs = {name for user in removal.other_users(ctx, row) for name in senders_of(user.spec)}
    return [(name, sid) for sid, name in row.details.get("added", {}).items() if name not in theirs]


def _empty_pool(ctx: StepContext, row: Record) -> None:
    twilio = ctx.vendors.twilio
    for name, sid in _to_take_out(ctx, row):
        take_out = twilio.remove_channel_sender if name.startswith("rcs:") else twilio.remove_service_number
        try:
            take_out(row.external_id, sid)
        except NotFound:
            continue
        ctx.log("resource:restored", f"took {name} out of {removal.shown(row)}")


# -- callbacks ----------------------------------------------------------------------------------------------------
def plan_callbacks(ctx: StepContext, step: str, choice: Choice) -> list[Removal]:
    """What becomes of the callbacks of a service that stays."""
    found = []
    for row in removal.resources_of(ctx, [KIND]):
        fate, why = removal.decide(ctx, row, choice)
        if fate is Fate.KEEP and row.state is not ResourceState.INTENDED:
            is_there = lambda row=row: bool(_changes(ctx, row))  # noqa: E731
            fate, _ = target.seen(is_there, Fate.RESTORE, "")
            if fate is Fate.RESTORE:
                what = f"callbacks of {removal.shown(row)}"
                found.append(Removal(step, KIND, what, fate, f"the service stays ({why}); they become what they were"))
    return found


def give_back_callbacks(ctx: StepContext) -> None:
    """Put back what was recorded before we set ours, or take ours away; what others have set since stays."""
    for row in removal.resources_of(ctx, [KIND]):
        if removal.decide(ctx, row, removal.choice_of(ctx))[0] is not Fate.KEEP or row.state is ResourceState.INTENDED:
            continue
        changes = _changes(ctx, row)
        if changes:
            ctx.log("resource:restoring", f"about to put back the callbacks of {removal.shown(row)}")
            ctx.vendors.twilio.update_service(row.external_id, **changes)
            words = ", ".join(f"{field} {changes[field] or 'empty'}" for field in URLS if field in changes)
            ctx.log("resource:restored", f"callbacks of {removal.shown(row)}: {words}")


def _changes(ctx: StepContext, row: Record) -> dict[str, Any]:
    try:
        service = ctx.vendors.twilio.fetch_service(row.external_id)
    except NotFound:
        return {}
    before = row.details.get("before", {})
    ours = [field for field in URLS if ctx.endpoint_token in (getattr(service, field) or "")]
    changes: dict[str, Any] = {field: before.get(field) or "" for field in ours}
    if "inbound_request_url" in changes:
        changes["inbound_method"] = before.get("inbound_method") or "POST"
        changes["use_inbound_webhook_on_number"] = bool(before.get("use_inbound_webhook_on_number"))
    return changes


def remember(ctx: StepContext) -> None:
    """Commit how the service is, before we change it for the first time; addresses of ours are not worth it."""
    service = ctx.vendors.twilio.fetch_service(ctx.external_id(KIND))
    given = {field: getattr(service, field) for field in URLS}
    values = {field: None if ctx.endpoint_token in (url or "") else url for field, url in given.items()}
    values |= {
        "inbound_method": service.inbound_method,
        "use_inbound_webhook_on_number": service.use_inbound_webhook_on_number,
    }
    removal.remember_before(ctx, KIND, values)
