"""Waiting for carriers and people: how often to look, until when, and what is said meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from engine import checklist, reviews
from engine.contract import Wait
from models.states import CheckState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.context import StepContext
    from engine.reviews import Clock, Place
    from models.spec.onboarding import RcsSpec

REVIEWERS = "Twilio and the carriers"
TOPIC = "review"
# News comes in flocks: looks are frequent after a change and become rare while nothing moves.
PART_OF_SILENCE = 8
SHORTEST_SECONDS = 5 * 60.0
LONGEST_SECONDS = 6 * 3600.0


def next_look(ctx: StepContext, clocks: Mapping[Place, Clock]) -> timedelta:
    """After an eighth of the silence so far; from 5 minutes to 6 hours, shortened by ``ONBOARD_WAIT_SCALE``."""
    news = max((clock.changed_at for clock in clocks.values()), default=ctx.now())
    silence = (ctx.now() - news) / ctx.settings.wait_scale
    seconds = silence.total_seconds() / PART_OF_SILENCE
    return ctx.scaled(seconds=min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS))


def wait_for_checklist(ctx: StepContext, stage: str, clocks: Mapping[Place, Clock]) -> Wait | None:
    """What a person still has to settle before ``stage``; None when nothing holds it up.

    Before the submission everything open does. Before the launch only what a person called unmet: whether the brand
    answered its mails is seen by the approval, and asking for a word first would hold up what is done.
    """
    states = (CheckState.OPEN, CheckState.UNMET) if stage == "submission" else (CheckState.UNMET,)
    rows = checklist.unsettled(ctx, stage, states=states)
    if not rows:
        return None
    what = "; ".join(
        f"{row.title} ({row.key}{', not met: ' + (row.detail or 'no reason given') if row.state is CheckState.UNMET else ''})"
        for row in rows
    )
    return ctx.person_wait(
        f"before the {stage} a person has to settle: {what}. See `onboard checklist {ctx.name}`, then "
        f"`onboard checklist done {ctx.name} {rows[0].key} --by WHO`",
        topic="checklist",
        look_again=next_look(ctx, clocks),
    )


def wait_for_review(
    ctx: StepContext, spec: RcsSpec, clocks: Mapping[Place, Clock], *, status: str, progress: Mapping[str, str]
) -> Wait:
    """Wait for the countries in ``progress``, each with its own clock and all its undecided carriers.

    The deadline of the wait is the earliest of theirs: then a person is asked, and told which are late.
    """
    now = ctx.now()
    limit = timedelta(days=spec.rcs.review_deadline_days)
    since = reviews.waiting_since(ctx, TOPIC) or now
    began = [clock.open_since for country in progress if (clock := clocks.get((country, ""))) and clock.open_since]
    deadline = min(began or [since]) + limit
    late = [
        f"{country} {carrier}".strip()
        for (country, carrier), clock in clocks.items()
        if country in progress and clock.open_since and clock.open_since + limit <= now
    ]
    reason = f"review of {spec.rcs.sender_id} is {status}; "
    reason += "; ".join(f"{country}: {words}" for country, words in progress.items())
    if late:
        reason += f"; longer than {spec.rcs.review_deadline_days} days: {', '.join(late)}"
    typical = reviews.typical(ctx)
    usual = [f"{country} {typical[country]}" for country in progress if country in typical]
    if usual:
        reason += f"; reviews took: {', '.join(usual)}"
    mine = [row.key for row in checklist.unsettled(ctx, "launch", states=(CheckState.OPEN,))]
    # Mails come after the submission, and with it the first word about a country.
    if mine and any(country for country, _ in clocks):
        reason += f"; meanwhile for a person: {', '.join(mine)} (`onboard checklist {ctx.name}`)"
    return Wait(
        topic=TOPIC,
        reason=reason,
        who=REVIEWERS,
        look_again=next_look(ctx, clocks),
        at_most=deadline - since,
    )
