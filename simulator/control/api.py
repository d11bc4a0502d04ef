"""The control API under /_sim: look at the pretended world, change it, script its trouble."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import review
from simulator.inbound import find_owner, receive
from simulator.ledger import ledger
from simulator.objects import Account, Json, Organization, Sender
from simulator.twilio_senders import sender_json
from simulator.web import ProblemError, read_json, world_of
from simulator.world import World


async def _body(request: Request) -> Json:
    """The JSON object of a control call; an empty body is an empty object."""
    if not await request.body():
        return {}
    try:
        body: Any = await read_json(request)
    except ValueError:
        raise ProblemError(400, "The body is not valid JSON") from None
    if not isinstance(body, dict):
        raise ProblemError(400, "The body must be a JSON object")
    return body


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ProblemError(400, f"{name} is missing")
    return value


async def health(request: Request) -> Response:  # noqa: ARG001 - the framework passes it
    return JSONResponse({"status": "ok"})


async def show_ledger(request: Request) -> Response:
    return JSONResponse(ledger(world_of(request)))


async def reset(request: Request) -> Response:
    old = world_of(request)
    request.app.state.world = World(old.config)
    await old.close()
    return Response(status_code=204)


async def add_account(request: Request) -> Response:
    """Add an account, or change the status or type of one that exists."""
    body = await _body(request)
    world = world_of(request)
    sid, token = _text(body, "sid"), body.get("auth_token")
    if not re.fullmatch(r"AC[0-9a-f]{32}", sid):
        raise ProblemError(400, "sid must be AC and 32 lowercase hexadecimal digits")
    account = world.accounts.get(sid)
    if account is None:
        account = Account(sid, _text(body, "auth_token"))
    elif token:
        account.auth_token = token
    account.status = body.get("status", account.status)
    account.type = body.get("type", account.type)
    numbers = {_text(number, "phone_number"): number.get("capabilities") for number in body.get("numbers", [])}
    world.add_account(account, numbers)
    return JSONResponse({"sid": sid, "status": account.status, "type": account.type}, 201)


async def add_organization(request: Request) -> Response:
    body = await _body(request)
    sandboxes = body.get("sandboxes", ["prod"])
    organization = Organization(
        organization_id=_text(body, "organization_id"),
        client_id=_text(body, "client_id"),
        client_secret=_text(body, "client_secret"),
        sandboxes=sandboxes,
    )
    world_of(request).organizations[organization.organization_id] = organization
    return JSONResponse({"organization_id": organization.organization_id, "sandboxes": sandboxes}, 201)


async def add_fault(request: Request) -> Response:
    try:
        rule = world_of(request).faults.add(await _body(request))
    except (ValueError, re.error) as error:
        raise ProblemError(400, str(error)) from error
    return JSONResponse({"id": rule.id}, 201)


async def list_faults(request: Request) -> Response:
    return JSONResponse({"faults": world_of(request).faults.listing()})


async def clear_faults(request: Request) -> Response:
    world_of(request).faults.clear()
    return Response(status_code=204)


def _sender(request: Request) -> Sender:
    world = world_of(request)
    wanted = request.path_params["sid"]
    for sender in world.senders.values():
        if wanted in (sender.sid, sender.sender_id):
            return sender
    raise ProblemError(404, f"There is no sender {wanted}")


async def submit_sender(request: Request) -> Response:
    """Play the person who submits a sender in the Console."""
    sender = _sender(request)
    countries = (await _body(request)).get("countries") or list(review.DEFAULT_COUNTRIES)
    if sender.status not in ("CREATING", "DRAFT", "OFFLINE") and not sender.is_scripted:
        raise ProblemError(409, f"The sender is {sender.status} and cannot be submitted")
    sender.is_scripted = False
    review.submit(world_of(request), sender, countries)
    return JSONResponse(sender_json(sender, ""), 202)


async def script_review(request: Request) -> Response:
    """Decide for a carrier, for all carriers of a country, or for the sender as a whole."""
    world, sender, body = world_of(request), _sender(request), await _body(request)
    status, country_code, carrier_name = _text(body, "status"), body.get("country"), body.get("carrier")
    if country_code is None:
        if status not in review.SENDER_STATUSES:
            raise ProblemError(400, f"status must be one of {', '.join(review.SENDER_STATUSES)}")
        sender.status, sender.is_scripted = status, True
        sender.offline_reasons = body.get("offline_reasons")
        return JSONResponse(sender_json(sender, ""))
    if status not in review.CARRIER_STATUSES:
        raise ProblemError(400, f"status must be one of {', '.join(review.CARRIER_STATUSES)}")
    country = review.country_of(world, sender, country_code)
    chosen = [carrier for carrier in country.carriers if carrier_name in (None, carrier.name)]
    if not chosen:
        names = ", ".join(carrier.name for carrier in country.carriers)
        raise ProblemError(400, f"carrier must be one of {names}")
    for carrier in chosen:
        carrier.status, carrier.is_scripted = status, True
    review.settle(sender)
    return JSONResponse(sender_json(sender, ""))


async def add_tester(request: Request) -> Response:
    """Register a handset as a tester of one sender, or of all when no sender_id is given."""
    body = await _body(request)
    tester = (str(body.get("sender_id") or "*"), _text(body, "phone_number").removeprefix("rcs:"))
    world_of(request).testers.add(tester)
    return JSONResponse({"sender_id": tester[0], "phone_number": tester[1]}, 201)


async def send_inbound(request: Request) -> Response:
    """Let a handset write to a number or an RCS sender; answers once the webhook has been called."""
    world, body = world_of(request), await _body(request)
    owner = find_owner(world, _text(body, "to"))
    if owner is None:
        raise ProblemError(404, f"Nobody owns {body['to']}")
    message, url = await receive(
        world,
        owner,
        from_=_text(body, "from"),
        body=str(body.get("body") or ""),
        button_payload=body.get("button_payload"),
        button_text=body.get("button_text"),
    )
    return JSONResponse({"sid": message.sid, "delivered_to": url}, 201)


ROUTES = [
    Route("/_sim/healthz", health),
    Route("/_sim/ledger", show_ledger),
    Route("/_sim/reset", reset, methods=["POST"]),
    Route("/_sim/accounts", add_account, methods=["POST"]),
    Route("/_sim/organizations", add_organization, methods=["POST"]),
    Route("/_sim/faults", add_fault, methods=["POST"]),
    Route("/_sim/faults", list_faults),
    Route("/_sim/faults", clear_faults, methods=["DELETE"]),
    Route("/_sim/senders/{sid}/submit", submit_sender, methods=["POST"]),
    Route("/_sim/senders/{sid}/review", script_review, methods=["POST"]),
    Route("/_sim/testers", add_tester, methods=["POST"]),
    Route("/_sim/inbound", send_inbound, methods=["POST"]),
]
