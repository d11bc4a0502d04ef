"""The weeks between an RCS sender's creation and its launch, played in seconds.

There is no public API for the submission, which a person makes in the Twilio Console. By default the
simulator plays that person; without it a sender stays in DRAFT until the control API submits it.
"""

import asyncio

from simulator.objects import Carrier, Country, Json, Sender
from simulator.world import World

CREATING_SECONDS = 0.1
SLOW_FACTOR = 10
DEFAULT_COUNTRIES = ("US",)
SENDER_STATUSES = (
    "CREATING",
    "ONLINE",
    "OFFLINE",
    "PENDING_VERIFICATION",
    "VERIFYING",
    "ONLINE:UPDATING",
    "TWILIO_REVIEW",
    "DRAFT",
    "STUBBED",
)
CARRIER_STATUSES = ("UNKNOWN", "UNLAUNCHED", "CARRIER_REVIEW", "APPROVED", "REJECTED", "SUSPENDED")
_REFUSED = ("REJECTED", "SUSPENDED")
_DECIDED = ("APPROVED", *_REFUSED)
_CARRIERS = {
    "US": ("AT&T", "T-Mobile", "Verizon"),
    "GB": ("EE", "O2", "Vodafone"),
    "DE": ("Deutsche Telekom", "O2", "Vodafone"),
    "FR": ("Bouygues Telecom", "Orange", "SFR"),
    "ES": ("Movistar", "Orange", "Vodafone"),
    "MX": ("AT&T", "Telcel"),
}
_OTHER_CARRIERS = ("Carrier A", "Carrier B")


async def begin(world: World, sender: Sender) -> None:
    """From creation to DRAFT, and on to review where the simulator plays the person who submits."""
    await asyncio.sleep(CREATING_SECONDS)
    if sender.is_scripted or sender.status != "CREATING":
        return
    sender.status = "DRAFT"
    if world.config.auto_submit:
        submit(world, sender, list(DEFAULT_COUNTRIES))


def submit(world: World, sender: Sender, countries: list[str]) -> None:
    """Submit a sender for these countries; its review goes on in the background."""
    sender.status = "TWILIO_REVIEW"
    sender.offline_reasons = None
    sender.registration_sid = sender.registration_sid or world.new_sid("BU")
    for code in countries:
        country_of(world, sender, code)
    world.spawn(_review(world, sender))


def country_of(world: World, sender: Sender, code: str) -> Country:
    """The sender's country with this code; added when it is new."""
    for country in sender.countries:
        if country.code == code:
            return country
    carriers = [Carrier(name) for name in _CARRIERS.get(code, _OTHER_CARRIERS)]
    country = Country(code, world.new_sid("BU"), carriers)
    sender.countries.append(country)
    return country


async def _may_go_on(sender: Sender, seconds: float) -> bool:
    """Let time pass; False when the control API has taken the sender over meanwhile."""
    await asyncio.sleep(seconds)
    return not sender.is_scripted


async def _review(world: World, sender: Sender) -> None:
    total = world.config.review_seconds * (SLOW_FACTOR if "slow" in sender.sender_id else 1)
    verdict = "REJECTED" if "reject" in sender.sender_id else "APPROVED"
    if not await _may_go_on(sender, total * 0.3):
        return
    sender.status = "PENDING_VERIFICATION"
    open_carriers = [carrier for country in sender.countries for carrier in country.carriers]
    for carrier in open_carriers:
        if not carrier.is_scripted and carrier.status not in _DECIDED:
            carrier.status = "CARRIER_REVIEW"
    settle(sender)
    for carrier in open_carriers:
        if not await _may_go_on(sender, total * 0.7 / len(open_carriers)):
            return
        if not carrier.is_scripted:
            carrier.status = verdict
        settle(sender)


def settle(sender: Sender) -> None:
    """Let the carriers' decisions show in the countries and, once all have decided, in the sender.

    The contract calls a country's status an aggregate of its carriers; how it aggregates is an inference.
    """
    for country in sender.countries:
        statuses = {carrier.status for carrier in country.carriers}
        if "APPROVED" in statuses:
            country.status = "ONLINE"
        elif statuses <= set(_REFUSED):
            country.status = "OFFLINE"
        elif "CARRIER_REVIEW" in statuses:
            country.status = "PENDING_VERIFICATION"
    if sender.is_scripted or not sender.countries:
        return
    if any(carrier.status not in _DECIDED for country in sender.countries for carrier in country.carriers):
        return
    is_online = any(country.status == "ONLINE" for country in sender.countries)
    sender.status = "ONLINE" if is_online else "OFFLINE"
    sender.offline_reasons = None if is_online else _offline_reasons(sender)


def _offline_reasons(sender: Sender) -> list[Json]:
    return [
        {
            "code": "63035",
            "message": f"{country.code}: refused by {', '.join(c.name for c in country.carriers)}",
            "more_info": "https://www.twilio.com/docs/errors/63035",
        }
        for country in sender.countries
    ]


def is_launched(sender: Sender) -> bool:
    """Whether people who are not testers can be reached; one approved carrier is enough."""
    approved = any(carrier.status == "APPROVED" for country in sender.countries for carrier in country.carriers)
    return sender.status.startswith("ONLINE") or (approved and sender.status != "OFFLINE")
