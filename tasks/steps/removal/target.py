"""One object that a program can delete: look, say so, delete, record. Repeated from the top after a crash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import removal
from engine.contract import Suspend
from engine.desired import subject_of
from engine.removal import NOT_LOOKED_AT, Fate, Removal
from models.states import ResourceState
from providers.errors import NotFound, OnboardingError, Retryable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from engine.context import StepContext
    from engine.contract import Wait
    from engine.removal import Choice, Record
    from providers.twilio.types import ApiKey, Service

CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Target:
    """How one kind of object is found and deleted.

    :param find: the vendor's ids of what is there: none when it is gone, several when a crash left more than one.
    """

    find: Callable[[StepContext, Record], list[str]]
    delete: Callable[[StepContext, str], None]


def by_id(fetch: Callable[[str], object], object_id: str | None) -> list[str]:
    """The id, if it is there. A list may skip what is there, when something else is deleted while its pages are read."""
    if object_id is None:
        return []
    try:
        fetch(object_id)
    except NotFound:
        return []
    return [object_id]


def ours(ctx: StepContext, row: Record, fetch: Callable[[str], object], there: Iterable[Service | ApiKey]) -> list[str]:
    """By its id, and by our mark: a crash may have kept an id from being recorded."""
    marked = [one.sid for one in there if one.friendly_name.endswith(f"[{ctx.mark}]")]
    return list(dict.fromkeys([*by_id(fetch, row.external_id), *marked]))


def remove(ctx: StepContext, row: Record, target: Target) -> None:
    """:raises Suspend: its vendor says that something still uses it."""
    ids = target.find(ctx, row)
    if not ids:
        removal.record_gone(ctx, row, how_it_went(row))
        return
    removal.about_to_remove(ctx, row)
    for object_id in ids:
        try:
            target.delete(ctx, object_id)
        except NotFound:
            continue
        except Retryable as error:
            if error.context is None or error.context.status != CONFLICT:
                raise
            raise Suspend(_in_use(ctx, row, error.message)) from None
    removal.record_gone(ctx, row, "removed")


def how_it_went(row: Record) -> str:
    """What is to be said of an object that is not there."""
    words = {ResourceState.REMOVING: "removed", ResourceState.INTENDED: "never made"}
    return words.get(row.state, "gone already")


def _in_use(ctx: StepContext, row: Record, what: str) -> Wait:
    keep = f"`onboard teardown {ctx.name} --keep {subject_of(row.kind)}`"
    reason = f"{removal.shown(row)} cannot be deleted yet: {what}. End what uses it (looked at again by itself), or leave it: {keep}"
    return ctx.person_wait(reason, topic="in-use", look_again=ctx.scaled(minutes=15))


def plan(ctx: StepContext, step: str, row: Record, choice: Choice, target: Target) -> Removal:
    """What :func:`remove` would do."""
    fate, why = removal.decide(ctx, row, choice)
    if fate is Fate.REMOVE:
        fate, why = seen(lambda: bool(target.find(ctx, row)), fate, how_it_went(row))
    return Removal(step, row.kind, removal.shown(row), fate, why)


def seen(is_there: Callable[[], bool], fate: Fate, gone: str) -> tuple[Fate, str]:
    """``fate`` if it is there; a vendor who cannot be asked now does not keep the rest of a plan from being shown."""
    try:
        return (fate, "") if is_there() else (Fate.GONE, gone)
    except OnboardingError as error:
        return fate, NOT_LOOKED_AT + error.message
    except Suspend as missing:
        return fate, f"{NOT_LOOKED_AT}{missing}"


def told(ctx: StepContext, kinds: Sequence[str]) -> str:
    """What became of the step's objects, for its reason."""
    choice = removal.choice_of(ctx)
    parts = []
    for row in removal.resources_of(ctx, kinds):
        fate, why = removal.decide(ctx, row, choice)
        parts.append(f"{removal.shown(row)}: " + (why if fate is Fate.GONE else f"kept, {why}"))
    return "; ".join(parts) or "nothing to take away"
