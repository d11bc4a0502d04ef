"""The receiving end of Journey Optimizer's SMS webhooks: JSON only, fields checked, everything kept."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.objects import AjoObject, now
from simulator.web import ProblemError, read_json, world_of

_INBOUND = ("InboundMessage", "ProfileNumber", "RequestID", "OriginTimestamp", "InboundNumber")


def _missing_field(kind: str, body: dict[str, Any]) -> str | None:
    """The first required field that is absent or empty; None when all are there."""
    if kind == "inbound":
        return next((name for name in _INBOUND if body.get(name) in (None, "")), None)
    if not body.get("clientReference"):
        return "clientReference"
    statuses = body.get("statuses")
    if not isinstance(statuses, list) or not statuses:
        return "statuses"
    for index, status in enumerate(statuses):
        for name in ("code", "status"):
            if not isinstance(status, dict) or status.get(name) in (None, ""):
                return f"statuses.{index}.{name}"
    return None


async def _read(request: Request, webhook: AjoObject) -> dict[str, Any]:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise ProblemError(415, "Only application/json is accepted; form data is not supported")
    try:
        body = await read_json(request)
    except ValueError:
        raise ProblemError(400, "The body is not valid JSON") from None
    if not isinstance(body, dict):
        raise ProblemError(400, "The body must be a JSON object")
    missing = _missing_field(webhook.fields["type"], body)
    if missing:
        raise ProblemError(400, f"The required field {missing} is missing")
    return body


async def receive(request: Request) -> Response:
    world = world_of(request)
    token = request.path_params["token"]
    webhook = next((item for item in world.ajo.values() if item.token and item.token == token), None)
    if webhook is None:
        raise ProblemError(404, "There is no such webhook")
    entry = {
        "webhook_id": webhook.id,
        "webhook_name": webhook.fields["name"],
        "type": webhook.fields["type"],
        "sandbox": webhook.sandbox,
        "at": now().isoformat(),
    }
    try:
        body = await _read(request, webhook)
    except ProblemError as error:
        world.events.append(entry | {"http_status": error.status, "reason": error.title, "body": None})
        raise
    world.events.append(entry | {"http_status": 200, "reason": None, "body": body})
    return JSONResponse({"status": "accepted"})


ROUTES = [Route("/ajo-webhooks/{token}", receive, methods=["POST"])]
