"""The page at /: what exists in the pretended world, for people."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from simulator.ledger import duplicates
from simulator.state import AjoObject, Json, Sender, Service
from simulator.web import world_of
from simulator.world import World

_SHOWN = 50
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True)
class Section:
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def _section(title: str, columns: str, items: Iterable[Any], row: Callable[[Any], tuple[object, ...]]) -> Section:
    """:param columns: the headings, separated by commas."""
    rows = [tuple("" if cell is None else str(cell) for cell in row(item)) for item in islice(items, _SHOWN)]
    return Section(title, tuple(columns.split(", ")), rows)


def _at(moment: datetime | str) -> str:
    shown = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return shown.strftime("%Y-%m-%d %H:%M:%S")


def _countries(sender: Sender) -> str:
    return "; ".join(
        f"{country.code} {country.status}: " + ", ".join(f"{c.name} {c.status}" for c in country.carriers)
        for country in sender.countries
    )


def _pool(world: World, service: Service) -> str:
    members = [n.phone_number for n in world.numbers.values() if n.service_sid == service.sid]
    members += [s.sender_id for s in world.senders.values() if s.service_sid == service.sid]
    return ", ".join(members)


def _ajo_state(item: AjoObject) -> str:
    return item.status or str(item.fields.get("type") or item.fields.get("vendor") or "")


def _callback_outcome(entry: Json) -> str:
    """How each attempt ended, in order."""
    return ", ".join(str(one.get("http_status") or one.get("error")) for one in entry["attempts"]) or "under way"


def _sections(world: World) -> list[Section]:
    newest = reversed
    return [
        _section(
            "Next in simulated time",
            "When, What, Whose",
            sorted(world.clock.appointments),
            lambda one: (
                _at(world.clock.moment(one.due)),
                one.action,
                ", ".join(value for value in one.subject.values() if isinstance(value, str)),
            ),
        ),
        _section(
            "RCS senders",
            "Sender, Status, Countries and carriers, Service, SID",
            newest(world.senders.values()),
            lambda s: (s.sender_id, s.status, _countries(s), s.service_sid, s.sid),
        ),
        _section(
            "Messaging services",
            "Name, In its pool, Inbound webhook, Status callback, SID",
            newest(world.services.values()),
            lambda s: (
                s.settings["FriendlyName"],
                _pool(world, s),
                s.settings.get("InboundRequestUrl"),
                s.settings.get("StatusCallback"),
                s.sid,
            ),
        ),
        _section(
            "Messages",
            "Created, Direction, From, To, Status, Error, Text, SID",
            newest(world.messages.values()),
            lambda m: (_at(m.created_at), m.direction, m.from_, m.to, m.status, m.error_code, m.body[:80], m.sid),
        ),
        _section(
            "Callbacks",
            "At, Kind, Status, URL, Attempts",
            newest(world.callbacks),
            lambda c: (_at(c["at"]), c["kind"], c["status"], c["url"], _callback_outcome(c)),
        ),
        _section(
            "API keys",
            "Name, Permissions, SID",
            newest(world.keys.values()),
            lambda k: (k.friendly_name, ", ".join(k.policy["allow"]) if k.policy else "standard", k.sid),
        ),
        _section(
            "Journey Optimizer objects",
            "Sandbox, Kind, Name, State, Id",
            newest(world.ajo.values()),
            lambda a: (a.sandbox, a.kind.replace("_", " "), a.fields["name"], _ajo_state(a), a.id),
        ),
        _section(
            "Journey Optimizer campaigns",
            "Sandbox, Name, Status, Text, Id",
            newest(world.campaigns.values()),
            lambda c: (c.sandbox, c.name, c.status, c.text[:80], c.id),
        ),
        _section(
            "Messages sent by Journey Optimizer",
            "Sandbox, To, Provider's answer, Message id, Feedback, Error",
            newest(world.ajo_messages.values()),
            lambda m: (
                m.sandbox,
                m.to,
                m.http_status,
                m.message_id,
                ", ".join(str(one["status"]) for one in m.feedback),
                m.error,
            ),
        ),
        _section(
            "Events taken by Journey Optimizer's webhooks",
            "At, Webhook, Type, Answer, Reason",
            newest(world.events),
            lambda e: (_at(e["at"]), e["webhook_name"], e["type"], e["http_status"], e["reason"]),
        ),
        _section(
            "Monitor alerts",
            "At, Code, What, URL",
            newest(world.alerts.values()),
            lambda a: (_at(a.created_at), a.error_code, a.text, a.request_url),
        ),
        _section(
            "Monitor events",
            "At, Event, Object, By, From",
            newest(world.monitor_events),
            lambda e: (_at(e.created_at), e.event_type, e.resource_sid, e.actor_sid, e.source_ip_address),
        ),
        _section(
            "Fault rules",
            "Id, Calls, Troubles, Left, Hits",
            world.faults.rules,
            lambda r: (
                r.id,
                f"{r.match.method or 'any'} {r.match.path_regex}",
                ", ".join(one.action for one in r.script),
                "for ever" if r.times is None else r.times,
                r.hits,
            ),
        ),
        _section(
            "Calls",
            "At, Call, Answer, ms, Fault",
            newest(world.recent_calls),
            lambda c: (_at(c["at"]), f"{c['method']} {c['path']}", c["status"], c["milliseconds"], c["trouble"]),
        ),
    ]


def _counts(world: World) -> dict[str, int]:
    return {
        "RCS senders": len(world.senders),
        "messaging services": len(world.services),
        "phone numbers": len(world.numbers),
        "API keys": len(world.keys),
        "messages": len(world.messages),
        "callbacks": len(world.callbacks),
        "AJO objects": len(world.ajo),
        "AJO messages": len(world.ajo_messages),
        "calls": world.calls.total(),
        "duplicates": len(duplicates(world)),
    }


async def show(request: Request) -> Response:
    world = world_of(request)
    html = _TEMPLATES.get_template("page.html").render(
        clock=world.clock,
        now=_at(world.clock.now()),
        counts=_counts(world),
        sections=_sections(world),
        shown=_SHOWN,
    )
    return HTMLResponse(html)


ROUTES = [Route("/", show)]
