"""The RCS sender: found or created, compared with the spec, followed through weeks of review, put into the pool."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine import checklist, kinds, reviews
from engine.contract import Suspend
from engine.desired import UNSEEN, Checked, Later, Means, OwnedField, OwnedObject, presence_of, subject_of
from engine.endpoints import inbound_url, status_url
from engine.matrix import is_known
from models.states import Provenance, ResourceState
from providers.errors import NotFound
from tasks.steps import review
from tasks.steps.removal import sender as sender_removal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from engine.context import StepContext
    from engine.contract import Wait
    from engine.memory import View
    from engine.reviews import Clock, Place
    from models.spec.onboarding import RcsSpec
    from providers.twilio.types import CountryStatus, RcsSender

KIND = kinds.RCS_SENDER
ONLINE = frozenset({"ONLINE", "ONLINE:UPDATING"})
BLOCKED_CARRIERS = frozenset({"REJECTED", "SUSPENDED"})
SID_LATER = Later("(the new RCS sender)")
# Twilio's pages on RCS onboarding and its US compliance guide; amounts are published nowhere.
REVIEW = "submitted by hand in the Twilio Console; Twilio says 4 to 6 weeks, without a promise"
US_FEES = "; US: yearly and submission fees, which the Console shows before you submit"
NEW_REVIEW = "by hand in the Twilio Console; a change after approval starts a new review"
FROZEN = "frozen since the launch (Twilio's SDK): only another sender, with its own review of weeks, has another"


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


def webhook_body(ctx: View) -> dict[str, str]:
    """Where the sender shall report to. Given at creation: the public API cannot change it on an RCS sender later."""
    public_url = ctx.settings.resolved_public_url
    return {
        "callback_url": inbound_url(public_url, ctx.endpoint_token),
        "callback_method": "POST",
        "status_callback_url": status_url(public_url, ctx.endpoint_token),
        "status_callback_method": "POST",
    }


def find(ctx: View, spec: RcsSpec) -> RcsSender | None:
    known = ctx.resource(KIND)
    if known is not None and known.external_id is not None:
        with contextlib.suppress(NotFound):
            return ctx.vendors.twilio.fetch_sender(known.external_id)
    return ctx.vendors.twilio.find_sender(spec.rcs.sender_id)


def desired(ctx: View, spec: RcsSpec, sender: RcsSender | None) -> OwnedObject:
    """The sender with its profile and its launch; its webhooks are owned by the webhook step."""
    known = ctx.resource(KIND)
    fields = [*profile_fields(spec, sender), *launch_fields(spec, sender)]
    owned = _owned(spec, sender, fields, is_recorded=known is not None and known.external_id is not None)
    return replace(owned, checks=_checks(spec, sender))


def part(spec: RcsSpec, sender: RcsSender | None, fields: Sequence[OwnedField]) -> OwnedObject:
    """What another step owns of it."""
    return replace(_owned(spec, sender, fields, is_recorded=True), is_part=True)


def _owned(spec: RcsSpec, sender: RcsSender | None, fields: Sequence[OwnedField], *, is_recorded: bool) -> OwnedObject:
    return OwnedObject(
        kind=KIND,
        label=f"RCS sender {spec.rcs.sender_id}",
        subject=subject_of(KIND),
        vendor="twilio",
        presence=presence_of(sender),
        fields=tuple(fields),
        external_id=sender.sid if sender else None,
        is_recorded=is_recorded,
        cost=REVIEW,
        cure="ask Twilio support; a new sender needs a new review",
        seen=sender,
    )


def profile_fields(spec: RcsSpec, sender: RcsSender | None) -> list[OwnedField]:
    """Fields that Twilio leaves out of its answer are not compared."""
    is_launched = sender is not None and sender.status in ONLINE
    return [
        OwnedField(
            name=f"profile.{name}",
            wanted=_plain(wanted),
            actual=UNSEEN if sender is None or sender.profile.get(name) is None else _plain(sender.profile[name]),
            means=Means.NEVER if name == "use_case" and is_launched else Means.HAND,
            severity="warning",
            cost=FROZEN if name == "use_case" and is_launched else NEW_REVIEW,
            cure="correct the spec, or the profile in the Twilio Console (a new review)",
        )
        for name, wanted in profile_body(spec).items()
    ]


def _plain(value: Any) -> Any:
    """Entries without the parts that are not set."""
    if isinstance(value, list):
        return [{key: part for key, part in one.items() if part is not None} for one in value]
    return value


def launch_fields(spec: RcsSpec, sender: RcsSender | None) -> list[OwnedField]:
    """One for each country, as long as the spec needs it: with ``any_carrier`` one that is usable is enough."""
    usable = [country for country in spec.rcs.countries if sender is not None and is_usable(sender, country)]
    is_enough = bool(usable) and spec.rcs.go_live == "any_carrier"
    return [
        OwnedField(
            name=f"launch.{country}",
            wanted="usable",
            actual="usable" if country in usable else None if sender is None else _state(sender, country),
            means=Means.HAND,
            cost=f"{REVIEW}{US_FEES if country == 'US' else ''}",
            cure="answer Twilio's review ticket",
        )
        for country in (usable if is_enough else spec.rcs.countries)
    ]


def _state(sender: RcsSender, country: str) -> str:
    status = _country(sender, country)
    return shown_status(sender.status) if status is None else describe(status)


def ensure_launched(ctx: StepContext, spec: RcsSpec) -> None:
    """Find or create the sender and wait until it may send where the spec wants it to.

    :raises Suspend: while it is under review, or when a person has to act.
    """
    known = ctx.resource(KIND)
    sender = ctx.vendors.twilio.find_sender(spec.rcs.sender_id)
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
    checklist.follow(ctx, [desired(ctx, spec, sender)])
    _follow_review(ctx, spec, sender, reviews.record_statuses(ctx, sender))


def _checks(spec: RcsSpec, sender: RcsSender | None) -> tuple[Checked, ...]:
    """What it says of the checklist: the profile as a whole, and each country."""
    if sender is None:
        gone = Checked(item="rcs.profile", is_met=False, detail="there is no such sender")
        return (gone, *(replace(gone, item=checklist.COUNTRY, each=country) for country in spec.rcs.countries))
    differing = [field for field in profile_fields(spec, sender) if field.differs]
    detail = "; ".join(f"{field.name} is {field.actual!r}, declared {field.wanted!r}" for field in differing)
    checks = [Checked(item="rcs.profile", is_met=not differing, detail=detail or None)]
    for country in spec.rcs.countries:
        status = _country(sender, country)
        is_met = True if is_usable(sender, country) else False if is_blocked(status) else None
        checks.append(Checked(item=checklist.COUNTRY, each=country, is_met=is_met, detail=describe(status)))
    return tuple(checks)


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
        f"{', '.join(blocked)} out of `rcs.countries` and run `onboard update FILE`",
        topic="rejected",
        look_again=look_again,
    )
