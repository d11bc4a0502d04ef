"""Twilio Messaging Services and the numbers and RCS senders in their pools."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.state import Account, Json, PhoneNumber, Sender, Service
from simulator.twilio import auth, events
from simulator.twilio.auth import authorize
from simulator.web import (
    Form,
    TwilioError,
    iso8601,
    not_found,
    one,
    page_v1,
    read_form,
    require_url,
    vendor_base,
    whole_number,
    world_of,
)

_TEXTS = {
    "inbound_request_url": ("InboundRequestUrl", None),
    "inbound_method": ("InboundMethod", "POST"),
    "fallback_url": ("FallbackUrl", None),
    "fallback_method": ("FallbackMethod", "POST"),
    "status_callback": ("StatusCallback", None),
    "scan_message_content": ("ScanMessageContent", "inherit"),
    "usecase": ("Usecase", "undeclared"),
}
_FLAGS = {
    "sticky_sender": ("StickySender", True),
    "mms_converter": ("MmsConverter", True),
    "smart_encoding": ("SmartEncoding", True),
    "fallback_to_long_code": ("FallbackToLongCode", True),
    "area_code_geomatch": ("AreaCodeGeomatch", True),
    "synchronous_validation": ("SynchronousValidation", False),
    "use_inbound_webhook_on_number": ("UseInboundWebhookOnNumber", False),
}
_USECASES = ("notifications", "marketing", "verification", "discussion", "poll", "undeclared")
_LINKS = {"phone_numbers": "PhoneNumbers", "channel_senders": "ChannelSenders"}
_MAX_NAME = 64
_MAX_VALIDITY = 36000


def flag(settings: dict[str, str], name: str, default: bool) -> bool:
    """A yes-or-no form field; Twilio takes any spelling of true."""
    value = settings.get(name)
    return default if value is None else value.lower() == "true"


def service_json(service: Service, base: str) -> Json:
    settings = service.settings
    url = f"{base}/v1/Services/{service.sid}"
    return {
        "sid": service.sid,
        "account_sid": service.account_sid,
        "friendly_name": settings["FriendlyName"],
        "date_created": iso8601(service.created_at),
        "date_updated": iso8601(service.updated_at),
        "validity_period": int(settings.get("ValidityPeriod") or _MAX_VALIDITY),
        "us_app_to_person_registered": False,
        "url": url,
        "links": {name: f"{url}/{part}" for name, part in _LINKS.items()},
        **{name: settings.get(field) or default for name, (field, default) in _TEXTS.items()},
        **{name: flag(settings, field, default) for name, (field, default) in _FLAGS.items()},
    }


def _checked(form: Form) -> dict[str, str]:
    """The form's fields, or Twilio's refusal of one of them."""
    require_url(form, "InboundRequestUrl", "FallbackUrl", "StatusCallback")
    if len(one(form, "FriendlyName") or "") > _MAX_NAME:
        raise TwilioError(400, 20001, f"FriendlyName must not be longer than {_MAX_NAME} characters")
    for name in ("InboundMethod", "FallbackMethod"):
        if (one(form, name) or "POST") not in ("GET", "POST"):
            raise TwilioError(400, 20001, f"{name} must be GET or POST")
    if (one(form, "Usecase") or "undeclared") not in _USECASES:
        raise TwilioError(400, 20001, f"Usecase must be one of {', '.join(_USECASES)}")
    validity = one(form, "ValidityPeriod")
    if validity and whole_number(validity, 1, _MAX_VALIDITY) is None:
        raise TwilioError(400, 20001, f"ValidityPeriod must be between 1 and {_MAX_VALIDITY}")
    return {name: values[-1] for name, values in form.items()}


async def create_service(request: Request) -> Response:
    account = authorize(request, auth.SERVICES)
    form = await read_form(request)
    name = one(form, "FriendlyName")
    if name is None:
        raise TwilioError(400, 20001, "Missing required parameter FriendlyName in the post body")
    world = world_of(request)
    at = world.clock.now()
    service = Service(world.new_sid("MG"), account.sid, _checked(form), created_at=at, updated_at=at)
    world.services[service.sid] = service
    world.record("messaging_service", service.sid, name, account.sid)
    events.note(request, service, "messaging-service.created")
    return JSONResponse(service_json(service, vendor_base(request)), 201)


async def list_services(request: Request) -> Response:
    account = authorize(request, auth.SERVICES)
    base = vendor_base(request)
    mine = [s for s in reversed(world_of(request).services.values()) if s.account_sid == account.sid]
    return page_v1(request, "services", mine, lambda service: service_json(service, base))


def _service(request: Request, account: Account) -> Service:
    service = world_of(request).services.get(request.path_params["service_sid"])
    if service is None or service.account_sid != account.sid:
        raise not_found(request.url.path)
    return service


async def fetch_service(request: Request) -> Response:
    service = _service(request, authorize(request, auth.SERVICES))
    return JSONResponse(service_json(service, vendor_base(request)))


async def update_service(request: Request) -> Response:
    service = _service(request, authorize(request, auth.SERVICES, verb="update"))
    changed = _checked(await read_form(request))
    if changed.get("FriendlyName") == "":
        raise TwilioError(400, 20001, "FriendlyName must not be empty")
    base = vendor_base(request)
    before = service_json(service, base)
    service.settings |= changed
    service.updated_at = world_of(request).clock.now()
    after = service_json(service, base)
    events.note(request, service, "messaging-service.updated", events.changes(before, after))
    return JSONResponse(after)


async def delete_service(request: Request) -> Response:
    service = _service(request, authorize(request, auth.SERVICES))
    world = world_of(request)
    members: list[PhoneNumber | Sender] = [*world.numbers.values(), *world.senders.values()]
    for member in members:
        if member.service_sid == service.sid:
            member.service_sid = None
    del world.services[service.sid]
    world.record_removal(service.sid)
    events.note(request, service, "messaging-service.deleted")
    return Response(status_code=204)


def number_member_json(number: PhoneNumber, base: str) -> Json:
    able = [label for label, key in (("MMS", "mms"), ("SMS", "sms"), ("Voice", "voice")) if number.capabilities[key]]
    return {
        "sid": number.sid,
        "account_sid": number.account_sid,
        "service_sid": number.service_sid,
        "date_created": iso8601(number.attached_at),
        "date_updated": iso8601(number.attached_at),
        "phone_number": number.phone_number,
        "country_code": "US" if number.phone_number.startswith("+1") else "",
        "capabilities": able,
        "url": f"{base}/v1/Services/{number.service_sid}/PhoneNumbers/{number.sid}",
    }


def sender_member_json(sender: Sender, base: str) -> Json:
    return {
        "sid": sender.sid,
        "account_sid": sender.account_sid,
        "messaging_service_sid": sender.service_sid,
        "sender": sender.sender_id,
        "sender_type": "RCS",
        "country_code": "",
        "date_created": iso8601(sender.attached_at),
        "date_updated": iso8601(sender.attached_at),
        "url": f"{base}/v1/Services/{sender.service_sid}/ChannelSenders/{sender.sid}",
    }


def _member_json(member: PhoneNumber | Sender, base: str) -> Json:
    return number_member_json(member, base) if isinstance(member, PhoneNumber) else sender_member_json(member, base)


def _pool(request: Request) -> dict[str, PhoneNumber] | dict[str, Sender]:
    """The account-wide collection that this route's pool draws from."""
    world = world_of(request)
    return world.numbers if "/PhoneNumbers" in request.url.path else world.senders


