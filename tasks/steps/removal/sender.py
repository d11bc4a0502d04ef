"""The RCS sender. Twilio's public API deletes and changes WhatsApp senders only, so a person does it in the Console.

What is lost with a launched one: approvals that took weeks (Twilio: allow four to six, no guarantee) and, in the US, a
submission fee and a yearly one that carriers charge (Twilio's onboarding page; it tells no amounts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import kinds, removal
from engine.contract import Suspend
from engine.removal import Fate, Removal
from tasks.steps.removal import target

if TYPE_CHECKING:
    from engine.context import StepContext
    from engine.removal import Choice, Record
    from providers.twilio.types import RcsSender

KIND = kinds.RCS_SENDER
PLACE = "Twilio Console > Messaging > RCS > Senders"
TITLE = "Delete the RCS sender %(name)s"
INSTRUCTIONS = (
    "What the carriers have approved is lost with it, and a new sender begins a new review: `%(keep)s` keeps it.",
    "Open the sender and delete it. Where the Console does not let you, ask Twilio's support.",
)
TITLE_CALLBACKS = "Take onboard's addresses off the RCS sender %(name)s"
INSTRUCTIONS_CALLBACKS = ("Open the sender's Configuration tab and enter the values below.",)
CALLBACKS = {"callback_url": "Incoming messages URL", "status_callback_url": "Status callback URL"}
UNLAUNCHED = frozenset({"DRAFT", "STUBBED", "CREATING"})


def plan(ctx: StepContext, step: str, choice: Choice) -> list[Removal]:
    return [_plan(ctx, step, row, choice) for row in removal.resources_of(ctx, [KIND])]


def _plan(ctx: StepContext, step: str, row: Record, choice: Choice) -> Removal:
    fate, why = removal.decide(ctx, row, choice)
    if fate is not Fate.REMOVE:
        return Removal(step, KIND, removal.shown(row), fate, why)
    found: list[RcsSender] = []

    def is_there() -> bool:
        sender = ctx.vendors.twilio.find_sender(row.name)
        found.extend([sender] if sender else [])
        return sender is not None

    fate, why = target.seen(is_there, Fate.BY_HAND, target.how_it_went(row))
    if fate is Fate.BY_HAND and not why:
        why = _what_it_means(found[0])
    return Removal(step, KIND, removal.shown(row), fate, why, PLACE)


def _what_it_means(sender: RcsSender) -> str:
    if sender.status in UNLAUNCHED:
        return f"it is {sender.status}; Twilio's public API deletes no RCS sender"
    us = " and the carriers' fees in the US" if any(country.country == "US" for country in sender.countries) else ""
    return (
        f"it is {sender.status}: its review, which takes weeks,{us} would have to be gone through again; "
        "--keep rcs-sender keeps it. Twilio's public API deletes no RCS sender"
    )


def undo(ctx: StepContext) -> None:
    """:raises Suspend: until Twilio shows it no longer."""
    for row in removal.resources_of(ctx, [KIND]):
        if removal.decide(ctx, row, removal.choice_of(ctx))[0] is not Fate.REMOVE:
            continue
        if ctx.vendors.twilio.find_sender(row.name) is None:
            removal.record_gone(ctx, row, target.how_it_went(row))
            continue
        removal.about_to_remove(ctx, row)
        answer = ctx.ask_person(
            "remove-rcs-sender",
            title=TITLE,
            params={"name": row.name, "keep": f"onboard teardown {ctx.name} --keep rcs-sender"},
            place=PLACE,
            instructions=INSTRUCTIONS,
            fields=[{"label": "Name", "value": row.name}],
            bring_back=(),
        )
        reason = f"Twilio still shows the RCS sender {row.name}, though {answer.by} says it is deleted"
        raise Suspend(ctx.person_wait(reason, topic="sender-there", look_again=ctx.scaled(minutes=15)))


# -- callbacks ----------------------------------------------------------------------------------------------------
def plan_callbacks(ctx: StepContext, step: str, choice: Choice) -> list[Removal]:
    found = []
    for row in removal.resources_of(ctx, [KIND]):
        fate, why = removal.decide(ctx, row, choice)
        if fate is Fate.KEEP:
            fate, unseen = target.seen(lambda row=row: bool(_ours(ctx, row)), Fate.BY_HAND, "")  # type: ignore[misc]
            if fate is Fate.BY_HAND:
                why = unseen or f"the sender stays ({why}); Twilio's public API cannot change it"
                found.append(Removal(step, KIND, f"callbacks of {removal.shown(row)}", fate, why, PLACE))
    return found


def give_back_callbacks(ctx: StepContext) -> None:
    """:raises Suspend: while a sender that stays still reports to us."""
    for row in removal.resources_of(ctx, [KIND]):
        if removal.decide(ctx, row, removal.choice_of(ctx))[0] is not Fate.KEEP:
            continue
        ours = _ours(ctx, row)
        if not ours:
            continue
        before = row.details.get("before", {})
        fields = [
            {
                "label": CALLBACKS[field],
                **({"value": before[field]} if before.get(field) else {"note": "leave it empty"}),
            }
            for field in ours
        ]
        answer = ctx.ask_person(
            "restore-rcs-sender",
            title=TITLE_CALLBACKS,
            params={"name": row.name},
            place=PLACE,
            instructions=INSTRUCTIONS_CALLBACKS,
            fields=fields,
            bring_back=(),
        )
        reason = f"the RCS sender {row.name} still reports to onboard, though {answer.by} says it was changed"
        raise Suspend(ctx.person_wait(reason, topic="sender-callbacks", look_again=ctx.scaled(minutes=15)))


def _ours(ctx: StepContext, row: Record) -> list[str]:
    sender = ctx.vendors.twilio.find_sender(row.name)
    return [field for field in CALLBACKS if sender and ctx.endpoint_token in (sender.webhook.get(field) or "")]


def remember(ctx: StepContext, sender: RcsSender) -> None:
    """Commit how its callbacks are, before a person changes them for us; addresses of ours are not worth it."""
    given = {field: sender.webhook.get(field) for field in CALLBACKS}
    values = {field: None if ctx.endpoint_token in (url or "") else url for field, url in given.items()}
    removal.remember_before(ctx, KIND, values)
