"""The registration's checklist and its weeks of review: what holds up what, who ends it, what is remembered."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from engine import drift
from engine.contract import Done
from engine.plan import PlanContext, make_plan
from models.states import CheckState, OnboardingState, StepState
from tests.factories import rcs_part
from tests.unit.cli_world import make_world
from tests.unit.review_world import ReviewWorld

LETTER = {"item": "de.brand_letter", "attested_by": "Jo Doe", "attested_on": "2026-11-01", "evidence": "Ticket 4711"}
PAGES = LETTER | {"item": "de.german_pages"}


@pytest.fixture
def world(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch, ReviewWorld).migrate()


def done(world, key, *more):
    return world.onboard("checklist", "done", "acme", key, "--by", "Jo Doe", *more)


def test_a_brand_in_the_us_needs_no_persons_word_before_the_submission(world):
    world.begin("US")
    assert "submit the sender for review" in world.reason
    assert world.item("us.ctia").settled_by == "spec"
    dlc = world.item("us.10dlc")
    assert (dlc.state, dlc.confirmed_by) == (CheckState.MET, "Jo Doe")
    assert "attested on 2026-11-01" in dlc.detail


@pytest.mark.parametrize(
    ("country", "blocking"),
    [
        ("US", set()),
        ("GB", set()),
        ("BE", set()),
        ("ES", set()),
        ("DE", {"de.brand_letter", "de.german_pages"}),
        ("MX", {"mx.spanish"}),
        ("BR", {"br.form"}),
        ("SG", {"sg.ssir"}),
    ],
)
def test_what_twilios_own_documents_demand_holds_up_the_submission(world, country, blocking):
    world.begin(country)
    step = world.step("registration")
    assert step.state is StepState.WAITING_PERSON
    assert step.waiting_topic == ("checklist" if blocking else "submission")
    assert all(key in world.reason for key in blocking)


def test_the_submission_is_asked_for_once_every_word_is_given(world):
    world.begin("DE")
    assert "`onboard checklist done acme de.brand_letter --by WHO`" in world.reason
    done(world, "de.brand_letter")
    assert world.sent == [("acme", "registration")]
    world.run("registration")
    assert "de.german_pages" in world.reason
    assert "de.brand_letter" not in world.reason
    done(world, "de.german_pages")
    world.run("registration")
    assert "submit the sender for review" in world.reason


def test_the_spec_may_say_it_before_the_start_and_take_it_back(world):
    world.begin("DE", checklist=[LETTER, PAGES])
    assert world.step("registration").waiting_topic == "submission"
    letter = world.item("de.brand_letter")
    assert (letter.settled_by, letter.confirmed_by) == ("spec", "Jo Doe")
    assert letter.detail == "declared in the spec on 2026-11-01: Ticket 4711"
    world.start(channel="rcs", rcs=rcs_part(countries=("DE",)), checklist=[PAGES], is_update=True)
    world.run("registration")
    assert world.item("de.brand_letter").state is CheckState.OPEN
    assert world.step("registration").waiting_topic == "checklist"


def test_a_persons_word_outlasts_what_the_spec_says(world):
    world.begin("DE", checklist=[LETTER, PAGES])
    world.onboard("checklist", "unmet", "acme", "de.brand_letter", "--by", "Legal", "--reason", "wrong signatory")
    world.run("registration")
    assert "not met: wrong signatory" in world.reason
    done(world, "de.brand_letter")
    world.run("registration")
    assert world.step("registration").waiting_topic == "submission"


def test_a_country_that_leaves_the_spec_takes_its_items_along(world):
    world.begin("US", "DE")
    world.start(channel="rcs", rcs=rcs_part(countries=("US",)), is_update=True)
    world.run("registration")
    assert world.step("registration").waiting_topic == "submission"
    assert not [row for row in world.json("checklist", "acme") if row["key"].startswith(("de.", "rcs.country.DE"))]


def test_a_sender_that_was_submitted_already_is_not_held_up(world):
    world.says("TWILIO_REVIEW", DE="TWILIO_REVIEW")
    world.begin("DE")
    assert world.step("registration").state is StepState.WAITING_VENDOR


def test_a_country_that_was_left_out_of_the_submission_is_asked_for(world):
    world.says("PENDING_VERIFICATION", US={"AT&T": "CARRIER_REVIEW"})
    world.begin("US", "DE", checklist=[LETTER])
    assert world.step("registration").waiting_topic == "checklist"
    done(world, "de.german_pages")
    world.run("registration")
    assert world.step("registration").waiting_topic == "submission"
    assert "Compliance registration, countries DE (" in world.reason


def test_during_the_review_open_items_are_named_but_hold_up_nothing(world):
    world.says("PENDING_VERIFICATION", US={"AT&T": "CARRIER_REVIEW"})
    world.begin("US")
    assert world.step("registration").state is StepState.WAITING_VENDOR
    assert "meanwhile for a person: rcs.google_email, us.brand_vetting" in world.reason
    world.onboard("checklist", "unmet", "acme", "us.brand_vetting", "--reason", "they want another letter")
    world.look(minutes=1)
    assert world.step("registration").state is StepState.WAITING_PERSON
    assert "they want another letter" in world.reason


def test_the_launch_settles_what_the_carriers_wanted(world):
    world.says("TWILIO_REVIEW", US="TWILIO_REVIEW", DE="TWILIO_REVIEW")
    world.begin("US", "DE", rcs={"go_live": "any_carrier"})
    world.says("ONLINE", US={"": "ONLINE", "AT&T": "APPROVED"}, DE="PENDING_VERIFICATION")
    world.look(days=12)
    assert world.step("registration").state is StepState.SUCCEEDED
    vetting = world.item("us.brand_vetting")
    assert (vetting.state, vetting.settled_by, vetting.detail) == (CheckState.MET, "vendor", "carriers approved in US")
    assert world.item("rcs.google_email").state is CheckState.MET
    assert world.item("de.brand_letter").state is CheckState.OPEN
    assert world.item("us.fees").state is CheckState.OPEN


def test_looks_are_frequent_after_news_and_become_rare(world):
    def next_look():
        return world.step("registration").due_at - world.time

    world.says("TWILIO_REVIEW", US="TWILIO_REVIEW")
    world.begin("US")
    assert next_look() == timedelta(minutes=5)
    world.look(hours=8)
    assert next_look() == timedelta(hours=1)
    world.look(days=5)
    assert next_look() == timedelta(hours=6)
    world.says("PENDING_VERIFICATION", US={"AT&T": "CARRIER_REVIEW"})
    world.look(days=1)
    assert next_look() == timedelta(minutes=5)


def test_each_country_has_a_deadline_of_its_own_and_the_late_ones_are_named(world):
    world.says("TWILIO_REVIEW", US="TWILIO_REVIEW")
    world.begin("US", "GB", rcs={"review_deadline_days": 30})
    began = world.time
    assert "countries GB" in world.reason
    world.says("TWILIO_REVIEW", US="TWILIO_REVIEW", GB={"EE": "CARRIER_REVIEW"})
    world.look(days=20)
    assert world.step("registration").waiting_until == began + timedelta(days=30)
    world.look(days=11)
    assert world.step("registration").state is StepState.WAITING_PERSON
    assert "overdue: " in world.reason
    assert "longer than 30 days: US" in world.reason
    # The US approves at last: now only Britain's clock counts, and it has time left.
    world.says("TWILIO_REVIEW", US="ONLINE", GB={"EE": "CARRIER_REVIEW"})
    world.look(days=1)
    assert world.step("registration").state is StepState.WAITING_VENDOR
    assert world.step("registration").waiting_until == began + timedelta(days=50)


def test_what_reviews_took_here_is_said_with_their_number(world):
    for name, days in (("one", 4), ("two", 12), ("three", 6)):
        world.says("TWILIO_REVIEW", US="TWILIO_REVIEW")
        world.start(name, channel="rcs", rcs=rcs_part(name))
        world.run("registration", name)
        world.says("ONLINE", US={"": "ONLINE", "AT&T": "APPROVED"})
        world.forward(days=days)
        world.signal("registration", name)
        world.run("registration", name)
    # One that was approved when it was first seen says nothing about time.
    world.start("four", channel="rcs", rcs=rcs_part("four"))
    world.run("registration", "four")
    world.says("TWILIO_REVIEW", US="TWILIO_REVIEW")
    world.begin("US")
    assert "reviews took: US 6 days (median of 3 here)" in world.reason
    assert world.json("matrix", "acme")[0]["countries"][0]["typical_days"] == 6.0


def test_the_matrix_remembers_each_change_and_shows_unknown_words_with_a_mark(world):
    world.says("TWILIO_REVIEW", US={"AT&T": "UNLAUNCHED", "Verizon": "UNLAUNCHED"})
    world.begin("US", "GB")
    began = world.time
    world.says("PENDING_VERIFICATION", US={"AT&T": "APPROVED", "Verizon": "ON_HOLD"}, FR="TWILIO_REVIEW")
    world.look(days=3)
    (matrix,) = world.json("matrix", "acme")
    assert matrix["sender"]["since"] == world.time.isoformat()
    us, gb, france = matrix["countries"]
    assert (us["country"], us["is_usable"], us["since"]) == ("US", True, began.isoformat())
    assert [(cell["carrier"], cell["status"], cell["is_known"]) for cell in us["carriers"]] == [
        ("AT&T", "APPROVED", True),
        ("Verizon", "ON_HOLD", False),
    ]
    assert (gb["status"], gb["since"]) == ("not submitted", None)
    assert (france["country"], france["is_declared"]) == ("FR", False)
    page = world.onboard("matrix", "acme")
    assert "? ON_HOLD" in page
    assert "✔ APPROVED" in page
    assert "US\N{NO-BREAK SPACE}1/2" in world.onboard("matrix")
    assert "US Verizon: UNLAUNCHED -> ON_HOLD" in world.onboard("events", "acme")
    world.says("PENDING_VERIFICATION", US={"AT&T": "APPROVED"}, FR="TWILIO_REVIEW")
    world.look(days=1)
    carriers = world.json("matrix", "acme")[0]["countries"][0]["carriers"]
    assert [cell["status"] for cell in carriers] == ["APPROVED", "not listed"]


def test_a_look_without_news_writes_nothing(world):
    world.says("TWILIO_REVIEW", DE="TWILIO_REVIEW")
    world.begin("DE")
    before = world.json("checklist", "acme")
    world.look(days=1)
    assert world.json("checklist", "acme") == before
    assert "review:changed" not in world.events()


def drift_looks(world):
    ctx = PlanContext(world.shop, world.onboarding())
    drift.settle(world.shop, world.onboarding(), [], [one.owned for one in make_plan(ctx).planned])


def check_looks(world):
    world.script["verification"] = [lambda ctx: (ctx.observe_all(), Done())[1]]
    world.command("verify", sends_message=False)
    world.run("verification")


@pytest.mark.parametrize("looks", [drift_looks, check_looks])
def test_what_program_and_vendor_settle_follows_each_later_look(world, looks):
    world.begin("US")
    world.says("ONLINE", US={"": "ONLINE", "AT&T": "APPROVED", "Verizon": "CARRIER_REVIEW"})
    world.look(minutes=5)
    world.run_all()
    assert world.status() is OnboardingState.ACTIVE
    assert world.item("rcs.profile").state is CheckState.MET
    assert "Verizon CARRIER_REVIEW" in world.item("rcs.country.US").detail
    world.says("ONLINE", US={"": "ONLINE", "AT&T": "APPROVED", "Verizon": "APPROVED"})
    sender = world.twilio.sender
    world.twilio.sender = replace(sender, profile={"privacy_url": "https://elsewhere.example.com"})
    looks(world)
    profile = world.item("rcs.profile")
    assert profile.state is CheckState.UNMET
    assert profile.detail.startswith("profile.privacy_url is 'https://elsewhere.example.com', declared")
    assert world.item("rcs.country.US").detail == "ONLINE (AT&T APPROVED, Verizon APPROVED)"
    assert "CARRIER_REVIEW" not in json.dumps(world.json("matrix"))
    world.twilio.sender = sender
    looks(world)
    assert (world.item("rcs.profile").state, world.item("rcs.profile").detail) == (CheckState.MET, None)
    world.twilio.services.clear()
    looks(world)
    assert (world.item("service.ready").state, world.item("service.ready").detail) == (
        CheckState.UNMET,
        "does not exist",
    )
