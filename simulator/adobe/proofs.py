"""Adobe's Simulation API: proofs of a campaign, which really send, and previews, which only show."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.adobe.campaigns import find_campaign
from simulator.adobe.sending import CannotSend, send
from simulator.state import Json, ProofJob
from simulator.web import ProblemError, content_type, read_json, world_of
from simulator.world import World

_ERRORS = "https://ns.adobe.com/aep/errors"
_MAX_ADDRESSES = 10
_PROCESSING_SECONDS = 0.1


def _refuse(title: str) -> ProblemError:
    return ProblemError(400, title, f"{_ERRORS}/CJMPTS-1000-400")


def _as_described(handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """This API's errors carry their `status` as text by their description, though its own example is a number."""

    async def handling(request: Request) -> Response:
        try:
            answer: Response = await handler(request)
        except ProblemError as error:
            error.more["status"] = str(error.status)
            raise
        return answer

    return handling


async def _body(request: Request, name: str) -> list[Json]:
    """The list of objects under a name of the body."""
    if content_type(request) != "application/json":
        raise _refuse("Content-Type must be application/json")
    try:
        items = (await read_json(request)).get(name)
    except ValueError as error:
        raise _refuse(str(error)) from None
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise _refuse(f"{name} must be a list of objects, one at least")
    for item in items:
        for field in ("userId", "namespace"):
            if not isinstance(item.get(field), str) or not item[field]:
                raise _refuse(f"{name}: {field} is missing")
    return items


def _phone_numbers(recipient: Json) -> list[str]:
    numbers = []
    channels = recipient.get("channelsData")
    if not isinstance(channels, list) or not channels:
        raise _refuse("recipients: channelsData is missing")
    for channel in channels:
        if not isinstance(channel, dict) or channel.get("channel") != "sms":
            raise _refuse("recipients: channel must be sms for this campaign")
        given = channel.get("phoneNumbers")
        if not isinstance(given, list) or not 1 <= len(given) <= _MAX_ADDRESSES:
            raise _refuse(f"recipients: phoneNumbers must hold 1 to {_MAX_ADDRESSES} numbers")
        numbers += [str(number) for number in given]
    return numbers


def proof_json(world: World, job: ProofJob) -> Json:
    campaign = world.campaigns[job.campaign_id]
    is_over = job.status not in ("CREATED", "PROCESSING")
    item: Json = {
        "messageId": campaign.message_id,
        "variantId": campaign.variant_id,
        "startDate": job.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "targeted": len(job.recipients),
        "submitted": job.submitted,
        "status": "FAILED" if is_over and not job.submitted else "SUBMITTED" if is_over else job.status,
    }
    if job.failures:
        item["proofFailureReasons"] = [
            {
                "profileIds": [user],
                "failureReasons": [{"type": f"{_ERRORS}/CJMPTS-2000-400", "title": reason, "status": "400"}],
            }
            for user, reason in job.failures
        ]
    link = f"/campaigns/{job.campaign_id}/proofs/{job.id}"
    return {"proofJobId": job.id, "status": job.status, "proofs": [item], "_links": {"self": {"href": link}}}


async def create_proof(request: Request) -> Response:
    campaign = find_campaign(request)
    recipients = await _body(request, "recipients")
    world = world_of(request)
    job = ProofJob(
        id=world.new_uuid(),
        campaign_id=campaign.id,
        recipients=[(item["userId"], number) for item in recipients for number in _phone_numbers(item)],
        base_url=str(request.base_url).rstrip("/"),
        created_at=world.clock.now(),
        contexts=[item.get("context") or {} for item in recipients for _ in _phone_numbers(item)],
    )
    world.proofs[job.id] = job
    world.clock.make_appointment(_PROCESSING_SECONDS, "proof.processed", id=job.id)
    return JSONResponse(proof_json(world, job))


async def fetch_proof(request: Request) -> Response:
    campaign = find_campaign(request)
    world = world_of(request)
    job = world.proofs.get(request.path_params["proof_id"])
    if job is None or job.campaign_id != campaign.id:
        raise ProblemError(404, "The proof job does not exist", f"{_ERRORS}/404")
    return JSONResponse(proof_json(world, job))


async def preview(request: Request) -> Response:
    campaign = find_campaign(request)
    items = await _body(request, "previewRequestItems")
    shown = [
        {
            "profileId": item["userId"],
            "variantId": campaign.variant_id,
            "messageId": campaign.message_id,
            "channel": "sms",
            "text": campaign.text,
            "messageType": "sms",
        }
        for item in items
    ]
    return JSONResponse({"previews": shown})


def _process(world: World, subject: Json) -> None:
    job = world.proofs[subject["id"]]
    job.status = "PROCESSING"
    world.spawn(_send_all(world, job))


async def _send_all(world: World, job: ProofJob) -> None:
    campaign = world.campaigns[job.campaign_id]
    for index, (user, number) in enumerate(job.recipients):
        # Snapshots of earlier versions have none.
        context = job.contexts[index] if index < len(job.contexts) else {}
        try:
            await send(world, campaign, job_id=job.id, to=number, base_url=job.base_url, context=context)
        except CannotSend as error:
            job.failures.append((user, str(error)))
        else:
            job.submitted += 1
    if job.failures:
        job.status = "PARTIALLY_FAILED" if job.submitted else "FAILED"
    else:
        job.status = "SUBMITTED"


_ALL = "/platform.adobe.io/ajo/simulations/campaigns/{campaign_id}"

ROUTES = [
    Route(_ALL + "/proofs", _as_described(create_proof), methods=["POST"]),
    Route(_ALL + "/proofs/{proof_id}", _as_described(fetch_proof)),
    Route(_ALL + "/previews", _as_described(preview), methods=["POST"]),
]
ACTIONS = {"proof.processed": _process}
