"""Posting an event to an AJO webhook URL. AJO takes JSON only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from providers.answers import answer_json, reason
from providers.errors import CallContext, Misconfigured, OnboardingError, Refused, Retryable
from providers.http import Http

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from settings import Settings

VENDOR = "AJO's webhook"
CURE = "check the webhook's URL, payload and authentication in Journey Optimizer, then `onboard retry`"


def _refused(response: httpx.Response, context: CallContext) -> OnboardingError:
    body = answer_json(response)
    said = reason(body, "title", "detail", "message")
    message = f"{VENDOR} refused to {context.operation} ({response.status_code}: {said})"
    if response.status_code in {408, 425}:
        return Retryable(message, context=context)
    return Refused(message, cure=CURE, context=context)


def post_event(url: str, body: Mapping[str, Any], settings: Settings) -> None:
    """Any answer of success will do.

    :param url: as it was copied out of AJO.
    :raises Retryable: try again later; the event may have been taken already.
    :raises Refused: AJO will not take this event, or ``url`` is none.
    :raises providers.errors.NeedsPerson: ``url`` redirects elsewhere.
    """
    try:
        http = Http(VENDOR, url, timeout_seconds=settings.http_timeout_seconds, classify=_refused)
    except Misconfigured as error:
        raise Refused(str(error), cure=CURE) from None
    http.request("POST", url, json=dict(body), operation="take an event", reads_answer=False)
