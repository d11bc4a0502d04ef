"""Whose an object in AJO is under the automation driver, and what becomes of its secrets."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engine import kinds
from engine.context import StepContext
from engine.contract import Suspend
from models.states import Provenance, ResourceState
from models.tables import Resource
from providers.errors import NotFound
from tasks.steps import ajo_objects
from tasks.steps.ajo_objects import AjoObject

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
