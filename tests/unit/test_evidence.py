from __future__ import annotations

import io
import json
import zipfile

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evidence_archive import chain, seal
from engine.evidence_check import check
from models.states import ForwardState, Provenance
from models.tables import Message, WebhookEvent
from tests.factories import spec_data
from tests.unit.cli_world import TOKEN, make_world

HANDSET = "+12125550123"
WEBHOOK = "https://webhooks.adobe.io/capability-5105a7"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One onboarding that a person had a hand in, with a message and what Twilio and its author said."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = tmp_path_factory.mktemp("evidence")
        world = make_world(folder, monkeypatch).migrate()
        monkeypatch.setattr("providers.ajo.webhook.look", lambda url, settings: None)
        fill(world, folder)
        yield world


def fill(world, folder):
    world.start("acme", channel="rcs")
    world.script["registration"] = [act] * 3
    world.run("registration")
    (folder / "page 1.png").write_bytes(b"\x89PNG\x00\xff")
    world.onboard(
        *("task", "done", "acme", "inbound-webhook", "--value", f"url={WEBHOOK}", "--by", "Jo Doe"),
        *("--evidence", str(folder / "page 1.png"), "--evidence", "seen by both"),
    )
    world.run("registration")
    at = world.time
    world.add(
        Message,
        client_reference="ref-1",
        sid="SM1",
        recipient=HANDSET,
        body="Hello",
        status="delivered",
        created_at=at,
        updated_at=at,
    )
    for number, (kind, payload) in enumerate(
        [
            ("status", {"MessageSid": "SM1", "MessageStatus": "delivered", "To": HANDSET, "From": "rcs:acme_agent"}),
            ("inbound", {"MessageSid": "SM2", "Body": "I live at 1 Main St", "ProfileName": "Ann", "From": HANDSET}),
        ]
    ):
        world.add(
            WebhookEvent,
            kind=kind,
            message_sid=payload["MessageSid"],
            dedupe_key=str(number),
            payload=payload,
            received_at=at,
            forward_state=ForwardState.FORWARDED,
        )


def act(ctx):
    fields = [
        {"label": "Provider URL", "value": f"https://gateway.example.com/ajo/{ctx.endpoint_token}/messages"},
        {"label": "API Token", "secret": "twilio.auth_token"},
    ]
    answer = ctx.ask_person("inbound-webhook", title="Create it", place="AJO", fields=fields, bring_back=["url"])
    ctx.check("rcs.country", each="US", is_met=True, detail=f"by Max to {HANDSET}")
    ctx.record(
        "ajo_inbound_webhook",
        vendor="ajo",
        name="inbound",
        external_id="inbound",
        provenance=Provenance.DECLARED,
        declared_by=answer.by,
        details=answer.values,
    )
    return ctx.person_wait(f"message to {HANDSET} was not read", topic="device")