def _note_pool(request: Request, service: Service, previous: str | None, updated: str | None) -> None:
    part = "phone_number_sid" if "/PhoneNumbers" in request.url.path else "channel_sender_sid"
    changed = {part: {"previous": previous, "updated": updated}}
    events.note(request, service, "messaging-service.updated", changed)


async def attach(request: Request) -> Response:
    """Put a number or an RCS sender into a pool; each may be in one pool only."""
    account = authorize(request, auth.SERVICES, verb="update")
    service = _service(request, account)
    field = "PhoneNumberSid" if "/PhoneNumbers" in request.url.path else "Sid"
    sid = one(await read_form(request), field)
    if sid is None:
        raise TwilioError(400, 20001, f"Missing required parameter {field} in the post body")
    member = _pool(request).get(sid)
    if member is None or member.account_sid != account.sid:
        raise TwilioError(404, 20404, f"The requested resource {sid} was not found")
    # Documented for numbers; the same answer for RCS senders is an inference.
    if member.service_sid == service.sid:
        raise TwilioError(409, 21710, f"{sid} is already in this Messaging Service")
    if member.service_sid is not None:
        raise TwilioError(409, 21712, f"{sid} is already in another Messaging Service")
    member.service_sid = service.sid
    member.attached_at = world_of(request).clock.now()
    _note_pool(request, service, None, sid)
    return JSONResponse(_member_json(member, vendor_base(request)), 201)


async def list_members(request: Request) -> Response:
    service = _service(request, authorize(request, auth.SERVICES))
    key = "phone_numbers" if "/PhoneNumbers" in request.url.path else "senders"
    base = vendor_base(request)
    members = [member for member in _pool(request).values() if member.service_sid == service.sid]
    return page_v1(request, key, members, lambda member: _member_json(member, base))


def _member(request: Request, service: Service) -> PhoneNumber | Sender:
    member = _pool(request).get(request.path_params["sid"])
    if member is None or member.service_sid != service.sid:
        raise not_found(request.url.path)
    return member


async def fetch_member(request: Request) -> Response:
    service = _service(request, authorize(request, auth.SERVICES))
    return JSONResponse(_member_json(_member(request, service), vendor_base(request)))


async def detach(request: Request) -> Response:
    service = _service(request, authorize(request, auth.SERVICES, verb="update"))
    member = _member(request, service)
    member.service_sid = None
    member.attached_at = None
    _note_pool(request, service, member.sid, None)
    return Response(status_code=204)


_ALL = "/messaging.twilio.com/v1/Services"
_ONE = _ALL + "/{service_sid}"

ROUTES = [
    Route(_ALL, create_service, methods=["POST"]),
    Route(_ALL, list_services),
    Route(_ONE, fetch_service),
    Route(_ONE, update_service, methods=["POST"]),
    Route(_ONE, delete_service, methods=["DELETE"]),
]
for _part in _LINKS.values():
    ROUTES += [
        Route(f"{_ONE}/{_part}", attach, methods=["POST"]),
        Route(f"{_ONE}/{_part}", list_members),
        Route(f"{_ONE}/{_part}/{{sid}}", fetch_member),
        Route(f"{_ONE}/{_part}/{{sid}}", detach, methods=["DELETE"]),
    ]
