"""Whose a messaging service is, and what may be taken out of its pool."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engine import kinds
from engine.context import StepContext
from engine.contract import Suspend
from engine.plan import PlanContext
from engine.removal import remember_added
from models.states import OnboardingState, Provenance, ResourceState
from models.tables import Onboarding, Resource
from providers.errors import CallContext, NeedsPerson, NotFound
from providers.twilio.types import PoolNumber, PoolSender, Service
from tasks.steps import messaging_service
from tasks.steps.removal.key import KEY
from tasks.steps.removal.service import SERVICE
from tests.factories import spec_data

KIND = kinds.MESSAGING_SERVICE
THEIRS, OTHER, OURS = (f"MG{letter * 32}" for letter in "abc")
NUMBERS = ("+14155550101", "+14155550102", "+14155550103")


class Twilio:
    """Services and one pool, in memory."""

    def __init__(self):
        self.services = {sid: Service(sid, name, None, None, False) for sid, name in ((THEIRS, "Acme"), (OTHER, "B"))}
        self.numbers = []
        self.senders = []

    def fetch_service(self, sid):
        if sid not in self.services:
            raise NotFound("no such service", cure="none")
        return self.services[sid]

    def list_services(self):
        return list(self.services.values())

    def create_service(self, *, friendly_name):
        self.services[OURS] = Service(OURS, friendly_name, None, None, False)
        return self.services[OURS]

    def update_service(self, sid, *, friendly_name):
        self.rename(sid, friendly_name)
        return self.services[sid]

    def rename(self, sid, name):
        self.services[sid] = Service(sid, name, None, None, False)

    def list_service_numbers(self, _):
        return [PoolNumber(f"PN{phone}", phone) for phone in self.numbers]

    def list_channel_senders(self, _):
        return [PoolSender(sid, "rcs:x", "RCS") for sid in self.senders]

    def add_service_number(self, _, sid):
        self.numbers.append(sid.removeprefix("PN"))

    def remove_service_number(self, _, sid):
        self.numbers.remove(sid.removeprefix("PN"))

    def remove_channel_sender(self, _, sid):
        self.senders.remove(sid)


@pytest.fixture
def twilio(world):
    twilio = Twilio()
    object.__setattr__(world.shop, "make_vendors", lambda *_: SimpleNamespace(twilio=twilio))
    return twilio


def begin(world, name="acme", numbers=NUMBERS[:1], **service):
    """A running step of an onboarding with this service in its spec."""
    part = spec_data("sms")["twilio"] | {"numbers": list(numbers)}
    world.start(name, twilio=part | {"messaging_service": service or {"friendly_name": "Acme"}})
    return StepContext(world.shop, world.claim("registration", name))


def adopt_by_name(ctx):
    ctx.record(KIND, vendor="twilio", name="Acme", external_id=THEIRS, provenance=Provenance.ADOPTED)


def update(world, ctx, **service):
    part = spec_data("sms")["twilio"] | {"messaging_service": service}
    ctx.spec = type(ctx.spec).model_validate(spec_data("sms", twilio=part))
    return ctx


def ensure_pool(ctx, sid):
    messaging_service.ensure_numbers(ctx, sid, {phone: f"PN{phone}" for phone in NUMBERS})


def test_a_service_that_was_adopted_by_name_stays_adopted_when_somebody_renames_it(world, twilio):
    ctx = begin(world)
    adopt_by_name(ctx)
    remember_added(ctx, KIND, "PN1", NUMBERS[0])
    twilio.rename(THEIRS, "Acme, renamed")
    for _ in range(2):
        assert messaging_service.ensure(ctx) == THEIRS
    known = ctx.resource(KIND)
    assert (known.provenance, known.details["added"]) == (Provenance.ADOPTED, {"PN1": NUMBERS[0]})
    assert set(twilio.services) == {THEIRS, OTHER}
    assert twilio.services[THEIRS].friendly_name == "Acme, renamed"


def test_what_was_adopted_and_is_gone_is_followed_by_one_of_ours(world, twilio):
    ctx = begin(world)
    adopt_by_name(ctx)
    with world.db.begin() as connection:
        connection.execute(Resource.update().values(state=ResourceState.GONE))
    del twilio.services[THEIRS]
    assert messaging_service.ensure(ctx) == OURS
    assert ctx.resource(KIND).provenance is Provenance.CREATED


def test_an_adopted_service_that_somebody_deleted_is_not_made_anew_and_another_may_be_named(world, twilio):
    ctx = begin(world)
    adopt_by_name(ctx)
    del twilio.services[THEIRS]
    with pytest.raises(Suspend, match=f"no messaging service {THEIRS}.*write the `sid` of one that is there"):
        messaging_service.ensure(ctx)
    assert messaging_service.ensure(update(world, ctx, sid=OTHER)) == OTHER


@pytest.mark.parametrize("was", [Provenance.CREATED, Provenance.ADOPTED])
def test_another_service_in_the_spec_is_refused_while_the_former_is_there(world, twilio, was):
    ctx = begin(world)
    ctx.record(KIND, vendor="twilio", name="Acme", external_id=THEIRS, provenance=was)
    update(world, ctx, sid=OTHER)
    with pytest.raises(Suspend, match=f"but acme uses Acme .{THEIRS}.*back as it was.*onboard teardown acme"):
        messaging_service.ensure(ctx)
    assert ctx.resource(KIND).external_id == THEIRS
    assert "back as it was" in messaging_service.desired(ctx, messaging_service.find(ctx), None).note
    del twilio.services[THEIRS]
    assert messaging_service.ensure(ctx) == OTHER


def test_the_sid_of_the_very_service_in_use_may_be_written_into_the_spec(world, twilio):
    ctx = begin(world)
    adopt_by_name(ctx)
    assert messaging_service.ensure(update(world, ctx, sid=THEIRS)) == THEIRS


def share(world, twilio):
    """One whose service it is, and one that came to it with a number and an RCS sender."""
    del twilio.services[THEIRS]
    ours = begin(world)
    sid = messaging_service.ensure(ours)
    ensure_pool(ours, sid)
    theirs = begin(world, "bistro", numbers=NUMBERS[1:2], sid=sid)
    messaging_service.ensure(theirs)
    ensure_pool(theirs, sid)
    theirs.record(kinds.RCS_SENDER, vendor="twilio", name="x", external_id="XEb", provenance=Provenance.CREATED)
    twilio.numbers.append(NUMBERS[2])
    twilio.senders += ["XEb", "XEnobody"]
    return ours, theirs, sid


def test_what_another_onboarding_has_in_a_shared_pool_stays_there_and_is_no_difference(world, twilio):
    ours, theirs, sid = share(world, twilio)
    looking = PlanContext(world.shop, world.onboarding())
    for ctx in (ours, looking):
        owned = messaging_service.desired(ctx, twilio.fetch_service(sid), [])
        seen = {field.name: field.actual for field in owned.fields}
        assert seen["numbers"] == [NUMBERS[0], NUMBERS[2]]
        assert seen["senders"] == ["XEnobody"]
    ensure_pool(ours, sid)
    messaging_service.ensure_senders(ours, sid, [])
    assert (twilio.numbers, twilio.senders) == ([NUMBERS[0], NUMBERS[1]], ["XEb"])
    ensure_pool(theirs, sid)
    assert twilio.numbers == [NUMBERS[0], NUMBERS[1]]


def test_what_a_removed_onboarding_left_in_a_shared_pool_is_taken_out(world, twilio):
    ours, _, sid = share(world, twilio)
    with world.db.begin() as connection:
        removed = Onboarding.update().where(Onboarding.c.name == "bistro")
        connection.execute(removed.values(status=OnboardingState.REMOVED))
    ensure_pool(ours, sid)
    messaging_service.ensure_senders(ours, sid, [])
    assert (twilio.numbers, twilio.senders) == ([NUMBERS[0]], [])


@pytest.mark.parametrize("is_known", [True, False])
def test_a_number_in_another_pool_is_named_with_its_owner_where_one_is_known(world, twilio, is_known):
    if is_known:
        world.start("olive", twilio=spec_data("sms")["twilio"])
        world.start("late", twilio=spec_data("sms")["twilio"])
    ctx = begin(world)
    code = CallContext("twilio", "put number PN1 into the service", 409, 21712)

    def refuse(*_):
        raise NeedsPerson("Twilio refused to put number PN1 into the service", cure="none", context=code)

    twilio.add_service_number = refuse
    ctx.record(KIND, vendor="twilio", name="Acme", external_id=OURS, provenance=Provenance.CREATED)
    with pytest.raises(NeedsPerson) as caught:
        messaging_service.ensure_numbers(ctx, OURS, {NUMBERS[0]: "PN1"})
    start = f"{NUMBERS[0]} is in the pool of another messaging service, "
    assert caught.value.message.startswith(start + ("that of olive (`onboard show olive`)" if is_known else "which no"))
    assert "onboard update FILE" in caught.value.cure
    assert ("Twilio Console" in caught.value.cure) is not is_known


def test_a_list_that_skips_what_is_there_makes_a_teardown_believe_nothing():
    """Twilio's pages shift when something else is deleted between two of them."""
    twilio = SimpleNamespace(
        fetch_service=lambda sid: sid, list_services=list, fetch_key=lambda sid: sid, list_keys=list
    )
    ctx = SimpleNamespace(mark="onb-1", vendors=SimpleNamespace(twilio=twilio))
    row = SimpleNamespace(external_id="MG1", provenance=Provenance.CREATED)
    assert SERVICE.find(ctx, row) == KEY.find(ctx, row) == ["MG1"]
