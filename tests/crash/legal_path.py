"""Whether what the event log tells could have happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from engine.transitions import ONBOARDING_MOVES, STEP_MOVES
from models.db import reader
from models.states import OnboardingState, StepState
from models.tables import Event, Onboarding, Step

if TYPE_CHECKING:
    from sqlalchemy import Engine

STEP_WORDS = {state.value for state in StepState}
ONBOARDING_WORDS = {state.value for state in OnboardingState}


def follow_events(db: Engine) -> tuple[int, list[str]]:
    """Follow every onboarding's events through the tables of legal moves to where it stands now.

    :return: how many moves that were, and what is wrong with them.
    """
    with reader(db).begin() as connection:
        steps = connection.execute(select(Step.c.onboarding_id, Step.c.name, Step.c.position, Step.c.state)).all()
        statuses = connection.execute(select(Onboarding.c.id, Onboarding.c.status)).all()
        events = connection.execute(select(Event).order_by(Event.c.id)).all()
    at = {(row.onboarding_id, row.name): StepState.READY if row.position == 0 else StepState.PENDING for row in steps}
    status = {row.id: OnboardingState.RUNNING for row in statuses}
    moves, problems = 0, []
    for event in events:
        subject, _, word = event.kind.partition(":")
        if subject == "step" and word in STEP_WORDS:
            key, target = (event.onboarding_id, event.step), StepState(word)
            if target not in STEP_MOVES[at[key]]:
                problems.append(f"{key}: {at[key]} -> {target} ({event.text})")
            at[key] = target
            moves += 1
        elif subject == "onboarding" and word in ONBOARDING_WORDS:
            source, to = status[event.onboarding_id], OnboardingState(word)
            if to not in ONBOARDING_MOVES[source]:
                problems.append(f"{event.onboarding_id}: {source} -> {to} ({event.text})")
            status[event.onboarding_id] = to
            moves += 1
    told: dict[object, str] = {**at, **status}
    there: dict[object, str] = {(row.onboarding_id, row.name): row.state for row in steps}
    there |= {row.id: row.status for row in statuses}
    problems += [f"{key} is {there[key]}, its events end with {told[key]}" for key in there if there[key] != told[key]]
    return moves, problems
