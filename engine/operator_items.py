"""Everything that waits for a person, in one list: operator tasks, items of checklists, other waits, failed steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.checklist_view import done_command, is_needed
from engine.operator_sheet import HELD, OPEN, read_tasks
from engine.reasons import in_short
from engine.selection import WAITS

if TYPE_CHECKING:
    from engine.reading import Fetch, Record

# Of a step that has failed: it does not wait, but nothing goes on without a person.
FAILED = "failed"
# The registration's wait for its checklist; the items themselves stand in its place.
CHECKLIST = "checklist"


def wait_key(topic: str) -> str:
    """The name under which a wait is shown and answered; no operator task has one like it."""
    return topic.replace(" ", "-")


def read_items(
    fetch: Fetch, name: str | None = None, *, is_all: bool = False, assignee: str | None = None, language: str = "en"
) -> list[Record]:
    """What waits for people, oldest first. ``kind`` is ``task``, ``item``, ``wait`` or ``failed``, ``key`` is its name.

    :param is_all: also tasks that are done or whose step is, and those of paused and ended onboardings.
    :param assignee: only the tasks of this person.
    """
    wheres = [] if is_all or name is not None else [HELD]
    params: dict[str, Any] = {}
    if name is not None:
        wheres.append("o.name = :name")
        params["name"] = name
    if assignee is not None:
        wheres.append("t.assignee = :assignee")
        params["assignee"] = assignee
    tasks = read_tasks(fetch, " AND ".join([*wheres, "1 = 1" if is_all else OPEN]), params, language=language)
    items = [{"kind": "task", "since": task["opened_at"], **task} for task in tasks]
    if assignee is None:
        of_checklist = _read_checklist_items(fetch, wheres, params)
        told = {item["onboarding"] for item in of_checklist}
        waits = _read_waits(fetch, wheres, params)
        items += of_checklist
        items += [wait for wait in waits if wait["key"] != CHECKLIST or wait["onboarding"] not in told]
    return sorted(items, key=lambda item: item["since"])


def _read_checklist_items(fetch: Fetch, wheres: list[str], params: dict[str, Any]) -> list[Record]:
    """What a person has to settle before a registration can end, with what to type then."""
    conditions = " AND ".join(
        [
            *wheres,
            "c.checked_by = 'person'",
            "c.state <> 'met'",
            "s.state NOT IN ('succeeded', 'skipped')",
            "NOT s.is_removal",
        ]
    )
    rows = fetch(
        "SELECT o.name AS onboarding, s.name AS step, s.waiting_topic, c.key, c.title, c.state, c.stage, c.checked_by,"  # noqa: S608  our words
        " c.detail, c.opened_at, c.due_at, c.updated_at FROM checklist_item c JOIN onboarding o ON o.id = c.onboarding_id"
        f" JOIN step s ON s.onboarding_id = o.id AND s.name = 'registration' WHERE {conditions} ORDER BY c.id",
        params,
    )
    return [_checklist_item(row) for row in rows if is_needed(row, row["waiting_topic"])]


def _checklist_item(row: Record) -> Record:
    return {
        "kind": "item",
        "since": row["opened_at"] or row["updated_at"],
        "command": done_command(row["onboarding"], row["key"]),
        **{name: row[name] for name in ("key", "onboarding", "step", "title", "state", "stage", "detail", "due_at")},
    }


def _read_waits(fetch: Fetch, wheres: list[str], params: dict[str, Any]) -> list[Record]:
    """Steps that a person has to see to without there being an operator task."""
    is_task = (
        "EXISTS (SELECT 1 FROM operator_task t WHERE t.onboarding_id = s.onboarding_id AND t.key = s.waiting_topic)"
    )
    conditions = " AND ".join([*wheres, f"(s.state = 'failed' OR ({WAITS['person']} AND NOT {is_task}))"])
    rows = fetch(
        "SELECT o.name AS onboarding, s.name AS step, s.state, s.reason AS title, s.waiting_topic, s.waiting_since,"  # noqa: S608  our words
        " s.finished_at, s.waiting_for, s.due_at FROM step s JOIN onboarding o ON o.id = s.onboarding_id"
        f" WHERE {conditions} ORDER BY s.id",
        params,
    )
    return [_wait(row) for row in rows]


def _wait(row: Record) -> Record:
    is_failed = row["state"] == FAILED
    return {
        "kind": FAILED if is_failed else "wait",
        "key": FAILED if is_failed else wait_key(row["waiting_topic"] or "person"),
        "onboarding": row["onboarding"],
        "step": row["step"],
        "title": in_short(row["title"] or "no reason was recorded", row["onboarding"]),
        "state": "failed" if is_failed else "open",
        "since": row["finished_at"] if is_failed else row["waiting_since"],
        "waiting_for": row["waiting_for"],
        "looks_again_at": None if is_failed else row["due_at"],
    }


def find_item(fetch: Fetch, name: str, key: str, *, language: str = "en") -> Record | None:
    """One of them, whatever its state."""
    return next((item for item in read_items(fetch, name, is_all=True, language=language) if item["key"] == key), None)


def read_evidence(fetch: Fetch, name: str, key: str) -> list[Record]:
    """What was handed in for one item, without the contents, oldest first."""
    return fetch(
        "SELECT e.name, e.size, e.sha256, e.given_by, e.given_at FROM evidence e"
        " JOIN onboarding o ON o.id = e.onboarding_id WHERE o.name = :name AND e.item = :key ORDER BY e.id",
        {"name": name, "key": key},
    )
