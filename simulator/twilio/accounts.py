"""Twilio accounts, phone numbers and Monitor alerts."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import twilio_auth
from simulator.objects import Account, Alert, Json, PhoneNumber, now
from simulator.twilio_auth import authorize
from simulator.web import (
    iso8601,
    not_found,
    page_v1,
    page_v2010,
    read_form,
    require_url,
    rfc2822,
    snake,
    vendor_base,
    world_of,
)

V2010 = "/api.twilio.com/2010-04-01/Accounts"

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


def account_json(account: Account) -> Json:
    uri = f"/2010-04-01/Accounts/{account.sid}"
    parts = ("incoming_phone_numbers", "keys", "messages")
    return {
        "sid": account.sid,
        "owner_account_sid": account.sid,
        "friendly_name": account.friendly_name,
        "status": account.status,
        "type": account.type,
        "auth_token": account.auth_token,
        "date_created": rfc2822(account.created_at),
        "date_updated": rfc2822(account.created_at),
        "uri": f"{uri}.json",
        "subresource_uris": {part: f"{uri}/{part.title().replace('_', '')}.json" for part in parts},
    }


def number_json(number: PhoneNumber) -> Json:
    settings = {snake(name): number.settings.get(name, default) for name, default in _NUMBER_SETTINGS.items()}
    return {
        "sid": number.sid,
        "account_sid": number.account_sid,
        "phone_number": number.phone_number,
        "friendly_name": number.settings.get("FriendlyName", number.phone_number),
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


async def fetch_account(request: Request) -> Response:
    return JSONResponse(account_json(authorize(request, None)))


async def list_numbers(request: Request) -> Response:
    account = authorize(request, twilio_auth.NUMBERS)
    wanted = request.query_params.get("PhoneNumber", "")
    name = request.query_params.get("FriendlyName")
    found = [
        body
        for body in (number_json(n) for n in world_of(request).numbers.values() if n.account_sid == account.sid)
        if wanted in body["phone_number"] and name in (None, body["friendly_name"])
    ]
    return page_v2010(request, "incoming_phone_numbers", found)


def _number(request: Request, account: Account) -> PhoneNumber:
    number = world_of(request).numbers.get(request.path_params["sid"])
    if number is None or number.account_sid != account.sid:
        raise not_found(request.url.path)
    return number


async def fetch_number(request: Request) -> Response:
    return JSONResponse(number_json(_number(request, authorize(request, twilio_auth.NUMBERS))))


async def update_number(request: Request) -> Response:
    number = _number(request, authorize(request, twilio_auth.NUMBERS, verb="update"))
    form = await read_form(request)
    require_url(form, "SmsUrl", "SmsFallbackUrl", "StatusCallback", "VoiceUrl")
    number.settings |= {name: values[-1] for name, values in form.items()}
    number.updated_at = now()
    return JSONResponse(number_json(number))


def alert_json(alert: Alert, base: str) -> Json:
    return {
        "sid": alert.sid,
        "account_sid": alert.account_sid,
        "alert_text": alert.text,
        "api_version": "2010-04-01",
        "date_created": iso8601(alert.created_at),
        "date_generated": iso8601(alert.created_at),
        "date_updated": iso8601(alert.created_at),
        "error_code": alert.error_code,
        "log_level": "error",
        "more_info": f"https://www.twilio.com/docs/errors/{alert.error_code}",
        "request_method": "POST",
        "request_url": alert.request_url,
        "resource_sid": alert.resource_sid,
        "service_sid": None,
        "url": f"{base}/v1/Alerts/{alert.sid}",
    }


async def list_alerts(request: Request) -> Response:
    account = authorize(request, twilio_auth.ALERTS)
    query = request.query_params
    start, end = query.get("StartDate", ""), query.get("EndDate", "9999")
    # Dates may come with or without a time of day; comparing as much as was given serves both.
    found = [
        alert_json(alert, vendor_base(request))
        for alert in reversed(world_of(request).alerts.values())
        if alert.account_sid == account.sid
        and query.get("LogLevel", "error") == "error"
        and str(iso8601(alert.created_at))[: len(start)] >= start
        and str(iso8601(alert.created_at))[: len(end)] <= end
    ]
    return page_v1(request, "alerts", found)


ROUTES = [
    Route(V2010 + "/{account_sid}.json", fetch_account),
    Route(V2010 + "/{account_sid}/IncomingPhoneNumbers.json", list_numbers),
    Route(V2010 + "/{account_sid}/IncomingPhoneNumbers/{sid}.json", fetch_number),
    Route(V2010 + "/{account_sid}/IncomingPhoneNumbers/{sid}.json", update_number, methods=["POST"]),
    Route("/monitor.twilio.com/v1/Alerts", list_alerts),
]
