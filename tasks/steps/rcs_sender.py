"""The RCS sender: found or created, compared with the spec, followed through weeks of review, put into the pool."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine import checklist, kinds, reviews
from engine.contract import Finding, Suspend
from engine.endpoints import inbound_url, status_url
from engine.matrix import is_known
from engine.removal import remember_added
from models.states import Provenance, ResourceState
from providers.errors import NotFound
from tasks.steps import review
from tasks.steps.removal import sender as sender_removal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from engine.context import StepContext
    from engine.contract import Wait
    from engine.reviews import Clock, Place
    from models.spec.onboarding import RcsSpec
    from providers.twilio.types import CountryStatus, RcsSender

KIND = kinds.RCS_SENDER
ONLINE = frozenset({"ONLINE", "ONLINE:UPDATING"})
BLOCKED_CARRIERS = frozenset({"REJECTED", "SUSPENDED"})


def profile_body(spec: RcsSpec) -> dict[str, Any]:
    """The sender's profile in the words of Twilio's Senders API (OpenAPI; ``use_case`` from the newer SDK)."""
    profile = spec.rcs.profile
    return {
        "name": profile.display_name,
        "description": profile.description,
        "logo_url": profile.logo_url,
        "banner_url": profile.banner_url,
        "accent_color": profile.accent_color,
        "privacy_url": profile.privacy_url,
        "terms_of_service_url": profile.terms_url,
        "use_case": profile.use_case,
        "websites": [profile.website.model_dump()],
        "emails": [profile.email.model_dump()] if profile.email else [],
        "phone_numbers": [profile.phone.model_dump()] if profile.phone else [],
    }


def webhook_body(ctx: StepContext) -> dict[str, str]:
    """Where the sender shall report to. Given at creation: the public API cannot change it on an RCS sender later."""
    public_url = ctx.settings.resolved_public_url
    return {
        "callback_url": inbound_url(public_url, ctx.endpoint_token),
        "callback_method": "POST",
        "status_callback_url": status_url(public_url, ctx.endpoint_token),
        "status_callback_method": "POST",
    }


def ensure_launched(ctx: StepContext, spec: RcsSpec) -> None:
    """Find or create the sender and wait until it may send where the spec wants it to.

    :raises Suspend: while it is under review, or when a person has to act.
    """
    sender = ctx.vendors.twilio.find_sender(spec.rcs.sender_id)
    known = ctx.resource(KIND)
    is_ours = known is not None and (known.state is ResourceState.INTENDED or known.provenance is Provenance.CREATED)
    if sender is None:
        ctx.intend(KIND, vendor="twilio", name=spec.rcs.sender_id)
        is_ours = True
        sender = ctx.vendors.twilio.create_sender(
            sender_id=spec.rcs.sender_id, profile=profile_body(spec), webhook=webhook_body(ctx)
        )
    ctx.record(
        KIND,
        vendor="twilio",
        name=spec.rcs.sender_id,
        external_id=sender.sid,
        provenance=Provenance.CREATED if is_ours else Provenance.ADOPTED,
        details={
            "status": sender.status,
            "countries": {country.country: country.status for country in sender.countries},
        },
    )
    if not is_ours:
        sender_removal.remember(ctx, sender)
    _record_checklist(ctx, spec, sender)
    _follow_review(ctx, spec, sender, reviews.record_statuses(ctx, sender))


def _record_checklist(ctx: StepContext, spec: RcsSpec, sender: RcsSender) -> None:
    differences = profile_differences(spec, sender)
    ctx.check("rcs.profile", is_met=not differences, detail="; ".join(differences) or None)
    for country in spec.rcs.countries:
        status = _country(sender, country)
        is_met = True if is_usable(sender, country) else False if is_blocked(status) else None
        ctx.check("rcs.country", each=country, is_met=is_met, detail=describe(status))
    checklist.settle_by_launch(ctx, [country for country in spec.rcs.countries if is_usable(sender, country)])


def profile_differences(spec: RcsSpec, sender: RcsSender) -> list[str]:
    """What Twilio shows otherwise than declared. Fields Twilio leaves out of its answer are not compared."""
    return [
        f"{field} is {sender.profile[field]!r}, declared {wanted!r}"
        for field, wanted in profile_body(spec).items()
        if isinstance(wanted, str) and sender.profile.get(field) not in (None, wanted)
    ]


def _country(sender: RcsSender, country: str) -> CountryStatus | None:
    return next((status for status in sender.countries if status.country == country), None)


def is_usable(sender: RcsSender, country: str) -> bool:
    """The first approved carrier makes a country usable (Twilio's documentation); reading of the states: inference."""
    status = _country(sender, country)
    if status is None:
        return sender.status in ONLINE and not sender.countries
    return status.status == "ONLINE" or any(carrier.status == "APPROVED" for carrier in status.carriers)


def is_blocked(status: CountryStatus | None) -> bool:
    return status is not None and bool(status.carriers) and all(c.status in BLOCKED_CARRIERS for c in status.carriers)


def describe(status: CountryStatus | None) -> str:
    if status is None:
        return "not submitted"
    carriers = ", ".join(f"{carrier.name} {shown_status(carrier.status)}" for carrier in status.carriers)
    return shown_status(status.status) + (f" ({carriers})" if carriers else "")


def shown_status(status: str) -> str:
    """The vendor's word; one that nobody knew when this was written has a mark."""
    return status if is_known(status) else f"{status} (a word unknown to onboard)"


def _follow_review(ctx: StepContext, spec: RcsSpec, sender: RcsSender, clocks: Mapping[Place, Clock]) -> None:
    """Return when the sender may send as the spec wants; otherwise say who has to move."""
    countries = spec.rcs.countries
    usable = [country for country in countries if is_usable(sender, country)]
    blocked = [country for country in countries if is_blocked(_country(sender, country))]
    if len(usable) == len(countries) or (usable and spec.rcs.go_live == "any_carrier"):
        return
    look_again = review.next_look(ctx, clocks)
    open_countries = [country for country in countries if country not in usable and country not in blocked]
    if blocked and (spec.rcs.go_live == "all_countries" or not open_countries):
        raise Suspend(_rejected(ctx, sender, blocked, look_again))
    # Nobody ever decides about a country that was left out of the submission.
    left_out = [country for country in open_countries if sender.countries and _country(sender, country) is None]
    if sender.status in {"DRAFT", "STUBBED"} or left_out:
        if (held_up := review.wait_for_checklist(ctx, "submission", clocks)) is not None:
            raise Suspend(held_up)
        where = (
            f"Twilio Console > Messaging > RCS > Senders > {spec.rcs.profile.display_name} > Compliance registration"
        )
        raise Suspend(
            ctx.person_wait(
                f"submit the sender for review in the {where}, countries {', '.join(left_out or countries)} "
                "(Twilio offers no public API for this)",
                topic="submission",
                look_again=look_again,
            )
        )
    if sender.status == "OFFLINE":
        why = "; ".join(sender.offline_reasons) or "Twilio gives no reason"
        raise Suspend(
            ctx.person_wait(
                f"the RCS sender is offline ({why}): answer Twilio's ticket or correct the profile",
                topic="offline",
                look_again=look_again,
            )
        )
    if (held_up := review.wait_for_checklist(ctx, "launch", clocks)) is not None:
        raise Suspend(held_up)
    progress = {country: describe(_country(sender, country)) for country in countries if country not in usable}
    wait = review.wait_for_review(ctx, spec, clocks, status=shown_status(sender.status), progress=progress)
    raise Suspend(replace(wait, look_again=ctx.scaled(minutes=1)) if sender.status == "CREATING" else wait)


def _rejected(ctx: StepContext, sender: RcsSender, blocked: list[str], look_again: timedelta) -> Wait:
    what = "; ".join(f"{country}: {describe(_country(sender, country))}" for country in blocked)
    reasons = f" ({'; '.join(sender.offline_reasons)})" if sender.offline_reasons else ""
    return ctx.person_wait(
        f"no carrier accepts the sender in {', '.join(blocked)}: {what}{reasons}. Answer Twilio's review ticket, or take "
        f"{', '.join(blocked)} out of `rcs.countries` and run `onboard start FILE --update`",
        topic="rejected",
        look_again=look_again,
    )


def ensure_in_pool(ctx: StepContext, spec: RcsSpec, service_sid: str) -> None:
    sender_sid = ctx.external_id(KIND)
    pool = {sender.sid for sender in ctx.vendors.twilio.list_channel_senders(service_sid)}
    if sender_sid not in pool:
        remember_added(ctx, kinds.MESSAGING_SERVICE, sender_sid, spec.rcs.sender_id)
        ctx.vendors.twilio.add_channel_sender(service_sid, sender_sid)


def observe(ctx: StepContext, spec: RcsSpec) -> list[Finding]:
    sid = ctx.external_id(KIND)
    try:
        sender = ctx.vendors.twilio.fetch_sender(sid)
    except NotFound:
        return [
            Finding(
                f"RCS sender {sid}", "does not exist any more", "ask Twilio support; a new sender needs a new review"
            )
        ]
    # Our own memory, not the vendor's: the matrix must not go stale once the channel is active.
    reviews.record_statuses(ctx, sender)
    subject = f"RCS sender {spec.rcs.sender_id}"
    findings = [
        Finding(subject, difference, "correct the spec, or the profile (a new review)", "warning")
        for difference in profile_differences(spec, sender)
    ]
    usable = [country for country in spec.rcs.countries if is_usable(sender, country)]
    is_enough = bool(usable) if spec.rcs.go_live == "any_carrier" else len(usable) == len(spec.rcs.countries)
    if not is_enough:
        lost = "; ".join(f"{c}: {describe(_country(sender, c))}" for c in spec.rcs.countries if c not in usable)
        findings.append(Finding(subject, f"is {sender.status}, not usable in {lost}", "answer Twilio's review ticket"))
    service_sid = ctx.external_id(kinds.MESSAGING_SERVICE)
    try:
        pool = {entry.sid for entry in ctx.vendors.twilio.list_channel_senders(service_sid)}
    except NotFound:
        # The service itself is reported by the one who looks after it.
        return findings
    if sid not in pool:
        findings.append(
            Finding(
                subject, f"is not in the pool of messaging service {service_sid}", "put it back in the Twilio Console"
            )
        )
    return findings
