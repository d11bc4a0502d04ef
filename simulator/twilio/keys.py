"""Twilio API keys, in the new API that can restrict them and in the old one that cannot."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.state import Account, ApiKey, Json
from simulator.twilio.accounts import V2010
from simulator.twilio.auth import authorize
from simulator.web import (
    Form,
    TwilioError,
    not_found,
    one,
    page_v1,
    page_v2010,
    parse_json,
    read_form,
    rfc2822,
    world_of,
)

_MAX_PERMISSIONS = 100
_MAX_NAME = 64


def key_json(key: ApiKey) -> Json:
    return {
        "sid": key.sid,
        "friendly_name": key.friendly_name,
        "date_created": rfc2822(key.created_at),
        "date_updated": rfc2822(key.updated_at),
    }


def _policy(text: str | None) -> Json:
    """The policy of a restricted key, or Twilio's refusal of it."""
    try:
        policy: Any = parse_json(text or "")
    except ValueError:
        raise TwilioError(400, 20001, "Policy must be a JSON object") from None
    allow = policy.get("allow") if isinstance(policy, dict) else None
    if not isinstance(allow, list) or not all(isinstance(item, str) and item.startswith("/") for item in allow):
        raise TwilioError(400, 20001, "Policy must hold a list of permissions under 'allow'")
    if not 0 < len(allow) <= _MAX_PERMISSIONS:
        raise TwilioError(400, 20001, f"Policy must hold 1 to {_MAX_PERMISSIONS} permissions")
    return {"allow": allow}


def _name(form: Form) -> str:
    name = one(form, "FriendlyName") or ""
    if len(name) > _MAX_NAME:
        raise TwilioError(400, 20001, f"FriendlyName must not be longer than {_MAX_NAME} characters")
    return name


async def _create(request: Request, account: Account, *, can_restrict: bool) -> ApiKey:
    form = await read_form(request)
    if can_restrict and one(form, "AccountSid") != account.sid:
        raise TwilioError(400, 20001, "AccountSid is missing or names another account")
    name = _name(form)
    kind = one(form, "KeyType") if can_restrict else None
    if kind not in (None, "restricted"):
        raise TwilioError(400, 20001, f"KeyType {kind} is not supported")
    policy = _policy(one(form, "Policy")) if kind else None
    world = world_of(request)
    at = world.clock.now()
    key = ApiKey(world.new_sid("SK"), account.sid, name, world.new_secret(), policy, created_at=at, updated_at=at)
    world.keys[key.sid] = key
    world.record("api_key", key.sid, name, account.sid)
    return key


async def create_key(request: Request) -> Response:
    key = await _create(request, authorize(request, None), can_restrict=True)
    return JSONResponse(key_json(key) | {"secret": key.secret, "policy": key.policy}, 201)


async def create_old_key(request: Request) -> Response:
    # KeyType and Policy are ignored here without a word, as they are at Twilio.
    key = await _create(request, authorize(request, None), can_restrict=False)
    return JSONResponse(key_json(key) | {"secret": key.secret}, 201)


def _keys(request: Request, account: Account) -> list[ApiKey]:
    return [key for key in world_of(request).keys.values() if key.account_sid == account.sid]


async def list_keys(request: Request) -> Response:
    account = authorize(request, None)
    if request.query_params.get("AccountSid") != account.sid:
        raise TwilioError(400, 20001, "AccountSid is missing or names another account")
    flags = {"flags": ["rest_api", "signing"]}
    return page_v1(request, "keys", _keys(request, account), lambda key: key_json(key) | flags)


async def list_old_keys(request: Request) -> Response:
    account = authorize(request, None)
    return page_v2010(request, "keys", _keys(request, account), key_json)


def _key(request: Request, account: Account) -> ApiKey:
    key = world_of(request).keys.get(request.path_params["sid"])
    if key is None or key.account_sid != account.sid:
        raise not_found(request.url.path)
    return key


async def fetch_key(request: Request) -> Response:
    key = _key(request, authorize(request, None))
    return JSONResponse(key_json(key) | {"policy": key.policy})


async def fetch_old_key(request: Request) -> Response:
    return JSONResponse(key_json(_key(request, authorize(request, None))))


async def update_key(request: Request) -> Response:
    """A policy can be changed on a restricted key only: a standard one stays what it is (inference)."""
    key = _key(request, authorize(request, None))
    form = await read_form(request)
    if "Policy" in form and key.policy is None:
        raise TwilioError(400, 20001, "Policy belongs to restricted keys")
    policy = _policy(one(form, "Policy")) if "Policy" in form else key.policy
    await _rename(request, key)
    key.policy = policy
    return JSONResponse(key_json(key) | {"policy": key.policy})


async def update_old_key(request: Request) -> Response:
    key = _key(request, authorize(request, None))
    await _rename(request, key)
    return JSONResponse(key_json(key))


async def _rename(request: Request, key: ApiKey) -> None:
    form = await read_form(request)
    key.friendly_name = _name(form) if "FriendlyName" in form else key.friendly_name
    key.updated_at = world_of(request).clock.now()


async def delete_key(request: Request) -> Response:
    key = _key(request, authorize(request, None))
    world = world_of(request)
    del world.keys[key.sid]
    world.record_removal(key.sid)
    return Response(status_code=204)


_IAM = "/iam.twilio.com/v1/Keys"
_OLD = V2010 + "/{account_sid}/Keys"

ROUTES = [
    Route(_IAM, create_key, methods=["POST"]),
    Route(_IAM, list_keys),
    Route(_IAM + "/{sid}", fetch_key),
    Route(_IAM + "/{sid}", update_key, methods=["POST"]),
    Route(_IAM + "/{sid}", delete_key, methods=["DELETE"]),
    Route(_OLD + ".json", create_old_key, methods=["POST"]),
    Route(_OLD + ".json", list_old_keys),
    Route(_OLD + "/{sid}.json", fetch_old_key),
    Route(_OLD + "/{sid}.json", update_old_key, methods=["POST"]),
    Route(_OLD + "/{sid}.json", delete_key, methods=["DELETE"]),
]
