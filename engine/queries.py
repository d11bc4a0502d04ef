"""Everything that people read, each in one snapshot: the list, one onboarding in full, events, operator tasks.

Records are plain values; :func:`to_json` makes them printable. No secret is read here, nor the unguessable part of
an onboarding's gateway addresses.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from engine.checklist_view import read_checklist
from engine.kinds import MESSAGING_SERVICE
from engine.operator_sheet import open_tasks
from engine.selection import EVERYTHING, VALUES, Selection, conditions, placeholders
from models.states import DONE, OnboardingState, StepState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.reading import Fetch, Record

S = StepState
# SQLite takes 32,766 parameters at most.
ID_BATCH = 5_000
EVENTS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Step:
    """One step as people see it."""

    name: str
    position: int
    state: StepState
    reason: str | None
    attempts: int
    failures: int
    started_at: datetime | None
    finished_at: datetime | None
    looks_again_at: datetime | None
    not_before: datetime | None
    waiting_since: datetime | None
    waiting_until: datetime | None
    waiting_for: str | None
    waiting_topic: str | None
    due_at: datetime | None
    settled_by: str | None
    # Which vendor's limit holds it back; the reason says how.
    held_by: str | None = None
    held_since: datetime | None = None
    is_removal: bool = False

    @property
    def is_waiting(self) -> bool:
        """Also while a worker looks whether the wait is over."""
        return self.state in {S.WAITING_VENDOR, S.WAITING_PERSON} or (
            self.waiting_since is not None and self.state in {S.READY, S.RUNNING}
        )

    @property
    def needs_person(self) -> bool:
        if self.state is S.WAITING_PERSON:
            return True
        return self.is_waiting and (self.waiting_for or "").startswith("a person")

    @property
    def seen_state(self) -> StepState:
        """The state without the flicker of the looks in between."""
        if not self.is_waiting:
            return self.state
        return S.WAITING_PERSON if self.needs_person else S.WAITING_VENDOR


@dataclass(frozen=True, slots=True)
class Summary:
    """One onboarding in a list; ``since`` is when its present situation began."""

    id: int
    name: str
    channel: str
    brand: str
    organization_id: str
    sandbox: str
    status: OnboardingState
    reason: str | None
    created_at: datetime
    updated_at: datetime
    activated_at: datetime | None
    next_verification_at: datetime | None
    steps: tuple[Step, ...]

    @property
    def step(self) -> Step | None:
        """The first step that is not done, of a removal the last one; None when all are."""
        steps = reversed(self.steps) if self.is_removal else self.steps
        return next((step for step in steps if step.state not in DONE), None)

    @property
    def is_removal(self) -> bool:
        """Whether its steps take away what they made."""
        return any(step.is_removal for step in self.steps)

    @property
    def progress(self) -> str:
        """``3/5 credential``: the step that is on, counted in the order of work, and said so where that is backwards."""
        step, count = self.step, len(self.steps)
        if step is None:
            return f"{count}/{count}"
        return (
            f"{count - step.position}/{count} undo {step.name}"
            if self.is_removal
            else f"{step.position + 1}/{count} {step.name}"
        )

    @property
    def since(self) -> datetime:
        step = self.step
        if self.status in {OnboardingState.PAUSED, OnboardingState.CANCELLED, OnboardingState.REMOVED}:
            return self.updated_at
        if step is None:
            return self.activated_at or self.updated_at
        return step.waiting_since or step.finished_at or step.started_at or self.updated_at

    @property
    def needs_person(self) -> bool:
        step = self.step
        return self.status is OnboardingState.PAUSED or (step is not None and step.needs_person)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the list, in the order of names. ``after`` continues it; None at the end."""

    onboardings: list[Summary]
    after: str | None
    matching: int
    counts: dict[str, int]


_SUMMARY = (
    "SELECT o.id, o.name, o.channel, o.brand, o.organization_id, o.sandbox, o.status, o.reason,"
    " o.created_at, o.updated_at, o.activated_at, o.next_verification_at FROM onboarding o"
)
_STEPS = (
    "SELECT s.onboarding_id, s.name, s.position, s.state, COALESCE(s.held_reason, s.reason) AS reason, s.attempt AS attempts, s.failures, s.started_at,"
    " s.finished_at, CASE WHEN s.waiting_since IS NOT NULL THEN s.due_at END AS looks_again_at, s.not_before, s.waiting_since, s.waiting_until, s.waiting_for,"
    " s.waiting_topic, s.due_at, s.settled_by, s.held_by, s.held_since, s.is_removal"
    " FROM step s"
)


