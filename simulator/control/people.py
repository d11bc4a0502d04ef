"""What only people can do in Twilio's Console and in Journey Optimizer when a channel is taken down."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.control.api import find_sender
from simulator.state import AjoObject, Json
from simulator.twilio.senders import checked_webhook, sender_json
from simulator.web import ProblemError, read_json, world_of


async def delete_sender(request: Request) -> Response:
    """The public API deletes WhatsApp senders only."""
    sender = find_sender(request)
    world = world_of(request)
    del world.senders[sender.sid]
    world.record_removal(sender.sid)
    return Response(status_code=204)


async def set_sender_webhook(request: Request) -> Response:
    sender = find_sender(request)
    try:
        body: Json = await read_json(request)
    except ValueError as error:
        raise ProblemError(400, str(error)) from None
    sender.webhook = checked_webhook({**(sender.webhook or {}), **body})
    return JSONResponse(sender_json(sender, ""))


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
    Route("/_sim/senders/{sid}/webhook", set_sender_webhook, methods=["PUT"]),
    Route("/_sim/channel-configurations/{name}/deactivate", deactivate, methods=["POST"]),
]
