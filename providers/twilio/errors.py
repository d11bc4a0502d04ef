"""What Twilio's error codes mean for us. Data, so that a new code is one line.

Codes and meanings: Twilio's error catalogue (copy of 2023) and the error pages 20429, 21666, 21667, 21705, 21712,
21714, 21730, 63008, 63011, 63106 (read November 2026); 70051 as others met it. Which of them pass by themselves is our
own classification (docs/vendors.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from providers.answers import answer_json, reason
from providers.errors import CallContext, NeedsPerson, NotFound, OnboardingError, RateLimited, Refused, Retryable

if TYPE_CHECKING:
    import httpx

Kind = Literal["retry", "final", "person"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about an error code. ``sentence`` goes on after "the message was undelivered with error N, "."""

    kind: Kind
    sentence: str
    cure: str


_CONSOLE = "mend it in the Twilio Console, then `onboard retry`"
_SPEC = "correct the spec, then `onboard update FILE`"
_WEBHOOK = Decision(
    "person",
    "Twilio could not deliver an event to the gateway",
    "check that ONBOARD_PUBLIC_URL leads to this gateway over valid TLS (`onboard doctor`)",
)

DECISIONS: dict[int, Decision] = {
    11200: _WEBHOOK,
    11205: _WEBHOOK,
    11206: _WEBHOOK,
    11210: _WEBHOOK,
    11220: _WEBHOOK,
    11235: _WEBHOOK,
    11237: _WEBHOOK,
    12300: _WEBHOOK,
    20003: Decision("person", "the credentials were refused", "check twilio.account_sid and twilio.auth_token, then `onboard update FILE`; if only the account was closed, open it, then `onboard retry`"),
    20404: Decision("final", "the object does not exist", _SPEC),
    20429: Decision("retry", "too many requests at once", "nothing: it passes"),
    20500: Decision("retry", "Twilio had an internal error", "nothing: it passes"),
    20503: Decision("retry", "Twilio is not available", "nothing: it passes"),
    21211: Decision("final", "the recipient's number is not valid", "correct verification.to, then `onboard update FILE`"),
    21408: Decision("person", "sending to this country is switched off", "allow it in the Twilio Console (Messaging > Settings > Geo permissions), then `onboard retry`"),
    21606: Decision("final", "the sender cannot send this kind of message", "choose another number in twilio.numbers, then `onboard update FILE`"),
    21608: Decision("person", "a trial account sends to verified numbers only", "upgrade the account, then `onboard retry`"),
    21610: Decision("final", "the recipient has opted out (STOP)", "let them send START, or choose another handset in verification.to; it is never sent again by itself"),
    21611: Decision("retry", "the sender's queue is full", "nothing: it passes"),
    21612: Decision("final", "the recipient cannot be reached from this sender", "choose another sender or handset"),
    21614: Decision("final", "the recipient's number is no mobile number", "correct verification.to, then `onboard update FILE`"),
    21617: Decision("final", "the text is too long", "shorten verification.message, then `onboard update FILE`"),
    21655: Decision("final", "the content template is not valid", _SPEC),
    21656: Decision("final", "the content variables are not valid", _SPEC),
    21666: Decision("final", "a fallback sender needs a messaging service", _SPEC),
    21667: Decision("final", "the messaging service has no RCS sender", "run `onboard retry`: registration puts it back into the pool"),
    21701: Decision("final", "the messaging service does not exist", "run `onboard retry` after deciding why it was deleted"),
    21702: Decision("person", "the messaging service is not available", _CONSOLE),
    21703: Decision("person", "the messaging service has no sender", "put a sender into its pool, then `onboard retry`"),
    21704: Decision("person", "the messaging service has no sender for this message", "put a fitting sender into its pool, then `onboard retry`"),
    21705: Decision("final", "the messaging service is not valid", _SPEC),
    21712: Decision("person", "the number is in the pool of another messaging service", "write another one in the spec, then `onboard update FILE`; or, if nothing sends with it, take it out of that one in the Twilio Console, then `onboard retry`"),
    21714: Decision("person", "the pool of the messaging service is full", "take numbers out of it in the Twilio Console, then `onboard retry`"),
    21730: Decision("retry", "Twilio is under maintenance", "nothing: it passes"),
    21910: Decision("final", "sender and recipient are of different channels", _SPEC),
    30001: Decision("retry", "the queue ran over", "nothing: it passes"),
    30002: Decision("person", "the account is suspended", "reactivate it in the Twilio Console, then `onboard retry`"),
    30003: Decision("retry", "the handset cannot be reached (switched off or out of coverage)", "switch the handset on, then `onboard retry`"),
    30004: Decision("final", "the carrier or the recipient blocks messages", "choose another handset, or ask the carrier"),
    30005: Decision("retry", "the handset is unknown", "check verification.to, then `onboard retry`"),
    30006: Decision("final", "the number is a landline or its carrier is not reachable", "choose another handset in verification.to"),
    30007: Decision("final", "the carrier filtered the message", "change the text, check the sender's registration, ask Twilio support"),
    30008: Decision("retry", "the carrier gives no reason", "try again later: `onboard retry`"),
    30017: Decision("retry", "the carrier is congested", "nothing: it passes"),
    30034: Decision("person", "the US number is not registered for A2P 10DLC", "register the campaign in the Twilio Console, then `onboard retry`"),
    30410: Decision("retry", "the carrier did not answer in time", "nothing: it passes"),
    63001: Decision("person", "the channel could not sign in", _CONSOLE),
    63002: Decision("person", "the channel does not know the sender", _CONSOLE),
    63003: Decision("final", "the recipient's address is not valid on this channel", "correct verification.to, then `onboard update FILE`"),
    63005: Decision("final", "the channel refused the content", "change verification.message, then `onboard update FILE`"),
    63006: Decision("final", "the channel cannot show this content", "change verification.message, then `onboard update FILE`"),
    63007: Decision("person", "the account has no such channel sender", _CONSOLE),
    63008: Decision("person", "the channel is not set up", _CONSOLE),
    63009: Decision("retry", "the channel had an internal error", "nothing: it passes"),
    63010: Decision("retry", "Twilio had an internal error on this channel", "nothing: it passes"),
    63011: Decision("retry", "what the handset can do could not be looked up", "nothing: it passes"),
    63012: Decision("retry", "the channel is not available", "nothing: it passes"),
    63013: Decision("final", "the message breaks the channel's policy", "change verification.message, then `onboard update FILE`"),
    63017: Decision("retry", "the channel's rate limit was reached", "nothing: it passes"),
    63018: Decision("retry", "the channel's rate limit was reached", "nothing: it passes"),
    63021: Decision("final", "the channel refused the content", "change verification.message, then `onboard update FILE`"),
    63024: Decision("final", "the recipient is not valid on this channel", "correct verification.to, then `onboard update FILE`"),
    63035: Decision("person", "the RCS sender is not launched for this handset and the handset is no accepted tester", "invite the handset as test device in the Twilio Console and accept on the handset, or wait for the carrier; then `onboard retry`"),
    63036: Decision("retry", "the handset cannot be reached over RCS now", "switch the handset and its RCS chats on, then `onboard retry`"),
    63037: Decision("retry", "the media could not be uploaded", "nothing: it passes"),
    63038: Decision("retry", "the channel's daily limit was reached", "try again tomorrow: `onboard retry`"),
    63106: Decision("final", "the handset cannot do RCS", "choose an RCS-capable Android handset in verification.to, then `onboard update FILE`"),
    70051: Decision("person", "the API key lacks a permission", "delete the key in the Twilio Console, then `onboard retry`: a new one is made with all it needs"),
}  # fmt: skip

