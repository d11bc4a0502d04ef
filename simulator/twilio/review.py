"""The weeks between an RCS sender's creation and its launch, and what may happen to it afterwards.

There is no public API for the submission, which a person makes in the Twilio Console. By default the
simulator plays that person; without it a sender stays in DRAFT until the control API submits it.
"""

import re
from collections.abc import Iterator, Sequence

from simulator.state import Carrier, Country, Json, Sender
from simulator.world import World

CREATING_SECONDS = 0.1
SLOW_FACTOR = 10
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
CAN_BE_SUBMITTED = ("CREATING", "DRAFT", "OFFLINE")
_REFUSED = ("REJECTED", "SUSPENDED")
_DECIDED = ("APPROVED", *_REFUSED)
_TWILIO_SHARE = 0.3
"""How much of a review passes before the carriers begin theirs."""
_CARRIERS = {
    "US": ("AT&T", "T-Mobile", "Verizon"),
    "GB": ("EE", "O2", "Vodafone"),
    "DE": ("Deutsche Telekom", "O2", "Vodafone"),
    "FR": ("Bouygues Telecom", "Orange", "SFR"),
    "ES": ("Movistar", "Orange", "Vodafone"),
    "MX": ("AT&T", "Telcel"),
}
_OTHER_CARRIERS = ("Carrier A", "Carrier B")


def begin(world: World, sender: Sender) -> None:
    """From creation to DRAFT, and on to review where the simulator plays the person who submits."""
    world.clock.make_appointment(CREATING_SECONDS, "sender.drafted", sid=sender.sid)


def submit(world: World, sender: Sender, countries: Sequence[str]) -> None:
    """Submit a sender for these countries; its review goes on as time passes."""
    sender.status = "TWILIO_REVIEW"
    sender.offline_reasons = None
    sender.registration_sid = sender.registration_sid or world.new_sid("BU")
    for code in countries:
        country_of(world, sender, code)
    sender.submissions += 1
    for _, carrier in _carriers(sender):
        if not carrier.is_scripted and carrier.status in _REFUSED:
            carrier.status = "UNLAUNCHED"
    mark = {"sid": sender.sid, "submission": sender.submissions}
    total = world.config.review_seconds * (SLOW_FACTOR if "slow" in sender.sender_id else 1)
    world.clock.make_appointment(total * _TWILIO_SHARE, "sender.verified", **mark)
    open_carriers = [
        (country.code, carrier.name)
        for country, carrier in _carriers(sender)
        if not carrier.is_scripted and carrier.status not in _DECIDED
    ]
    for number, (code, name) in enumerate(open_carriers, start=1):
        seconds = total * (_TWILIO_SHARE + (1 - _TWILIO_SHARE) * number / len(open_carriers))
        world.clock.make_appointment(seconds, "carrier.decided", **mark, country=code, carrier=name)


def country_of(world: World, sender: Sender, code: str) -> Country:
    """The sender's country with this code; added when it is new."""
    for country in sender.countries:
        if country.code == code:
            return country
    carriers = [Carrier(name) for name in _CARRIERS.get(code, _OTHER_CARRIERS)]
    country = Country(code, world.new_sid("BU"), carriers)
    sender.countries.append(country)
    return country


def _carriers(sender: Sender) -> Iterator[tuple[Country, Carrier]]:
    for country in sender.countries:
        for carrier in country.carriers:
            yield country, carrier


def set_sender_status(sender: Sender, status: str, offline_reasons: list[Json] | None) -> None:
    """Decide for the sender as a whole; the automatic review ends."""
    sender.status, sender.is_scripted = status, True
    sender.offline_reasons = offline_reasons


def set_carrier_status(world: World, sender: Sender, code: str, name: str | None, status: str) -> None:
    """Decide for one carrier of a country, or for all of them.

    :raises ValueError: the country has no such carrier.
    """
    country = country_of(world, sender, code)
    chosen = [carrier for carrier in country.carriers if name in (None, carrier.name)]
    if not chosen:
        names = ", ".join(carrier.name for carrier in country.carriers)
        raise ValueError(f"carrier must be one of {names}")
    for carrier in chosen:
        carrier.status, carrier.is_scripted = status, True
    settle(sender)


def _draft(world: World, subject: Json) -> None:
    sender = world.senders[subject["sid"]]
    if sender.is_scripted or sender.status != "CREATING":
        return
    sender.status = "DRAFT"
    if world.config.auto_submit:
        submit(world, sender, world.config.countries)


def _verify(world: World, subject: Json) -> None:
    sender = world.senders[subject["sid"]]
    if sender.is_scripted or sender.submissions != subject["submission"]:
        return
    sender.status = "PENDING_VERIFICATION"
    for _, carrier in _carriers(sender):
        if not carrier.is_scripted and carrier.status not in _DECIDED:
            carrier.status = "CARRIER_REVIEW"
    settle(sender)


def _decide(world: World, subject: Json) -> None:
    sender = world.senders[subject["sid"]]
    if sender.is_scripted or sender.submissions != subject["submission"]:
        return
    for country, carrier in _carriers(sender):
        if (country.code, carrier.name) == (subject["country"], subject["carrier"]) and not carrier.is_scripted:
            carrier.status = _verdict(world, sender, country, carrier)
    settle(sender)


def _verdict(world: World, sender: Sender, country: Country, carrier: Carrier) -> str:
    for verdict in world.verdicts:
        if (
            re.search(verdict.sender_id_regex, sender.sender_id)
            and verdict.country in (None, country.code)
            and verdict.carrier in (None, carrier.name)
        ):
            return verdict.status
    return "REJECTED" if "reject" in sender.sender_id else "APPROVED"


def _script(world: World, subject: Json) -> None:
    sender = world.senders[subject["sid"]]
    if subject["country"] is None:
        set_sender_status(sender, subject["status"], subject["offline_reasons"])
    else:
        set_carrier_status(world, sender, subject["country"], subject["carrier"], subject["status"])


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
    if any(carrier.status not in _DECIDED for _, carrier in _carriers(sender)):
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
    approved = any(carrier.status == "APPROVED" for _, carrier in _carriers(sender))
    return sender.status.startswith("ONLINE") or (approved and sender.status != "OFFLINE")


ACTIONS = {
    "sender.drafted": _draft,
    "sender.verified": _verify,
    "carrier.decided": _decide,
    "sender.scripted": _script,
}
