"""Twilio accounts and their Monitor alerts."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.state import Account, Alert, Json
from simulator.twilio import auth
from simulator.twilio.auth import authorize
from simulator.web import (
    TwilioError,
    as_exact_as,
    iso8601,
    not_found,
    one,
    page_v1,
    page_v2010,
    read_bound,
    read_form,
    rfc2822,
    vendor_base,
    world_of,
)

V2010 = "/api.twilio.com/2010-04-01/Accounts"
_STATUSES = ("active", "suspended", "closed")


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


async def list_accounts(request: Request) -> Response:
    # Subaccounts are not played: an account sees itself only.
    return page_v2010(request, "accounts", [authorize(request, None)], account_json)


async def fetch_account(request: Request) -> Response:
    return JSONResponse(account_json(authorize(request, None)))


async def update_account(request: Request) -> Response:
    account = authorize(request, None)
    form = await read_form(request)
    status = one(form, "Status")
    if status not in (None, *_STATUSES):
        raise TwilioError(400, 20001, f"Status must be one of {', '.join(_STATUSES)}")
    account.status = status or account.status
    account.friendly_name = one(form, "FriendlyName") or account.friendly_name
    return JSONResponse(account_json(account))


async def fetch_balance(request: Request) -> Response:
    account = authorize(request, None)
    return JSONResponse({"account_sid": account.sid, "balance": "100.00", "currency": "USD"})


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
        "request_method": alert.request_method,
        "request_url": alert.request_url,
        "resource_sid": alert.resource_sid,
        "service_sid": None,
        "url": f"{base}/v1/Alerts/{alert.sid}",
    }


async def list_alerts(request: Request) -> Response:
    account = authorize(request, auth.ALERTS)
    query = request.query_params
    start, end = (read_bound(query[name]) if query.get(name) else None for name in ("StartDate", "EndDate"))
    found = [
        alert
        for alert in reversed(world_of(request).alerts.values())
        if alert.account_sid == account.sid
        and query.get("LogLevel", "error") == "error"
        and (start is None or as_exact_as(start, alert.created_at) >= start)
        and (end is None or as_exact_as(end, alert.created_at) <= end)
    ]
    base = vendor_base(request)
    return page_v1(request, "alerts", found, lambda alert: alert_json(alert, base))


async def fetch_alert(request: Request) -> Response:
    account = authorize(request, auth.ALERTS)
    alert = world_of(request).alerts.get(request.path_params["sid"])
    if alert is None or alert.account_sid != account.sid:
        raise not_found(request.url.path)
    # What was sent and answered is not kept; the contract allows null.
    more = {"request_headers": None, "request_variables": None, "response_body": None, "response_headers": None}
    return JSONResponse(alert_json(alert, vendor_base(request)) | more)


ROUTES = [
    Route(V2010 + ".json", list_accounts),
    Route(V2010 + "/{account_sid}.json", fetch_account),
    Route(V2010 + "/{account_sid}.json", update_account, methods=["POST"]),
    Route(V2010 + "/{account_sid}/Balance.json", fetch_balance),
    Route("/monitor.twilio.com/v1/Alerts", list_alerts),
    Route("/monitor.twilio.com/v1/Alerts/{sid}", fetch_alert),
]
