"""The life of an outbound message after its creation, and what is reported about it."""

from urllib.parse import urlsplit

from simulator.state import Journey, Json, Message
from simulator.twilio import routing
from simulator.twilio.callbacks import deliver
from simulator.world import World

_ERRORS = {
    30003: "Unreachable destination handset",
    30007: "Message filtered",
    63035: "The agent is not launched and the recipient is not a tester",
    63036: "The recipient cannot be reached over RCS now",
    63106: "The recipient's device does not support RCS",
}
_EVENTS = {"delivered": "DELIVERED", "undelivered": "UNDELIVERED", "failed": "UNDELIVERED", "read": "READ"}


def error_text(code: int | None) -> str | None:
    return _ERRORS.get(code) if code else None


def begin(world: World, message: Message, journey: Journey) -> None:
    """Send a message on its way: its states follow over the configured time, each but the first reported."""
    if message.status != "queued":
        journey.statuses.insert(0, "queued")
    message.journey = journey
    pause = world.config.message_seconds / len(journey.statuses)
    for number in range(1, len(journey.statuses) + 1):
        world.clock.make_appointment(pause * number, "message.advanced", sid=message.sid)


def schedule(world: World, message: Message, journey: Journey, seconds: float) -> None:
    """Send it on its way later, unless it is cancelled before."""
    message.journey = journey
    world.clock.make_appointment(seconds, "message.begun", sid=message.sid)


def _begin_scheduled(world: World, subject: Json) -> None:
    message = world.messages.get(subject["sid"])
    if message is not None and message.status == "scheduled" and message.journey is not None:
        _enter(world, message, "accepted")
        begin(world, message, message.journey)


def _advance(world: World, subject: Json) -> None:
    message = world.messages.get(subject["sid"])
    if message is None or message.journey is None:
        return
    journey = message.journey
    message.from_ = journey.from_
    message.sender_sid = journey.sender_sid
    _enter(world, message, journey.statuses.pop(0))
    if message.status in ("failed", "undelivered"):
        message.error_code = journey.error_code
    _report(world, message)
    if not journey.statuses:
        message.journey = None


def _enter(world: World, message: Message, status: str) -> None:
    message.status = status
    message.updated_at = world.clock.now()
    if status == "sent":
        message.sent_at = message.updated_at
    message.history.append({"status": status, "at": message.updated_at.isoformat()})


def cancel(world: World, message: Message) -> None:
    """:raises ValueError: it is no scheduled message."""
    if message.status != "scheduled":
        raise ValueError(f"Message {message.sid} is {message.status} and cannot be canceled")
    message.journey = None
    _enter(world, message, "canceled")
    world.spawn(_send(world, message, fields_of(world, message)))


def fields_of(world: World, message: Message) -> dict[str, str]:
    """The status callback's fields for the message as it is now."""
    fields = {
        "AccountSid": message.account_sid,
        "ApiVersion": "2010-04-01",
        "From": message.from_ or "",
        "To": message.to,
        "MessageSid": message.sid,
        "MessageStatus": message.status,
        "SmsSid": message.sid,
        "SmsStatus": message.status,
    }
    if message.service_sid:
        fields["MessagingServiceSid"] = message.service_sid
    if message.error_code:
        fields |= {"ErrorCode": str(message.error_code), "ErrorMessage": error_text(message.error_code) or ""}
    if message.sender_sid is None:
        if message.status in ("delivered", "undelivered"):
            fields["RawDlrDoneDate"] = world.clock.now().strftime("%y%m%d%H%M")
        return fields
    fields |= {"ChannelPrefix": "rcs", "ChannelInstallSid": message.sender_sid}
    if message.status in _EVENTS:
        fields["EventType"] = _EVENTS[message.status]
    if message.error_code:
        fields["ChannelStatusMessage"] = error_text(message.error_code) or ""
    return fields


def _report(world: World, message: Message) -> None:
    """Report the status that was just entered.

    Twilio promises no order. Here only the disorderly recipient gives none, so that a run can be repeated.
    """
    fields = fields_of(world, message)
    if routing.tail(message.to) != routing.DISORDERLY:
        world.spawn(_send(world, message, fields))
        return
    message.late_reports.append(fields)
    if message.journey is not None and message.journey.statuses:
        return
    for late in reversed(message.late_reports):
        world.spawn(_send(world, message, late))
        world.spawn(_send(world, message, late))
    message.late_reports.clear()


def _callback_url(world: World, message: Message) -> str | None:
    """Where to report: the message's own, else the service's, else the RCS sender's (an inference)."""
    if message.status_callback:
        return message.status_callback
    service = world.services.get(message.service_sid or "")
    if service is not None and service.settings.get("StatusCallback"):
        return service.settings["StatusCallback"]
    sender = world.senders.get(message.sender_sid or "")
    return sender.webhook.get("status_callback_url") if sender is not None and sender.webhook else None


async def _send(world: World, message: Message, fields: dict[str, str]) -> None:
    url = _callback_url(world, message)
    if url is None or not urlsplit(url).hostname or routing.tail(message.to) == routing.SILENT:
        return
    # The message itself goes on while its callbacks wait for each other.
    async with world.in_turn(message.sid):
        await deliver(world, url, "POST", fields, kind="status")


ACTIONS = {"message.begun": _begin_scheduled, "message.advanced": _advance}
