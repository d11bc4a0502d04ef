"""Adobe's Interactive Message Execution: send an API-triggered campaign to named recipients."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.adobe.ims import enter_sandbox, token_of
from simulator.adobe.sending import CannotSend, send
from simulator.state import Campaign, Json
from simulator.web import ProblemError, content_type, read_json, world_of
from simulator.world import World

_ERRORS = "https://ns.adobe.com/aep/errors"
_MAX_RECIPIENTS = 20


def _refuse(title: str, body: Json) -> ProblemError:
    context = {name: body[name] for name in ("requestId", "campaignId") if isinstance(body.get(name), str)}
    return ProblemError(400, title, f"{_ERRORS}/MSG-000052-400", {"report": {"additionalContext": context}})


async def _body(request: Request) -> Json:
    if content_type(request) != "application/json":
        raise _refuse("Content-Type must be application/json", {})
    try:
        body = await read_json(request)
    except ValueError as error:
        raise _refuse(str(error), {}) from None
    for name in ("requestId", "campaignId"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise _refuse(f"{name} is missing", body)
    recipients = body.get("recipients")
    if not isinstance(recipients, list) or not 1 <= len(recipients) <= _MAX_RECIPIENTS:
        raise _refuse(f"recipients must hold 1 to {_MAX_RECIPIENTS} recipients", body)
    return body


def _phone_number(recipient: Json, body: Json) -> str:
    if not isinstance(recipient, dict) or recipient.get("type") not in ("aep", "external"):
        raise _refuse("recipients: type must be aep or external", body)
    for name in ("userId", "namespace"):
        if not isinstance(recipient.get(name), str) or not recipient[name]:
            raise _refuse(f"recipients: {name} is missing", body)
    # Profiles are not played: without channel data the user id has to be the number.
    data = recipient.get("channelData") or {}
    if not isinstance(data, dict):
        raise _refuse("recipients: channelData must be an object", body)
    return str(data.get("mobilePhoneNumber") or recipient["userId"])


async def execute_unitary(request: Request) -> Response:
    place = enter_sandbox(request)
    body = await _body(request)
    world = world_of(request)
    campaign = world.campaigns.get(body["campaignId"])
    if campaign is None or (campaign.organization_id, campaign.sandbox) != place or campaign.status != "live":
        raise _refuse("There is no live campaign of this id", body)
    numbers = [_phone_number(recipient, body) for recipient in body["recipients"]]
    execution_id = f"HUMA-{world.new_uuid()}"
    world.spawn(_send_all(world, campaign, execution_id, numbers, str(request.base_url).rstrip("/")))
    at = world.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    client = world.organizations[place[0]].client_id
    answer = {
        "executionId": execution_id,
        "requestId": body["requestId"],
        "createdAt": at,
        "createdBy": client,
        "modifiedAt": at,
        "modifiedBy": client,
    }
    return JSONResponse(answer, 202)


async def _send_all(world: World, campaign: Campaign, execution_id: str, numbers: list[str], base_url: str) -> None:
    for number in numbers:
        try:
            await send(world, campaign, job_id=execution_id, to=number, base_url=base_url)
        except CannotSend:
            # An execution has no report of its own; the message keeps the reason for the ledger.
            continue


async def health(request: Request) -> Response:
    if token_of(request) is None:
        raise ProblemError(401, "The access token is missing, unknown or expired", f"{_ERRORS}/401")
    return Response(status_code=200)


_IM = "/platform.adobe.io/ajo/im"

ROUTES = [
    Route(_IM + "/executions/unitary", execute_unitary, methods=["POST"]),
    Route(_IM + "/health", health),
]
