"""Rules that look at more than one field of a spec.

They read the raw mapping, not the models: they then hold, and are reported, also while other fields are wrong. A rule
says nothing about values of the wrong kind, which may be unhashable; the models do that.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import phonenumbers

from models.spec.ajo import Keywords
from models.spec.refusal import Refusal, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.spec.refusal import Location


SETS = (
    ("twilio", "numbers"),
    ("rcs", "countries"),
    ("rcs", "test_devices"),
    ("rcs", "registration", "us", "short_codes"),
    ("ajo", "scopes"),
    ("ajo", "channel_configuration", "marketing_actions"),
    ("verification", "to"),
)


def broken_rules(data: Any) -> list[Refusal]:
    """Every rule that ``data``, the plain mapping of a spec, breaks."""
    return [refusal for rule in RULES for refusal in rule(data)]


def pick(data: Any, *path: str) -> Any:
    """The value at ``path``; None when it is missing, or when something on the way is no mapping."""
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _texts(data: Any, *path: str) -> Iterator[tuple[Location, str]]:
    """The texts in the list at ``path``, each with its own place."""
    found = pick(data, *path)
    for index, value in enumerate(found if isinstance(found, list) else []):
        if isinstance(value, str):
            yield (*path, index), value


def _numbers(data: Any) -> list[str]:
    return [number for _, number in _texts(data, "twilio", "numbers")]


def _one_service(data: Any) -> Iterator[Refusal]:
    service = pick(data, "twilio", "messaging_service")
    if isinstance(service, dict) and (service.get("sid") is None) == (service.get("friendly_name") is None):
        yield Refusal(
            ("twilio", "messaging_service"),
            "needs either `sid` or `friendly_name`",
            "`sid` adopts an existing service, `friendly_name` creates one: write exactly one of them",
        )


def _ten_dlc(data: Any) -> Iterator[Refusal]:
    if pick(data, "twilio", "a2p_10dlc") is None and any(_needs_10dlc(number) for number in _numbers(data)):
        yield Refusal(
            ("twilio", "a2p_10dlc"),
            "is missing, and a number of the North American plan (+1) needs it",
            "register the campaign in the Twilio Console, then add campaign_registered, attested_by and attested_on",
        )


def _needs_10dlc(number: str) -> bool:
    """Toll-free numbers are +1 too, but have a verification of their own instead."""
    if not number.startswith("+1"):
        return False
    try:
        kind = phonenumbers.number_type(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return False
    return kind != phonenumbers.PhoneNumberType.TOLL_FREE


def _own_numbers(data: Any) -> Iterator[Refusal]:
    numbers = _numbers(data)
    for path, cure in (
        (("verification", "to"), "write the number of a handset: a sender cannot send to itself"),
        (("rcs", "test_devices"), "write the number of a real Android device: Twilio numbers cannot be testers"),
    ):
        for place, number in _texts(data, *path):
            if number in numbers:
                yield Refusal(place, f"{number} is one of `twilio.numbers`", cure)
    sender = pick(data, "ajo", "channel_configuration", "sender")
    if pick(data, "channel") in ("sms", "mms") and isinstance(sender, str) and numbers and sender not in numbers:
        yield Refusal(
            ("ajo", "channel_configuration", "sender"),
            f"{shown(sender)} is not one of `twilio.numbers`",
            f'write "{numbers[0]}", or add this one to `twilio.numbers`',
        )


def _keywords(data: Any) -> Iterator[Refusal]:
    given = pick(data, "ajo", "webhooks", "keywords")
    if not isinstance(given, dict):
        return
    defaults = Keywords().model_dump()
    kind_of = {word.lower(): kind for kind in defaults if kind not in given for word in defaults[kind]}
    for kind in (kind for kind in defaults if kind in given):
        path = ("ajo", "webhooks", "keywords", kind)
        words = list(_texts(data, *path))
        if kind == "opt_out" and words and "stop" not in {word.strip().lower() for _, word in words}:
            yield Refusal(path, "STOP is not among the opt-out words", "add STOP: carriers demand that it works")
        for place, word in words:
            other = kind_of.setdefault(word.strip().lower(), kind)
            if other != kind:
                yield Refusal(
                    place,
                    f"{shown(word)} is among `{other}` too",
                    "keep it in one of them: AJO cannot tell which is meant",
                )


def _webhook_names(data: Any) -> Iterator[Refusal]:
    names = [pick(data, "ajo", "webhooks", name) for name in ("inbound_name", "feedback_name")]
    if isinstance(names[0], str) and names[0] == names[1]:
        yield Refusal(
            ("ajo", "webhooks", "feedback_name"),
            "is the same as `inbound_name`",
            "give the two webhooks different names: AJO keeps them apart by name only",
        )


def _repetitions(data: Any) -> Iterator[Refusal]:
    """These lists are sets: a repeated entry is a slip, often of one that should be another."""
    for path in SETS:
        seen: set[str] = set()
        for place, value in _texts(data, *path):
            if value in seen:
                yield Refusal(place, f"{shown(value)} stands in the list twice", "remove one of them")
            seen.add(value)


def _vendor(data: Any) -> Iterator[Refusal]:
    """What an AJO credential of vendor Twilio has not, and RCS must have."""
    vendor = pick(data, "ajo", "credential", "vendor")
    webhooks = pick(data, "ajo", "webhooks")
    if pick(data, "channel") == "rcs":
        if vendor == "twilio":
            yield Refusal(
                ("ajo", "credential", "vendor"),
                "is twilio, but RCS needs another payload than that vendor sends",
                "write custom, or leave the line out",
            )
        if isinstance(pick(data, "ajo"), dict) and webhooks is None:
            yield Refusal(
                ("ajo", "webhooks"),
                "is missing, and RCS needs it",
                "add it with inbound_name and feedback_name",
            )
        if pick(data, "ajo", "credential", "auth") == "none" and pick(data, "ajo", "credential", "mtls") is not True:
            yield Refusal(
                ("ajo", "credential", "auth"),
                "is none, and without mTLS anybody could send in the brand's name",
                "add mtls: true, or write another way",
            )
        return
    if webhooks is not None:
        yield Refusal(("ajo", "webhooks"), "is for RCS only", "remove it: AJO offers no webhooks for vendor Twilio")
    if vendor == "custom":
        yield Refusal(
            ("ajo", "credential", "vendor"), "is custom", "write twilio, or leave the line out: custom is for RCS only"
        )
    if pick(data, "ajo", "credential", "headers"):
        yield Refusal(
            ("ajo", "credential", "headers"),
            "is for RCS only",
            "remove it: a Twilio vendor credential has no headers",
        )
    for key in ("auth", "mtls"):
        if pick(data, "ajo", "credential", key):
            yield Refusal(
                ("ajo", "credential", key),
                "is for RCS only",
                "remove it: with vendor Twilio AJO signs in at Twilio, by account SID and auth token",
            )


def _test_message(data: Any) -> Iterator[Refusal]:
    channel, media_url = pick(data, "channel"), pick(data, "verification", "media_url")
    place = ("verification", "media_url")
    if channel == "mms" and isinstance(pick(data, "verification"), dict) and media_url is None:
        yield Refusal(place, "is missing, and MMS needs it", "add the address of a picture, or write channel: sms")
    if channel in ("rcs", "sms") and media_url is not None:
        yield Refusal(place, "is for MMS only", "remove it" + (", or write channel: mms" if channel == "sms" else ""))
    if channel in ("sms", "mms") and pick(data, "verification", "required_status") == "read":
        yield Refusal(
            ("verification", "required_status"),
            f"is read, but {channel.upper()} reports no reading",
            "write delivered",
        )
    if channel in ("sms", "mms") and pick(data, "verification", "ajo_proof") is not None:
        yield Refusal(
            ("verification", "ajo_proof"),
            "is for RCS only",
            "remove it: with vendor Twilio, AJO sends past the bridge and hears nothing back, so there is no way to follow",
        )


def _profile(data: Any) -> Iterator[Refusal]:
    profile = pick(data, "rcs", "profile")
    if isinstance(profile, dict) and profile.get("phone") is None and profile.get("email") is None:
        yield Refusal(
            ("rcs", "profile"), "needs a `phone` or an `email`", "add one: Twilio asks for at least one contact"
        )
    phone = pick(profile, "phone", "phone_number")
    if "GB" in _countries(data) and isinstance(phone, str) and not phone.startswith("+44"):
        yield Refusal(
            ("rcs", "profile", "phone", "phone_number"),
            f"{phone} is not British, and country GB allows only +44 numbers in the profile",
            "write a British number, or give an `email` instead of `phone`",
        )


def _countries(data: Any) -> list[str]:
    return [country for _, country in _texts(data, "rcs", "countries")]


def _us_registration(data: Any) -> Iterator[Refusal]:
    place = ("rcs", "registration", "us")
    us = pick(data, *place)
    if "US" in _countries(data) and isinstance(pick(data, "rcs", "registration"), dict) and us is None:
        yield Refusal(place, "is missing, and country US needs it", "add it, or leave US out of `rcs.countries`")
    if pick(us, "company_type") == "Public corporation":
        for key in ("stock_exchange", "stock_symbol"):
            if pick(us, key) is None:
                yield Refusal(
                    (*place, key),
                    "is missing, and a public corporation needs it",
                    "add stock_exchange and stock_symbol, or correct company_type",
                )
    number = pick(us, "registration_number")
    if (
        pick(us, "issuing_country") == "US"
        and isinstance(number, str)
        and not re.fullmatch(r"\d{2}-?\d{7}", number, re.ASCII)
    ):
        yield Refusal(
            (*place, "registration_number"),
            f"{shown(number)} is not an EIN, and the issuing country is US",
            'write nine digits in quotes, for example "12-3456789"',
        )


def _checklist(data: Any) -> Iterator[Refusal]:
    declared = pick(data, "checklist")
    if not isinstance(declared, list) or not declared:
        return
    # Late: reading the files takes longer than all other rules together.
    from models.checklists.catalogue import load_items

    known = [item.id for item in load_items().values() if item.who == "person"]
    seen: set[str] = set()
    for index, one in enumerate(declared):
        item = pick(one, "item")
        if not isinstance(item, str):
            continue
        place = ("checklist", index, "item")
        if item not in known:
            near = get_close_matches(item, known, n=1)
            cure = f"write {near[0]}" if near else f"choose among {', '.join(known)}"
            yield Refusal(place, f"{shown(item)} is no item that a person settles", cure)
        elif item in seen:
            yield Refusal(place, f"{item} is declared twice", "remove one of them")
        seen.add(item)


RULES = (
    _checklist,
    _one_service,
    _ten_dlc,
    _own_numbers,
    _keywords,
    _webhook_names,
    _repetitions,
    _vendor,
    _test_message,
    _profile,
    _us_registration,
)
