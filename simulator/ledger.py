"""What has happened, as one JSON document: the simulator's own count against which the product is checked."""

from collections import Counter
from collections.abc import Iterable

from simulator.state import AjoMessage, Json, Message
from simulator.world import World


def message_entry(message: Message) -> Json:
    return {
        "sid": message.sid,
        "account_sid": message.account_sid,
        "direction": message.direction,
        "to": message.to,
        "from": message.from_,
        "body": message.body,
        "messaging_service_sid": message.service_sid,
        "media": message.media,
        "status": message.status,
        "error_code": message.error_code,
        "history": message.history,
    }


def ajo_message_entry(message: AjoMessage) -> Json:
    return {
        "reference": message.reference,
        "sandbox": message.sandbox,
        "campaign_id": message.campaign_id,
        "job_id": message.job_id,
        "to": message.to,
        "text": message.text,
        "request": message.request,
        "http_status": message.http_status,
        "message_id": message.message_id,
        "error": message.error,
        "feedback": message.feedback,
    }


def _repeated(kind: str, keys: Iterable[tuple[str, ...]], names: tuple[str, ...]) -> list[Json]:
    counts = Counter(keys)
    return [
        {"kind": kind, **dict(zip(names, key, strict=True)), "count": count}
        for key, count in counts.items()
        if count > 1
    ]


def duplicates(world: World) -> list[Json]:
    """Live objects of one kind that share a name in one place, and outbound messages sent twice."""
    found: list[Json] = []
    live = [entry for entry in world.created.values() if entry["removed_at"] is None and entry["kind"] != "message"]
    for kind in sorted({entry["kind"] for entry in live}):
        keys = [(entry["account_or_sandbox"], entry["name"]) for entry in live if entry["kind"] == kind]
        found += _repeated(kind, keys, ("account_or_sandbox", "name"))
    sent = [m for m in world.messages.values() if m.direction != "inbound"]
    said = [(m.account_sid, m.to.removeprefix("rcs:"), m.body) for m in sent]
    return found + _repeated("message", said, ("account_or_sandbox", "to", "body"))


def ledger(world: World) -> Json:
    """The whole ledger."""
    entries = list(world.created.values())
    kinds = sorted({entry["kind"] for entry in entries})
    return {
        "counts": {
            kind: {
                "live": sum(1 for e in entries if e["kind"] == kind and e["removed_at"] is None),
                "created": sum(1 for e in entries if e["kind"] == kind),
            }
            for kind in kinds
        },
        "objects": entries,
        "calls": dict(sorted(world.calls.items())),
        "messages": [message_entry(message) for message in world.messages.values()],
        "ajo_messages": [ajo_message_entry(message) for message in world.ajo_messages.values()],
        "events": world.events,
        "consents": world.consents,
        "callbacks": world.callbacks,
        "duplicates": duplicates(world),
    }
