"""Value types of the spec: strict base model, phone numbers, URLs, durations, secret references.

Each refusal is a sentence in two halves, cause and cure, divided by ``CURE``; ``models.spec.load`` prints them apart.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

import phonenumbers
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

CURE = " || "

SECRET_REFERENCE = re.compile(r"^\$\{(?P<kind>env|file):(?P<target>[^}]+)\}$")
_DURATION = re.compile(r"^(?P<count>\d+)(?P<unit>[smhd])$")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class StrictModel(BaseModel):
    """Refuses unknown keys and silent conversions: a typing error in a spec must not become a default."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


def _check_secret_reference(value: str) -> str:
    if not SECRET_REFERENCE.match(value):
        # The value itself may be a secret: it is never repeated in the message.
        msg = f"a secret must not stand in the spec{CURE}write ${{env:NAME}} or ${{file:PATH}} and put the value there"
        raise ValueError(msg)
    return value


def _check_phone(value: Any) -> Any:
    if isinstance(value, int):
        msg = f'a phone number must be text, YAML read a number{CURE}put it in quotes: "+{value}"'
        raise ValueError(msg)  # noqa: TRY004  pydantic turns ValueError into a located error, TypeError it does not
    if not isinstance(value, str):
        return value
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        msg = f'{value!r} is not a phone number{CURE}write it in E.164, with + and country code, for example "+14155550100"'
        raise ValueError(msg)
    formatted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if formatted != value:
        msg = f'{value!r} is not in E.164{CURE}write "{formatted}"'
        raise ValueError(msg)
    if not phonenumbers.is_valid_number(number):
        region = phonenumbers.region_code_for_country_code(number.country_code or 0)
        msg = f"{value!r} is no number that can exist in {region}{CURE}check the digits"
        raise ValueError(msg)
    return value


def _check_http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "." not in parts.hostname:
        msg = (
            f"{value!r} is not a public web address{CURE}write it in full, for example https://www.example.com/privacy"
        )
        raise ValueError(msg)
    return value


def _parse_duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _DURATION.match(value)
    if not match:
        msg = f"{value!r} is not a duration{CURE}write a whole number and s, m, h or d, for example 15m or 7d"
        raise ValueError(msg)
    return timedelta(seconds=int(match["count"]) * _UNIT_SECONDS[match["unit"]])


def format_duration(value: timedelta) -> str:
    """The shortest exact spelling that :data:`Duration` reads: ``7d``, ``90m``."""
    seconds = int(value.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNIT_SECONDS[unit] == 0:
            return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
    return f"{seconds}s"


def _refuse_yaml_number(value: Any) -> Any:
    """Ids that happen to be all digits arrive from YAML as numbers and would lose leading zeros."""
    if isinstance(value, int) and not isinstance(value, bool):
        msg = f"must be text, YAML read a number{CURE}put it in quotes"
        raise ValueError(msg)  # noqa: TRY004  see _check_phone
    return value


def matches(pattern: str, what: str, example: str) -> AfterValidator:
    """A validator whose refusal names the thing and shows one that fits, where a bare regex would not help."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            msg = f"{value!r} is not {what}{CURE}write for example {example}"
            raise ValueError(msg)
        return value

    return AfterValidator(check)


SecretRef = Annotated[
    str,
    AfterValidator(_check_secret_reference),
    WithJsonSchema(
        {"type": "string", "pattern": SECRET_REFERENCE.pattern.replace("?P<kind>", "").replace("?P<target>", "")}
    ),
]
Phone = Annotated[
    str, BeforeValidator(_check_phone), WithJsonSchema({"type": "string", "pattern": r"^\+[1-9]\d{6,14}$"})
]
HttpUrl = Annotated[str, AfterValidator(_check_http_url), WithJsonSchema({"type": "string", "format": "uri"})]
Duration = Annotated[
    timedelta,
    BeforeValidator(_parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern.replace("?P<count>", "").replace("?P<unit>", "")}),
]
Text = Annotated[str, BeforeValidator(_refuse_yaml_number), Field(min_length=1)]
Country = Annotated[str, matches(r"[A-Z]{2}", "an ISO 3166 country code", "US")]
Name = Annotated[
    str,
    BeforeValidator(_refuse_yaml_number),
    matches(r"[a-z][a-z0-9-]{1,48}[a-z0-9]", "a name (3 to 50 of a-z, 0-9 and -, first a letter)", "acme-rcs"),
]
