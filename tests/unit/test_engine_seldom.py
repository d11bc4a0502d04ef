"""What happens seldom: a crash, a person or a slow vendor in exactly the wrong moment."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

import tasks.steps.verification
from engine import kinds, verifications
from engine.contract import Done, Failed, Suspend, Wait
from engine.operator_tasks import UnknownTask
from models.states import OnboardingState, Provenance, StepState, VerificationState
from models.tables import Onboarding, OperatorTask, Resource, Verification
from providers.errors import CallContext, NeedsPerson, Refused, Retryable
from providers.twilio.types import Message, Service
from tasks.steps import messaging_service
from tests.factories import spec_data
from tests.unit.engine_world import STEPS, EngineWorld

HANDSET, OTHER = "+12125550123", "+12125550124"


class Twilio:
    """Takes messages and lists each of them ten seconds later; ``modes`` says how a recipient's call ends."""

    def __init__(self, world):
        self.world = world
        self.posts, self.listed, self.modes = [], [], {}

    def list_messages(self, *, to, sent_after):
        return [message for at, message in self.listed if self.world.time >= at and message.to == to]

    def fetch_message(self, sid):
        return next(message for _, message in self.listed if message.sid == sid)

    def send_message(self, outgoing):
        to, body = outgoing.to, outgoing.body
        self.posts.append(to)
        failure = self.modes[to]() if to in self.modes else None
        if failure is not None and not getattr(failure, "ambiguous", False):
            raise failure
        message = Message(f"SM{len(self.posts)}", to, "+14155550101", "sent", body, None, None, None)
        self.listed.append((self.world.time + timedelta(seconds=10), message))
        if failure is not None:
            raise failure
        return message


def verifying(**verification):
    """A world whose last step is the real one, ready to run; and its Twilio."""
    world = EngineWorld()
    world.start(verification=spec_data("sms")["verification"] | verification)

    def register(ctx):
        ctx.record(kinds.MESSAGING_SERVICE, vendor="twilio", name="s", external_id="MG1", provenance=Provenance.CREATED)
        return Done()

    world.script["registration"] = [register]
    world.script["verification"] = [tasks.steps.verification.Verification().act] * 2000
    for step in STEPS[:-1]:
        world.run(step)
    twilio = Twilio(world)
    object.__setattr__(world.shop, "make_vendors", lambda *_: type("Vendors", (), {"twilio": twilio})())
    return world, twilio


def drive(world, **duration):
    """Second by second, as workers and the tick would."""
    end = world.time + timedelta(**duration)
    while world.time < end and world.step("verification").state not in (StepState.FAILED, StepState.SUCCEEDED):
        world.run("verification")
        world.forward(seconds=1)
        world.tick()


# -- test messages --------------------------------------------------------------------------------------------------
def test_whether_a_message_was_taken_is_waited_for_from_the_call_not_from_the_intention():
    world, twilio = verifying(within="15m")
    away_until = world.time + timedelta(seconds=35)

    def end():
        if world.time < away_until:
            return Retryable("cannot be reached")
        return None if twilio.listed else Retryable("no answer", ambiguous=True)

    twilio.modes[HANDSET] = end
    drive(world, minutes=5)
    assert len(twilio.listed) == 1


def test_the_time_for_delivery_begins_when_the_message_is_sent():
    world, twilio = verifying(within="2m")
    twilio.modes[HANDSET] = lambda: NeedsPerson("this region is off", cure="allow it")
    world.run("verification")
    assert world.step("verification").state is StepState.WAITING_PERSON
    world.forward(hours=1)
    twilio.modes.clear()
    world.command("retry")
    drive(world, seconds=100)
    assert world.step("verification").state is not StepState.FAILED
    drive(world, minutes=3)
    assert world.step("verification").state is StepState.FAILED


def test_a_handset_that_refuses_is_asked_once_while_another_one_is_under_way():
    world, twilio = verifying(within="15m", to=[HANDSET, OTHER])
    context = CallContext("Twilio", "send a message", code=21610)
    twilio.modes[HANDSET] = lambda: Refused("opted out", cure="-", context=context)
    drive(world, minutes=40)
    assert twilio.posts.count(HANDSET) == 1
    assert "opted out" in world.step("verification").reason


# -- runs of the checks -----------------------------------------------------------------------------------------------
class Runs:
    """A verification step that only notes what it would send."""

    def __init__(self, world):
        self.sent = []
        self.crashes = False
        world.script["verification"] = [self.act] * 20

    def act(self, ctx):
        run = verifications.open_run(ctx)
        if run.sends_message:
            self.sent.append(ctx.spec.verification.message)
        if self.crashes:
            self.crashes = False
            raise KeyboardInterrupt
        return Done(also=verifications.closing(ctx, run.id, [], is_passed=True))


