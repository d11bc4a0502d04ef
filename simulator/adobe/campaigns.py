"""Adobe's public, read-only view of campaigns, and what would keep one from being published."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.adobe.ims import enter_sandbox
from simulator.adobe.pages import page_of
from simulator.adobe.sending import configuration_of
from simulator.state import Campaign, Json
from simulator.web import ProblemError, world_of
from simulator.world import World

_ERRORS = "https://ns.adobe.com/aep/errors"


def campaign_json(campaign: Campaign) -> Json:
    return {
        "campaignId": campaign.id,
        "name": campaign.name,
        "status": campaign.status,
        "campaignType": "ApiTriggered",
        "category": "Transactional",
        "createdAt": campaign.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }


def find_campaign(request: Request) -> Campaign:
    """The campaign in the path.

    :raises ProblemError: 404 when it is not in this sandbox, and what `enter_sandbox` raises.
    """
    place = enter_sandbox(request)
    campaign = world_of(request).campaigns.get(request.path_params["campaign_id"])
    if campaign is None or (campaign.organization_id, campaign.sandbox) != place:
        raise ProblemError(404, "The campaign does not exist", f"{_ERRORS}/404")
    return campaign


async def list_campaigns(request: Request) -> Response:
    place = enter_sandbox(request)
    mine = [c for c in world_of(request).campaigns.values() if (c.organization_id, c.sandbox) == place]
    return page_of(request, [campaign_json(c) for c in sorted(mine, key=lambda c: c.name)], orderby="name")


async def fetch_campaign(request: Request) -> Response:
    return JSONResponse(campaign_json(find_campaign(request)))


def _notifications(world: World, campaign: Campaign) -> list[Json]:
    configuration = configuration_of(world, campaign)
    if configuration is not None and configuration.status == "Active":
        return []
    state = configuration.status if configuration else "deleted"
    context = {
        "source": "SURFACE",
        "sourceId": campaign.channel_configuration_id,
        "errorLevel": "ERROR",
        "channel": "sms",
    }
    problem = {
        "type": f"{_ERRORS}/surface-not-active",
        "title": f"The channel configuration is {state}",
        "message": f"The channel configuration is {state}",
        "status": 400,
        "report": {"additionalContext": context},
    }
    return [{"id": campaign.channel_configuration_id, "errorSource": "SURFACE", "notifications": [problem]}]


async def validate(request: Request) -> Response:
    campaign = find_campaign(request)
    return page_of(request, _notifications(world_of(request), campaign), orderby="type")


_ALL = "/platform.adobe.io/journey/campaigns/service/campaigns"

ROUTES = [
    Route(_ALL, list_campaigns),
    Route(_ALL + "/{campaign_id}", fetch_campaign),
    Route(_ALL + "/{campaign_id}/publish/validation", validate),
]
