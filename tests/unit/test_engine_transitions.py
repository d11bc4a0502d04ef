from __future__ import annotations

import pytest

from engine.transitions import (
    ONBOARDING_MOVES,
    STEP_MOVES,
    STEP_MOVES_BY_HAND,
    IllegalMove,
    derive_status,
    move_step,
)
from models.states import DONE, OnboardingState, StepState

O = OnboardingState  # noqa: E741
S = StepState
NAMES = ("registration", "webhook", "credential", "channel", "verification")


def test_every_state_has_its_moves():
    assert set(STEP_MOVES) == set(StepState)
    assert set(ONBOARDING_MOVES) == set(OnboardingState)


def test_a_person_settles_what_is_neither_done_nor_in_a_workers_hands_nor_cancelled():
    assert set(STEP_MOVES_BY_HAND) == set(StepState) - DONE - {S.RUNNING, S.CANCELLED}
    assert all(targets == DONE for targets in STEP_MOVES_BY_HAND.values())


def test_what_a_person_may_settle_a_program_may_not(world):
    world.start()
    with world.db.begin() as connection:
        onboarding_id = world.onboarding_id(connection)
        move = {"onboarding_id": onboarding_id, "name": "channel", "sources": (S.PENDING,), "at": world.time}
        with pytest.raises(IllegalMove, match="pending -> skipped"):
            move_step(connection, target=S.SKIPPED, **move)
        assert move_step(connection, target=S.SKIPPED, settled_by="Jo", **move)
    assert world.step("channel").settled_by == "Jo"
    with world.db.begin() as connection:
        again = {"onboarding_id": onboarding_id, "name": "channel", "at": world.time}
        assert move_step(connection, sources=(S.SKIPPED,), target=S.PENDING, **again)
    assert world.step("channel").settled_by is None


def test_a_move_that_the_table_does_not_know_is_refused(world):
    world.start()
    with world.db.begin() as connection, pytest.raises(IllegalMove, match="pending -> succeeded"):
        move_step(
            connection,
            onboarding_id=world.onboarding_id(connection),
            name="webhook",
            sources=(S.PENDING,),
            target=S.SUCCEEDED,
            at=world.time,
        )


def test_a_move_from_a_state_the_step_is_not_in_changes_nothing(world):
    world.start()
    before = world.events()
    with world.db.begin() as connection:
        moved = move_step(
            connection,
            onboarding_id=world.onboarding_id(connection),
            name="webhook",
            sources=(S.RUNNING,),
            target=S.SUCCEEDED,
            at=world.time,
        )
    assert moved is False
    assert world.events() == before


@pytest.mark.parametrize(
    ("states", "is_looking", "was_active", "expected"),
    [
        ((S.SUCCEEDED, S.SKIPPED, S.SUCCEEDED, S.SUCCEEDED, S.SUCCEEDED), False, False, O.ACTIVE),
        ((S.READY, S.PENDING, S.PENDING, S.PENDING, S.PENDING), False, False, O.RUNNING),
        ((S.WAITING_VENDOR, S.PENDING, S.PENDING, S.PENDING, S.PENDING), False, False, O.WAITING),
        ((S.RUNNING, S.PENDING, S.PENDING, S.PENDING, S.PENDING), True, False, O.WAITING),
        ((S.SUCCEEDED, S.FAILED, S.PENDING, S.PENDING, S.PENDING), False, False, O.FAILED),
        ((S.SUCCEEDED, S.SKIPPED, S.SUCCEEDED, S.SUCCEEDED, S.READY), False, True, O.ACTIVE),
        ((S.SUCCEEDED, S.SKIPPED, S.SUCCEEDED, S.SUCCEEDED, S.FAILED), False, True, O.DEGRADED),
        ((S.SUCCEEDED, S.SKIPPED, S.SUCCEEDED, S.SUCCEEDED, S.WAITING_PERSON), False, True, O.DEGRADED),
        ((S.SUCCEEDED, S.SKIPPED, S.SUCCEEDED, S.SUCCEEDED, S.FAILED), False, False, O.FAILED),
    ],
)
def test_the_onboardings_status_follows_from_its_steps(states, is_looking, was_active, expected):
    steps = dict(zip(NAMES, states, strict=True))
    assert derive_status(steps, is_looking=is_looking, was_active=was_active) is expected
