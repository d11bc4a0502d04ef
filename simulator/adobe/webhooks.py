"""The receiving end of Journey Optimizer's SMS webhooks: JSON only, fields checked, everything kept."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.adobe.ims import token_of
from simulator.adobe.sending import take_feedback
from simulator.state import AjoObject, Json
from simulator.web import ProblemError, content_type, read_json, world_of
from simulator.world import World

_INBOUND = ("InboundMessage", "ProfileNumber", "RequestID", "OriginTimestamp", "InboundNumber")
_KEYWORDS = {
    "opt_in": ("SUBSCRIBE", "YES", "UNSTOP", "CONTINUE", "RESUME", "BEGIN"),
    "opt_out": ("STOP", "QUIT", "CANCEL", "END", "UNSUBSCRIBE", "NO"),
    "help": ("HELP", "INFO", "INFORMATION"),
}


def _missing_field(kind: str, body: Json) -> str | None:
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


async def _read(request: Request, webhook: AjoObject) -> Json:
    if webhook.fields.get("authentication") == "ims":
        token = token_of(request)
        if token is None or token.organization_id != webhook.organization_id:
            raise ProblemError(401, "This webhook asks for an access token of its organization")
    if content_type(request) != "application/json":
        raise ProblemError(415, "Only application/json is accepted; form data is not supported")
    try:
        body = await read_json(request)
    except ValueError as error:
        raise ProblemError(400, str(error)) from None
    missing = _missing_field(webhook.fields["type"], body)
    if missing:
        raise ProblemError(400, f"The required field {missing} is missing")
    return body


def _keyword(webhook: AjoObject, text: str) -> str | None:
    """The category that an inbound text falls into. Own keywords of a category take the place of the defaults."""
    own = webhook.fields.get("keywords") or {}
    for category, defaults in _KEYWORDS.items():
        words = own.get(category) or defaults
        if text.strip().upper() in {str(word).upper() for word in words}:
            return category
    return None


def _take_inbound(world: World, webhook: AjoObject, body: Json, at: str) -> Json:
    """What becomes of an inbound event: the consent it changes, and whether the profile is known.

    Adobe captures inbound messages only of profiles that have had a message before.
    """
    place = (webhook.organization_id, webhook.sandbox)
    number = str(body["ProfileNumber"])
    is_known = any(m.to == number and (m.organization_id, m.sandbox) == place for m in world.ajo_messages.values())
    category = _keyword(webhook, str(body["InboundMessage"]))
    if category in ("opt_in", "opt_out"):
        world.consents.append(
            {"at": at, "sandbox": webhook.sandbox, "profile": number, "consent": category, "webhook_id": webhook.id}
        )
    return {"keyword": category, "is_captured": is_known}


def _take_feedback(world: World, webhook: AjoObject, body: Json, at: str) -> Json:
    message = take_feedback(world, (webhook.organization_id, webhook.sandbox), body, at)
    return {"message": message.reference if message else None}


async def receive(request: Request) -> Response:
    world = world_of(request)
    token = request.path_params["token"]
    webhook = next((item for item in world.ajo.values() if item.token and item.token == token), None)
    if webhook is None:
        raise ProblemError(404, "There is no such webhook")
    at = world.clock.now().isoformat()
    entry: Json = {
        "webhook_id": webhook.id,
        "webhook_name": webhook.fields["name"],
        "type": webhook.fields["type"],
        "sandbox": webhook.sandbox,
        "at": at,
    }
    try:
        body = await _read(request, webhook)
    except ProblemError as error:
        world.events.append(entry | {"http_status": error.status, "reason": error.title, "body": None})
        raise
    take = _take_inbound if webhook.fields["type"] == "inbound" else _take_feedback
    effect = take(world, webhook, body, at)
    world.events.append(entry | {"http_status": 200, "reason": None, "body": body, **effect})
    return JSONResponse({"status": "accepted"})


ROUTES = [Route("/ajo-webhooks/{token}", receive, methods=["POST"])]
