"""Posting an event to an AJO webhook URL. AJO takes JSON only.

A webhook whose switch "Authentication" is on takes events with an IMS token only (Adobe's newest pages). That the token
travels as a bearer, and that the organisation's own will do, is inference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from providers.ajo.ims import VENDOR as IMS
from providers.answers import answer_json, reason
from providers.errors import CallContext, Misconfigured, NeedsPerson, OnboardingError, Refused, Retryable
from providers.http import Http

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from providers.ajo.ims import ImsTokens
    from settings import Settings

VENDOR = "AJO's webhook"
CURE = "check the webhook's URL, payload and authentication in Journey Optimizer, then `onboard retry`"


def _refused(response: httpx.Response, context: CallContext) -> OnboardingError:
    body = answer_json(response)
    said = reason(body, "title", "detail", "message")
    message = f"{VENDOR} refused to {context.operation} ({response.status_code}: {said})"
    if response.status_code in {408, 425}:
        return Retryable(message, context=context)
    if response.status_code == 401:
        message += "; ajo.webhooks.authentication in the spec must say what the webhook's Authentication says"
    return Refused(message, cure=CURE, context=context)


def post_event(url: str, body: Mapping[str, Any], settings: Settings, tokens: ImsTokens | None = None) -> None:
    """Any answer of success will do.

    :param url: as it was copied out of AJO.
    :param tokens: the organisation's, for a webhook that asks for one.
    :raises Retryable: try again later; the event may have been taken already. Also when IMS gives no token, since that
        says nothing of this event.
    :raises Refused: AJO will not take this event, or ``url`` is none.
    :raises NeedsPerson: ``url`` redirects elsewhere.
    """
    try:
        http = Http(VENDOR, url, timeout_seconds=settings.http_timeout_seconds, classify=_refused)
    except Misconfigured as error:
        raise Refused(str(error), cure=CURE) from None

    def call(headers: Mapping[str, str]) -> None:
        http.request("POST", url, json=dict(body), headers=headers, operation="take an event", reads_answer=False)

    if tokens is None:
        call({})
        return
    try:
        tokens.carry(lambda token: call({"Authorization": f"Bearer {token}"}))
    except NeedsPerson as error:
        if error.context is None or error.context.vendor != IMS:
            raise
        msg = f"{error.message}: {error.cure}"
        raise Retryable(msg, context=error.context) from None


# How an address that only takes events may answer a visit.
NOT_FOR_READING = frozenset({400, 401, 403, 405, 415})
LONGEST_LOOK_SECONDS = 5.0


def look(url: str, settings: Settings) -> str | None:
    """What is odd about a webhook's address, or None. One GET: an event posted for a trial could count as a real one.

    :param url: as a person copied it out of AJO; often it is the address of the page instead.
    """
    seconds = min(settings.http_timeout_seconds, LONGEST_LOOK_SECONDS)
    try:
        http = Http(VENDOR, url, timeout_seconds=seconds, classify=_looked, read_only=True)
        http.request("GET", url, operation="a look at its address")
    except Misconfigured as error:
        return str(error)
    except OnboardingError as error:
        return error.message
    except _OnlyEvents:
        return None
    return None


class _OnlyEvents(Exception):
    """It answers, and not to readers: as a webhook should."""


def _looked(response: httpx.Response, context: CallContext) -> OnboardingError:
    is_page = "html" in response.headers.get("Content-Type", "")
    if response.status_code in NOT_FOR_READING and not is_page:
        raise _OnlyEvents
    what = " with a web page" if is_page else ""
    return Refused(f"{VENDOR} answered {response.status_code}{what} to {context.operation}", cure=CURE, context=context)