def list_onboardings(
    fetch: Fetch, selection: Selection = EVERYTHING, *, at: datetime, after: str | None = None, limit: int = 0
) -> Page:
    """The onboardings that are meant, from the first name behind ``after``.

    :param at: what should have come before this moment is overdue.
    :param limit: at most so many; 0 for all.
    """
    wheres, params = conditions(selection, at=at)
    matching = fetch(f"SELECT count(*) AS n FROM onboarding o {_where(wheres)}", params)[0]["n"]  # noqa: S608  our words
    if after is not None:
        wheres.append("o.name > :after")
        params["after"] = after
    # One more than asked for tells whether there is a next page.
    tail = f" LIMIT {limit + 1:d}" if limit else ""
    rows = fetch(f"{_SUMMARY} {_where(wheres)} ORDER BY o.name{tail}", params)
    has_more = bool(limit) and len(rows) > limit
    found = _with_steps(fetch, rows[:limit] if has_more else rows)
    return Page(found, found[-1].name if has_more else None, matching, count_by_status(fetch))


def select_names(fetch: Fetch, selection: Selection, *, at: datetime) -> list[tuple[str, OnboardingState]]:
    """Names and statuses of the onboardings that are meant, by name."""
    wheres, params = conditions(selection, at=at)
    rows = fetch(f"SELECT o.name, o.status FROM onboarding o {_where(wheres)} ORDER BY o.name", params)  # noqa: S608  our words
    return [(row["name"], OnboardingState(row["status"])) for row in rows]


def specs_around(fetch: Fetch, organizations: Sequence[str], accounts: Sequence[str] = ()) -> list[Record]:
    """Of the onboardings of these organisations and accounts that are not removed: name, organisation, sandbox, spec, and
    the SID of the messaging service as ``service``, where it is known."""
    params: dict[str, Any] = {"service": MESSAGING_SERVICE}
    ours = [f"o.organization_id IN ({placeholders('organization', organizations, params)})"]
    if accounts:
        ours.append(f"o.twilio_account IN ({placeholders('account', accounts, params)})")
    return fetch(
        "SELECT o.name, o.organization_id AS organization, o.sandbox, o.spec, r.external_id AS service FROM onboarding o "  # noqa: S608  our words
        "LEFT JOIN resource r ON r.onboarding_id = o.id AND r.kind = :service AND r.state <> 'gone' "
        f"WHERE o.status <> 'removed' AND ({' OR '.join(ours)}) ORDER BY o.name",
        params,
    )


def values_that_exist(fetch: Fetch, field: str, *, at: datetime) -> list[str]:
    """The values of a field of :data:`engine.selection.FIELDS` by which at least one onboarding is found."""
    if field in VALUES:
        return [value for value in VALUES[field] if select_names(fetch, EVERYTHING.narrowed([(field, value)]), at=at)]
    # A name of our own table: narrowing has refused all others.
    return [row["value"] for row in fetch(f"SELECT DISTINCT {field} AS value FROM onboarding ORDER BY 1", {})]  # noqa: S608


def count_by_status(fetch: Fetch) -> dict[str, int]:
    """How many onboardings there are in each status that occurs, in the order of a status's life."""
    rows = fetch("SELECT status, count(*) AS n FROM onboarding GROUP BY status", {})
    found = {row["status"]: row["n"] for row in rows}
    return {state.value: found[state] for state in OnboardingState if state in found}


def find_onboardings(fetch: Fetch, names: Sequence[str]) -> list[Summary]:
    """Those of ``names`` that exist, in the order given."""
    found: dict[str, Summary] = {}
    for start in range(0, len(names), ID_BATCH):
        params: dict[str, Any] = {}
        places = placeholders("name", names[start : start + ID_BATCH], params)
        rows = fetch(f"{_SUMMARY} WHERE o.name IN ({places})", params)
        found |= {summary.name: summary for summary in _with_steps(fetch, rows)}
    return [found[name] for name in names if name in found]


