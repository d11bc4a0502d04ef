from __future__ import annotations

import hashlib
import json
import zipfile

import pytest

from models.states import StepState
from tests.factories import rcs_part
from tests.unit.cli_world import TOKEN, make_world
from tests.unit.review_world import ReviewWorld


@pytest.fixture
def world(tmp_path, monkeypatch):
    world = make_world(tmp_path, monkeypatch, ReviewWorld).migrate()
    world.begin("DE")
    return world


def test_it_shows_each_item_with_its_reason_and_source(world):
    page = world.onboard("checklist", "acme")
    assert page == world.onboard("checklist", "show", "acme")
    assert "2 still needed for the submission, 2 still needed for the launch" in page
    assert "○ de.brand_letter  The Brand Verification Letter for Germany is signed" in page
    assert "person, needed for the submission, due in 13 d" in page or "due in 14 d" in page
    assert "Twilio docs, RCS regional availability (doc, 2026-11-23)" in page
    assert page.index("de.brand_letter") < page.index("✔ account.active")


def test_json_has_every_field(world):
    rows = {row["key"]: row for row in world.json("checklist", "acme")}
    letter = rows["de.brand_letter"]
    assert (letter["state"], letter["checked_by"], letter["stage"], letter["country"]) == (
        *("open", "person", "submission"),
        "DE",
    )
    assert (letter["file"], letter["version"], letter["tag"]) == ("rcs_de.yaml", 1, "doc")
    assert letter["due_at"] > letter["opened_at"]


def test_files_and_notes_are_kept(world, tmp_path):
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF signed")
    proof = ("--evidence", str(letter), "--evidence", "Ticket 4711", "--note", "sent by post")
    world.onboard("checklist", "done", "acme", "de.brand_letter", "--by", "Jo Doe", *proof)
    row = world.item("de.brand_letter")
    digest = hashlib.sha256(b"%PDF signed").hexdigest()
    given = next(one for one in world.json("checklist", "acme") if one["key"] == "de.brand_letter")["evidence"]
    assert [(one["name"], one["size"], one["given_by"]) for one in given] == [
        ("letter.pdf", 11, "Jo Doe"),
        ("note.txt", 11, "Jo Doe"),
    ]
    assert given[0]["sha256"] == digest
    assert (row.confirmed_by, row.detail) == ("Jo Doe", "sent by post")
    assert "met, says Jo Doe: sent by post" in world.onboard("events", "acme")
    assert f"letter.pdf (11 bytes, sha256 {digest[:12]}…); note.txt" in world.onboard("checklist", "acme")


