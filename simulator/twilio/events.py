"""Monitor's log of who did what to which object.

That numbers are logged is in Twilio's description; that services and senders are, under which names, and with which
properties is made up here (inference).
"""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.state import Json, MonitorEvent, PhoneNumber, Sender, Service
from simulator.twilio import auth
from simulator.twilio.auth import authorize
from simulator.web import as_exact_as, iso8601, not_found, page_v1, read_bound, vendor_base, world_of
from simulator.world import USER_SID

# Without a paid edition.
_KEPT = timedelta(days=30)
_FILTERS = {
    "ActorSid": "actor_sid",
    "EventType": "event_type",
    "ResourceSid": "resource_sid",
    "SourceIpAddress": "source_ip_address",
}


def note(request: Request, item: PhoneNumber | Service | Sender, event_type: str, changed: Json | None = None) -> None:
    """Log what a call has done: by whoever signed in, or by a user in the Console when it came by the control API.

    :param changed: of an update, see :func:`changes`; one that changed nothing is not logged.
    """
    if changed == {}:
        return
    world = world_of(request)
    actor = getattr(request.state, "actor", None)
    actor_type, actor_sid = actor or ("user", USER_SID)
    event = MonitorEvent(
        sid=world.new_sid("AE"),
        account_sid=item.account_sid,
        actor_type=actor_type,
        actor_sid=actor_sid,
        source="api" if actor else "web",
        source_ip_address=request.client.host if request.client else None,
        event_type=event_type,
        resource_sid=item.sid,
        data={"resource_properties": changed} if changed else None,
        created_at=world.clock.now(),
    )
    world.monitor_events.append(event)


def changes(before: Json, after: Json) -> Json:
    """The properties with another value, with both."""
    return {
        name: {"previous": before[name], "updated": after[name]}
        for name in before
        if before[name] != after[name] and name != "date_updated"
    }


def event_json(event: MonitorEvent, base: str) -> Json:
    return {
        "sid": event.sid,
        "account_sid": event.account_sid,
        "actor_sid": event.actor_sid,
        "actor_type": event.actor_type,
        "description": None,
        "event_data": event.data,
        "event_date": iso8601(event.created_at),
        "event_type": event.event_type,
        "links": {},
        "resource_sid": event.resource_sid,
        "resource_type": event.event_type.partition(".")[0],
        "source": event.source,
        "source_ip_address": event.source_ip_address,
        "url": f"{base}/v1/Events/{event.sid}",
    }


def _seen(request: Request) -> list[MonitorEvent]:
    """What the caller's account may see, the newest first."""
    account = authorize(request, auth.EVENTS)
    world = world_of(request)
    first = world.clock.now() - _KEPT
    return [
        event
        for event in reversed(world.monitor_events)
        if event.account_sid == account.sid and event.created_at >= first
    ]


async def list_events(request: Request) -> Response:
    query = request.query_params
    wanted = {field: query[name] for name, field in _FILTERS.items() if query.get(name)}
    start, end = (read_bound(query[name]) if query.get(name) else None for name in ("StartDate", "EndDate"))
    found = [
        event
        for event in _seen(request)
        if all(getattr(event, field) == value for field, value in wanted.items())
        and (start is None or as_exact_as(start, event.created_at) >= start)
        and (end is None or as_exact_as(end, event.created_at) <= end)
    ]
    base = vendor_base(request)
    return page_v1(request, "events", found, lambda event: event_json(event, base))


async def fetch_event(request: Request) -> Response:
    wanted = request.path_params["sid"]
    found = next((event for event in _seen(request) if event.sid == wanted), None)
    if found is None:
        raise not_found(request.url.path)
    return JSONResponse(event_json(found, vendor_base(request)))


ROUTES = [
    Route("/monitor.twilio.com/v1/Events", list_events),
    Route("/monitor.twilio.com/v1/Events/{sid}", fetch_event),
]
