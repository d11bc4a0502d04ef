"""Adobe's public, read-only view of channel configurations ("surfaces")."""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.adobe.ims import enter_sandbox
from simulator.adobe.pages import page_of
from simulator.state import AjoObject, Json
from simulator.web import ProblemError, world_of

_CONDITION = re.compile(r"(surfaceName|surfaceStatus|surfaceChannel|id)==(.+)")
_DEFAULT_CHANNEL = "inapp"


def surface_json(configuration: AjoObject) -> Json:
    return {
        "id": configuration.id,
        "type": "channelConfigurationId",
        "surfaceName": configuration.fields["name"],
        # Adobe enumerates neither the channel tokens nor the status tokens: both are inferences, the status
        # words being those that the user interface shows.
        "surfaceChannel": configuration.fields["channel"],
        "surfaceStatus": configuration.status,
        "attributes": {},
        "createdAt": configuration.created_at.isoformat(),
        "modifiedAt": configuration.updated_at.isoformat(),
    }


def _visible(request: Request) -> list[Json]:
    place = enter_sandbox(request)
    return [
        surface_json(item)
        for item in world_of(request).ajo.values()
        if item.kind == "channel_configuration" and (item.organization_id, item.sandbox) == place
    ]


def _conditions(text: str) -> list[tuple[str, str]]:
    matches = [_CONDITION.fullmatch(part) for part in text.split(";") if part]
    if None in matches:
        raise ProblemError(400, f"The property filter {text} is not understood")
    return [(match[1], match[2]) for match in matches if match]


async def list_surfaces(request: Request) -> Response:
    query = request.query_params
    # Whoever leaves the channel out is shown in-app surfaces only, as the contract has it.
    channel = query.get("channel", _DEFAULT_CHANNEL).lower()
    conditions = _conditions(query.get("property", ""))
    found = [
        surface
        for surface in _visible(request)
        if surface["surfaceChannel"] == channel and all(surface[name] == value for name, value in conditions)
    ]
    found.sort(key=lambda surface: str(surface["surfaceName"]))
    return page_of(request, found, orderby="surfaceName")


async def fetch_surface(request: Request) -> Response:
    channel, surface_id = request.path_params["channel"].lower(), request.path_params["surface_id"]
    for surface in _visible(request):
        if (surface["surfaceChannel"], surface["id"]) == (channel, surface_id):
            return JSONResponse(surface)
    raise ProblemError(404, f"The surface {surface_id} does not exist")


_ALL = "/platform.adobe.io/journey/campaigns/service/metadata/surfaces"

ROUTES = [Route(_ALL, list_surfaces), Route(_ALL + "/{channel}/{surface_id}", fetch_surface)]
