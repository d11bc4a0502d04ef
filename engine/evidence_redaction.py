"""What an evidence pack leaves out: secrets, addresses that are as good as secrets, people's numbers and words."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from providers.redaction import REDACTED, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

NUMBER = re.compile(r"\+[1-9]\d{6,14}(?!\d)")
# Of a callback only this is kept: what else Twilio sends are a person's words, names and pictures.
CALLBACK_FIELDS = frozenset(
    {
        *("AccountSid", "ApiVersion", "ChannelInstallSid", "ChannelPrefix", "ErrorCode", "EventType", "From"),
        *("MessageSid", "MessageStatus", "MessagingServiceSid", "NumMedia", "NumSegments", "OptOutType"),
        *("SmsSid", "SmsStatus", "To"),
    }
)
URL_PATH = re.compile(r"(https?://[^/\s]+/)[^\s)]+")


class Redactor:
    """Applies the same rules to everything that goes into one pack.

    :param own_numbers: the brand's own senders, which stay readable.
    :param endpoint_token: the unguessable part of the onboarding's gateway addresses.
    :param urls: addresses of AJO's webhooks.
    """

    def __init__(self, *, own_numbers: Iterable[str], endpoint_token: str, urls: Iterable[str]) -> None:
        self._own = frozenset(own_numbers)
        self._hidden = {url: without_path(url) for url in sorted(urls, key=len, reverse=True)}
        self._hidden[endpoint_token] = REDACTED
        self._token = endpoint_token

    def clean(self, value: Any) -> Any:
        """Plain JSON data: times in ISO 8601, every text redacted, objects and lists throughout."""
        return _map_text(value, self.text)

    def text(self, text: str) -> str:
        text = redact(text)
        for hidden, shown in self._hidden.items():
            text = text.replace(hidden, shown)
        return NUMBER.sub(lambda found: found[0] if found[0] in self._own else mask(found[0]), text)

    def logged(self, value: Any) -> Any:
        """Like :meth:`clean`, but by rules that no change of the spec or of an address changes.

        An event has to read the same in every pack, or a later log would not go on from an earlier one. So the brand's
        own numbers are masked too, and no address keeps its path.
        """
        strict = Redactor(own_numbers=(), endpoint_token=self._token, urls=())
        return strict.clean(_map_text(value, lambda text: URL_PATH.sub(rf"\g<1>{REDACTED}", text)))

    def callback(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """A callback of Twilio's: its ids and states; of all else only that it was there."""
        return {name: value if name in CALLBACK_FIELDS else REDACTED for name, value in payload.items()}


def _map_text(value: Any, change: Callable[[str], str]) -> Any:
    """Plain JSON data with every text in it changed."""
    if isinstance(value, dict):
        return {change(str(key)): _map_text(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_map_text(item, change) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return change(value) if isinstance(value, str) else value


def mask(number: str) -> str:
    """All but the last four digits hidden, as in the logs: enough to tell two handsets apart, not to call one."""
    return re.sub(r"\d(?=\d{4})", "*", number)


def without_path(url: str) -> str:
    """The host of an address whose path is all that protects it: whoever knows AJO's webhook URL may post to it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/{REDACTED}"
