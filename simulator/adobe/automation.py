"""An organization's own automation in front of Journey Optimizer, as docs/automation.md describes it.

This is not Adobe's API: Adobe publishes none that writes credentials, webhooks or channel configurations.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.adobe.automation_rules import CHECKS, shown
from simulator.adobe.ims import enter_sandbox
from simulator.state import AjoObject, Json
from simulator.web import ProblemError, content_type, read_json, world_of
from simulator.world import World

_KINDS = {
    "credentials": "credential",
    "webhooks": "webhook",
    "channel-configurations": "channel_configuration",
}
_DRAFT_SHARE = 0.2
"""How much of the activation time a configuration stays Draft."""


def _kind(request: Request) -> str:
    return _KINDS[request.url.path.split("/")[2]]


def _object_json(request: Request, item: AjoObject) -> Json:
    body = {"id": item.id, **shown(item.kind, item.fields)}
    if item.kind == "webhook":
        body["url"] = f"{str(request.base_url).rstrip('/')}/ajo-webhooks/{item.token}"
    if item.kind == "channel_configuration":
        body |= {"status": item.status, "status_reason": item.status_reason}
    return body


def _siblings(request: Request, place: tuple[str, str], kind: str) -> list[AjoObject]:
    """All objects of one kind in one sandbox."""
    return [
        item
        for item in world_of(request).ajo.values()
        if item.kind == kind and (item.organization_id, item.sandbox) == place
    ]


async def _fields(request: Request, place: tuple[str, str], own: AjoObject | None) -> Json:
    """The checked body of a create or an update; `own` is the object that is being updated."""
    kind = _kind(request)
    if content_type(request) != "application/json":
        raise ProblemError(415, "Content-Type must be application/json")
    try:
        body = await read_json(request)
    except ValueError as error:
        raise ProblemError(400, str(error)) from None
    CHECKS[kind](body, lambda of_kind, item_id: any(i.id == item_id for i in _siblings(request, place, of_kind)))
    if any(item.fields["name"] == body["name"] and item is not own for item in _siblings(request, place, kind)):
        raise ProblemError(409, f"A {kind.replace('_', ' ')} named {body['name']} exists already")
    return {name: value for name, value in body.items() if name not in ("id", "url", "status", "status_reason")}


async def create(request: Request) -> Response:
    place = enter_sandbox(request)
    kind = _kind(request)
    fields = await _fields(request, place, None)
    world = world_of(request)
    at = world.clock.now()
    item = AjoObject(world.new_sid(f"{kind.split('_')[0]}-"), kind, *place, fields, created_at=at, updated_at=at)
    if kind == "webhook":
        item.token = world.new_secret()
    world.ajo[item.id] = item
    world.record(kind, item.id, fields["name"], "/".join(place))
    if kind == "channel_configuration":
        activate(world, item)
    return JSONResponse(_object_json(request, item), 201)


async def listing(request: Request) -> Response:
    place = enter_sandbox(request)
    name = request.query_params.get("name")
    found = [item for item in _siblings(request, place, _kind(request)) if name in (None, item.fields["name"])]
    return JSONResponse({"items": [_object_json(request, item) for item in found]})


def _find(request: Request, place: tuple[str, str]) -> AjoObject:
    for item in _siblings(request, place, _kind(request)):
        if item.id == request.path_params["id"]:
            return item
    raise ProblemError(404, f"{request.path_params['id']} does not exist in this sandbox")


async def fetch(request: Request) -> Response:
    return JSONResponse(_object_json(request, _find(request, enter_sandbox(request))))


async def update(request: Request) -> Response:
    place = enter_sandbox(request)
    item = _find(request, place)
    fields = await _fields(request, place, item)
    if item.kind == "channel_configuration":
        if item.status == "Processing":
            raise ProblemError(409, "The channel configuration cannot be edited while it is Processing")
        frozen = [name for name in ("name", "channel", "subdomain") if fields.get(name) != item.fields.get(name)]
        if item.status == "Active" and frozen:
            raise ProblemError(409, f"{frozen[0]} is read-only once the channel configuration is Active")
    world = world_of(request)
    item.fields = fields
    item.updated_at = world.clock.now()
    if item.status == "Failed":
        activate(world, item)
    return JSONResponse(_object_json(request, item))


async def delete(request: Request) -> Response:
    place = enter_sandbox(request)
    item = _find(request, place)
    users = [c for c in _siblings(request, place, "channel_configuration") if c.fields["credential_id"] == item.id]
    if users:
        raise ProblemError(409, f"The channel configuration {users[0].fields['name']} uses this credential")
    world = world_of(request)
    using = [c for c in world.campaigns.values() if c.channel_configuration_id == item.id and c.status == "live"]
    if using:
        raise ProblemError(409, f"The live campaign {using[0].name} uses this channel configuration")
    del world.ajo[item.id]
    world.record_removal(item.id)
    return Response(status_code=204)


def activate(world: World, item: AjoObject) -> None:
    """Draft now, Processing and then Active or Failed as time passes."""
    item.status, item.status_reason = "Draft", None
    seconds = world.config.activation_seconds
    world.clock.make_appointment(seconds * _DRAFT_SHARE, "configuration.processed", id=item.id)
    world.clock.make_appointment(seconds, "configuration.decided", id=item.id)


def _process(world: World, subject: Json) -> None:
    item = world.ajo.get(subject["id"])
    if item is not None and item.status == "Draft":
        item.status = "Processing"
        item.updated_at = world.clock.now()


def _decide(world: World, subject: Json) -> None:
    item = world.ajo.get(subject["id"])
    if item is None or item.status != "Processing":
        return
    item.status = "Failed" if "fail" in item.fields["name"].lower() else "Active"
    item.updated_at = world.clock.now()
    if item.status == "Failed":
        item.status_reason = "The sender could not be verified with the provider"


ACTIONS = {"configuration.processed": _process, "configuration.decided": _decide}

ROUTES = []
for _part in _KINDS:
    ROUTES += [
        Route(f"/automation/{_part}", create, methods=["POST"]),
        Route(f"/automation/{_part}", listing),
        Route(f"/automation/{_part}/{{id}}", fetch),
        Route(f"/automation/{_part}/{{id}}", update, methods=["PUT"]),
        Route(f"/automation/{_part}/{{id}}", delete, methods=["DELETE"]),
    ]
