"""Objects in AJO: deleted by the organisation's automation, or by a person whose word is recorded.

Adobe lets an active channel configuration only be deactivated, and a deactivated one not be deleted (Adobe's page
"Set up channel configurations"): by hand it stays in AJO, and its name stays taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import kinds, removal
from engine.contract import Done, Suspend
from engine.desired import subject_of
from engine.removal import Fate, Removal
from models.states import Provenance, ResourceState
from providers.errors import NotFound
from tasks.steps.removal import target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.context import StepContext
    from engine.contract import Outcome
    from engine.removal import Choice, Record

COLLECTIONS = {
    kinds.INBOUND_WEBHOOK: "webhooks",
    kinds.FEEDBACK_WEBHOOK: "webhooks",
    kinds.CREDENTIAL: "credentials",
    kinds.CHANNEL_CONFIGURATION: "channel-configurations",
}
# What stays behind without what it leads to; AJO goes on trusting it.
DEAD = "what AJO sends with it fails, since the gateway's address ends"
LEFT_BEHIND: dict[str, dict[str, str]] = {
    "rcs": {kinds.CREDENTIAL: DEAD, kinds.CHANNEL_CONFIGURATION: DEAD},
    "sms": {},
    "mms": {},
}
SETTINGS = "Journey Optimizer > Administration > Channels > SMS settings"
TITLE_URL = "Take onboard's address out of the API credential %(name)s"
REFUSED = "If Journey Optimizer refuses, reject this task with what it says; `%(keep)s` then leaves it where it is."


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a person is asked; texts are ids of :mod:`engine.texts`."""

    title: str
    place: str
    instructions: tuple[str, ...]


WEBHOOK = ("Delete the webhook.", REFUSED)
BY_HAND = {
    kinds.INBOUND_WEBHOOK: ByHand("Delete the inbound webhook %(name)s", f"{SETTINGS} > SMS Webhooks", WEBHOOK),
    kinds.FEEDBACK_WEBHOOK: ByHand("Delete the feedback webhook %(name)s", f"{SETTINGS} > SMS Webhooks", WEBHOOK),
    kinds.CREDENTIAL: ByHand(
        "Delete the API credential %(name)s",
        f"{SETTINGS} > API Credentials",
        ("Delete the API credentials.", REFUSED),
    ),
    kinds.CHANNEL_CONFIGURATION: ByHand(
        "Deactivate the channel configuration %(name)s",
        "Journey Optimizer > Administration > Channels > General settings > Channel configurations",
        (
            "End the journeys and campaigns that use it, then choose Deactivate. A draft can be deleted instead.",
            "Journey Optimizer does not let a deactivated configuration be deleted: its name stays taken.",
            REFUSED,
        ),
    ),
}


def _find(ctx: StepContext, row: Record) -> list[str]:
    """By its id; by its name only where no id was recorded."""
    automation, collection = ctx.vendors.ajo.automation, COLLECTIONS[row.kind]
    if row.external_id is None or row.provenance is Provenance.DECLARED:
        found = automation.find(collection, row.name)
        return [found["id"]] if found else []
    try:
        return [str(automation.fetch(collection, row.external_id)["id"])]
    except NotFound:
        return []


def _deleting(kind: str) -> target.Target:
    return target.Target(_find, lambda ctx, object_id: ctx.vendors.ajo.automation.delete(COLLECTIONS[kind], object_id))


def plan(ctx: StepContext, step: str, kinds_: Sequence[str], choice: Choice) -> list[Removal]:
    return [_plan(ctx, step, row, choice) for row in removal.resources_of(ctx, kinds_)]


def _plan(ctx: StepContext, step: str, row: Record, choice: Choice) -> Removal:
    fate, why = removal.decide(ctx, row, choice)
    if fate is Fate.KEEP and row.kind == kinds.CREDENTIAL and row.provenance is Provenance.ADOPTED:
        fate, unseen = target.seen(lambda: _may_lead_here(ctx, row), Fate.BY_HAND, "")
        if fate is Fate.BY_HAND:
            why = unseen or f"it stays ({why}); its provider URL has to lead elsewhere"
            return Removal(step, row.kind, removal.shown(row), fate, why, BY_HAND[row.kind].place)
        return Removal(step, row.kind, removal.shown(row), Fate.KEEP, why)
    if fate is Fate.KEEP and row.kind in LEFT_BEHIND[ctx.spec.channel]:
        why = f"{why}; {LEFT_BEHIND[ctx.spec.channel][row.kind]}"
        return Removal(step, row.kind, removal.shown(row), fate, why)
    if ctx.spec.ajo.driver == "automation":
        return target.plan(ctx, step, row, choice, _deleting(row.kind))
    if fate is not Fate.REMOVE:
        return Removal(step, row.kind, removal.shown(row), fate, why)
    if row.kind == kinds.CHANNEL_CONFIGURATION:
        fate, why = target.seen(lambda: _end(ctx, row) is None, Fate.BY_HAND, target.how_it_went(row))
        why = why or "deactivate it; AJO lets nobody delete it, so its name stays taken"
        return Removal(step, row.kind, removal.shown(row), fate, why, BY_HAND[row.kind].place)
    return Removal(step, row.kind, removal.shown(row), Fate.BY_HAND, "delete it", BY_HAND[row.kind].place)