@pytest.fixture(scope="module")
def pack(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("pack") / "acme.zip"
    world.onboard("evidence", "acme", "-o", str(path))
    return path


def files_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def load(pack, name):
    return json.loads(files_of(pack.read_bytes())[name])


# -- what is in it --------------------------------------------------------------------------------------------------------
def test_the_same_state_makes_the_same_bytes(world, pack, tmp_path):
    world.onboard("evidence", "acme", "-o", str(tmp_path / "again.zip"))
    assert (tmp_path / "again.zip").read_bytes() == pack.read_bytes()


def test_a_pack_is_overwritten_by_force_only_and_no_other_file_at_all(world, pack, tmp_path):
    target = tmp_path / "acme.zip"
    target.write_bytes(pack.read_bytes())
    target.touch()
    written = target.stat().st_mtime_ns
    assert "--force overwrites it" in world.onboard("evidence", "acme", "-o", str(target), code=2)
    assert target.stat().st_mtime_ns == written
    world.onboard("evidence", "acme", "-o", str(target), "--force")
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("letter.txt", "Dear Ann")
    before = target.read_bytes()
    assert "is no evidence pack" in world.onboard("evidence", "acme", "-o", str(target), "--force", code=2)
    assert target.read_bytes() == before


def test_the_help_shows_the_options_of_writing(world):
    output = world.onboard("evidence", "--help")
    assert "--output" in output
    assert "--sign" in output


def test_it_has_who_did_what_with_which_evidence(pack):
    (task,) = load(pack, "tasks.json")
    assert (task["done_by"], task["evidence"]) == (
        "Jo Doe",
        ["evidence/001-page_1.png", "evidence/002-note.txt"],
    )
    files = files_of(pack.read_bytes())
    assert files["evidence/001-page_1.png"] == b"\x89PNG\x00\xff"
    assert next(iter(files)) == "index.html"
    approvals = {(each["what"], each["who"]) for each in load(pack, "approvals.json")}
    assert ("Create it", "Jo Doe") in approvals
    assert ("The sender is usable in US", "a vendor") in approvals
    assert ("ajo_inbound_webhook inbound", "Jo Doe") in approvals
    (message,) = load(pack, "messages.json")
    assert message["timeline"][0]["status"] == "delivered"
    (step,) = [step for step in load(pack, "steps.json") if step["name"] == "registration"]
    starts = [row["started_at"] for row in load(pack, "attempts.json") if row["step"] == "registration"]
    assert (step["tries"], step["first_started_at"], step["last_started_at"]) == (2, *starts)
    page = files["index.html"].decode()
    for words in ("Jo Doe", "The sender is usable in US", "evidence/001-page_1.png", "SM1"):
        assert words in page


def test_a_rejection_and_a_step_decided_by_hand_have_their_names(world, tmp_path):
    world.start("diner", channel="rcs")
    world.script["registration"] = [act]
    world.run("registration", "diner")
    world.onboard("task", "reject", "diner", "inbound-webhook", "--reason", "no rights there", "--by", "Max")
    world.onboard("skip", "diner", "channel", "--reason", "no handset", "--by", "Jo Doe")
    world.onboard("evidence", "diner", "-o", str(tmp_path / "diner.zip"))
    said = {each["what"]: (each["who"], each["how"]) for each in load(tmp_path / "diner.zip", "approvals.json")}
    assert said["Create it"] == ("Max", "rejected: no rights there")
    assert said["channel is skipped"] == ("Jo Doe", "skipped by Jo Doe: no handset")


def test_secrets_numbers_replies_and_capabilities_are_left_out(world, pack):
    token = world.onboarding().endpoint_token
    for name, content in files_of(pack.read_bytes()).items():
        text = content.decode(errors="replace")
        for hidden in (TOKEN, token, HANDSET, WEBHOOK, "capability", "I live at", "Ann"):
            assert hidden not in text, (name, hidden)
    (message,) = load(pack, "messages.json")
    assert message["recipient"] == "+*******0123"
    assert load(pack, "resources.json")[0]["details"]["url"] == "https://webhooks.adobe.io/[redacted]"
    assert load(pack, "spec.json")["twilio"]["numbers"] == ["+14155550100"]


# -- the check ------------------------------------------------------------------------------------------------------------
def test_a_pack_fits_without_any_database(pack, tmp_path, monkeypatch, world):
    monkeypatch.setenv("ONBOARD_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    output = world.onboard("evidence", "check", str(pack))
    assert "all fits: acme" in output
    assert "not signed" in output
    assert world.json("evidence", "check", str(pack))["problems"] == []


@pytest.fixture(scope="module")
def small():
    """A pack small enough to try every byte of it."""
    events = chain(
        [{"at": f"2026-11-2{day}", "kind": "step:ready", "step": None, "text": "on", "details": {}} for day in (1, 2)]
    )
    about = {"onboarding": "acme", "mark": "onb-1", "chain": {"events": 2, "head": events[-1]["hash"]}}
    lines = "".join(json.dumps(event, sort_keys=True) + "\n" for event in events).encode()
    return seal({"index.html": b"<p>acme", "events.jsonl": lines, "evidence/001-a.png": b"\x89PNG"}, about, None)


def test_any_changed_byte_of_a_pack_is_found(small):
    assert check(small).problems == []
    for place in range(len(small)):
        changed = bytearray(small)
        changed[place] ^= 0x01
        assert check(bytes(changed)).problems, f"byte {place}"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_of_any_byte_of_a_real_pack_is_found(pack, data):
    content = bytearray(pack.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    assert check(bytes(content)).problems


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_pack_cut_short_or_with_something_added_is_found(small, data):
    place = data.draw(st.integers(0, len(small) - 1))
    added = data.draw(st.binary(min_size=1, max_size=20))
    for changed in (
        small[:place],
        small[place:] if place else b"",
        small[:place] + added + small[place:],
        small + added,
    ):
        assert changed == small or check(changed).problems


def test_a_changed_pack_exits_with_1_and_names_what_changed(world, pack, tmp_path):
    changed = bytearray(pack.read_bytes())
    changed[changed.index(b"Hello")] ^= 0x20
    path = tmp_path / "changed.zip"
    path.write_bytes(changed)
    output = world.onboard("evidence", "check", str(path), code=1)
    assert "does NOT fit" in output
    assert ".json: its bytes are damaged" in output
    path.write_text("no archive")
    assert "this is no evidence pack" in world.onboard("evidence", "check", str(path), code=1)
    path.write_bytes(pack.read_bytes()[:-100])
    assert "it was cut off" in world.onboard("evidence", "check", str(path), code=1)
    assert "does not exist" in world.onboard("evidence", "check", "missing.zip", code=2)


def rewritten(pack, change):
    """The pack with one file changed by somebody who knows how archives are made, but not how manifests are."""
    files = files_of(pack.read_bytes())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in change(files).items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda files: files | {"spec.json": b"{}"}, "spec.json: has 2 bytes, and the manifest says"),
        (lambda files: files | {"more.json": b"{}"}, "more.json: is in the archive and not in the manifest"),
        (lambda files: {k: v for k, v in files.items() if k != "steps.json"}, "steps.json: is listed in the manifest"),
        (lambda files: files | {"manifest.json": b"[]"}, "manifest.json cannot be understood"),
        (lambda files: files | {"manifest.json": b"{" * 9999}, "manifest.json cannot be understood"),
        (lambda files: {"a": b"b"}, "manifest.json is missing"),
        (
            lambda files: files | {"events.jsonl": files["events.jsonl"].replace(b"Create it", b"Create me", 1)},
            ": this event does not follow from the one before it",
        ),
        (
            lambda files: files | {"events.jsonl": b"".join(files["events.jsonl"].splitlines(True)[:-1])},
            "and the manifest says",
        ),
        (lambda files: files, "the archive was changed at byte"),
    ],
)
def test_what_does_not_fit_is_named(pack, change, said):
    assert any(said in problem for problem in check(rewritten(pack, change)).problems)


