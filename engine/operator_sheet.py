"""An operator task worded for a reader: its row holds message ids, parameters and values, this makes sentences of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.texts import BRING_BACK, fill, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.reading import Fetch, Record

# Nothing of a held or ended onboarding waits for anybody.
HELD = "o.status NOT IN ('paused', 'cancelled', 'removed')"


def worded(task: Record, language: str = "en") -> Record:
    """The task in ``language``. Each field keeps one of ``value`` (to be copied as it is), ``secret`` or ``note``.

    A ``choice`` (a word of the form's own list) becomes a value in the language of the form.
    """
    say, params = words(language), task["params"]
    return task | {
        "title": fill(say(task["title"]), params),
        "place": say(task["place"]),
        "instructions": [fill(say(text), params) for text in task["instructions"]],
        "fields": [_field(field, language) for field in task["fields"]],
    }


def _field(field: Mapping[str, str], language: str) -> dict[str, Any]:
    say = words(language)
    label = fill(say(field["label"]), {"name": field["name"]} if "name" in field else {})
    if "secret" in field:
        return {"label": label, "secret": field["secret"]}
    if "note" in field:
        return {"label": label, "note": say(field["note"])}
    return {"label": label, "value": say(field["choice"]) if "choice" in field else field["value"]}


def to_bring_back(names: Sequence[str], language: str) -> list[tuple[str, str]]:
    """Each value to bring back with what it is."""
    return [(name, words(language)(BRING_BACK[name]) if name in BRING_BACK else "") for name in names]


def done_command(task: Record) -> str:
    """What to type when it is done."""
    values = "".join(f" --value {name}=…" for name in task["bring_back"])
    return f"onboard task done {task['onboarding']} {task['key']}{values}"


# Without those of a step that is done or was skipped meanwhile: its word stands above them.
OPEN = (
    "t.state <> 'done' AND NOT EXISTS (SELECT 1 FROM step s WHERE s.onboarding_id = t.onboarding_id AND s.name = t.step"
    " AND s.state IN ('succeeded', 'skipped'))"
)


def open_tasks(fetch: Fetch, name: str | None = None, *, language: str = "en") -> list[Record]:
    """Operator tasks that are not done, of one onboarding or of all that are not paused or ended, oldest first."""
    where, params = HELD, {}
    if name is not None:
        where, params = "o.name = :name", {"name": name}
    return read_tasks(fetch, f"{OPEN} AND {where}", params, language=language)


def read_tasks(fetch: Fetch, where: str, params: Mapping[str, Any], *, language: str) -> list[Record]:
    """Operator tasks that match ``where`` (our own SQL over task t and onboarding o), oldest first, worded."""
    rows = fetch(
        "SELECT o.name AS onboarding, t.step, t.key, t.title, t.params, t.place, t.instructions, t.fields, t.bring_back,"  # noqa: S608  our words
        ' t.state, t."values", t.assignee, t.rejection, t.rejected_by, t.rejected_at, t.opened_at, t.done_at, t.done_by'
        f" FROM operator_task t JOIN onboarding o ON o.id = t.onboarding_id WHERE {where} ORDER BY t.opened_at, t.id",
        params,
    )
    return [worded(row, language) for row in rows]
