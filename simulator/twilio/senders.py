"""RCS senders: the JSON resource of Twilio's Senders API. Their review is in `review`."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.state import Account, Json, Sender
from simulator.twilio import auth, events, review
from simulator.twilio.auth import authorize
from simulator.web import (
    TwilioError,
    content_type,
    is_callable_url,
    not_found,
    page_v1,
    read_json,
    vendor_base,
    world_of,
)

_SENDER_ID = re.compile(r"rcs:[A-Za-z0-9_]+")
_WEBHOOK = ("callback_url", "callback_method", "fallback_url", "fallback_method", "status_callback_url")
_CHANNELS = ("rcs", "whatsapp")


def sender_json(sender: Sender, base: str) -> Json:
    countries = [
        {
            "country": country.code,
            "registration_sid": country.registration_sid,
            "status": country.status,
            "carriers": [{"name": carrier.name, "status": carrier.status} for carrier in country.carriers],
        }
        for country in sender.countries
    ]
    return {
        "sid": sender.sid,
        "status": sender.status,
        "sender_id": sender.sender_id,
        "friendly_name": sender.friendly_name,
        "configuration": None,
        "webhook": sender.webhook,
        "profile": sender.profile,
        "properties": None,
        "offline_reasons": sender.offline_reasons,
        "compliance": {"registration_sid": sender.registration_sid, "countries": countries},
        "url": f"{base}/v2/Channels/Senders/{sender.sid}",
    }


async def _json_body(request: Request) -> Json:
    if content_type(request) != "application/json":
        raise TwilioError(415, 20001, "Content-Type must be application/json")
    try:
        return await read_json(request)
    except ValueError as error:
        raise TwilioError(400, 20001, str(error)) from None


def checked_webhook(webhook: Any) -> Json | None:
    """The webhook object with every field present, or Twilio's refusal of it."""
    if webhook is None:
        return None
    if not isinstance(webhook, dict):
        raise TwilioError(400, 20001, "webhook must be an object")
    for name in ("callback_method", "fallback_method"):
        if webhook.get(name) not in (None, "POST", "PUT"):
            raise TwilioError(400, 20001, f"webhook.{name} must be POST or PUT")
    for name in ("callback_url", "fallback_url", "status_callback_url"):
        url = webhook.get(name)
        if url not in (None, "") and not (isinstance(url, str) and is_callable_url(url)):
            raise TwilioError(400, 20001, f"webhook.{name} is not a valid URL")
    return {name: webhook.get(name) for name in (*_WEBHOOK, "status_callback_method")}


async def create_sender(request: Request) -> Response:
    account = authorize(request, auth.SENDERS)
    body = await _json_body(request)
    sender_id = body.get("sender_id")
    if not isinstance(sender_id, str) or not _SENDER_ID.fullmatch(sender_id):
        raise TwilioError(400, 20001, "sender_id is missing or not of the form rcs:<agent>")
    if account.type == "Trial":
        raise TwilioError(403, 20003, "RCS needs a paid account")
    if not isinstance(body.get("friendly_name"), str | None):
        raise TwilioError(400, 20001, "friendly_name must be text")
    if body.get("profile") is not None and not isinstance(body["profile"], dict):
        raise TwilioError(400, 20001, "profile must be an object")
    webhook = checked_webhook(body.get("webhook"))
    world = world_of(request)
    if any(sender.sender_id == sender_id for sender in world.senders.values()):
        raise TwilioError(409, 20409, f"A sender with the id {sender_id} exists already")
    sender = Sender(
        sid=world.new_sid("XE"),
        account_sid=account.sid,
        sender_id=sender_id,
        friendly_name=body.get("friendly_name"),
        webhook=webhook,
        profile=body.get("profile"),
        created_at=world.clock.now(),
    )
    world.senders[sender.sid] = sender
    world.record("rcs_sender", sender.sid, sender_id, account.sid)
    events.note(request, sender, "rcs-sender.created")
    review.begin(world, sender)
    return JSONResponse(sender_json(sender, vendor_base(request)), 202)


async def list_senders(request: Request) -> Response:
    account = authorize(request, auth.SENDERS)
    channel = request.query_params.get("Channel")
    if channel not in _CHANNELS:
        raise TwilioError(400, 20001, f"Channel must be one of {', '.join(_CHANNELS)}")
    base = vendor_base(request)
    found = [
        sender
        for sender in world_of(request).senders.values()
        if sender.account_sid == account.sid and sender.sender_id.startswith(f"{channel}:")
    ]
    return page_v1(request, "senders", found, lambda sender: sender_json(sender, base))


def _sender(request: Request, account: Account) -> Sender:
    sender = world_of(request).senders.get(request.path_params["sid"])
    if sender is None or sender.account_sid != account.sid:
        raise not_found(request.url.path)
    return sender


async def fetch_sender(request: Request) -> Response:
    sender = _sender(request, authorize(request, auth.SENDERS))
    return JSONResponse(sender_json(sender, vendor_base(request)))


async def refuse_change(request: Request) -> Response:
    # The public contract offers both for WhatsApp senders only; an RCS sender is changed in the Console.
    verb = "update" if request.method == "POST" else "delete"
    sender = _sender(request, authorize(request, auth.SENDERS, verb=verb))
    raise TwilioError(400, 63008, f"Cannot {verb} {sender.sender_id}: only WhatsApp senders can be changed here")


_ALL = "/messaging.twilio.com/v2/Channels/Senders"

ROUTES = [
    Route(_ALL, create_sender, methods=["POST"]),
    Route(_ALL, list_senders),
    Route(_ALL + "/{sid}", fetch_sender),
    Route(_ALL + "/{sid}", refuse_change, methods=["POST", "DELETE"]),
]
