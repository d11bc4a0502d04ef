"""What AJO asks the bridge to send: read, checked against Twilio's limits, and put into Twilio's terms."""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from typing import Annotated, Any

import phonenumbers
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

LONGEST_TEXT = 1600
MOST_MEDIA = 10
LONGEST_VALIDITY_SECONDS = 36000
LONGEST_REFERENCE = 100
# A placeholder that AJO did not fill in arrives as it was written.
_UNFILLED = re.compile(r"\{\{.*\}\}")


class BadMessage(Exception):
    """The message cannot be sent as it is; ``field`` is AJO's name for what is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def _none_if_empty(value: Any) -> Any:
    """AJO fills a template's every place, if only with nothing."""
    return None if isinstance(value, str) and (not value.strip() or _UNFILLED.fullmatch(value.strip())) else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) and value else value or []


def _as_object(value: Any) -> Any:
    """Variables may come as an object or, from a template that quotes everything, as its text."""
    if not isinstance(value, str):
        return value or {}
    try:
        return json.loads(value) if value.strip() else {}
    except (ValueError, RecursionError):
        raise ValueError("is neither an object nor the text of one") from None


Filled = BeforeValidator(_none_if_empty)
# Not every database takes every character in a text.
Reference = Annotated[str, Field(max_length=LONGEST_REFERENCE, pattern=r"^[^\x00-\x1f\x7f]*$")]
ContentSid = Annotated[str, Field(pattern="^HX[0-9a-fA-F]{32}$")]
Seconds = Annotated[int, Field(ge=1, le=LONGEST_VALIDITY_SECONDS)]


class OutboundMessage(BaseModel):
    """The body that the credential's payload template makes (docs/bridge.md). Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")

    sender: Annotated[str | None, Filled, Field(alias="from")] = None
    to: str = Field(min_length=1)
    message: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    reference: Annotated[Reference | None, Filled] = None
    media: Annotated[list[str], BeforeValidator(_as_list), Field(max_length=MOST_MEDIA)] = []
    content_sid: Annotated[ContentSid | None, Filled] = None
    content_variables: Annotated[dict[str, str], BeforeValidator(_as_object)] = {}
    fallback_from: Annotated[str | None, Filled] = None
    validity_seconds: Annotated[Seconds | None, Filled] = None
    # AJO demands it in the payload for basic and bearer; what it holds is unpublished, and nothing to Twilio.
    auth_option: Annotated[Any, Field(alias="authOption", exclude=True)] = None

    def fingerprint(self) -> str:
        """What makes two requests of one reference the same message."""
        said = self.model_dump(exclude={"reference", "sender", "to"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read_message(body: bytes) -> OutboundMessage:
    """:raises BadMessage: with the first thing that is wrong."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise BadMessage("body", "is not JSON") from None
    if not isinstance(given, dict):
        raise BadMessage("body", "is not a JSON object")
    try:
        message = OutboundMessage.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise BadMessage(field, first["msg"].removeprefix("Value error, ")) from None
    if not (message.message.strip() or message.media or message.content_sid):
        raise BadMessage("message", "is empty, and there is neither media nor content_sid")
    if message.content_variables and not message.content_sid:
        raise BadMessage("content_variables", "need a content_sid")
    return message


@lru_cache(maxsize=10_000)
def recipient_of(to: str, default_region: str | None) -> str:
    """E.164, with ``rcs:`` in front where it was there.

    :param default_region: two letters: whose national numbers are understood.
    :raises BadMessage: it is no phone number.
    """
    prefix = "rcs:" if to.startswith("rcs:") else ""
    written = to.removeprefix("rcs:").strip()
    # AJO may drop the plus: a number that is valid with it is taken for international.
    attempts = [(written, None)] if written.startswith("+") else [("+" + written, None), (written, default_region)]
    for text, region in attempts:
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number):
            return prefix + phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    raise BadMessage("to", "is no phone number in international form (+12125550123)")


def region_of(number: str) -> str | None:
    """The region of an E.164 number; None when it has none."""
    return phonenumbers.region_code_for_number(phonenumbers.parse(number, None))
