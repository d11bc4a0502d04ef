"""Whether what an event log tells could have happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from engine.transitions import ONBOARDING_MOVES, STEP_MOVES
from models.states import OnboardingState, StepState
from models.tables import Event, Onboarding, Step

if TYPE_CHECKING:
    from tests.integration.stack import Stack

STEP_WORDS = {state.value for state in StepState}
ONBOARDING_WORDS = {state.value for state in OnboardingState}


def assert_legal_paths(stack: Stack) -> int:
    """Follow every onboarding's events through the tables of legal moves to where it stands now; how many moves that were."""
    steps = stack.read(select(Step.c.onboarding_id, Step.c.name, Step.c.position, Step.c.state))
    at = {(row.onboarding_id, row.name): StepState.READY if row.position == 0 else StepState.PENDING for row in steps}
    status = dict.fromkeys((row.onboarding_id for row in steps), OnboardingState.RUNNING)
    moves = 0
    for event in stack.read(select(Event).order_by(Event.c.id)):
        subject, _, word = event.kind.partition(":")
        if subject == "step" and word in STEP_WORDS:
            key, target = (event.onboarding_id, event.step), StepState(word)
            assert target in STEP_MOVES[at[key]], f"{key}: {at[key]} -> {target} ({event.text})"
            at[key] = target
            moves += 1
        elif subject == "onboarding" and word in ONBOARDING_WORDS:
            source, to = status[event.onboarding_id], OnboardingState(word)
            assert to in ONBOARDING_MOVES[source], f"{event.onboarding_id}: {source} -> {to} ({event.text})"
            status[event.onboarding_id] = to
            moves += 1
    assert at == {(row.onboarding_id, row.name): row.state for row in steps}
    assert status == {row.id: row.status for row in stack.read(select(Onboarding.c.id, Onboarding.c.status))}
    return moves
