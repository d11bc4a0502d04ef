from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from engine.contract import Failed, Wait
from engine.queries import find_onboardings, list_onboardings, names_like, names_under_way, select_names
from engine.reading import EngineSource
from engine.selection import EVERYTHING, Selection, UnknownField
from models.states import OnboardingState, StepState
from models.tables import Onboarding
from tests.unit.cli_world import make_world

REVIEW = Wait("review", "under review", "the carriers", timedelta(minutes=15), timedelta(days=60))
SUBMIT = Wait("submit", "submit it", "a person", timedelta(hours=6), timedelta(days=60), needs_person=True)


@pytest.fixture
def world(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch).migrate()


def names(world, **filters):
    with world.fetching() as fetch:
        return [one.name for one in list_onboardings(fetch, Selection(**filters), at=world.time).onboardings]


def test_pages_follow_each_other_by_name_and_end(world):
    for name in ("cee", "bee", "dee", "ace-1", "ace"):
        world.start(name)
    with world.fetching() as fetch:
        first = list_onboardings(fetch, at=world.time, limit=2)
        second = list_onboardings(fetch, at=world.time, limit=2, after=first.after)
        third = list_onboardings(fetch, at=world.time, limit=2, after=second.after)
    assert [one.name for page in (first, second, third) for one in page.onboardings] == [
        *("ace", "ace-1"),
        *("bee", "cee"),
        "dee",
    ]
    assert (first.matching, third.after) == (5, None)


def test_a_full_last_page_has_no_next(world):
    world.start("ace")
    world.start("bee")
    with world.fetching() as fetch:
        assert list_onboardings(fetch, at=world.time, limit=2).after is None


def test_filters_narrow_and_combine(world):
    world.start("ace-rcs", channel="rcs")
    world.start("bee-sms")
    world.start("cee-sms")
    world.command("pause", name="cee-sms")
    assert names(world, channels=("sms",)) == ["bee-sms", "cee-sms"]
    assert names(world, channels=("sms",), statuses=("paused",)) == ["cee-sms"]
    assert names(world, statuses=("paused", "running")) == ["ace-rcs", "bee-sms", "cee-sms"]
    assert names(world, sandboxes=("elsewhere",)) == []


def test_who_is_waited_for_can_be_asked(world):
    for name, wait in (("vendor", REVIEW), ("person", SUBMIT)):
        world.start(name)
        world.script["registration"] = [wait]
        world.run("registration", name)
    assert names(world, waiting=("vendor",)) == ["vendor"]
    assert names(world, waiting=("person",)) == ["person"]


def test_names_are_chosen_by_pattern_and_its_own_signs_are_no_wildcards(world):
    for name in ("acme-rcs", "acme-sms", "bistro-rcs"):
        world.start(name)
    assert names(world, names=("*-rcs",)) == ["acme-rcs", "bistro-rcs"]
    assert names(world, names=("acme-?cs", "bistro*")) == ["acme-rcs", "bistro-rcs"]
    assert names(world, names=("acme_rcs",)) == names(world, names=("acme%",)) == []


def test_the_step_that_is_on_and_the_brand_can_be_asked(world):
    world.start("ace")
    world.start("bee", brand="Bee Line")
    world.run("registration", "bee")
    assert names(world, steps=("registration",)) == ["ace"]
    assert names(world, steps=("registration", "webhook")) == ["ace", "bee"]
    assert names(world, brands=("Bee Line",)) == ["bee"]


@pytest.mark.parametrize("how", ["file", "sqlalchemy"])
def test_overdue_is_a_wait_that_should_have_ended_looked_at_again_or_not(world, how):
    for name, wait in (("late", REVIEW), ("person", SUBMIT), ("soon", replace(REVIEW, at_most=timedelta(days=90)))):
        world.start(name)
        world.script["registration"] = [wait, wait]
        world.run("registration", name)
    world.forward(days=60)

    def overdue(**filters):
        selection = Selection(is_overdue=True, **filters)
        with EngineSource(world.db).snapshot() if how == "sqlalchemy" else world.fetching() as fetch:
            return [name for name, _ in select_names(fetch, selection, at=world.time)]

    assert overdue() == ["late", "person"]
    assert overdue(waiting=("vendor",)) == ["late"]
    world.make_ready("registration", "late")
    world.script["registration"] = [REVIEW]
    world.run("registration", "late")
    assert overdue(waiting=("person",)) == ["late", "person"]
    world.command("pause", name="late")
    assert overdue() == ["person"]