def test_evidence_that_is_too_large_leaves_the_item_open(world, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.evidence.LARGEST_BYTES", 8)
    big = tmp_path / "big.pdf"
    big.write_bytes(b"123456789")
    output = world.onboard("checklist", "done", "acme", "de.brand_letter", "--evidence", str(big), code=2)
    assert "is larger than 8 bytes" in output
    assert world.item("de.brand_letter").state == "open"
    assert "checklist:met" not in world.events()


def test_a_file_that_is_not_there_is_no_evidence(world):
    output = world.onboard("checklist", "done", "acme", "de.brand_letter", "--evidence", "lettr.pdf", code=2)
    assert "there is no file lettr.pdf" in output
    assert world.item("de.brand_letter").state == "open"


def test_what_the_program_or_a_vendor_settles_takes_nobodys_word(world):
    assert "settled by the vendor" in world.onboard("checklist", "done", "acme", "rcs.country.DE", code=2)
    assert "settled by the program" in world.onboard(
        "checklist", "unmet", "acme", "account.full", "--reason", "x", code=2
    )
    assert world.step("registration").state is StepState.WAITING_PERSON


def test_unknown_items_and_names_say_what_there_is(world):
    assert "de.german_pages" in world.onboard("checklist", "done", "acme", "de.letter", code=2)
    assert "did you mean 'acme'?" in world.onboard("checklist", "done", "acmee", "de.brand_letter", code=4)
    assert "did you mean 'acme'?" in world.onboard("checklist", "acmee", code=4)


def test_show_lists_only_what_holds_something_up(world):
    page = world.onboard("show", "acme")
    part = page[page.index("Checklist") : page.index("Resources")]
    assert "de.brand_letter" in part
    assert "rcs.ticket" not in part
    assert "onboard checklist acme" in part


def test_evidence_that_holds_a_secret_is_refused(world):
    proof = ("--evidence", f"the token is {TOKEN} as you see")
    output = world.onboard("checklist", "done", "acme", "de.brand_letter", *proof, code=2)
    assert "holds the secret twilio.auth_token in clear" in output
    assert TOKEN not in output
    assert world.item("de.brand_letter").state == "open"


def test_what_people_said_and_its_evidence_are_in_the_evidence_pack(world, tmp_path):
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF signed")
    pages = {"item": "de.german_pages", "attested_by": "Maria", "attested_on": "2026-11-01", "evidence": "Ticket 4711"}
    world.start(channel="rcs", rcs=rcs_part(countries=("DE",)), checklist=[pages], is_update=True)
    world.run("registration")
    world.onboard("checklist", "done", "acme", "de.brand_letter", "--by", "Jo Doe", "--evidence", str(letter))
    world.onboard("checklist", "unmet", "acme", "rcs.ticket", "--by", "Legal", "--reason", "not asked yet")
    pack = tmp_path / "acme.zip"
    world.onboard("evidence", "acme", "-o", str(pack))
    with zipfile.ZipFile(pack) as archive:
        approvals = json.loads(archive.read("approvals.json"))
        rows = {row["key"]: row for row in json.loads(archive.read("checklist.json"))}
        (path,) = rows["de.brand_letter"]["evidence"]
        assert archive.read(path) == b"%PDF signed"
    assert rows["de.german_pages"]["evidence"] == []
    said = {each["what"]: (each["who"], each["how"], each["needed_for"]) for each in approvals}
    assert said[rows["de.brand_letter"]["title"]] == ("Jo Doe", "", "submission")
    declared = ("Maria", "declared in the spec on 2026-11-01: Ticket 4711", "submission")
    assert said[rows["de.german_pages"]["title"]] == declared
    assert said[rows["rcs.ticket"]["title"]] == ("Legal", "not met; not asked yet", "advice")
    assert said[rows["rcs.opt_in"]["title"]][0] == "the spec"
    for nobodys_word in ("account.active", "rcs.profile_fields", "rcs.google_email"):
        assert rows[nobodys_word]["title"] not in said
    assert "all fits" in world.onboard("evidence", "check", str(pack))


# -- in the list of what waits for people -------------------------------------------------------------------------------
def test_what_holds_up_the_submission_stands_among_the_tasks_with_its_command(world):
    items = world.json("tasks")
    assert [(item["kind"], item["key"], item["command"]) for item in items] == [
        ("item", key, f"onboard checklist done acme {key} --by WHO") for key in ("de.brand_letter", "de.german_pages")
    ]
    page = world.onboard("tasks")
    assert "The Brand Verification Letter for Germany is signed, due in 1" in " ".join(page.split())
    assert "onboard checklist done ONBOARDING ITEM --by WHO" in page
    shown = world.onboard("task", "show", "acme", "de.brand_letter")
    assert "needed for the submission, due in 1" in shown
    assert items[0]["command"] in shown
    world.onboard(*items[0]["command"].split()[1:])
    assert [item["key"] for item in world.json("tasks")] == ["de.german_pages"]


def test_an_item_of_the_checklist_is_settled_by_its_own_command(world):
    refused = world.onboard("done", "acme", "de.brand_letter", code=2)
    assert "onboard checklist done acme de.brand_letter --by WHO" in refused
    assert world.item("de.brand_letter").state == "open"


def test_items_of_a_paused_onboarding_wait_for_nobody(world):
    world.onboard("pause", "acme")
    assert world.json("tasks") == []
    assert [item["key"] for item in world.json("tasks", "acme")] == ["de.brand_letter", "de.german_pages"]
