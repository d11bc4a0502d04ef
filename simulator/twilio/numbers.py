"""Phone numbers of Twilio accounts: find, configure, buy, release."""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.state import Account, Json, PhoneNumber
from simulator.twilio import auth, events
from simulator.twilio.accounts import V2010
from simulator.twilio.auth import authorize
from simulator.web import (
    Form,
    TwilioError,
    not_found,
    one,
    page_v2010,
    read_form,
    require_url,
    rfc2822,
    snake,
    world_of,
)

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_NUMBER_SETTINGS = {
    "SmsUrl": None,
    "SmsMethod": "POST",
    "SmsFallbackUrl": None,
    "SmsFallbackMethod": "POST",
    "SmsApplicationSid": None,
    "StatusCallback": None,
    "StatusCallbackMethod": "POST",
    "VoiceUrl": None,
    "VoiceMethod": "POST",
}


def _name(number: PhoneNumber) -> str:
    return number.settings.get("FriendlyName", number.phone_number)


def number_json(number: PhoneNumber) -> Json:
    settings = {snake(name): number.settings.get(name, default) for name, default in _NUMBER_SETTINGS.items()}
    return {
        "sid": number.sid,
        "account_sid": number.account_sid,
        "phone_number": number.phone_number,
        "friendly_name": _name(number),
        "capabilities": number.capabilities,
        "address_requirements": "none",
        "api_version": "2010-04-01",
        "beta": False,
        "origin": "twilio",
        "status": "in-use",
        "date_created": rfc2822(number.created_at),
        "date_updated": rfc2822(number.updated_at),
        "uri": f"/2010-04-01/Accounts/{number.account_sid}/IncomingPhoneNumbers/{number.sid}.json",
        **settings,
    }


async def list_numbers(request: Request) -> Response:
    account = authorize(request, auth.NUMBERS)
    wanted = request.query_params.get("PhoneNumber", "")
    name = request.query_params.get("FriendlyName")
    found = [
        number
        for number in world_of(request).numbers.values()
        if number.account_sid == account.sid and wanted in number.phone_number and name in (None, _name(number))
    ]
    return page_v2010(request, "incoming_phone_numbers", found, number_json)


def _number(request: Request, account: Account) -> PhoneNumber:
    number = world_of(request).numbers.get(request.path_params["sid"])
    if number is None or number.account_sid != account.sid:
        raise not_found(request.url.path)
    return number


async def fetch_number(request: Request) -> Response:
    return JSONResponse(number_json(_number(request, authorize(request, auth.NUMBERS))))


async def update_number(request: Request) -> Response:
    number = _number(request, authorize(request, auth.NUMBERS, verb="update"))
    before = number_json(number)
    number.settings |= _checked(await read_form(request))
    number.updated_at = world_of(request).clock.now()
    after = number_json(number)
    events.note(request, number, "phone-number.updated", events.changes(before, after))
    return JSONResponse(after)


def _checked(form: Form) -> dict[str, str]:
    require_url(form, "SmsUrl", "SmsFallbackUrl", "StatusCallback", "VoiceUrl")
    return {name: values[-1] for name, values in form.items() if name in (*_NUMBER_SETTINGS, "FriendlyName")}


async def buy_number(request: Request) -> Response:
    """Any number that nobody has can be had."""
    account = authorize(request, auth.NUMBERS)
    world = world_of(request)
    form = await read_form(request)
    wanted = one(form, "PhoneNumber")
    if wanted is None:
        # Twilio would choose one by AreaCode; there is no stock here to choose from.
        raise TwilioError(400, 21421, "PhoneNumber is missing")
    if not _E164.fullmatch(wanted):
        raise TwilioError(400, 21421, f"PhoneNumber {wanted} is invalid")
    if any(number.phone_number == wanted for number in world.numbers.values()):
        raise TwilioError(400, 21422, f"PhoneNumber {wanted} is not available")
    settings = _checked(form)
    number = world.add_number(account.sid, wanted, None)
    number.settings = settings
    world.record("phone_number", number.sid, wanted, account.sid)
    events.note(request, number, "phone-number.created")
    return JSONResponse(number_json(number), 201)


async def release_number(request: Request) -> Response:
    number = _number(request, authorize(request, auth.NUMBERS))
    world = world_of(request)
    del world.numbers[number.sid]
    world.record_removal(number.sid)
    events.note(request, number, "phone-number.deleted")
    return Response(status_code=204)


_ALL = V2010 + "/{account_sid}/IncomingPhoneNumbers"

ROUTES = [
    Route(_ALL + ".json", list_numbers),
    Route(_ALL + ".json", buy_number, methods=["POST"]),
    Route(_ALL + "/{sid}.json", fetch_number),
    Route(_ALL + "/{sid}.json", update_number, methods=["POST"]),
    Route(_ALL + "/{sid}.json", release_number, methods=["DELETE"]),
]
