"""What Twilio says of a sender in each country and at each carrier, remembered from change to change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from engine import checklist, kinds
from engine.matrix import NOT_LISTED, is_decided, typical_reviews
from engine.reading import EngineSource
from engine.transitions import append_event
from models.tables import ReviewStatus, Step

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from engine.context import StepContext
    from engine.desired import OwnedObject
    from engine.matrix import Typical
    from providers.twilio.types import RcsSender

Place = tuple[str, str]
"""Country and carrier; an empty carrier is the country as a whole, two empty words are the sender."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The present word, since when, and since when nothing has been decided (None: it is)."""

    status: str
    changed_at: datetime
    open_since: datetime | None


def clocks(rows: Iterable[Row[Any]]) -> dict[Place, Clock]:
    """The clock of each place, from its rows in the order in which they were written."""
    found: dict[Place, Clock] = {}
    for row in rows:
        place = (row.country, row.carrier)
        before = found.get(place)
        open_since = None if is_decided(row.status) else (before and before.open_since) or row.changed_at
        found[place] = Clock(row.status, row.changed_at, open_since)
    return found


def record_statuses(ctx: StepContext, sender: RcsSender) -> dict[Place, Clock]:
    """Write a row for each word that changed; the clocks as they are then."""
    rows = select(ReviewStatus).where(ReviewStatus.c.onboarding_id == ctx.lease.onboarding_id)
    stored = rows.order_by(ReviewStatus.c.id)
    known = clocks(ctx.read(stored))
    seen: dict[Place, str] = {("", ""): sender.status[:60]}
    for country in sender.countries:
        seen[country.country[:20], ""] = country.status[:60]
        seen |= {(country.country[:20], carrier.name[:100]): carrier.status[:60] for carrier in country.carriers}
    now_seen = seen | {place: NOT_LISTED for place in known if place not in seen}
    news = {place: status for place, status in now_seen.items() if place not in known or known[place].status != status}
    if not news:
        return known

    def work(connection: Connection) -> None:
        for (country, carrier), status in news.items():
            values = {"country": country, "carrier": carrier, "status": status, "changed_at": ctx.now()}
            connection.execute(insert(ReviewStatus).values(onboarding_id=ctx.lease.onboarding_id, **values))
        changed = [
            f"{' '.join(filter(None, place)) or sender.sender_id}: {known[place].status} -> {status}"
            for place, status in news.items()
            if place in known
        ]
        if changed:
            append_event(
                connection,
                ctx.lease.onboarding_id,
                "review:changed",
                "; ".join(changed),
                at=ctx.now(),
                step=ctx.lease.step,
            )

    ctx.write(work)
    return clocks(ctx.read(stored))


def follow(ctx: StepContext, objects: Iterable[OwnedObject]) -> None:
    """Let our own memory be as a look has seen the vendor: matrix and checklist must not go stale once a channel is active."""
    objects = list(objects)
    checklist.follow(ctx, objects)
    for owned in objects:
        if owned.kind == kinds.RCS_SENDER and owned.seen is not None and not owned.is_part:
            record_statuses(ctx, owned.seen)


def waiting_since(ctx: StepContext, topic: str) -> datetime | None:
    """Since when the step has waited for ``topic``; None when it has not."""
    row = ctx.read(select(Step.c.waiting_since, Step.c.waiting_topic).where(Step.c.id == ctx.lease.step_id))[0]
    return row.waiting_since if row.waiting_topic == topic else None


def typical(ctx: StepContext) -> dict[str, Typical]:
    """How long reviews took in each country, by all that this database remembers."""
    with EngineSource(ctx.shop.db).snapshot() as fetch:
        return typical_reviews(fetch)
