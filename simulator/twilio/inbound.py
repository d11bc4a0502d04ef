"""A handset's message to us: the inbound message and Twilio's call to whoever is to hear of it."""

import mimetypes
from urllib.parse import urlsplit

from simulator.state import Message, PhoneNumber, Sender
from simulator.twilio import lifecycle, routing
from simulator.twilio.callbacks import Outcome, deliver, raise_alert
from simulator.twilio.messages import new_message
from simulator.twilio.services import flag
from simulator.twilio.twiml import BadAnswer, read_replies
from simulator.web import TwilioError
from simulator.world import World

_STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
_START = frozenset({"START", "UNSTOP", "YES"})
_HELP = frozenset({"HELP", "INFO"})

Target = tuple[str, str]
"""A webhook's address and its method."""


def find_owner(world: World, to: str) -> PhoneNumber | Sender | None:
    """The number or RCS sender that a handset wrote to; None when nobody owns it."""
    for sender in world.senders.values():
        if sender.sender_id == to:
            return sender
    return next((number for number in world.numbers.values() if number.phone_number == to), None)


def _targets(world: World, owner: PhoneNumber | Sender) -> list[Target]:
    """The webhook to call, then the one to fall back on.

    That an RCS sender's own webhook goes before its service's is an inference; for numbers it is documented
    that the service decides unless it leaves the decision to the number.
    """
    service = world.services.get(owner.service_sid or "")
    shared: list[Target] = []
    if service is not None:
        settings = service.settings
        shared = [
            (settings.get("InboundRequestUrl", ""), settings.get("InboundMethod", "POST")),
            (settings.get("FallbackUrl", ""), settings.get("FallbackMethod", "POST")),
        ]
    if isinstance(owner, Sender):
        hook = owner.webhook or {}
        own = [
            (hook.get("callback_url") or "", hook.get("callback_method") or "POST"),
            (hook.get("fallback_url") or "", hook.get("fallback_method") or "POST"),
        ]
        return own if own[0][0] else shared
    if service is not None and not flag(service.settings, "UseInboundWebhookOnNumber", False):
        return shared
    settings = owner.settings
    return [
        (settings.get("SmsUrl", ""), settings.get("SmsMethod", "POST")),
        (settings.get("SmsFallbackUrl", ""), settings.get("SmsFallbackMethod", "POST")),
    ]


def _note_opt_out(world: World, owner: PhoneNumber | Sender, handset: str, body: str) -> str | None:
    """Keep the list of people who said STOP, as Twilio does by itself; the kind of keyword, or None."""
    word = body.strip().upper()
    address = owner.sender_id if isinstance(owner, Sender) else owner.phone_number
    entries = {(origin, handset) for origin in (owner.service_sid, address) if origin}
    if word in _STOP:
        world.opt_outs |= entries
        return "STOP"
    if word in _START:
        world.opt_outs -= entries
        return "START"
    return "HELP" if word in _HELP else None


async def receive(
    world: World,
    owner: PhoneNumber | Sender,
    *,
    from_: str,
    body: str,
    button_payload: str | None = None,
    button_text: str | None = None,
    media: list[str] | None = None,
    copies: int = 1,
) -> tuple[Message, str | None]:
    """Store an inbound message and call its webhook; answers the URL that took it, None when nobody did.

    :param copies: how often the webhook is called: Twilio may tell of one message twice.
    """
    handset = from_.removeprefix("rcs:")
    is_rcs = isinstance(owner, Sender)
    at = world.clock.now()
    message = Message(
        sid=world.new_sid("MM" if media else "SM"),
        account_sid=owner.account_sid,
        to=owner.sender_id if isinstance(owner, Sender) else owner.phone_number,
        from_=f"rcs:{handset}" if is_rcs else handset,
        body=body,
        status="received",
        created_at=at,
        updated_at=at,
        direction="inbound",
        service_sid=owner.service_sid,
        media=media or [],
    )
    message.history.append({"status": "received", "at": at.isoformat()})
    world.messages[message.sid] = message
    fields = _fields(message) | {
        "ButtonPayload": button_payload or "",
        "ButtonText": button_text or "",
        "OptOutType": _note_opt_out(world, owner, handset, body) or "",
    }
    optional = ("MessagingServiceSid", "ButtonPayload", "ButtonText", "OptOutType")
    fields = {name: value for name, value in fields.items() if value or name not in optional}
    taken_by = None
    for _ in range(copies):
        taken_by = await _call_webhook(world, owner, message, fields)
    return message, taken_by


def _fields(message: Message) -> dict[str, str]:
    fields = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsMessageSid": message.sid,
        "AccountSid": message.account_sid,
        "MessagingServiceSid": message.service_sid or "",
        "From": message.from_ or "",
        "To": message.to,
        "Body": message.body,
        "NumMedia": str(len(message.media)),
        "NumSegments": "1",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    }
    for number, url in enumerate(message.media):
        kind = mimetypes.guess_type(urlsplit(url).path)[0] or "application/octet-stream"
        fields |= {f"MediaUrl{number}": url, f"MediaContentType{number}": kind}
    return fields


async def _call_webhook(
    world: World, owner: PhoneNumber | Sender, message: Message, fields: dict[str, str]
) -> str | None:
    for url, method in _targets(world, owner):
        if not url:
            continue
        outcome = await deliver(world, url, method, fields, kind="inbound")
        if outcome.kind == "ok":
            _reply(world, owner, message, (url, method), outcome)
            return url.split("#")[0]
    return None


def _reply(world: World, owner: PhoneNumber | Sender, message: Message, target: Target, outcome: Outcome) -> None:
    """Send what the webhook answered, from whom the handset wrote to."""
    try:
        for text in read_replies(outcome.content_type, outcome.body):
            _send_reply(world, owner, message, text)
    except (BadAnswer, TwilioError) as error:
        raise_alert(
            world,
            str(error.code),
            str(error),
            account_sid=owner.account_sid,
            resource_sid=message.sid,
            url=target[0].split("#")[0],
            method=target[1],
        )


def _send_reply(world: World, owner: PhoneNumber | Sender, message: Message, text: str) -> None:
    handset = str(message.from_)
    routing.refuse_opted_out(world, handset, message.to)
    account = world.accounts[owner.account_sid]
    journey = routing.from_address(world, account, message.to, handset, has_media=False)
    form = {"To": [handset], "Body": [text]}
    reply = new_message(world, owner.account_sid, form, None, journey, direction="outbound-reply")
    lifecycle.begin(world, reply, journey)
