"""The checklist of an onboarding: its rows follow the files and the spec, a step or a person settles them.

Who settles what: items of ``program`` and ``vendor`` are set by the step alone. A person's items are met by what the
spec states, by a person's word, or by the launch itself, which shows that nobody missed them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, or_, select, update

from engine.commands import find
from engine.evidence import keep, refuse_secrets
from engine.transitions import append_event
from engine.wake import WakeUp, signal_step
from models.checklists.catalogue import find_item, items_for, key_of, stated_by
from models.spec.onboarding import spec_to_json
from models.states import CheckState
from models.tables import ChecklistItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from engine.context import StepContext
    from engine.desired import OwnedObject
    from engine.evidence import Exhibit
    from engine.vault import Vault
    from models.checklists.catalogue import Applied
    from models.checklists.item import Item

STEP = "registration"
COUNTRY = "rcs.country"
LONGEST_NAME = 200
OPEN: dict[str, Any] = {
    "state": CheckState.OPEN,
    "settled_by": None,
    "confirmed_by": None,
    "detail": None,
}


class UnknownKey(LookupError):
    """The onboarding's checklist has no such item."""


class NotAPersons(ValueError):
    """The item is settled by the program or a vendor, not by anybody's word."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What has to be written so that the rows follow files and spec."""

    new: list[dict[str, Any]] = field(default_factory=list)
    changed: dict[int, dict[str, Any]] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)


def compare(rows: Iterable[Row[Any]], spec: Mapping[str, Any], *, at: datetime) -> Changes:
    """What differs between the stored rows and what applies to ``spec`` (plain JSON). A person's word is kept."""
    changes = Changes()
    known = {row.key: row for row in rows}
    for applied in items_for(spec):
        row = known.pop(applied.key, None)
        wanted = _fixed(applied.item, applied.title, applied.country)
        stated = _stated(applied, spec)
        if row is None:
            due_at = at + timedelta(days=applied.item.due_days) if applied.item.due_days else None
            times = {"opened_at": at, "due_at": due_at, "updated_at": at}
            changes.new.append({"key": applied.key, **wanted, **OPEN, **(stated or {}), **times})
            continue
        if row.settled_by != "person":
            wanted |= stated or (OPEN if row.settled_by == "spec" else {})
        differing = {name: value for name, value in wanted.items() if getattr(row, name) != value}
        if differing:
            changes.changed[row.id] = differing | {"updated_at": at}
    changes.gone.extend(row.id for row in known.values())
    return changes


def _fixed(item: Item, title: str, country: str | None) -> dict[str, Any]:
    return {"item": item.id, "title": title, "checked_by": item.who, "stage": item.stage, "country": country}