def names_under_way(fetch: Fetch) -> list[str]:
    """Names of those that may still move, or wait for a person, on their way to active or away."""
    rows = fetch("SELECT name FROM onboarding WHERE status IN ('running', 'waiting', 'tearing_down') ORDER BY name", {})
    return [row["name"] for row in rows]


def names_like(fetch: Fetch, prefix: str = "", *, limit: int = 100_000) -> list[str]:
    rows = fetch(
        f"SELECT name FROM onboarding WHERE substr(name, 1, :size) = :prefix ORDER BY name LIMIT {limit:d}",  # noqa: S608
        {"prefix": prefix, "size": len(prefix)},
    )
    return [row["name"] for row in rows]


def _with_steps(fetch: Fetch, rows: Sequence[Record]) -> list[Summary]:
    steps: dict[int, list[Step]] = defaultdict(list)
    for start in range(0, len(rows), ID_BATCH):
        params: dict[str, Any] = {}
        ids = [row["id"] for row in rows[start : start + ID_BATCH]]
        places = placeholders("id", ids, params)
        for row in fetch(f"{_STEPS} WHERE s.onboarding_id IN ({places}) ORDER BY s.position", params):
            steps[row.pop("onboarding_id")].append(Step(**row | {"state": StepState(row["state"])}))
    return [
        Summary(**row | {"status": OnboardingState(row["status"]), "steps": tuple(steps[row["id"]])}) for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Detail:
    """One onboarding in full. Each list is in the order in which its rows came to be."""

    summary: Summary
    mark: str
    spec: Record
    attempts: list[Record]
    resources: list[Record]
    checklist: list[Record]
    tasks: list[Record]
    verifications: list[Record]
    messages: list[Record]
    events: list[Record]


def read_onboarding(fetch: Fetch, name: str) -> Detail | None:
    """All that is known of one onboarding; None when there is none of this name."""
    summaries = find_onboardings(fetch, [name])
    if not summaries:
        return None
    params = {"id": summaries[0].id}
    more = fetch("SELECT mark, spec FROM onboarding WHERE id = :id", params)[0]
    return Detail(
        summary=summaries[0],
        mark=more["mark"],
        spec=more["spec"],
        attempts=fetch(
            "SELECT s.name AS step, a.number, a.worker, a.started_at, a.finished_at, a.outcome, a.message, a.request_id"
            " FROM attempt a JOIN step s ON s.id = a.step_id WHERE s.onboarding_id = :id ORDER BY a.id",
            params,
        ),
        resources=fetch(
            "SELECT step, vendor, kind, name, external_id, state, provenance, declared_by, details, intended_at,"
            " present_at, seen_at FROM resource WHERE onboarding_id = :id ORDER BY id",
            params,
        ),
        checklist=read_checklist(fetch, summaries[0].id),
        tasks=open_tasks(fetch, name),
        verifications=fetch(
            "SELECT id, trigger, sends_message, state, requested_at, started_at, finished_at, findings, hops"
            " FROM verification WHERE onboarding_id = :id ORDER BY id",
            params,
        ),
        messages=fetch(
            "SELECT verification_id, client_reference, sid, recipient, body, status, transport, error_code, created_at,"
            " updated_at FROM message WHERE onboarding_id = :id ORDER BY id",
            params,
        ),
        events=read_events(fetch, summaries[0].id, limit=EVENTS_SHOWN),
    )


def began_at(step: Step, attempts: Iterable[Record]) -> datetime | None:
    """When the step last began: its first try since it was done before; None when it is still to begin.

    The step's own ``started_at`` is the start of its last try, and a wait of weeks has many.
    """
    began, is_over = None, True
    for attempt in attempts:
        if attempt["step"] == step.name:
            began = attempt["started_at"] if is_over else began
            is_over = attempt["outcome"] in DONE
    return None if is_over and step.state not in DONE else began


def read_events(
    fetch: Fetch,
    onboarding_id: int,
    *,
    since: datetime | None = None,
    step: str | None = None,
    behind: int = 0,
    limit: int = 0,
) -> list[Record]:
    """Events in the order in which they happened: the newest ``limit`` of those that match (0 for all).

    :param behind: only those with a greater id, for following.
    """
    wheres = ["e.onboarding_id = :id", "e.id > :behind"]
    params: dict[str, Any] = {"id": onboarding_id, "behind": behind}
    if step is not None:
        wheres.append("e.step = :step")
        params["step"] = step
    tail = f" LIMIT {limit:d}" if limit and since is None else ""
    rows = fetch(
        f"SELECT e.id, e.at, e.kind, e.step, e.text, e.details FROM event e {_where(wheres)} ORDER BY e.id DESC{tail}",  # noqa: S608  our words
        params,
    )
    # Compared here: SQLite stores times as text.
    kept = [row for row in rows if since is None or row["at"] >= since]
    return (kept[:limit] if limit else kept)[::-1]


def stored_events(
    fetch: Fetch, *, name: str | None = None, states: Sequence[str] = (), ids: Sequence[int] = (), limit: int = 50
) -> list[Record]:
    """What Twilio told and how far it is on its way to AJO, newest first.

    :param states: of ``ForwardState``; none for all.
    :param limit: 0 for all.
    """
    wheres: list[str] = []
    params: dict[str, Any] = {}
    if name is not None:
        wheres.append("o.name = :name")
        params["name"] = name
    for column, prefix, values in (("w.forward_state", "state", states), ("w.id", "id", ids)):
        if values:
            params |= {f"{prefix}{number}": value for number, value in enumerate(values)}
            wheres.append(f"{column} IN ({', '.join(f':{prefix}{number}' for number in range(len(values)))})")
    tail = " LIMIT :limit" if limit else ""
    if limit:
        params["limit"] = limit
    return fetch(
        "SELECT w.id, o.name AS onboarding, w.kind, w.message_sid, w.payload, w.received_at, w.forward_state,"  # noqa: S608  our words
        " w.forward_tries, w.forward_due_at, w.forward_error, w.forwarded_at"
        f" FROM webhook_event w JOIN onboarding o ON o.id = w.onboarding_id {_where(wheres)} ORDER BY w.id DESC{tail}",
        params,
    )


@dataclass(frozen=True, slots=True)
class Forwards:
    """What has not reached AJO of one onboarding. ``due_at``: when the next of it is tried."""

    waiting: int
    oldest_at: datetime | None
    due_at: datetime | None
    parked: int


def read_forwards(fetch: Fetch, onboarding_id: int) -> Forwards:
    params = {"id": onboarding_id}
    on_its_way = fetch(
        "SELECT count(*) AS n, min(received_at) AS oldest_at, min(forward_due_at) AS due_at FROM webhook_event"
        " WHERE onboarding_id = :id AND forward_due_at IS NOT NULL AND forward_state IN ('arrived', 'pending')",
        params,
    )[0]
    parked = fetch(
        "SELECT count(*) AS n FROM webhook_event WHERE onboarding_id = :id AND forward_state = 'parked'", params
    )[0]["n"]
    return Forwards(on_its_way["n"], on_its_way["oldest_at"], on_its_way["due_at"], parked)


def last_verification(fetch: Fetch, onboarding_id: int) -> Record | None:
    """The newest run of the checks."""
    rows = fetch(
        "SELECT id, trigger, sends_message, state, requested_at, started_at, finished_at, findings"
        " FROM verification WHERE onboarding_id = :id ORDER BY id DESC LIMIT 1",
        {"id": onboarding_id},
    )
    return rows[0] if rows else None


def to_json(value: Any) -> Any:
    """Plain JSON data: times in ISO 8601 with their zone, states as words, dataclasses as objects."""
    if isinstance(value, Detail):
        rest = {each.name: getattr(value, each.name) for each in fields(value) if each.name != "summary"}
        return to_json(value.summary) | to_json(rest)
    if is_dataclass(value) and not isinstance(value, type):
        plain = {each.name: getattr(value, each.name) for each in fields(value)}
        if isinstance(value, Summary):
            step = value.step.name if value.step else None
            plain |= {"step": step, "since": value.since, "needs_person": value.needs_person}
        return to_json(plain)
    if isinstance(value, dict):
        # Row numbers mean nothing to others.
        row_numbers = {key for key in ("id", "verification_id") if isinstance(value.get(key), int)}
        return {key: to_json(item) for key, item in value.items() if key not in row_numbers}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _where(conditions: Iterable[str]) -> str:
    joined = " AND ".join(conditions)
    return f"WHERE {joined}" if joined else ""
