"""The limits of all accounts as people read them: who is at work there, who is held back, and which pause is on."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING

from engine.limits import ADOBE, TWILIO, room_of, vendors_of

if TYPE_CHECKING:
    from datetime import datetime

    from engine.reading import Fetch, Record

_LIMITS = "SELECT * FROM vendor_limit ORDER BY vendor DESC, account"
_STEPS = (
    "SELECT o.twilio_account, o.organization_id, s.name, s.held_by, count(*) AS n, min(s.held_since) AS held_since"
    " FROM step s JOIN onboarding o ON o.id = s.onboarding_id"
    " WHERE (s.state = 'running' AND s.due_at > :at) OR (s.held_since IS NOT NULL AND s.state IN ('ready', 'retrying')"
    " AND o.status NOT IN ('paused', 'cancelled', 'removed'))"
    " GROUP BY o.twilio_account, o.organization_id, s.name, s.held_by"
)


@dataclass(slots=True)
class AccountState:
    """One account of a vendor.

    :param in_flight: steps that are at it; each may be in a call.
    :param held_back: steps that wait for room there, the oldest since ``held_since``.
    :param held_lately: how often a step was held back since ``held_lately_from``.
    :param room: steps that may be at it just now: the ceiling, or what answers of 429 showed to be enough.
    :param strikes: pauses in a row, without a call that succeeded between them.
    """

    vendor: str
    account: str
    ceiling: int
    room: int
    in_flight: int = 0
    held_back: int = 0
    held_since: datetime | None = None
    held_lately: int = 0
    held_lately_from: datetime | None = None
    strikes: int = 0
    is_unwell: bool = False
    cooldown_since: datetime | None = None
    cooldown_until: datetime | None = None
    reason: str | None = None


def read_limits(fetch: Fetch, at: datetime) -> list[AccountState]:
    """Every account that a step ever came to, Twilio's first."""
    found = {(row["vendor"], row["account"]): _account(row, at) for row in fetch(_LIMITS, {})}
    for row in fetch(_STEPS, {"at": at}):
        accounts = {TWILIO: row["twilio_account"], ADOBE: row["organization_id"]}
        for vendor in [row["held_by"]] if row["held_by"] else vendors_of(row["name"]):
            one = found.get((vendor, accounts[vendor]))
            if one is None:
                continue
            if row["held_by"]:
                one.held_back += row["n"]
                one.held_since = min(filter(None, (one.held_since, row["held_since"])))
            else:
                one.in_flight += row["n"]
    return list(found.values())


def _account(row: Record, at: datetime) -> AccountState:
    return AccountState(
        vendor=row["vendor"],
        account=row["account"],
        ceiling=row["ceiling"],
        room=room_of(SimpleNamespace(**row), at),
        held_lately=row["held"],
        held_lately_from=row["held_from"],
        strikes=row["strikes"],
        is_unwell=bool(row["is_unwell"]),
        cooldown_since=row["cooldown_since"],
        cooldown_until=row["cooldown_until"],
        reason=row["reason"],
    )
