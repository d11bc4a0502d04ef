"""The checklist as people read it: rows by plain SQL, reasons and sources from the files."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.reading import Fetch, Record

# What the registration waits for once the sender was submitted.
AFTER_SUBMISSION = frozenset({"review", "offline", "rejected"})


def read_checklist(fetch: Fetch, onboarding_id: int) -> list[Record]:
    """The rows of one onboarding in the order in which they were opened, each with what was handed in for it."""
    params = {"id": onboarding_id}
    rows = fetch(
        "SELECT key, item, country, title, checked_by, stage, state, settled_by, confirmed_by, detail,"
        " opened_at, due_at, updated_at FROM checklist_item WHERE onboarding_id = :id ORDER BY id",
        params,
    )
    given = fetch(
        "SELECT item, name, size, sha256, given_by, given_at FROM evidence WHERE onboarding_id = :id ORDER BY id",
        params,
    )
    exhibits: dict[str, list[Record]] = defaultdict(list)
    for each in given:
        exhibits[each.pop("item")].append(each)
    return [row | {"evidence": exhibits[row["key"]]} for row in rows]


def with_reasons(rows: Sequence[Record]) -> list[Record]:
    """The rows with what their files say of them; empty words for an item that no file has any more."""
    from models.checklists.catalogue import load_files

    said = {
        item.id: {
            "why": item.why,
            "check": item.check,
            "wanted": item.evidence,
            "source": item.source,
            "tag": item.tag,
            "read_on": item.read_on.isoformat(),
            "file": name,
            "version": file.version,
        }
        for name, file in load_files().items()
        for item in file.items
    }
    nothing = dict.fromkeys(("why", "check", "wanted", "source", "tag", "read_on", "file"), "") | {"version": None}
    return [row | said.get(row["item"], nothing) for row in rows]


def is_settled(row: Record) -> bool:
    return bool(row["state"] == "met")


def is_blocking(row: Record) -> bool:
    """Whether something waits, or will wait, for it."""
    return row["stage"] != "advice" and not is_settled(row)


def is_needed(row: Record, topic: str | None) -> bool:
    """Whether it holds up a registration that waits for ``topic``.

    A person's items have their time: mails come after the submission, and what was submitted needs no more for that.
    """
    if not is_blocking(row) or row["checked_by"] != "person":
        return is_blocking(row)
    is_submitted = topic in AFTER_SUBMISSION
    return not is_submitted if row["stage"] == "submission" else is_submitted or row["state"] == "unmet"


def milestone(stage: str, rows: Iterable[Record]) -> str:
    """What a stage is for: only an RCS sender is submitted to anybody.

    :param rows: the whole checklist.
    """
    is_submitted = any(row["key"].startswith("rcs") for row in rows)
    return "registration" if stage == "submission" and not is_submitted else stage


def done_command(name: str, key: str) -> str:
    """What a person types to settle the item."""
    return f"onboard checklist done {name} {key} --by WHO"
