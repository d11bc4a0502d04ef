"""How a message travels and ends: RCS, SMS or MMS, and the magic recipients that make it fail."""

import re

from simulator.state import Account, Journey, PhoneNumber, Sender, Service
from simulator.twilio.review import is_launched
from simulator.web import TwilioError
from simulator.world import World

_E164 = re.compile(r"\+[1-9]\d{6,14}")

NOT_LAUNCHED = 63035
# Magic values: the last four digits of a recipient decide its fate.
REFUSED_AT_CREATE = {
    "0610": (21610, "The recipient has opted out of messages from this sender"),
    "0408": (21408, "Permission to send to this region is not enabled"),
}
NOT_LAUNCHED_TAIL = "3035"
RCS_UNREACHABLE = {"3036": 63036, "3106": 63106}
_FALL_BACK = (NOT_LAUNCHED, *RCS_UNREACHABLE.values())
UNDELIVERED = {"0003": 30003, "0007": 30007}
STUCK_AT_SENT = "9999"
SILENT = "8888"
"""Delivered, but no callback is ever sent: only polling finds out."""
DISORDERLY = "7777"
"""Every callback arrives twice, and the last one first."""


def tail(to: str) -> str:
    return to[-4:]


def handset_of(to: str) -> str:
    """The phone number of a recipient without its channel; refuses what is none."""
    number = to.removeprefix("rcs:")
    if not _E164.fullmatch(number):
        raise TwilioError(400, 21211, f"The 'To' number {to} is not a valid phone number")
    return number


def refuse_opted_out(world: World, to: str, origin: str) -> None:
    """Refuse a recipient that said STOP to this sender or service, and the two magic ones."""
    code, message = REFUSED_AT_CREATE.get(tail(to), (0, ""))
    if (origin, handset_of(to)) in world.opt_outs:
        code, message = REFUSED_AT_CREATE["0610"]
    if code:
        raise TwilioError(400, code, message)


def is_able(number: PhoneNumber, *, has_media: bool) -> bool:
    return number.capabilities["mms" if has_media else "sms"]


def from_service(
    world: World, service: Service, to: str, *, has_media: bool, fallback_from: str | None = None
) -> Journey:
    """RCS first where the pool has a sender that reaches the handset, else SMS or MMS.

    :param fallback_from: the number to fall back on; None for one of the same pool.
    """
    able = _fallback(world, service, fallback_from, has_media=has_media)
    sender = next((s for s in world.senders.values() if s.service_sid == service.sid), None)
    is_forced = to.startswith("rcs:")
    if sender is not None:
        journey = _by_rcs(world, sender, to)
        may_fall_back = journey.error_code in _FALL_BACK and tail(to) != NOT_LAUNCHED_TAIL
        if is_forced or able is None or not may_fall_back:
            return journey
    if is_forced or able is None:
        raise TwilioError(400, 21703, f"Messaging Service {service.sid} has no sender for this message")
    return _by_number(able, to)


def _fallback(world: World, service: Service, wanted: str | None, *, has_media: bool) -> PhoneNumber | None:
    numbers = (number for number in world.numbers.values() if is_able(number, has_media=has_media))
    if wanted is None:
        return next((number for number in numbers if number.service_sid == service.sid), None)
    for number in numbers:
        if (number.account_sid, number.phone_number) == (service.account_sid, wanted):
            return number
    raise TwilioError(400, 21606, f"The 'FallbackFrom' number {wanted} cannot send this kind of message")


def from_address(world: World, account: Account, from_: str, to: str, *, has_media: bool) -> Journey:
    """From one named RCS sender or number; there is no fallback."""
    is_rcs = from_.startswith("rcs:")
    if is_rcs != to.startswith("rcs:"):
        raise TwilioError(400, 21910, "'From' and 'To' must be of the same channel")
    if is_rcs:
        senders = world.senders.values()
        sender = next((s for s in senders if (s.account_sid, s.sender_id) == (account.sid, from_)), None)
        if sender is None:
            raise TwilioError(400, 63007, f"There is no channel with the 'From' address {from_}")
        return _by_rcs(world, sender, to)
    numbers = world.numbers.values()
    number = next((n for n in numbers if (n.account_sid, n.phone_number) == (account.sid, from_)), None)
    if number is None or not is_able(number, has_media=has_media):
        raise TwilioError(400, 21606, f"The 'From' number {from_} cannot send this kind of message")
    return _by_number(number, to)


def _by_rcs(world: World, sender: Sender, to: str) -> Journey:
    handset = handset_of(to)
    is_tester = not world.testers.isdisjoint({(sender.sender_id, handset), ("*", handset)})
    if tail(to) == NOT_LAUNCHED_TAIL or not (is_launched(sender) or is_tester):
        return Journey(sender.sid, sender.sender_id, ["sending", "failed"], NOT_LAUNCHED)
    if tail(to) in RCS_UNREACHABLE:
        return Journey(sender.sid, sender.sender_id, ["sending", "sent", "undelivered"], RCS_UNREACHABLE[tail(to)])
    return _to_the_end(sender.sid, sender.sender_id, to, ["delivered", "read"])


def _by_number(number: PhoneNumber, to: str) -> Journey:
    return _to_the_end(None, number.phone_number, to, ["delivered"])


def _to_the_end(sender_sid: str | None, from_: str, to: str, ending: list[str]) -> Journey:
    if tail(to) in UNDELIVERED:
        return Journey(sender_sid, from_, ["sending", "sent", "undelivered"], UNDELIVERED[tail(to)])
    if tail(to) == STUCK_AT_SENT:
        return Journey(sender_sid, from_, ["sending", "sent"])
    return Journey(sender_sid, from_, ["sending", "sent", *ending])