def test_a_strangers_pack_cannot_break_the_check_nor_steer_the_terminal(world, pack, tmp_path):
    path = tmp_path / "strange.zip"
    manifest = load(pack, "manifest.json")
    for change in (
        {"chain": {"events": 1e999, "head": ""}},
        {"files": [{"path": "\ud800\x1b[2J", "size": 1, "sha256": ""}]},
        {"files": 7},
    ):
        content = json.dumps(manifest | change).encode()
        path.write_bytes(rewritten(pack, lambda files, content=content: files | {"manifest.json": content}))
        assert "\x1b" not in world.onboard("evidence", "check", str(path), code=1)


def forged(pack, change, key=None):
    """The pack made anew, manifest and chain included, over a changed log: what a forger with this program does."""
    files = files_of(pack.read_bytes())
    manifest = json.loads(files.pop("manifest.json"))
    events = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    bare = [{name: event[name] for name in ("at", "kind", "step", "text", "details")} for event in change(events)]
    linked = chain(bare)
    files["events.jsonl"] = "".join(json.dumps(event, sort_keys=True) + "\n" for event in linked).encode()
    about = {name: manifest[name] for name in ("onboarding", "mark", "state_at")}
    return seal(files, about | {"chain": {"events": len(linked), "head": linked[-1]["hash"]}}, key)


