"""The life of an outbound message after its creation, and what is reported about it."""

import asyncio
from urllib.parse import urlsplit

from simulator import routing
from simulator.callbacks import deliver
from simulator.objects import Message, now
from simulator.routing import Journey
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


async def play(world: World, message: Message, journey: Journey) -> None:
    """Move a message through its states over the configured time, reporting each but the first."""
    statuses = journey.statuses if message.status == "queued" else ("queued", *journey.statuses)
    reports: list[dict[str, str]] = []
    # Twilio promises no order. Here only the disorderly recipient gives none, so that a run can be repeated; the
    # lock lets callbacks wait for each other (it is fair) while the message itself goes on.
    in_order = asyncio.Lock()
    is_disorderly = routing.tail(message.to) == routing.DISORDERLY
    for status in statuses:
        await asyncio.sleep(world.config.message_seconds / len(statuses))
        _advance(message, status, journey)
        reports.append(report(message))
        if not is_disorderly:
            world.spawn(_send_after(in_order, world, message, reports[-1]))
    if is_disorderly:
        for one_report in reversed(reports):
            await _send(world, message, one_report)
            await _send(world, message, one_report)


def _advance(message: Message, status: str, journey: Journey) -> None:
    message.status = status
    message.from_ = journey.from_
    message.channel_sender = journey.sender
    message.updated_at = now()
    if status in ("failed", "undelivered"):
        message.error_code = journey.error_code
    if status == "sent":
        message.sent_at = message.updated_at
    message.history.append({"status": status, "at": message.updated_at.isoformat()})


def report(message: Message) -> dict[str, str]:
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
    if message.channel_sender is None:
        if message.status in ("delivered", "undelivered"):
            fields["RawDlrDoneDate"] = now().strftime("%y%m%d%H%M")
        return fields
    fields |= {"ChannelPrefix": "rcs", "ChannelInstallSid": message.channel_sender.sid}
    if message.status in _EVENTS:
        fields["EventType"] = _EVENTS[message.status]
    if message.error_code:
        fields["ChannelStatusMessage"] = error_text(message.error_code) or ""
    return fields


def _callback_url(world: World, message: Message) -> str | None:
    """Where to report: the message's own, else the service's, else the RCS sender's (an inference)."""
    if message.status_callback:
        return message.status_callback
    service = world.services.get(message.service_sid or "")
    if service is not None and service.settings.get("StatusCallback"):
        return service.settings["StatusCallback"]
    webhook = message.channel_sender.webhook if message.channel_sender else None
    return webhook.get("status_callback_url") if webhook else None


async def _send_after(in_order: asyncio.Lock, world: World, message: Message, fields: dict[str, str]) -> None:
    async with in_order:
        await _send(world, message, fields)


async def _send(world: World, message: Message, fields: dict[str, str]) -> None:
    url = _callback_url(world, message)
    if url is None or not urlsplit(url).hostname or routing.tail(message.to) == routing.SILENT:
        return
    await deliver(world, url, "POST", fields, kind="status")
