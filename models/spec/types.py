"""Value types of the spec: strict base model, phone numbers, URLs, durations, secret references.

Each refusal is a sentence in two halves, cause and cure, divided by ``CURE`` (``models.spec.refusal``).
Wrong YAML types (a number where text is meant) are left to pydantic: ``models.spec.wording`` knows the source text.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import phonenumbers
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import core_schema

from models.spec.refusal import CURE, shown

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

SECRET_REFERENCE = re.compile(r"^\$\{(?:(?P<kind>env):(?P<name>[A-Za-z_][A-Za-z0-9_]*)|file:(?P<path>[^}]+))\}$")
# A spelling without named groups, which JSON Schema does not know.
_SECRET_PATTERN = r"^\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\}$"  # noqa: S105  a pattern
_DURATION = re.compile(r"^(\d{1,6})([smhd])$")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class StrictModel(BaseModel):
    """Refuses unknown keys and silent conversions: a typing error in a spec must not become a default."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )


def _check_secret_reference(value: str) -> str:
    if not SECRET_REFERENCE.match(value):
        # The value itself may be a secret: it is never repeated in the message.
        msg = f"a secret must not stand in the spec{CURE}write ${{env:NAME}} or ${{file:PATH}} and put the value there"
        raise ValueError(msg)
    return value


def _check_phone(value: str) -> str:
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        msg = f'{shown(value)} is not a phone number{CURE}write it in E.164, with + and country code, for example "+14155550100"'
        raise ValueError(msg)
    formatted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if formatted != value:
        msg = f'{shown(value)} is not in E.164{CURE}write "{formatted}"'
        raise ValueError(msg)
    if not phonenumbers.is_valid_number(number):
        region = phonenumbers.region_code_for_country_code(number.country_code or 0)
        msg = f"{shown(value)} is no number that can exist in {region}{CURE}check the digits"
        raise ValueError(msg)
    return value


def _check_http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
        has_password = "@" in parts.netloc
        is_sound = parts.scheme in {"http", "https"} and _is_public(host) and not re.search(r"\s", value)
        _ = parts.port  # reading it raises when it is no port
    except ValueError:
        is_sound = has_password = False
    if has_password:
        # Not repeated: it may hold a password.
        msg = f"the address holds a user name or a password{CURE}remove the part before @: vendors and handsets fetch it without"
        raise ValueError(msg)
    if not is_sound:
        msg = f"{shown(value)} is not a public web address{CURE}write it in full, for example https://www.example.com/privacy"
        raise ValueError(msg)
    return value


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host.strip(".")


def _parse_duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _DURATION.match(value)
    if not match:
        msg = f"{shown(value)} is not a duration{CURE}write a whole number and s, m, h or d, for example 15m or 7d"
        raise ValueError(msg)
    return timedelta(seconds=int(match[1]) * _UNIT_SECONDS[match[2]])


def format_duration(value: timedelta) -> str:
    """The shortest exact spelling that :data:`Duration` reads: ``7d``, ``90m``."""
    seconds = int(value.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNIT_SECONDS[unit] == 0:
            return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
    return f"{seconds}s"


def up_to(longest: timedelta) -> AfterValidator:
    """A duration from one second to ``longest``."""

    def check(value: timedelta) -> timedelta:
        if not timedelta(seconds=1) <= value <= longest:
            msg = f"{format_duration(value)} is out of range{CURE}write from 1s to {format_duration(longest)}"
            raise ValueError(msg)
        return value

    return AfterValidator(check)


@dataclass(frozen=True)
class Matches:
    """Refuses text that is not wholly ``pattern``, by naming the thing and showing one that fits."""

    pattern: str
    what: str
    example: str

    @property
    def spelling(self) -> str:
        """The example as it stands in YAML, where ``#`` would start a comment."""
        return f'"{self.example}"' if self.example[0] in "#+" else self.example

    def check(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            msg = f"{shown(value)} is not {self.what}{CURE}write for example {self.spelling}"
            raise ValueError(msg)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"pattern": f"^(?:{self.pattern})$", "examples": [self.example]}


def _refuse_unknown_country(value: str) -> str:
    if value == "UK":
        msg = f"'UK' is not an ISO 3166 country code{CURE}write GB"
        raise ValueError(msg)
    if value not in phonenumbers.SUPPORTED_REGIONS:
        msg = f"{shown(value)} is not an ISO 3166 country code{CURE}write two capital letters, for example US"
        raise ValueError(msg)
    return value


SecretRef = Annotated[
    str,
    AfterValidator(_check_secret_reference),
    WithJsonSchema({"type": "string", "pattern": _SECRET_PATTERN, "examples": ["${env:NAME}", "${file:PATH}"]}),
]
Phone = Annotated[
    str,
    AfterValidator(_check_phone),
    WithJsonSchema({"type": "string", "pattern": r"^\+[1-9]\d{6,14}$", "examples": ["+14155550100"]}),
]
HttpUrl = Annotated[
    str,
    AfterValidator(_check_http_url),
    WithJsonSchema(
        {"type": "string", "format": "uri", "pattern": "^https?://", "examples": ["https://www.example.com"]}
    ),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(_parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern, "examples": ["15m", "7d"]}),
]
# By pattern, not by a validator: after one, pydantic takes a later max_length for a number of entries.
Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Country = Annotated[
    str,
    AfterValidator(_refuse_unknown_country),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$", "examples": ["US"]}),
]
Name = Annotated[
    str, Matches(r"[a-z][a-z0-9-]{1,48}[a-z0-9]", "a name (3 to 50 of a-z, 0-9 and -, first a letter)", "acme-rcs")
]
Email = Annotated[str, Matches(r"[^@\s]+@[^@\s]+\.[^@\s.]+", "an e-mail address", "brand@example.com")]
