"""Whatever people ask in whatever order, while workers claim and record: states and events stay legal, no step is begun
under a worker that may still be in a call, and what it waits for can always be said."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select

from cli.words import sentence
from engine import kinds
from engine.claim import Lease, LeaseLost, release
from engine.commands import NotPossible
from engine.contract import Catalogue, Done, Failed, Wait
from engine.desired import subject_of
from engine.explain import explain
from engine.queries import find_onboardings
from engine.reading import EngineSource
from engine.removal import Choice
from engine.runner import _Again, _record
from engine.take_over import take_over_all
from engine.transitions import ONBOARDING_MOVES, STEP_MOVES, STEP_MOVES_BY_HAND, STEP_MOVES_CLOSING, derive_status
from models.states import DONE, HELD, UNDER_WAY, OnboardingState, StepState
from models.tables import Event, Onboarding, Step
from providers.errors import Retryable
from tests.factories import spec_data
from tests.unit.engine_world import STEPS, EngineWorld, ScriptedStep

O = OnboardingState  # noqa: E741
S = StepState
OUTCOMES = (
    Done(),
    Done("skipped: not for sms"),
    Failed("refused"),
    Wait("review", "under review", "the carriers", timedelta(minutes=15), timedelta(days=2)),
    Wait("submit", "submit it", "a person", timedelta(hours=6), timedelta(days=2), needs_person=True),
    _Again(Retryable("Twilio is slow")),
)
steps = st.sampled_from(STEPS)
choices = st.sampled_from(
    (Choice(), Choice(), Choice(adopted=True), Choice(keep=(subject_of(kinds.MESSAGING_SERVICE),)))
)
# Of a later release.
MORE_STEPS = (*STEPS[:2], "consent", *STEPS[2:])
# What takes a step off the worker that is at it.
TAKEN_OFF = (("retry",), ("cancel", "retry"), ("begin",), ("begin", "cancel", "retry"), ("begin", "cancel", "begin"))


class Control(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = EngineWorld()
        self.world.start()
        self.world.record_resources(kinds.MESSAGING_SERVICE, kinds.CREDENTIAL)
        # Workers in the middle of a call, with the end of their leases.
        self.at_work: list[tuple[Lease, Any]] = []
        self.path: dict[str, Any] = {"": O.RUNNING, **dict.fromkeys(STEPS, S.PENDING), STEPS[0]: S.READY}
        self.followed = 0

    def teardown(self) -> None:
        self.world.db.dispose()

    def ask(self, verb: str, *args: Any, **options: Any) -> None:
        try:
            self.world.command(verb, *args, **options)
        except NotPossible as error:
            assert str(error)  # noqa: PT017  every refusal has its sentence

    @rule(verb=st.sampled_from(("pause", "resume", "resume", "cancel", "retry")))
    def command(self, verb: str) -> None:
        self.ask(verb)

    @rule(step=steps)
    def retry_from(self, step: str) -> None:
        self.ask("retry", from_step=step)

    @rule(choice=choices)
    def take_down(self, choice: Choice) -> None:
        self.ask("begin", choice)

    @precondition(lambda self: self.world.catalogue.version == 1)
    @rule()
    def migrate(self) -> None:
        """A release brings one more step; where a worker is at it just now, it has to wait."""
        world = self.world
        new = Catalogue(tuple(ScriptedStep(name, world.script) for name in MORE_STEPS), version=2)  # type: ignore[arg-type]
        if take_over_all(world.db, new, at=world.time, grace_seconds=60).done:
            world.catalogue, world.shop = new, replace(world.shop, catalogue=new)
            self.path["consent"] = S.PENDING

    @rule(step=steps)
    def skip(self, step: str) -> None:
        self.ask("skip", step, by="Jo", reason="not wanted", evidence=None)

    @rule(step=steps)
    def mark_done(self, step: str) -> None:
        self.ask("mark_done", step, by="Jo", evidence="a letter")

    @rule(minutes=st.sampled_from((2, 3, 4)), token=st.sampled_from(("t0ken", "an0ther")))
    def update(self, minutes: int, token: str) -> None:
        """A changed spec: verification alone, or with a new token all that speaks to Twilio."""
        changed = spec_data()["verification"] | {"within": f"{minutes}m"}
        try:
            self.world.start(is_update=True, token=token, verification=changed)
        except NotPossible as error:
            assert str(error)  # noqa: PT017  as above

    @rule(step=steps)
    def signal(self, step: str) -> None:
        """Something arrived that the step may wait for."""
        self.world.signal(step)

    @rule(sends=st.booleans())
    def verify(self, sends: bool) -> None:
        self.ask("verify", sends_message=sends)

    @rule()
    def claim(self) -> None:
        """Whatever is free: a chain's message may arrive for any step."""
        for step in self.world.catalogue.names:
            lease = self.world.claim(step)
            if lease is not None:
                busy = [end for _, end in self.at_work if end > self.world.time]
                assert not busy, f"{step} was begun while another worker may be in a call"
                end = self.world.time + timedelta(seconds=self.world.settings.lease_seconds)
                self.at_work.append((lease, end))
                return

    @precondition(lambda self: self.at_work)
    @rule(outcome=st.sampled_from((*OUTCOMES, Done(), Done())), which=st.sampled_from((0, -1)))
    def record(self, outcome: Any, which: int = 0) -> None:
        """The worker that is at it for the longest, or the last, ends its call."""
        lease, _ = self.at_work.pop(which)
        try:
            with self.world.db.begin() as connection:
                _record(connection, self.world.shop, lease, outcome)
        except LeaseLost:
            with self.world.db.begin() as connection:
                release(connection, lease, at=self.world.time)

    @precondition(lambda self: self.at_work)
    @rule(verbs=st.sampled_from(TAKEN_OFF))
    def oversleep(self, verbs: tuple[str, ...]) -> None:
        """A worker sleeps past its lease, the next one is at its step, and a person takes that off it; then the first wakes."""
        self.time_passes(20)
        self.claim()
        for verb in verbs:
            from_step = self.at_work[-1][0].step if verbs == ("retry",) else None
            self.ask(verb, *([Choice()] if verb == "begin" else []), **({"from_step": from_step} if from_step else {}))
        self.record(Done())
        self.claim()

    @rule(minutes=st.sampled_from((0, 1, 20, 60 * 24 * 3)))
    def time_passes(self, minutes: int) -> None:
        self.world.forward(minutes=minutes)
        self.world.tick()
        self.world.sweep()

    @invariant()
    def states_and_events_are_legal(self) -> None:
        with self.world.db.begin() as connection:
            onboarding = connection.execute(select(Onboarding)).one()
            rows = connection.execute(select(Step).order_by(Step.c.position)).all()
            events = connection.execute(select(Event).where(Event.c.id > self.followed).order_by(Event.c.id)).all()
        states = {row.name: row.state for row in rows}
        for event in events:
            self.follow(event)
        assert self.path == {"": onboarding.status, **states}
        assert sum(state in UNDER_WAY for state in states.values()) <= 1
        assert all(row.state in DONE for row in rows if row.settled_by)
        assert len({row.is_removal for row in rows}) == 1
        assert onboarding.status is not O.TEARING_DOWN or rows[0].is_removal
        if onboarding.status in {*HELD, O.TEARING_DOWN}:
            return
        is_looking, was_active = any(row.waiting_topic for row in rows), onboarding.activated_at is not None
        derived = derive_status(states, is_looking=is_looking, was_active=was_active)
        is_rechecked = onboarding.status is O.DEGRADED and derived is O.ACTIVE and states["verification"] not in DONE
        assert onboarding.status is derived or is_rechecked

    def follow(self, event: Any) -> None:
        """Along the path of the step's or the onboarding's states, which the event log has to tell without a gap."""
        self.followed = event.id
        subject, _, word = event.kind.partition(":")
        key = event.step or ""
        if subject == "step" and word in set(StepState):
            moves: Any = STEP_MOVES_BY_HAND if "by" in event.details else STEP_MOVES
            # A step that is new to what is taken down.
            moves = STEP_MOVES_CLOSING if event.text == "skipped: nothing was made" else moves
        elif subject == "onboarding" and word in set(OnboardingState):
            moves = ONBOARDING_MOVES
        else:
            return
        assert word in moves[self.path[key]], f"{key or 'onboarding'}: {self.path[key]} -> {word}"
        self.path[key] = type(self.path[key])(word)

    @invariant()
    def what_it_waits_for_can_be_said(self) -> None:
        with EngineSource(self.world.db).snapshot() as fetch:
            (one,) = find_onboardings(fetch, ["acme"])
        things = explain(one, now=self.world.time)
        assert "stuck" not in {thing.kind for thing in things}
        assert all("None" not in sentence(thing, self.world.time) for thing in things)


Control.TestCase.settings = settings(
    max_examples=18,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestControl = Control.TestCase
