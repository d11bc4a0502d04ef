"""What only people can do in Twilio's Console and in Journey Optimizer when a channel is taken down."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.control import models
from simulator.control.api import find_sender, read_body
from simulator.state import AjoObject
from simulator.twilio import events
from simulator.twilio.senders import checked_webhook, sender_json
from simulator.web import ProblemError, world_of


async def delete_sender(request: Request) -> Response:
    """The public API deletes WhatsApp senders only."""
    sender = find_sender(request)
    world = world_of(request)
    del world.senders[sender.sid]
    world.record_removal(sender.sid)
    events.note(request, sender, "rcs-sender.deleted")
    return Response(status_code=204)


async def edit_sender(request: Request) -> Response:
    """The public API changes no sender."""
    sender, body = find_sender(request), await read_body(request, models.ConsoleEdit)
    before = sender_json(sender, "")
    sender.profile = (sender.profile or {}) | body.profile
    sender.webhook = checked_webhook((sender.webhook or {}) | body.webhook)
    after = sender_json(sender, "")
    events.note(request, sender, "rcs-sender.updated", events.changes(before, after))
    return JSONResponse(after)


async def edit_configuration(request: Request) -> Response:
    """Deactivates a channel configuration whatever uses it, or activates it again."""
    body = await read_body(request, models.ConfigurationEdit)
    item = world_of(request).ajo.get(request.path_params["id"])
    if item is None or item.kind != "channel_configuration":
        raise ProblemError(404, f"There is no channel configuration {request.path_params['id']}")
    item.status = body.status
    return JSONResponse({"id": item.id, "status": item.status})


async def deactivate(request: Request) -> Response:
    """As Adobe's page has it: not while something live uses it, and deleted it cannot be."""
    name = request.path_params["name"]
    world = world_of(request)
    item: AjoObject | None = next(
        (each for each in world.ajo.values() if each.kind == "channel_configuration" and each.fields["name"] == name),
        None,
    )
    if item is None:
        raise ProblemError(404, f"There is no channel configuration {name}")
    if any(each.channel_configuration_id == item.id and each.status == "live" for each in world.campaigns.values()):
        raise ProblemError(409, f"A live campaign uses {name}")
    item.status = "Deactivated"
    return JSONResponse({"name": name, "status": item.status})


ROUTES = [
    Route("/_sim/senders/{sid}", delete_sender, methods=["DELETE"]),
    Route("/_sim/senders/{sid}", edit_sender, methods=["PATCH"]),
    Route("/_sim/configurations/{id}", edit_configuration, methods=["PATCH"]),
    Route("/_sim/channel-configurations/{name}/deactivate", deactivate, methods=["POST"]),
]
