"""The bridge's Twilio key. It goes first of all: whatever else takes weeks, nobody sends with it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import kinds, removal
from engine.contract import Done
from engine.removal import Fate
from tasks.steps.removal import target

if TYPE_CHECKING:
    from engine.context import StepContext
    from engine.contract import Outcome
    from engine.removal import Choice, Record, Removal


def _find(ctx: StepContext, row: Record) -> list[str]:
    twilio = ctx.vendors.twilio
    return target.ours(ctx, row, twilio.fetch_key, twilio.list_keys())


# One that is being replaced has a successor, or a predecessor that is not revoked yet.
KINDS = (kinds.API_KEY, kinds.NEXT_API_KEY, kinds.FORMER_API_KEY)
KEY = target.Target(_find, lambda ctx, sid: ctx.vendors.twilio.delete_key(sid))


def plan(ctx: StepContext, step: str, choice: Choice) -> list[Removal]:
    return [target.plan(ctx, step, row, choice, KEY) for row in removal.resources_of(ctx, KINDS)]


def undo(ctx: StepContext) -> Outcome:
    for row in removal.resources_of(ctx, KINDS):
        if removal.decide(ctx, row, removal.choice_of(ctx))[0] is Fate.REMOVE:
            target.remove(ctx, row, KEY)
    return Done(target.told(ctx, KINDS))
