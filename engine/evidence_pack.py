"""Collects all that proves an onboarding into the files of an evidence pack. The same state makes the same bytes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from engine.evidence_archive import EVENTS, GENESIS, chain, seal, to_json
from engine.evidence_redaction import Redactor
from engine.operator_sheet import read_tasks
from engine.queries import read_events

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from engine.reading import Fetch, Record

ROW_NUMBERS = frozenset({"id", "onboarding_id", "step_id", "verification_id"})
INDEX = "index.html"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")


def make_pack(fetch: Fetch, name: str, *, key: Ed25519PrivateKey | None = None) -> tuple[bytes, dict[str, Any]] | None:
    """The pack's bytes and what its manifest says of it; None when there is no onboarding of this name."""
    found = fetch("SELECT * FROM onboarding WHERE name = :name", {"name": name})
    if not found:
        return None
    onboarding = found[0]
    raw = _read_all(fetch, onboarding)
    redactor = _redactor(onboarding, raw)
    raw["webhook_events"] = [row | {"payload": redactor.callback(row["payload"])} for row in raw["webhook_events"]]
    events = chain(redactor.logged([_plain(event) for event in read_events(fetch, onboarding["id"])]))
    exhibits, contents = _exhibits(fetch, onboarding["id"])
    parts = {part: redactor.clean([_plain(row) for row in rows]) for part, rows in raw.items()}
    parts["evidence"] = redactor.clean(exhibits)
    for row in parts["checklist"] + parts["tasks"]:
        row["evidence"] = [exhibit["path"] for exhibit in parts["evidence"] if exhibit["item"] == row["key"]]
    parts["messages"] = _with_timeline(parts["messages"], parts["webhook_events"])
    shown = ("name", "channel", "brand", "organization_id", "sandbox", "status", "mark", "reason")
    times = ("created_at", "updated_at", "activated_at")
    summary = redactor.clean({field: onboarding[field] for field in (*shown, *times)})
    parts["approvals"] = _approvals(parts, events)
    about = {
        "onboarding": name,
        "mark": onboarding["mark"],
        "state_at": events[-1]["at"] if events else summary["updated_at"],
        "chain": {"events": len(events), "head": events[-1]["hash"] if events else GENESIS},
    }
    files = {
        "onboarding.json": to_json(summary),
        "spec.json": to_json(redactor.clean(onboarding["spec"])),
        **{f"{part}.json": to_json(rows) for part, rows in sorted(parts.items())},
        EVENTS: "".join(json.dumps(event, sort_keys=True, ensure_ascii=False) + "\n" for event in events).encode(),
        **contents,
    }
    page = _page(summary, parts, events, about, list(files)).encode()
    return seal({INDEX: page, **files}, about, key), about


def _read_all(fetch: Fetch, onboarding: Record) -> dict[str, list[Record]]:
    """The rows of each part, in the order in which they came to be."""
    params = {"id": onboarding["id"]}
    tables = {
        "steps": ("step", "position"),
        "checklist": ("checklist_item", "id"),
        "resources": ("resource", "id"),
        "verifications": ("verification", "id"),
        "messages": ("message", "id"),
        "bridge_messages": ("bridge_message", "id"),
        "webhook_events": ("webhook_event", "id"),
    }
    raw = {
        part: fetch(f"SELECT * FROM {table} WHERE onboarding_id = :id ORDER BY {order}", params)  # noqa: S608  our words
        for part, (table, order) in tables.items()
    }
    raw["attempts"] = fetch(
        "SELECT s.name AS step, a.* FROM attempt a JOIN step s ON s.id = a.step_id WHERE s.onboarding_id = :id ORDER BY a.id",
        params,
    )
    raw["steps"] = [_with_all_tries(step, raw["attempts"]) for step in raw["steps"]]
    raw["tasks"] = read_tasks(fetch, "o.id = :id", params, language="en")
    return raw


def _with_all_tries(step: Record, attempts: Sequence[Record]) -> Record:
    """The step's own row knows the start of its last try only; a proof has the first, too."""
    of_step = [attempt["started_at"] for attempt in attempts if attempt["step"] == step["name"]]
    rest = {name: value for name, value in step.items() if name not in {"started_at", "attempt"}}
    first = min(of_step, default=None)
    return rest | {"first_started_at": first, "last_started_at": step["started_at"], "tries": step["attempt"]}


