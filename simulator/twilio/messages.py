"""Twilio messages: create from a form, fetch, list, cancel, redact, delete."""

import re
from datetime import UTC, date, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.state import Account, Journey, Json, Message, Service
from simulator.twilio import auth, lifecycle, routing
from simulator.twilio.accounts import V2010
from simulator.twilio.auth import authorize
from simulator.web import (
    Form,
    TwilioError,
    as_exact_as,
    day_of,
    is_callable_url,
    not_found,
    one,
    page_v2010,
    parse_json,
    read_bound,
    read_form,
    rfc2822,
    whole_number,
    world_of,
)
from simulator.world import World

_MAX_BODY = 1600
_MAX_MEDIA = 10
_MAX_VALIDITY = 36000
_SEGMENT = 160
_CONTENT_SID = re.compile(r"HX[0-9a-fA-F]{32}")
# The page on 35115 says 5 minutes, the one on 35114 15: the kinder one counts.
_SCHEDULE_SECONDS = (300, 35 * 86400)
_OVER = frozenset({"delivered", "undelivered", "failed", "canceled", "read", "received"})


def message_json(message: Message) -> Json:
    uri = f"/2010-04-01/Accounts/{message.account_sid}/Messages/{message.sid}"
    return {
        "sid": message.sid,
        "account_sid": message.account_sid,
        "messaging_service_sid": message.service_sid,
        "to": message.to,
        "from": message.from_,
        "body": message.body,
        "status": message.status,
        "direction": message.direction,
        # A service has chosen no sender yet, and so does not know the segments.
        "num_segments": str(-(-max(1, len(message.body)) // _SEGMENT) if message.from_ else 0),
        "num_media": str(len(message.media)),
        "error_code": message.error_code,
        "error_message": lifecycle.error_text(message.error_code),
        "price": None,
        "price_unit": "USD",
        "api_version": "2010-04-01",
        "date_created": rfc2822(message.created_at),
        "date_updated": rfc2822(message.updated_at),
        "date_sent": rfc2822(message.sent_at),
        "uri": f"{uri}.json",
        "subresource_uris": {"media": f"{uri}/Media.json"},
    }


def _check_content(form: Form) -> None:
    """Refuse a message that says nothing, says too much, or cannot be reported on."""
    body, content, media = one(form, "Body"), one(form, "ContentSid"), form.get("MediaUrl", [])
    callback = one(form, "StatusCallback")
    if not (body or content or media):
        raise TwilioError(400, 21602, "Message body is required")
    if len(body or "") > _MAX_BODY:
        raise TwilioError(400, 21617, f"The message body is longer than {_MAX_BODY} characters")
    if content and not _CONTENT_SID.fullmatch(content):
        raise TwilioError(400, 21655, f"The ContentSid {content} is invalid")
    if not _is_object(one(form, "ContentVariables") or "{}"):
        raise TwilioError(400, 21656, "The ContentVariables parameter is invalid")
    if len(media) > _MAX_MEDIA:
        raise TwilioError(400, 21623, f"A message carries at most {_MAX_MEDIA} media files")
    if not all(is_callable_url(url) for url in media):
        raise TwilioError(400, 21620, "A media URL is invalid")
    if callback and not is_callable_url(callback):
        raise TwilioError(400, 21609, f"The StatusCallback URL {callback} is invalid")
    validity = one(form, "ValidityPeriod")
    if validity and whole_number(validity, 1, _MAX_VALIDITY) is None:
        raise TwilioError(400, 20001, f"ValidityPeriod must be between 1 and {_MAX_VALIDITY}")


def _is_object(text: str) -> bool:
    try:
        return isinstance(parse_json(text), dict)
    except ValueError:
        return False


def _service_of(world: World, account: Account, form: Form) -> Service | None:
    """The service that a message goes through; None when it has a plain From."""
    from_ = one(form, "From") or ""
    sid = one(form, "MessagingServiceSid") or (from_ if from_.startswith("MG") else None)
    if sid is None:
        return None
    service = world.services.get(sid)
    if service is None or service.account_sid != account.sid:
        raise TwilioError(400, 21701, f"The Messaging Service {sid} does not exist")
    return service


def _check_fallback(world: World, form: Form, service: Service | None) -> None:
    if one(form, "FallbackFrom") is None:
        return
    if service is None:
        raise TwilioError(400, 21666, "FallbackFrom needs a MessagingServiceSid")
    if all(sender.service_sid != service.sid for sender in world.senders.values()):
        raise TwilioError(400, 21667, "FallbackFrom needs an RCS sender in the Messaging Service")


def _seconds_until_due(world: World, form: Form, service: Service | None) -> float | None:
    """How long a scheduled message has to wait; None to send it now.

    Without a service the schedule is ignored without a word, as it is at Twilio.
    """
    kind, at = one(form, "ScheduleType"), one(form, "SendAt")
    if service is None or kind is None:
        return None
    if kind != "fixed":
        raise TwilioError(400, 35126, f"The ScheduleType {kind} is not supported")
    if at is None:
        raise TwilioError(400, 35111, "SendAt is missing")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise TwilioError(400, 35114, f"SendAt {at} is no ISO 8601 time") from None
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - world.clock.now()).total_seconds()
    low, high = _SCHEDULE_SECONDS
    if not low <= seconds <= high:
        raise TwilioError(400, 35114, f"SendAt must be between {low} seconds and {high} seconds in the future")
    return seconds


def _journey(world: World, account: Account, form: Form, service: Service | None) -> Journey:
    to, from_ = str(one(form, "To")), one(form, "From")
    has_media = bool(form.get("MediaUrl"))
    if service is None:
        return routing.from_address(world, account, str(from_), to, has_media=has_media)
    return routing.from_service(world, service, to, has_media=has_media, fallback_from=one(form, "FallbackFrom"))


async def create_message(request: Request) -> Response:
    account = authorize(request, auth.MESSAGES)
    world = world_of(request)
    form = await read_form(request)
    to, from_ = one(form, "To"), one(form, "From")
    if to is None:
        raise TwilioError(400, 21604, "A 'To' phone number is required")
    routing.handset_of(to)
    service = _service_of(world, account, form)
    if service is None and from_ is None:
        raise TwilioError(400, 21603, "A 'From' number or a MessagingServiceSid is required")
    _check_content(form)
    _check_fallback(world, form, service)
    routing.refuse_opted_out(world, to, service.sid if service else str(from_))
    journey = _journey(world, account, form, service)
    wait = _seconds_until_due(world, form, service)
    message = new_message(world, account.sid, form, service, journey, is_scheduled=wait is not None)
    if wait is None:
        lifecycle.begin(world, message, journey)
    else:
        lifecycle.schedule(world, message, journey, wait)
    return JSONResponse(message_json(message), 201)


def new_message(
    world: World,
    account_sid: str,
    form: Form,
    service: Service | None,
    journey: Journey,
    *,
    is_scheduled: bool = False,
    direction: str = "outbound-api",
) -> Message:
    """Store an outbound message that has passed all checks."""
    media = form.get("MediaUrl", [])
    at = world.clock.now()
    message = Message(
        sid=world.new_sid("MM" if media else "SM"),
        account_sid=account_sid,
        to=str(one(form, "To")),
        body=one(form, "Body") or "",
        status="scheduled" if is_scheduled else "accepted" if service else "queued",
        created_at=at,
        updated_at=at,
        direction=direction,
        # A service chooses its sender only after it has accepted the message.
        from_=None if service else journey.from_,
        service_sid=service.sid if service else None,
        media=media,
        status_callback=one(form, "StatusCallback"),
    )
    message.history.append({"status": message.status, "at": at.isoformat()})
    world.messages[message.sid] = message
    world.record("message", message.sid, message.to, account_sid)
    return message


def _is_within(moment: datetime, name: str, bound: date) -> bool:
    """Whether a time meets one of the three DateSent filters.

    Of `DateSent` itself the day counts: Twilio's own libraries can only ask for a day by its midnight.
    """
    if name == "DateSent":
        return moment.date() == day_of(bound)
    seen = as_exact_as(bound, moment)
    return bool(seen <= bound if name == "DateSent<" else seen >= bound)


async def list_messages(request: Request) -> Response:
    account = authorize(request, auth.MESSAGES, verb="list")
    query = request.query_params
    dates = [(name, read_bound(query[name])) for name in ("DateSent", "DateSent<", "DateSent>") if query.get(name)]
    found = [
        message
        for message in reversed(world_of(request).messages.values())
        if message.account_sid == account.sid
        and query.get("To") in (None, message.to)
        and query.get("From") in (None, message.from_)
        and all(_is_within(message.sent_at or message.created_at, name, bound) for name, bound in dates)
    ]
    return page_v2010(request, "messages", found, message_json)


def _message(request: Request, account: Account) -> Message:
    message = world_of(request).messages.get(request.path_params["sid"])
    if message is None or message.account_sid != account.sid:
        raise not_found(request.url.path)
    return message


async def fetch_message(request: Request) -> Response:
    return JSONResponse(message_json(_message(request, authorize(request, auth.MESSAGES))))


async def update_message(request: Request) -> Response:
    """Cancel a scheduled message, or redact one that is over."""
    message = _message(request, authorize(request, auth.MESSAGES, verb="update"))
    form = await read_form(request)
    world = world_of(request)
    if "Status" in form:
        if one(form, "Status") != "canceled":
            raise TwilioError(400, 20001, "Status must be canceled")
        try:
            lifecycle.cancel(world, message)
        except ValueError as error:
            raise TwilioError(400, 30409, str(error)) from None
    if "Body" in form:
        if one(form, "Body") is not None:
            raise TwilioError(400, 20001, "Body can only be set to nothing")
        if message.status not in _OVER:
            raise TwilioError(400, 20009, "A message that is still on its way cannot be redacted")
        message.body = ""
    message.updated_at = world.clock.now()
    return JSONResponse(message_json(message))


async def delete_message(request: Request) -> Response:
    message = _message(request, authorize(request, auth.MESSAGES))
    if message.status not in _OVER:
        raise TwilioError(409, 20009, "A message that is still on its way cannot be deleted")
    world = world_of(request)
    del world.messages[message.sid]
    world.record_removal(message.sid)
    return Response(status_code=204)


_ALL = V2010 + "/{account_sid}/Messages"

ROUTES = [
    Route(_ALL + ".json", create_message, methods=["POST"]),
    Route(_ALL + ".json", list_messages),
    Route(_ALL + "/{sid}.json", fetch_message),
    Route(_ALL + "/{sid}.json", update_message, methods=["POST"]),
    Route(_ALL + "/{sid}.json", delete_message, methods=["DELETE"]),
]