@pytest.fixture
def active():
    world = EngineWorld()
    world.start()
    runs = Runs(world)
    world.run_all()
    assert world.status() is OnboardingState.ACTIVE
    assert runs.sent == ["Hello from acme"]
    world.forward(days=9)
    assert world.tick() == [("acme", "verification")]
    return world, runs


@pytest.mark.parametrize(("driver", "is_seen"), [("automation", True), ("guided", False)])
def test_a_check_that_passed_has_seen_what_it_could_look_at(driver, is_seen):
    world = EngineWorld()
    world.start(ajo=spec_data("sms")["ajo"] | {"driver": driver})
    Runs(world)
    world.record_resources(kinds.MESSAGING_SERVICE, kinds.CREDENTIAL)
    with world.db.begin() as connection:
        connection.execute(update(Resource).where(Resource.c.kind == kinds.CREDENTIAL).values(vendor="ajo"))
    world.run_all()
    with world.db.begin() as connection:
        seen = dict(connection.execute(select(Resource.c.kind, Resource.c.seen_at)).all())
    assert seen == {kinds.MESSAGING_SERVICE: world.time, kinds.CREDENTIAL: world.time if is_seen else None}


def test_an_update_during_a_silent_check_is_verified_by_a_message_of_its_own(active):
    world, runs = active
    changed = spec_data("sms")["verification"] | {"message": "new words"}
    world.start(is_update=True, verification=changed)
    for step in STEPS:
        world.run(step)
    assert world.status() is OnboardingState.ACTIVE
    assert runs.sent[1:] == ["new words"]


def test_a_cancelled_onboarding_that_is_taken_up_again_during_a_silent_check_sends_again(active):
    world, runs = active
    world.command("cancel")
    world.command("retry")
    world.run("verification")
    assert len(runs.sent) == 2


def test_a_worker_killed_before_its_result_is_recorded_leaves_the_run_open(active):
    world, runs = active
    runs.crashes = True
    with pytest.raises(KeyboardInterrupt):
        world.run("verification")
    world.forward(seconds=121)
    world.sweep()
    world.run("verification")
    assert world.status() is OnboardingState.ACTIVE
    assert len(runs.sent) == 1, "a silent check must stay silent"


def test_a_degraded_onboarding_that_was_paused_is_degraded_until_a_check_passes(active):
    world, _ = active
    world.script["verification"] = [
        lambda ctx: Failed("gone", also=verifications.closing(ctx, verifications.open_run(ctx).id, [], is_passed=False))
    ]
    world.run("verification")
    assert world.status() is OnboardingState.DEGRADED
    world.forward(days=9)
    world.tick()
    world.command("pause")
    world.command("resume")
    assert world.status() is OnboardingState.DEGRADED


def test_failures_of_an_earlier_check_do_not_use_up_the_patience_of_the_next(active):
    world, _ = active
    world.script["verification"] = [Retryable("away")] * 5 + [Failed("gone")]
    for _ in range(6):
        world.run("verification")
        world.forward(minutes=10)
    assert world.step("verification").failures == 5
    world.forward(days=9)
    world.tick()
    assert world.step("verification").failures == 0


def test_one_spec_that_cannot_be_read_any_more_keeps_nobody_else_from_being_checked(caplog):
    world = EngineWorld()
    for name in ("acme", "other"):
        world.start(name, verification=spec_data("sms", name)["verification"])
        Runs(world)
        world.run_all(name)
    with world.db.begin() as connection:
        connection.execute(update(Onboarding).where(Onboarding.c.name == "acme").values(spec={"channel": "sms"}))
    world.forward(days=11)
    assert world.tick() == [("other", "verification")]
    assert "the stored spec of acme cannot be read" in caplog.text


# -- workers, signals, the database -----------------------------------------------------------------------------------
def test_a_database_that_is_away_for_a_moment_is_tried_again():
    world = EngineWorld()
    world.start()
    world.script["registration"] = [OperationalError("select", {}, Exception("the server closed the connection"))]
    world.run("registration")
    step = world.step("registration")
    assert (step.state, "the database did not answer" in step.reason) == (StepState.RETRYING, True)


def test_a_step_that_is_signalled_in_every_run_keeps_its_clock_and_becomes_overdue():
    world = EngineWorld()
    world.start()
    wait = Wait(topic="probe", reason="not yet", who="AJO", look_again=timedelta(minutes=1), at_most=timedelta(hours=1))

    def act(ctx):
        world.signal("registration")
        return wait

    world.script["registration"] = [act] * 10
    for _ in range(4):
        world.run("registration")
        world.forward(minutes=30)
    step = world.step("registration")
    assert (step.state, step.waiting_topic) == (StepState.WAITING_PERSON, "probe")


