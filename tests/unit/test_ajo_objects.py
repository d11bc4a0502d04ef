"""Whose an object in AJO is under the automation driver, and what becomes of its secrets."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engine import kinds
from engine.context import StepContext
from engine.contract import Suspend
from engine.desired import Means
from engine.operator_tasks import answer_task
from models.states import Provenance, ResourceState
from models.tables import Resource
from providers.errors import NotFound
from tasks.steps import ajo_objects, credential
from tasks.steps.ajo_objects import AjoObject
from tests.unit.test_texts import Ctx

KIND = kinds.CREDENTIAL


class Automation:
    """One collection, in memory; like AJO it shows no token."""

    def __init__(self):
        self.objects = {}
        self.sent = []

    def find(self, _, name):
        return next((one for one in self.objects.values() if one["name"] == name), None)

    def fetch(self, _, object_id):
        if object_id not in self.objects:
            raise NotFound("no such object", cure="none")
        return self.objects[object_id]

    def create(self, collection, body):
        return self.update(collection, f"id{len(self.sent)}", body)

    def update(self, _, object_id, body):
        self.sent.append(body)
        self.put(object_id, **{name: value for name, value in body.items() if name != "token"})
        return self.objects[object_id]

    def put(self, object_id, **shown):
        self.objects[object_id] = {"id": object_id, **shown}


def wanted(token="first", url="https://a", **more):
    return AjoObject(
        kind=KIND,
        collection="credentials",
        name="acme",
        body={"name": "acme", "url": url, "token": token},
        title="",
        place="API Credentials",
        fields=[{"label": "Name", "value": "acme"}, {"label": "API Token", "secret": kinds.BRIDGE_TOKEN}],
        secrets=frozenset({"token"}),
        **more,
    )


@pytest.fixture
def automation(world):
    automation = Automation()
    object.__setattr__(
        world.shop, "make_vendors", lambda *_: SimpleNamespace(ajo=SimpleNamespace(automation=automation))
    )
    return automation


@pytest.fixture
def ctx(world, automation):
    world.start()
    world.run("registration")
    world.run("webhook")
    return StepContext(world.shop, world.claim("credential"))


def provenance(ctx):
    return ctx.resource(KIND).provenance


def test_what_somebody_made_in_place_of_ours_is_not_changed_nor_recorded_as_ours(ctx, automation):
    ajo_objects.ensure(ctx, wanted())
    (ours,) = automation.objects
    del automation.objects[ours]
    automation.put("theirs", name="acme", url="https://b")
    with pytest.raises(Suspend, match="that onboard did not make and that differs"):
        ajo_objects.ensure(ctx, wanted())
    assert automation.objects == {"theirs": {"id": "theirs", "name": "acme", "url": "https://b"}}
    assert not ajo_objects.declared(ctx, wanted()).is_recorded
    automation.put("theirs", name="acme", url="https://a")
    ajo_objects.ensure(ctx, wanted())
    known = ctx.resource(KIND)
    assert (known.external_id, known.provenance) == ("theirs", Provenance.ADOPTED)


def test_what_bears_the_name_of_one_that_was_taken_down_is_not_ours(world, ctx, automation):
    ajo_objects.ensure(ctx, wanted())
    with world.db.begin() as connection:
        connection.execute(Resource.update().values(state=ResourceState.GONE))
    automation.objects.clear()
    automation.put("theirs", name="acme", url="https://a")
    ajo_objects.ensure(ctx, wanted())
    assert provenance(ctx) is Provenance.ADOPTED


def test_ours_is_found_by_its_id_though_somebody_else_has_its_name(ctx, automation):
    ajo_objects.ensure(ctx, wanted())
    (ours,) = automation.objects
    automation.put(ours, name="renamed", url="https://a")
    automation.put("theirs", name="acme", url="https://b")
    assert ajo_objects.declared(ctx, wanted()).external_id == ours


def test_what_a_crash_left_between_intent_and_record_is_ours(ctx, automation):
    ctx.intend(KIND, vendor="ajo", name="acme")
    automation.put("made", name="acme", url="https://b")
    ajo_objects.ensure(ctx, wanted())
    assert provenance(ctx) is Provenance.CREATED
    assert automation.objects["made"]["url"] == "https://a"


def token_of(ctx, of):
    (field,) = (one for one in ajo_objects.declared(ctx, of).fields if one.name == "token")
    return field


def test_no_fingerprint_is_kept_of_a_secret_that_was_never_sent(ctx, automation):
    automation.put("theirs", name="acme", url="https://a")
    ajo_objects.ensure(ctx, wanted())
    assert automation.sent == []
    assert ctx.resource(KIND).details["secrets"] == {}
    assert not token_of(ctx, wanted("second")).differs


def test_a_new_secret_of_an_adopted_object_is_entered_by_a_person_whose_word_settles_it(world, ctx, automation):
    automation.put("theirs", name="acme", url="https://a")
    ajo_objects.ensure(ctx, wanted())
    for token in ("second", "third"):
        ctx.keep_secret(kinds.BRIDGE_TOKEN, token)
        new = wanted(token, is_secret_new=True)
        field = token_of(ctx, new)
        assert (field.differs, field.means) == (True, Means.HAND)
        with pytest.raises(Suspend, match=r"Enter the secret of the API credential acme.*onboard task done acme"):
            ajo_objects.ensure(ctx, new)
        task = ctx.task("credential-secret")
        assert {"label": "API Token", "secret": kinds.BRIDGE_TOKEN} in task.fields
        with world.db.begin() as connection:
            answer_task(connection, ctx.lease.onboarding_id, "credential-secret", values={}, by="jo", at=world.time)
        ajo_objects.ensure(ctx, new)
        ajo_objects.ensure(ctx, new)
        assert not token_of(ctx, new).differs
    assert automation.sent == []
    assert provenance(ctx) is Provenance.ADOPTED


def test_a_secret_of_ours_that_a_crash_left_unknown_is_sent_again_once(ctx, automation):
    ctx.intend(KIND, vendor="ajo", name="acme")
    automation.put("made", name="acme", url="https://a")
    for _ in range(2):
        ajo_objects.ensure(ctx, wanted())
    assert [body["token"] for body in automation.sent] == ["first"]


def test_an_accepted_difference_of_a_secret_is_never_sent_as_its_placeholder(ctx, automation):
    ajo_objects.ensure(ctx, wanted())
    ctx.accepted = frozenset({"credential/token"})
    ajo_objects.ensure(ctx, wanted("second", url="https://b"))
    assert automation.sent[-1]["token"] == "second"


def test_an_auth_token_is_new_to_ajo_once_it_has_changed_and_the_bridges_token_always():
    def is_new(channel, **stored):
        looking = Ctx(channel)
        looking.find_secret = {name.replace("__", "."): value for name, value in stored.items()}.get
        return credential.wanted_credential(looking).is_secret_new

    as_given = f"secret {kinds.AUTH_TOKEN}"
    assert not is_new("sms")
    assert not is_new("sms", twilio__auth_token=as_given)
    assert is_new("sms", twilio__auth_token="the one before")
    assert is_new("sms", twilio__auth_token=as_given, twilio__auth_token__former="the one before")
    assert is_new("rcs")
