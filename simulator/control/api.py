"""The control API under /_sim: look at the pretended world, change it, script its trouble, move its time."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.control import models
from simulator.faults import Rule
from simulator.ledger import ledger
from simulator.snapshot import NotASnapshot, read_snapshot, take_snapshot
from simulator.state import Account, Campaign, Json, Organization, Sender, State, Verdict
from simulator.twilio import inbound, review
from simulator.twilio.senders import sender_json
from simulator.web import ProblemError, read_json, world_of
from simulator.world import ORGANIZATION_ID, SCOPES, World

_PATIENCE_SECONDS = 20.0
"""How long an advance waits for the callbacks it causes."""

Body = TypeVar("Body", bound=BaseModel)


async def read_body(request: Request, model: type[Body]) -> Body:
    """The JSON body of a control call; an empty body is an empty object.

    :raises ProblemError: 400 that names every wrong field.
    """
    try:
        given = await read_json(request) if await request.body() else {}
        return model.model_validate(given)
    except ValidationError as error:
        faults = (f"{'.'.join(str(part) for part in one['loc']) or 'body'}: {one['msg']}" for one in error.errors())
        raise ProblemError(400, "; ".join(faults)) from None
    except ValueError as error:
        raise ProblemError(400, str(error)) from None


async def health(request: Request) -> Response:  # noqa: ARG001 - the framework passes it
    return JSONResponse({"status": "ok"})


# -- the world as a whole -----------------------------------------------------------------------------------------
async def show_ledger(request: Request) -> Response:
    return JSONResponse(ledger(world_of(request)))


async def show_calls(request: Request) -> Response:
    return JSONResponse({"calls": list(world_of(request).recent_calls)})


async def _replace_world(request: Request, state: State | None) -> None:
    old = world_of(request)
    new = World(old.config, old.actions, state)
    # How fast time runs is the simulator's, not the world's.
    new.clock.set_speed(old.clock.speed)
    request.app.state.world = new
    new.start()
    await old.close()


async def reset(request: Request) -> Response:
    await _replace_world(request, None)
    return Response(status_code=204)


async def show_snapshot(request: Request) -> Response:
    return Response(take_snapshot(world_of(request)), media_type="application/json")


async def restore_snapshot(request: Request) -> Response:
    try:
        state = read_snapshot(await request.body())
    except NotASnapshot as error:
        raise ProblemError(400, str(error)) from None
    await _replace_world(request, state)
    return Response(status_code=204)


# -- time ---------------------------------------------------------------------------------------------------------
def _clock_json(world: World) -> Json:
    clock = world.clock
    coming = sorted(clock.appointments)
    return {
        "now": clock.now().isoformat(timespec="seconds"),
        "speed": clock.speed,
        "skew_seconds": clock.skew_seconds,
        "waiting": len(coming),
        "next": [
            {"at": clock.moment(one.due).isoformat(timespec="seconds"), "what": one.action, "subject": one.subject}
            for one in coming[:20]
        ],
    }


async def show_clock(request: Request) -> Response:
    return JSONResponse(_clock_json(world_of(request)))


async def change_clock(request: Request) -> Response:
    change = await read_body(request, models.ClockChange)
    clock = world_of(request).clock
    if change.speed is not None:
        clock.set_speed(change.speed)
    if change.skew_seconds is not None:
        clock.skew_seconds = change.skew_seconds
    return JSONResponse(_clock_json(world_of(request)))


async def advance(request: Request) -> Response:
    body = await read_body(request, models.Advance)
    world = world_of(request)
    happened = await world.advance(body.duration, patience=_PATIENCE_SECONDS)
    return JSONResponse(_clock_json(world) | {"happened": happened})


# -- what is there from the start ---------------------------------------------------------------------------------
async def add_account(request: Request) -> Response:
    """Add an account, or change the status, type or token of one that exists, and what its numbers can do."""
    body = await read_body(request, models.NewAccount)
    world = world_of(request)
    account = world.accounts.get(body.sid)
    if account is None:
        if body.auth_token is None:
            raise ProblemError(400, "auth_token: a new account needs one")
        account = Account(body.sid, body.auth_token, world.clock.now())
    account.auth_token = body.auth_token or account.auth_token
    account.status = body.status or account.status
    account.type = body.type or account.type
    known = {number.phone_number: number for number in world.numbers.values()}
    for number in body.numbers:
        if number.phone_number in known and known[number.phone_number].account_sid != body.sid:
            raise ProblemError(409, f"numbers: {number.phone_number} has an owner already")
    for number in body.numbers:
        if number.phone_number in known:
            known[number.phone_number].capabilities |= number.capabilities or {}
    new = {number.phone_number: number.capabilities for number in body.numbers if number.phone_number not in known}
    world.add_account(account, new)
    return JSONResponse({"sid": account.sid, "status": account.status, "type": account.type}, 201)


async def add_organization(request: Request) -> Response:
    body = await read_body(request, models.NewOrganization)
    organization = Organization(
        organization_id=body.organization_id,
        client_id=body.client_id,
        client_secret=body.client_secret,
        sandboxes=body.sandboxes,
        scopes=body.scopes or list(SCOPES),
    )
    world_of(request).organizations[organization.organization_id] = organization
    return JSONResponse({"organization_id": body.organization_id, "sandboxes": body.sandboxes}, 201)


async def add_campaign(request: Request) -> Response:
    """Play the person who makes a campaign in Journey Optimizer (there is no public API for it)."""
    body = await read_body(request, models.NewCampaign)
    world = world_of(request)
    place = (body.organization_id or ORGANIZATION_ID, body.sandbox)
    configuration = next(
        (
            item
            for item in world.ajo.values()
            if item.kind == "channel_configuration"
            and (item.organization_id, item.sandbox) == place
            and item.fields["name"] == body.channel_configuration
        ),
        None,
    )
    if configuration is None:
        raise ProblemError(404, f"There is no channel configuration {body.channel_configuration} in {body.sandbox}")
    campaign = Campaign(
        id=world.new_uuid(),
        organization_id=place[0],
        sandbox=place[1],
        name=body.name,
        channel_configuration_id=configuration.id,
        text=body.text,
        created_at=world.clock.now(),
        message_id=world.new_uuid(),
        variant_id=world.new_uuid(),
        status=body.status,
    )
    world.campaigns[campaign.id] = campaign
    return JSONResponse({"campaign_id": campaign.id}, 201)


# -- trouble ------------------------------------------------------------------------------------------------------
async def add_fault(request: Request) -> Response:
    rule = world_of(request).faults.add(await read_body(request, Rule))
    return JSONResponse({"id": rule.id}, 201)


async def list_faults(request: Request) -> Response:
    return JSONResponse({"faults": [rule.model_dump() for rule in world_of(request).faults.rules]})


async def clear_faults(request: Request) -> Response:
    world_of(request).faults.clear()
    return Response(status_code=204)


# -- people and handsets ------------------------------------------------------------------------------------------
def find_sender(request: Request) -> Sender:
    wanted = request.path_params["sid"]
    for sender in world_of(request).senders.values():
        if wanted in (sender.sid, sender.sender_id):
            return sender
    raise ProblemError(404, f"There is no sender {wanted}")


async def submit_sender(request: Request) -> Response:
    """Play the person who submits a sender in the Console."""
    sender = find_sender(request)
    body = await read_body(request, models.Submission)
    if sender.status not in review.CAN_BE_SUBMITTED and not sender.is_scripted:
        raise ProblemError(409, f"The sender is {sender.status} and cannot be submitted")
    sender.is_scripted = False
    review.submit(world_of(request), sender, body.countries)
    return JSONResponse(sender_json(sender, ""), 202)


async def script_review(request: Request) -> Response:
    """Decide for a carrier, for all carriers of a country, or for the sender as a whole; now or later."""
    world, sender, body = world_of(request), find_sender(request), await read_body(request, models.Decision)
    wrong = body.wrong_status()
    if wrong:
        raise ProblemError(400, wrong)
    if body.after:
        subject = body.model_dump(exclude={"after"}) | {"sid": sender.sid}
        world.clock.make_appointment(body.after, "sender.scripted", **subject)
        return JSONResponse(sender_json(sender, ""), 202)
    if body.country is None:
        review.set_sender_status(sender, body.status, body.offline_reasons)
    else:
        try:
            review.set_carrier_status(world, sender, body.country, body.carrier, body.status)
        except ValueError as error:
            raise ProblemError(400, str(error)) from None
    return JSONResponse(sender_json(sender, ""))


async def add_verdict(request: Request) -> Response:
    """Say beforehand what carriers will decide."""
    body = await read_body(request, models.NewVerdict)
    world_of(request).verdicts.append(Verdict(**body.model_dump()))
    return JSONResponse(body.model_dump(), 201)


async def add_tester(request: Request) -> Response:
    """Register a handset as a tester of one sender, or of all when no sender_id is given."""
    body = await read_body(request, models.NewTester)
    world_of(request).testers.add((body.sender_id, body.phone_number))
    return JSONResponse(body.model_dump(), 201)


async def send_inbound(request: Request) -> Response:
    """Let a handset write to a number or an RCS sender; answers once the webhook has been called."""
    world, body = world_of(request), await read_body(request, models.Inbound)
    owner = inbound.find_owner(world, body.to)
    if owner is None:
        raise ProblemError(404, f"Nobody owns {body.to}")
    message, url = await inbound.receive(
        world,
        owner,
        from_=body.from_,
        body=body.body,
        button_payload=body.button_payload,
        button_text=body.button_text,
        media=body.media,
        copies=body.copies,
    )
    return JSONResponse({"sid": message.sid, "delivered_to": url}, 201)


ROUTES = [
    Route("/_sim/healthz", health),
    Route("/_sim/ledger", show_ledger),
    Route("/_sim/calls", show_calls),
    Route("/_sim/reset", reset, methods=["POST"]),
    Route("/_sim/snapshot", show_snapshot),
    Route("/_sim/snapshot", restore_snapshot, methods=["PUT"]),
    Route("/_sim/clock", show_clock),
    Route("/_sim/clock", change_clock, methods=["PUT"]),
    Route("/_sim/clock/advance", advance, methods=["POST"]),
    Route("/_sim/accounts", add_account, methods=["POST"]),
    Route("/_sim/organizations", add_organization, methods=["POST"]),
    Route("/_sim/campaigns", add_campaign, methods=["POST"]),
    Route("/_sim/faults", add_fault, methods=["POST"]),
    Route("/_sim/faults", list_faults),
    Route("/_sim/faults", clear_faults, methods=["DELETE"]),
    Route("/_sim/senders/{sid}/submit", submit_sender, methods=["POST"]),
    Route("/_sim/senders/{sid}/review", script_review, methods=["POST"]),
    Route("/_sim/verdicts", add_verdict, methods=["POST"]),
    Route("/_sim/testers", add_tester, methods=["POST"]),
    Route("/_sim/inbound", send_inbound, methods=["POST"]),
]