def undo(ctx: StepContext, kinds_: Sequence[str]) -> Outcome:
    """:raises Suspend: while a person has to do it, or something uses it."""
    choice = removal.choice_of(ctx)
    for row in removal.resources_of(ctx, kinds_):
        fate = removal.decide(ctx, row, choice)[0]
        if fate is Fate.KEEP and _may_lead_here(ctx, row):
            _ask_for_another_url(ctx, row)
        if fate is not Fate.REMOVE:
            continue
        if ctx.spec.ajo.driver == "automation":
            target.remove(ctx, row, _deleting(row.kind))
        elif row.state is ResourceState.INTENDED and row.external_id is None:
            removal.record_gone(ctx, row, target.how_it_went(row))
        else:
            _by_hand(ctx, row)
    return Done(target.told(ctx, kinds_))


def _by_hand(ctx: StepContext, row: Record) -> None:
    is_visible = row.kind == kinds.CHANNEL_CONFIGURATION
    end = _end(ctx, row) if is_visible else None
    if end is not None:
        removal.record_gone(ctx, row, end)
        return
    word, wanted = subject_of(row.kind), BY_HAND[row.kind]
    removal.about_to_remove(ctx, row)
    answer = ctx.ask_person(
        f"remove-{word}",
        title=wanted.title,
        params={"name": row.name, "keep": f"onboard teardown {ctx.name} --keep {word}"},
        place=wanted.place,
        instructions=wanted.instructions,
        fields=[{"label": "Name", "value": row.name}],
        bring_back=(),
    )
    if is_visible:
        raise Suspend(
            ctx.person_wait(
                f"Adobe still shows the channel configuration {row.name} as usable, though {answer.by} says it is deactivated: "
                "look again in Journey Optimizer",
                topic="still-active",
                look_again=ctx.scaled(minutes=15),
            )
        )
    removal.record_gone(ctx, row, f"removed by hand, says {answer.by}")


def _may_lead_here(ctx: StepContext, row: Record) -> bool:
    """Whether a credential that was there before sends to our gateway; by hand nobody can look, so it may."""
    if ctx.spec.channel != "rcs" or row.kind != kinds.CREDENTIAL or row.provenance is not Provenance.ADOPTED:
        return False
    if ctx.spec.ajo.driver != "automation":
        # Whoever says done is believed.
        return "led elsewhere" not in row.details
    found = ctx.vendors.ajo.automation.find(COLLECTIONS[row.kind], row.name)
    return found is not None and ctx.endpoint_token in (found.get("provider_url") or "")


def _ask_for_another_url(ctx: StepContext, row: Record) -> None:
    """:raises Suspend: until it leads elsewhere."""
    before = row.details.get("before", {}).get("provider_url")
    field = {"value": before} if before else {"note": "another address than onboard's"}
    answer = ctx.ask_person(
        "restore-credential",
        title=TITLE_URL,
        params={"name": row.name},
        place=BY_HAND[row.kind].place,
        fields=[{"label": "Provider URL", **field}],
        bring_back=(),
    )
    if ctx.spec.ajo.driver == "automation":
        reason = f"the API credential {row.name} still sends to onboard, though {answer.by} says it was changed"
        raise Suspend(ctx.person_wait(reason, topic="credential-url", look_again=ctx.scaled(minutes=15)))
    removal.remember(ctx, row.kind, "led elsewhere", answer.by)


def _end(ctx: StepContext, row: Record) -> str | None:
    """What became of the channel configuration, by Adobe's public API; None while it can be used."""
    surface = ctx.vendors.ajo.surfaces.find_surface(row.name)
    if surface is None:
        return target.how_it_went(row)
    return "deactivated; its name stays taken in AJO" if surface.status.lower() == "deactivated" else None