UNKNOWN = Decision(
    "final", "a code this version does not know", "look it up in Twilio's error reference, then `onboard retry`"
)


def delivery_decision(code: int) -> Decision:
    """What to do about a message that ended with this error code; 0 when Twilio gave none."""
    return DECISIONS.get(code, UNKNOWN if code else Decision("retry", "Twilio gives no reason", "`onboard retry`"))


def classify(response: httpx.Response, context: CallContext) -> OnboardingError:
    """The decision for a refused request (4xx), by Twilio's own code where there is one.

    Shape of the answer (``code``, ``message``, ``more_info``, ``status``): Twilio's documentation of its REST API.
    """
    body = answer_json(response)
    code = body.get("code") if isinstance(body.get("code"), int) else None
    context = CallContext(
        context.vendor, context.operation, response.status_code, code, context.request_id, body.get("more_info")
    )
    said = reason(body, "message")
    message = f"Twilio refused to {context.operation} ({response.status_code}, {code or 'no code'}: {said})"
    if response.status_code in {401, 403} and code not in DECISIONS:
        code = 20003
    decision = DECISIONS.get(code or 0)
    if response.status_code == 404 and (decision is None or code == 20404):
        return NotFound(message, cure=DECISIONS[20404].cure, context=context)
    if response.status_code in {408, 409, 425} and decision is None:
        # A conflict is seen once more after a look: what is there is then found instead of made.
        return Retryable(message, context=context)
    if decision is None:
        return Refused(message, cure=UNKNOWN.cure, context=context)
    if code == 20429:
        return RateLimited(message, context=context)
    if decision.kind == "retry":
        return Retryable(message, context=context)
    error = NeedsPerson if decision.kind == "person" else Refused
    return error(f"{message}: {decision.sentence}", cure=decision.cure, context=context)