def test_conditions_add_up_and_what_cannot_be_asked_is_said():
    selection = EVERYTHING.narrowed([("status", "failed"), ("name", "a*"), ("status", "active")])
    assert selection == Selection(statuses=("failed", "active"), names=("a*",))
    with pytest.raises(UnknownField, match="no field 'colour'; there are: status"):
        EVERYTHING.narrowed([("colour", "red")])
    with pytest.raises(UnknownField, match="status is never 'broken'"):
        EVERYTHING.narrowed([("status", "broken")])


def test_a_wait_stays_a_wait_while_somebody_looks(world):
    world.start("vendor")
    world.script["registration"] = [REVIEW]
    world.run("registration", "vendor")
    world.make_ready("registration", "vendor")
    world.claim("registration", "vendor")
    assert names(world, waiting=("vendor",)) == ["vendor"]
    with world.fetching() as fetch:
        step = find_onboardings(fetch, ["vendor"])[0].step
    assert (step.state, step.seen_state) == (StepState.RUNNING, StepState.WAITING_VENDOR)


def test_a_paused_wait_is_not_asked_of_anybody(world):
    world.start("person")
    world.script["registration"] = [SUBMIT]
    world.run("registration", "person")
    world.command("pause", name="person")
    assert names(world, waiting=("person",)) == []


def test_counts_are_of_all_whatever_the_page(world):
    for name in ("ace", "bee", "cee"):
        world.start(name)
    world.script["registration"] = [Failed("refused")]
    world.run("registration", "bee")
    with world.fetching() as fetch:
        page = list_onboardings(fetch, Selection(statuses=("failed",)), at=world.time, limit=1)
    assert page.counts == {"running": 2, "failed": 1}
    assert page.matching == 1


def test_since_is_when_the_wait_began_not_when_somebody_last_looked(world):
    world.start("vendor")
    began = world.time
    world.script["registration"] = [REVIEW, REVIEW]
    world.run("registration", "vendor")
    world.forward(hours=3)
    world.make_ready("registration", "vendor")
    world.run("registration", "vendor")
    with world.fetching() as fetch:
        assert find_onboardings(fetch, ["vendor"])[0].since == began


def test_names_are_found_by_their_beginning_and_underscores_are_no_wildcards(world):
    for name in ("acme-rcs", "acme-sms", "bistro"):
        world.start(name)
    with world.fetching() as fetch:
        assert names_like(fetch, "acme") == ["acme-rcs", "acme-sms"]
        assert names_like(fetch, "a_me") == []


def test_what_has_ended_is_not_under_way(world):
    for name in ("ace", "bee"):
        world.start(name)
    world.command("cancel", name="bee")
    with world.fetching() as fetch:
        assert names_under_way(fetch) == ["ace"]


def test_reading_through_sqlalchemy_gives_the_same(world):
    world.start("ace", channel="rcs")
    world.script["registration"] = [REVIEW]
    world.run("registration", "ace")
    with world.fetching() as fetch:
        by_file = find_onboardings(fetch, ["ace"])
    with EngineSource(world.db).snapshot() as fetch:
        assert find_onboardings(fetch, ["ace"]) == by_file


def test_a_reader_does_not_see_half_of_what_happens_meanwhile(world):
    world.start("ace")
    with world.fetching() as fetch:
        before = find_onboardings(fetch, ["ace"])
        with world.db.begin() as connection:
            connection.execute(update(Onboarding).values(status=OnboardingState.PAUSED))
        assert find_onboardings(fetch, ["ace"]) == before
    with world.fetching() as fetch:
        assert find_onboardings(fetch, ["ace"])[0].status is OnboardingState.PAUSED
