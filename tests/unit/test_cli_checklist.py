from __future__ import annotations

import hashlib
import json
import zipfile

import pytest

from models.states import StepState
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


def test_a_persons_word_and_its_evidence_are_in_the_evidence_pack(world, tmp_path):
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF signed")
    world.onboard("checklist", "done", "acme", "de.brand_letter", "--by", "Jo Doe", "--evidence", str(letter))
    pack = tmp_path / "acme.zip"
    world.onboard("evidence", "acme", "-o", str(pack))
    with zipfile.ZipFile(pack) as archive:
        approvals = json.loads(archive.read("approvals.json"))
        rows = {row["key"]: row for row in json.loads(archive.read("checklist.json"))}
        (path,) = rows["de.brand_letter"]["evidence"]
        assert archive.read(path) == b"%PDF signed"
    said = {(each["what"], each["who"]) for each in approvals}
    assert ("The Brand Verification Letter for Germany is signed", "Jo Doe") in said
    assert "all fits" in world.onboard("evidence", "check", str(pack))