def _stated(applied: Applied, spec: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the spec says of the item: where its own fields state it, or a declaration of a person does."""
    declared = [one for one in spec.get("checklist") or [] if one["item"] == applied.item.id]
    places = stated_by(applied.item, spec)
    if declared:
        by, on, proof = declared[0]["attested_by"], declared[0]["attested_on"], declared[0]["evidence"]
        text = f"declared in the spec on {on}" + (f": {proof}" if proof else "")
    elif places:
        first = places[0][1]
        words = first if isinstance(first, dict) and "attested_by" in first else {}
        by = words.get("attested_by")
        text = ", ".join(f"`{path}`" for path, _ in places) + " of the spec"
        text += f", attested on {words['attested_on']}" if words else ""
    else:
        return None
    return {
        "state": CheckState.MET,
        "settled_by": "spec",
        "confirmed_by": by and by[:LONGEST_NAME],
        "detail": text,
    }


def read_rows(ctx: StepContext) -> Sequence[Row[Any]]:
    rows = select(ChecklistItem).where(ChecklistItem.c.onboarding_id == ctx.lease.onboarding_id)
    return ctx.read(rows.order_by(ChecklistItem.c.id))


def open_items(ctx: StepContext) -> None:
    """Let the rows follow files and spec. Writes only what is news: a review is looked at for weeks."""
    changes = compare(read_rows(ctx), spec_to_json(ctx.spec), at=ctx.now())
    if changes == Changes():
        return

    def work(connection: Connection) -> None:
        for values in changes.new:
            connection.execute(insert(ChecklistItem).values(onboarding_id=ctx.lease.onboarding_id, **values))
        for row_id, values in changes.changed.items():
            statement = update(ChecklistItem).where(ChecklistItem.c.id == row_id)
            if "state" in values:
                # A person may have spoken since the rows were read.
                statement = statement.where(
                    or_(ChecklistItem.c.settled_by.is_(None), ChecklistItem.c.settled_by != "person")
                )
            connection.execute(statement.values(**values))
        if changes.gone:
            connection.execute(delete(ChecklistItem).where(ChecklistItem.c.id.in_(changes.gone)))

    ctx.write(work)


def record(ctx: StepContext, item_id: str, *, is_met: bool | None, each: str | None, detail: str | None) -> None:
    """Set a row as the step found it; ``is_met`` None means still open.

    :raises models.checklists.catalogue.UnknownItem: no file has such an item.
    """
    item = find_item(item_id)
    state = CheckState.OPEN if is_met is None else CheckState.MET if is_met else CheckState.UNMET
    key = key_of(item, each)
    title = item.title.format(country=each, number=each)
    country = each if item.each == "country" else None
    of_it = (ChecklistItem.c.onboarding_id == ctx.lease.onboarding_id) & (ChecklistItem.c.key == key)
    found = ctx.read(select(ChecklistItem).where(of_it))
    if found and (found[0].state, found[0].detail, found[0].settled_by) == (state, detail, item.who):
        return
    fresh = {"state": state, "detail": detail, "settled_by": item.who, "updated_at": ctx.now()}

    def work(connection: Connection) -> None:
        if connection.execute(update(ChecklistItem).where(of_it).values(**fresh)).rowcount == 0:
            values = {**OPEN, **_fixed(item, title, country), **fresh, "opened_at": ctx.now()}
            connection.execute(insert(ChecklistItem).values(onboarding_id=ctx.lease.onboarding_id, key=key, **values))

    ctx.write(work)


def follow(ctx: StepContext, objects: Sequence[OwnedObject]) -> None:
    """Let what the program and the vendors settle be as a look has seen it; of a checklist that nobody opened nothing."""
    known = {row.key: row for row in read_rows(ctx)}
    for one in (each for owned in objects for each in owned.checks):
        if key_of(find_item(one.item), one.each) in known:
            record(ctx, one.item, is_met=one.is_met, each=one.each, detail=one.detail)
    usable = [one.each for owned in objects for one in owned.checks if one.item == COUNTRY and one.is_met and one.each]
    if usable:
        settle_by_launch(ctx, usable)


def unsettled(
    ctx: StepContext, stage: str, *, states: tuple[CheckState, ...] = (CheckState.OPEN, CheckState.UNMET)
) -> list[Row[Any]]:
    """A person's items that ``stage`` needs and that are in one of ``states``."""
    return [row for row in read_rows(ctx) if row.stage == stage and row.checked_by == "person" and row.state in states]


def settle_by_launch(ctx: StepContext, usable: Sequence[str]) -> None:
    """A country that is usable shows that nothing it needed was missed; what a person called unmet stays so."""
    settled = [
        row
        for row in read_rows(ctx)
        if row.state is CheckState.OPEN
        and (row.checked_by == "vendor" or (row.checked_by == "person" and row.stage != "advice"))
        and (row.country in usable if row.country else bool(usable))
    ]
    if not settled:
        return
    detail = f"carriers approved in {', '.join(usable)}"
    values = {"state": CheckState.MET, "settled_by": "vendor", "detail": detail, "updated_at": ctx.now()}

    def work(connection: Connection) -> None:
        still_open = ChecklistItem.c.id.in_([row.id for row in settled]) & (ChecklistItem.c.state == CheckState.OPEN)
        connection.execute(update(ChecklistItem).where(still_open).values(**values))
        keys = ", ".join(row.key for row in settled)
        append_event(
            connection,
            ctx.lease.onboarding_id,
            "checklist:met",
            f"{detail}, which settles {keys}",
            at=ctx.now(),
            step=STEP,
        )

    ctx.write(work)


def settle(
    connection: Connection,
    name: str,
    key: str,
    *,
    is_met: bool,
    by: str,
    exhibits: Sequence[Exhibit] = (),
    note: str | None = None,
    vault: Vault | None,
    at: datetime,
    grace_seconds: float,
) -> list[WakeUp]:
    """Record a person's word on one item, and let the registration look again if it waits.

    :param vault: to refuse secrets in clear; None where this machine has no key to know them.
    :raises engine.commands.UnknownOnboarding: there is none of this name.
    :raises UnknownKey: its checklist has no such item.
    :raises NotAPersons: nobody's word settles it.
    :raises engine.evidence.NotAcceptable: a piece of evidence or the note cannot be kept.
    """
    onboarding = find(connection, name)
    of_it = (ChecklistItem.c.onboarding_id == onboarding.id) & (ChecklistItem.c.key == key)
    row = connection.execute(select(ChecklistItem).where(of_it)).one_or_none()
    if row is None:
        raise UnknownKey(key)
    if row.checked_by != "person":
        raise NotAPersons(row.checked_by)
    given = [("the note", (note or "").encode()), *((exhibit.name, exhibit.content) for exhibit in exhibits)]
    refuse_secrets(connection, onboarding.id, vault, given)
    values = {
        "state": CheckState.MET if is_met else CheckState.UNMET,
        "settled_by": "person",
        "confirmed_by": by[:LONGEST_NAME],
        "detail": note,
        "updated_at": at,
    }
    connection.execute(update(ChecklistItem).where(ChecklistItem.c.id == row.id).values(**values))
    kind = "checklist:met" if is_met else "checklist:unmet"
    said = f"{row.title} ({key}): {'met' if is_met else 'not met'}, says {by}" + (f": {note}" if note else "")
    append_event(connection, onboarding.id, kind, said, at=at, step=STEP, details={"by": by})
    keep(connection, onboarding.id, key, exhibits, step=STEP, by=by, at=at)
    is_ready = signal_step(connection, onboarding.id, STEP, at=at, grace_seconds=grace_seconds)
    return [WakeUp(onboarding.id, name, STEP)] if is_ready else []