def _redactor(onboarding: Record, raw: Mapping[str, Sequence[Record]]) -> Redactor:
    spec = onboarding["spec"]
    brought = [task["values"].get("url") for task in raw["tasks"]]
    made = [resource["details"].get("url") for resource in raw["resources"]]
    return Redactor(
        own_numbers=spec["twilio"]["numbers"],
        endpoint_token=onboarding["endpoint_token"],
        urls={url for url in (*brought, *made) if url},
    )


def _plain(row: Record) -> Record:
    """Without row numbers and fingerprints of what is not shown."""
    return {name: value for name, value in row.items() if name not in ROW_NUMBERS | {"dedupe_key"}}


def _exhibits(fetch: Fetch, onboarding_id: int) -> tuple[list[Record], dict[str, bytes]]:
    """What people handed in: the list, and the files by their paths in the pack."""
    rows = fetch("SELECT * FROM evidence WHERE onboarding_id = :id ORDER BY id", {"id": onboarding_id})
    listed, contents = [], {}
    for number, row in enumerate(rows, start=1):
        path = f"evidence/{number:03d}-{re.sub(r'[^A-Za-z0-9._-]', '_', row['name'])}"
        contents[path] = bytes(row.pop("content"))
        listed.append({"path": path, **_plain(row)})
    return listed, contents


def _with_timeline(messages: list[Record], callbacks: Sequence[Record]) -> list[Record]:
    """Each message with what Twilio told of it, and when."""
    for message in messages:
        message["timeline"] = [
            {
                "at": event["received_at"],
                "status": event["payload"].get("MessageStatus"),
                "error": event["payload"].get("ErrorCode"),
            }
            for event in callbacks
            if event["kind"] == "status" and event["message_sid"] == message["sid"]
        ]
    return messages


def _approvals(parts: Mapping[str, list[Record]], events: Sequence[Record]) -> list[Record]:
    """Everything that is so because somebody said so: who, what, when, how."""
    said = [_word_on(item) for item in parts["checklist"] if _is_somebodys_word(item)]
    for task in parts["tasks"]:
        if task["done_by"]:
            said.append(_said(task["title"], task["done_by"], task["done_at"], "operator task", task["step"]))
        elif task["rejected_by"]:
            how = f"rejected: {task['rejection']}"
            said.append(_said(task["title"], task["rejected_by"], task["rejected_at"], how, task["step"]))
    said += [
        _said(event["details"]["what"], event["details"]["by"], event["at"], "says it is done", event["step"])
        for event in events
        if event["kind"] == "wait:answered"
    ]
    said += [
        _said(
            f"{step['name']} is {step['state']}", step["settled_by"], step["finished_at"], step["reason"], step["name"]
        )
        for step in parts["steps"]
        if step["settled_by"]
    ]
    said += [
        _said(f"{row['kind']} {row['name']}", row["declared_by"], row["present_at"], "declared", row["step"])
        for row in parts["resources"]
        if row["declared_by"]
    ]
    return sorted(said, key=lambda each: str(each["at"]))


def _said(what: str, who: str, at: str, how: str, needed_for: str) -> Record:
    return {"what": what, "who": who, "at": at, "how": how, "needed_for": needed_for}


def _is_somebodys_word(item: Record) -> bool:
    """Not what the program saw itself, nor that the spec has the fields that it looks for."""
    if item["confirmed_by"]:
        return True
    return item["state"] != "open" and "program" not in {item["settled_by"], item["checked_by"]}


def _word_on(item: Record) -> Record:
    """What was said of an item of the checklist, also that it is not met."""
    by = item["settled_by"] or item["checked_by"]
    who = item["confirmed_by"] or ("the spec" if by == "spec" else f"a {by}")
    how = "; ".join(filter(None, ["not met" if item["state"] == "unmet" else "", item["detail"]]))
    return _said(item["title"], who, item["updated_at"], how, item["stage"])


def _cell(value: Any) -> Any:
    """Times to the second: the files have the rest."""
    if isinstance(value, str) and TIME.fullmatch(value):
        return f"{value[:10]} {value[11:19]}"
    return value


def _page(
    summary: Record, parts: Mapping[str, Any], events: Sequence[Record], about: Record, paths: Sequence[str]
) -> str:
    environment = Environment(
        loader=PackageLoader("engine", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["pick"] = lambda row, names: [_cell(row[name]) for name in names]
    environment.filters["when"] = _cell
    template = environment.get_template("evidence.html")
    return template.render(one=summary, parts=parts, events=events, about=about, paths=paths)
