"""What Adobe's refusals (4xx) mean for us. Error shape: ``type``, ``title``, ``status`` (Adobe's API descriptions)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.answers import answer_json, reason
from providers.errors import CallContext, NeedsPerson, NotFound, OnboardingError, Refused, Retryable

if TYPE_CHECKING:
    import httpx


def classify(response: httpx.Response, context: CallContext) -> OnboardingError:
    """The decision for a refused request to Adobe or to the organisation's automation."""
    body = answer_json(response)
    said = reason(body, "title", "error_description", "error")
    message = f"{context.vendor} refused to {context.operation} ({response.status_code}: {said})"
    match response.status_code:
        case 401:
            cure = "check ajo.client_id, ajo.client_secret and ajo.scopes, then `onboard update FILE`"
            return NeedsPerson(message, cure=cure, context=context)
        case 403:
            cure = (
                "give the technical account a product profile and a role with access to the sandbox (Adobe Admin Console "
                "and Experience Platform > Permissions), then `onboard retry`"
            )
            return NeedsPerson(message, cure=cure, context=context)
        case 404:
            return NotFound(message, cure="check names and sandbox in the spec", context=context)
        case 408 | 409 | 425:
            # A conflict is seen once more after a look: what is there is then found instead of made.
            return Retryable(message, context=context)
    cure = "correct the spec as the answer says, then `onboard update FILE`"
    return Refused(message, cure=cure, context=context)