def test_a_step_that_a_person_reopens_waits_until_the_worker_has_ended_its_call(tmp_path):
    world = EngineWorld(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    world.start()
    services, in_call, go_on = [], threading.Event(), threading.Event()

    class Slow:
        def list_services(self):
            return list(services)

        def create_service(self, *, friendly_name):
            if not in_call.is_set():
                in_call.set()
                assert go_on.wait(10)
            services.append(Service(f"MG{len(services) + 1}", friendly_name, None, None, False))
            return services[-1]

    object.__setattr__(world.shop, "make_vendors", lambda *_: type("Vendors", (), {"twilio": Slow()})())

    def act(ctx):
        messaging_service.ensure(ctx)
        return Done()

    world.script["registration"] = [act] * 5
    worker = threading.Thread(target=world.run, args=("registration",))
    worker.start()
    assert in_call.wait(10)
    world.start(is_update=True, twilio=spec_data("sms")["twilio"] | {"numbers": ["+14155550177"]})
    world.run("registration")
    assert world.step("registration").state is StepState.READY
    go_on.set()
    worker.join(10)
    world.run("registration")
    assert world.step("registration").state is StepState.SUCCEEDED
    assert [service.sid for service in services] == ["MG1"]
    world.db.dispose()


def test_a_worker_that_never_comes_back_holds_up_a_reopened_step_for_its_lease_only():
    world = EngineWorld()
    world.start()
    assert world.claim("registration")
    world.start(is_update=True, twilio=spec_data("sms")["twilio"] | {"numbers": ["+14155550177"]})
    world.run("registration")
    assert world.step("registration").state is StepState.READY
    world.forward(seconds=world.settings.lease_seconds + 1)
    assert world.sweep() == [("acme", "registration")]
    world.run("registration")
    assert world.step("registration").state is StepState.SUCCEEDED


# -- people -----------------------------------------------------------------------------------------------------------
def ask(ctx, **changes):
    task = {"title": "Create it", "place": "AJO", "fields": [{"label": "Name", "value": "X"}], "bring_back": ("url",)}
    return ctx.ask_person("feedback-webhook", **(task | changes))


def test_a_wrong_answer_can_be_corrected_while_the_step_is_not_done():
    world = EngineWorld()
    world.start()

    def act(ctx):
        if ask(ctx).values["url"] != "https://right.example":
            raise Suspend(Failed("AJO refused the probe"))
        return Done()

    world.script["registration"] = [act] * 5
    world.run("registration")
    world.command("report_done", "feedback-webhook", values={"url": "https://wrong.example"}, by="jo")
    world.run("registration")
    assert world.step("registration").state is StepState.FAILED
    world.command("report_done", "feedback-webhook", values={"url": "https://right.example"}, by="jo")
    world.command("retry")
    world.run("registration")
    assert world.step("registration").state is StepState.SUCCEEDED
    with pytest.raises(UnknownTask):
        world.command("report_done", "feedback-webhook", values={"url": "https://late.example"}, by="jo")


def test_a_changed_secret_has_to_be_entered_again_by_the_person():
    world = EngineWorld()
    world.start(token="first")
    fields = [{"label": "Auth Token", "secret": "twilio.auth_token"}]

    def act(ctx):
        ask(ctx, fields=fields, bring_back=())
        return Done()

    world.script["registration"] = [act] * 5
    world.run("registration")
    world.command("report_done", "feedback-webhook", values={}, by="jo")
    world.run("registration")
    assert world.step("registration").state is StepState.SUCCEEDED
    world.start(is_update=True, token="second")
    world.run("registration")
    assert world.step("registration").state is StepState.WAITING_PERSON
    with world.db.begin() as connection:
        stored = connection.execute(select(OperatorTask)).one()
    assert "second" not in repr(stored)


def test_an_update_of_a_cancelled_onboarding_says_what_to_do_first():
    from engine.commands import NotPossible

    world = EngineWorld()
    world.start()
    world.command("cancel")
    with pytest.raises(NotPossible, match="onboard retry acme"):
        world.start(is_update=True, brand="Another")


# -- secrets ------------------------------------------------------------------------------------------------------------
def test_rotation_does_not_bring_back_a_secret_that_was_changed_meanwhile():
    world = EngineWorld()
    world.start(token="old")
    onboarding_id = world.onboarding().id
    with world.db.begin() as connection:
        vault = world.vault
        rotate = vault._fernet.rotate

        def write_first(ciphertext):
            # Somebody else is quicker, between the look and the change.
            vault.write(connection, onboarding_id, "twilio.auth_token", "new", at=world.time)
            return rotate(ciphertext)

        vault._fernet.rotate = write_first
        vault.rotate(connection)
        assert vault.read(connection, onboarding_id, "twilio.auth_token") == "new"


def test_runs_of_the_checks_end_in_the_same_breath_as_their_step(active):
    world, _ = active
    world.run("verification")
    with world.db.begin() as connection:
        states = connection.execute(select(Verification.c.state)).scalars().all()
    assert states == [VerificationState.PASSED, VerificationState.PASSED]
