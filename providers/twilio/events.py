"""Twilio's log of who did what to which object (monitor.twilio.com, v1).

Source: twilio-oai, monitor v1 (Events). Which kinds of object it covers is only partly published (docs/vendors.md).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from providers.twilio.api import TwilioApi
from providers.twilio.types import MonitorEvent

# The most that Twilio gives at once.
PAGE_SIZE = 1000


def _event(body: dict[str, Any]) -> MonitorEvent:
    return MonitorEvent(
        event_type=body.get("event_type") or "",
        at=datetime.fromisoformat(body["event_date"]).astimezone(UTC),
        actor_type=body.get("actor_type") or "",
        actor_sid=body.get("actor_sid") or "",
        source=body.get("source") or "",
        source_address=body.get("source_ip_address") or "",
        changed=frozenset(_changed(body.get("event_data"))),
    )


def _changed(data: Any) -> list[str]:
    """Names of the properties with another value than before, of one within another as ``webhook.callback_url``.

    They stand under ``resource_properties`` in the description's words, and without it in its example.
    """
    properties = data.get("resource_properties", data) if isinstance(data, dict) else None
    names = []
    for name, change in properties.items() if isinstance(properties, dict) else ():
        if not isinstance(change, dict) or not {"previous", "updated"} & change.keys():
            continue
        before, after = change.get("previous"), change.get("updated")
        if isinstance(before, dict) and isinstance(after, dict):
            parts = before.keys() | after.keys()
            names += [f"{name}.{part}" for part in parts if before.get(part) != after.get(part)]
        elif before != after:
            names.append(name)
    return names


def _events(page: dict[str, Any]) -> list[MonitorEvent]:
    events = [_event(body) for body in page["events"]]
    return [] if (page.get("meta") or {}).get("next_page_url") else events


class Events(TwilioApi):
    def list_events(self, *, resource_sid: str, since: datetime) -> list[MonitorEvent]:
        """What was logged of one object since then, in one call.

        Empty also where there is more than one page of it: the newest may be on the other one, for the description
        does not say from which end the list is sorted.

        :param since: 30 days ago at the earliest; without a paid edition Twilio keeps no more.
        """
        params = {
            "ResourceSid": resource_sid,
            "StartDate": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "PageSize": PAGE_SIZE,
        }
        operation = f"read who changed {resource_sid}"
        return self.call(self.monitor, "GET", "/v1/Events", _events, operation=operation, params=params)
