"""Whether a callback really comes from Twilio, in the words of Twilio's own validator.

The rule (full public URL, sorted parameters, HMAC-SHA1, with and without port) is the vendor's to change, so it is
not written again here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twilio.request_validator import RequestValidator

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER = "X-Twilio-Signature"


def is_genuine(auth_token: str, url: str, params: Mapping[str, list[str] | str], signature: str) -> bool:
    """:param url: the public URL that Twilio was given, with query, without fragment."""
    return bool(RequestValidator(auth_token).validate(url, dict(params), signature))


def sign(auth_token: str, url: str, params: Mapping[str, list[str] | str]) -> str:
    """The signature Twilio would send; for our own probe."""
    return str(RequestValidator(auth_token).compute_signature(url, dict(params)))
