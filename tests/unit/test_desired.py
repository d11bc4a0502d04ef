from __future__ import annotations

from types import SimpleNamespace

import pytest

from engine.desired import (
    UNSEEN,
    Later,
    Means,
    OwnedField,
    OwnedObject,
    Presence,
    acceptance,
    changes,
    findings,
    leaves,
    shown,
)
from engine.plan import Action, Plan, _planned, as_json


def field(name="url", wanted="a", actual="b", **more):
    return OwnedField(name=name, wanted=wanted, actual=actual, **more)


def thing(*fields, presence=Presence.THERE, **more):
    known = {"kind": "twilio_thing", "label": "thing acme", "subject": "thing", "vendor": "twilio", "is_recorded": True}
    return OwnedObject(presence=presence, fields=fields, **known | more)


def action(owned):
    return _planned("webhook", owned, frozenset()).action


def plan_of(*planned, **more):
    known = {
        "name": "acme",
        "channel": "sms",
        "is_started": True,
        "spec_differences": [],
        "skipped": {},
        "steps": ["webhook"],
        "done": frozenset(),
        "runs": [],
        "mends": [],
    }
    return Plan(planned=list(planned), **known | more)


@pytest.mark.parametrize(
    ("owned", "expected"),
    [
        (thing(field(actual="a")), Action.KEEP),
        (thing(field()), Action.CHANGE),
        (thing(field(actual=UNSEEN)), Action.KEEP),
        (thing(field(wanted=Later("(made on the way)"))), Action.CHANGE),
        (thing(field(means=Means.NEVER)), Action.REPLACE),
        (thing(field(actual="a", means=Means.NEVER)), Action.KEEP),
        (thing(field(), is_recorded=False), Action.ADOPT),
        (thing(field(), presence=Presence.ABSENT), Action.CREATE),
        (thing(field(), presence=Presence.ABSENT, is_part=True), Action.CHANGE),
        (thing(presence=Presence.UNWANTED), Action.DELETE),
        (thing(field(actual="a"), presence=Presence.UNREADABLE), Action.KEEP),
        (thing(field(), presence=Presence.UNREADABLE), Action.CHANGE),
    ],
)
def test_what_would_be_done_follows_from_what_is_there_and_what_is_wanted(owned, expected):
    assert action(owned) is expected


def test_what_is_accepted_is_no_change_no_finding_and_is_said():
    owned = thing(field(), field("other"))
    assert [one.name for one in changes(owned, {"thing/url"})] == ["other"]
    assert [one.key for one in findings([owned], "acme", {"thing/url"})] == ["thing/other"]
    assert _planned("webhook", owned, frozenset({"thing/url"})).accepted == ("thing/url",)


def test_an_acceptance_counts_while_what_is_wanted_and_what_is_there_are_as_they_were():
    owned = thing(field(), field("url.more"))
    (found, _) = findings([owned], "acme", ())
    accepted = acceptance("thing/url", found.difference)
    assert [one.name for one in changes(owned, accepted)] == ["url.more"]
    for other in (field(actual="c"), field(wanted="c")):
        assert [one.key for one in findings([thing(other)], "acme", accepted)] == ["thing/url"]
    assert changes(thing(field(actual="c")), acceptance("thing/url", None)) == []


def test_what_is_gone_is_one_finding_of_its_owner_and_what_was_only_entered_none():
    gone = thing(field(), presence=Presence.ABSENT)
    part = thing(field(), presence=Presence.ABSENT, is_part=True)
    unread = thing(
        field(is_entered=True), field("status", means=Means.HAND), presence=Presence.UNREADABLE, subject="form"
    )
    assert [one.key for one in findings([gone, part, unread], "acme", ())] == ["thing/exists", "form/status"]


def test_an_object_that_two_steps_touch_counts_once_and_by_the_heavier():
    made = _planned("registration", thing(field(), presence=Presence.ABSENT), frozenset())
    part = _planned("webhook", thing(field(), presence=Presence.ABSENT, is_part=True), frozenset())
    counts = plan_of(made, part).counts
    assert (counts[Action.CREATE], counts[Action.CHANGE]) == (1, 0)


