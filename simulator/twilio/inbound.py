"""A handset's message to us: the inbound message and Twilio's call to whoever is to hear of it."""

from simulator.callbacks import deliver
from simulator.objects import Message, PhoneNumber, Sender
from simulator.twilio_services import flag
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
) -> tuple[Message, str | None]:
    """Store an inbound message and call its webhook; answers the URL that took it, None when nobody did."""
    handset = from_.removeprefix("rcs:")
    is_rcs = isinstance(owner, Sender)
    message = Message(
        sid=world.new_sid("SM"),
        account_sid=owner.account_sid,
        to=owner.sender_id if isinstance(owner, Sender) else owner.phone_number,
        from_=f"rcs:{handset}" if is_rcs else handset,
        body=body,
        status="received",
        direction="inbound",
        service_sid=owner.service_sid,
    )
    message.history.append({"status": "received", "at": message.created_at.isoformat()})
    world.messages[message.sid] = message
    fields = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsMessageSid": message.sid,
        "AccountSid": message.account_sid,
        "MessagingServiceSid": owner.service_sid or "",
        "From": message.from_ or "",
        "To": message.to,
        "Body": body,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
        "ButtonPayload": button_payload or "",
        "ButtonText": button_text or "",
        "OptOutType": _note_opt_out(world, owner, handset, body) or "",
    }
    optional = ("MessagingServiceSid", "ButtonPayload", "ButtonText", "OptOutType")
    fields = {name: value for name, value in fields.items() if value or name not in optional}
    for url, method in _targets(world, owner):
        if url and await deliver(world, url, method, fields, kind="inbound"):
            return message, url.split("#")[0]
    return message, None