def test_a_perfect_forgery_is_found_by_an_earlier_pack_only(pack):
    without = forged(pack, lambda events: events[:1] + events[2:])
    assert check(without).problems == []
    (problem,) = check(without, earlier=pack.read_bytes()).problems
    assert problem.startswith("events.jsonl:2: this event is not what the earlier pack says")
    cut = forged(pack, lambda events: events[:-1])
    assert "the log was changed since" in check(cut, earlier=pack.read_bytes()).problems[0]


def test_a_later_pack_goes_on_from_an_earlier_one(world, pack, tmp_path):
    earlier = tmp_path / "earlier.zip"
    earlier.write_bytes(forged(pack, lambda events: events[:3]))
    assert f"its log goes on from {earlier}" in world.onboard("evidence", "check", str(pack), "--against", str(earlier))
    world.start("bistro")
    world.onboard("evidence", "bistro", "-o", str(tmp_path / "bistro.zip"))
    output = world.onboard("evidence", "check", str(pack), "--against", str(tmp_path / "bistro.zip"), code=1)
    assert "is of another onboarding, bistro" in output
    earlier.write_bytes(rewritten(earlier, lambda files: files | {"spec.json": b"{}"}))
    output = world.onboard("evidence", "check", str(pack), "--against", str(earlier), code=1)
    assert "the earlier pack: spec.json: has 2 bytes" in output


def test_a_change_of_the_brands_numbers_does_not_change_what_was_logged(world, tmp_path):
    early, late = tmp_path / "early.zip", tmp_path / "late.zip"
    world.start("cinema")
    world.script["registration"] = [
        lambda ctx: ctx.person_wait(
            "+14155550101 is not at https://console.example.com/numbers?token=1", topic="number"
        )
    ] * 9
    world.run("registration", "cinema")
    world.onboard("evidence", "cinema", "-o", str(early))
    assert (
        b"+*******0101 is not at https://console.example.com/[redacted]" in files_of(early.read_bytes())["events.jsonl"]
    )
    world.start("cinema", is_update=True, twilio=spec_data("sms")["twilio"] | {"numbers": ["+14155550177"]})
    world.onboard("evidence", "cinema", "-o", str(late))
    assert "its log goes on from" in world.onboard("evidence", "check", str(late), "--against", str(early))


def test_a_signature_is_checked_with_the_signers_key(world, pack, tmp_path):
    key, stranger = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    for name, each in (("public.pem", key), ("stranger.pem", stranger)):
        pem = each.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (tmp_path / name).write_bytes(pem)
    signed = tmp_path / "signed.zip"
    world.onboard("evidence", "acme", "-o", str(signed), "--sign", str(tmp_path / "key.pem"))
    verify = ("evidence", "check", str(signed), "--key")
    assert "the signature is right" in world.onboard(*verify, str(tmp_path / "public.pem"))
    assert "is not this key's signature" in world.onboard(*verify, str(tmp_path / "stranger.pem"), code=1)
    assert "which was not checked" in world.onboard("evidence", "check", str(signed))
    assert "no Ed25519 public key" in world.onboard(*verify, str(pack), code=2)
    assert "is not signed" in world.onboard(
        "evidence", "check", str(pack), "--key", str(tmp_path / "public.pem"), code=1
    )
    forgery = forged(pack, lambda events: events[:2], stranger)
    assert check(forgery, key=key.public_key()).problems == [
        "manifest.sig: is not this key's signature of the manifest"
    ]


def test_an_unknown_onboarding_is_suggested(world, tmp_path):
    assert "did you mean 'acme'?" in world.onboard("evidence", "acmee", "-o", str(tmp_path / "x.zip"), code=4)
    assert not (tmp_path / "x.zip").exists()