def test_there_is_nothing_to_do_only_when_it_was_started_and_nothing_differs_or_runs():
    kept = _planned("webhook", thing(field(actual="a")), frozenset())
    assert plan_of(kept).is_nothing
    assert not plan_of(kept, is_started=False).is_nothing
    assert not plan_of(kept, spec_differences=["a: 1 -> 2"]).is_nothing
    assert not plan_of(kept, runs=["verification"]).is_nothing
    assert not plan_of(_planned("webhook", thing(field()), frozenset())).is_nothing


BY_HAND = {"means": Means.HAND, "cure": "set it in the Console"}
FROZEN = {"means": Means.NEVER, "cure": "it is read-only"}


@pytest.mark.parametrize(
    ("owned", "expected"),
    [
        (thing(field(actual="a")), False),
        (thing(field()), True),
        (thing(field(**BY_HAND)), False),
        (thing(field(**FROZEN)), False),
        (thing(field(), field("other", **BY_HAND)), True),
        (thing(field(), field("other", **FROZEN)), False),  # its step waits before it changes the rest
        (thing(field(means=Means.NEVER)), True),  # onboard replaces it
        (thing(field(means=Means.HAND, is_entered=True), presence=Presence.UNREADABLE), True),  # the step asks
        (thing(field(), presence=Presence.ABSENT), True),
        (thing(field(), presence=Presence.ABSENT, means=Means.HAND), True),
        (thing(field(), presence=Presence.ABSENT, means=Means.HAND, cure="buy it"), False),
        (thing(field(actual="a"), is_recorded=False), True),
        (thing(field(**BY_HAND), is_recorded=False), False),
        (thing(presence=Presence.UNWANTED), True),
    ],
)
def test_a_step_runs_only_for_what_it_can_do_something_about(owned, expected):
    assert _planned("webhook", owned, frozenset()).is_for_step is expected


def test_the_plan_for_programs_has_old_new_means_and_cost():
    planned = _planned("webhook", thing(field(means=Means.HAND, cost="3 hours")), frozenset())
    (found,) = as_json(plan_of(planned))["objects"]
    assert (found["action"], found["means"]) == ("change", "by hand")
    assert found["fields"] == [{"name": "url", "old": "b", "new": "a", "means": "by hand", "cost": "3 hours"}]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "(none)"),
        ([], "(none)"),
        (False, "off"),
        (["a", "b"], "a, b"),
        ([{"label": None, "website": "x"}], "website=x"),
        ("two\nlines", "two lines"),
        (Later("(the new one)"), "(the new one)"),
    ],
)
def test_values_are_shown_in_one_line(value, words):
    assert shown(value) == words


def test_the_leaves_of_a_body_have_dotted_names_and_lists_are_whole():
    assert leaves({"auth": {"type": "x", "more": {"y": 1}}, "words": ["a"]}) == {
        "auth.type": "x",
        "auth.more.y": 1,
        "words": ["a"],
    }


def test_a_key_without_its_secret_is_replaced_and_others_of_its_name_are_deleted():
    from models.states import Provenance
    from providers.twilio.types import ApiKey
    from tasks.steps import api_key

    name = "onboard bridge acme [onb-1]"
    keys = [ApiKey("SK1", name, api_key.PERMISSIONS), ApiKey("SK2", name), ApiKey("SK3", "the brand's own")]
    twilio = SimpleNamespace(list_keys=lambda: keys, fetch_key=lambda sid: next(one for one in keys if one.sid == sid))
    ctx = SimpleNamespace(
        name="acme",
        mark="onb-1",
        vendors=SimpleNamespace(twilio=twilio),
        resource=lambda _: SimpleNamespace(external_id="SK1", provenance=Provenance.CREATED),
        find_secret=lambda _: None,
    )
    found = [(one.external_id, action(one)) for one in api_key.desired(ctx)]
    assert found == [("SK1", Action.REPLACE), ("SK2", Action.DELETE)]
    ctx.find_secret = lambda _: "held"
    assert [(one.external_id, action(one)) for one in api_key.desired(ctx)] == [("SK1", Action.KEEP)]
