"""Whether a callback really comes from Twilio, in the words of Twilio's own validator.

The rule (full public URL, sorted parameters, HMAC-SHA1, with and without port) is the vendor's to change. Only its simplest case
is written again here, because nearly every callback is one: what does not fit it is the vendor's to judge.
"""

from __future__ import annotations

import base64
import hmac
from functools import lru_cache
from typing import TYPE_CHECKING

from twilio.request_validator import RequestValidator

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER = "X-Twilio-Signature"


class _Form(dict[str, list[str]]):
    """A form in the shape the validator reads repeated names from; in a plain dict it takes single texts only."""

    def __init__(self, params: Mapping[str, list[str] | str]) -> None:
        super().__init__({name: [value] if isinstance(value, str) else value for name, value in params.items()})

    def getall(self, name: str) -> list[str]:
        return self[name]


def is_genuine(auth_token: str, url: str, body: Mapping[str, list[str] | str] | str, signature: str) -> bool:
    """Whether Twilio, or whoever else knows the auth token, signed this callback.

    :param auth_token: the account's own, never an API key's secret.
    :param url: the public URL that Twilio was given, with query, without fragment.
    :param body: the form's fields, where a name that came more than once has a list; of the JSON variant the text as it
        came, whose hash is the ``bodySHA256`` of the query.
    """
    if isinstance(body, str):
        return bool(RequestValidator(auth_token).validate(url, body, signature))
    if _is_simply_signed(auth_token, url, body, signature):
        return True
    return bool(RequestValidator(auth_token).validate(url, _Form(body), signature))


def _is_simply_signed(auth_token: str, url: str, form: Mapping[str, list[str] | str], signature: str) -> bool:
    """Whether it is the signature of the URL as it was given, and of a form in which each name came once."""
    signed = [url]
    for name, values in sorted(form.items()):
        if len(values) != 1:
            return False
        signed += name, values[0]
    made = _keyed(auth_token).copy()
    made.update("".join(signed).encode())
    return hmac.compare_digest(base64.b64encode(made.digest()), signature.encode())


@lru_cache(maxsize=64)
def _keyed(auth_token: str) -> hmac.HMAC:
    # Unlike `hmac.digest` this does not give the interpreter away, which a gateway that is busy has to queue for.
    return hmac.new(auth_token.encode(), digestmod="sha1")


def sign(auth_token: str, url: str, params: Mapping[str, list[str] | str]) -> str:
    """The signature Twilio would send; for our own probe."""
    return str(RequestValidator(auth_token).compute_signature(url, _Form(params)))
