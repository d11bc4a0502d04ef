from __future__ import annotations

import hashlib
import json

import pytest

from models.states import OnboardingState, StepState
from models.tables import Evidence
from tests.unit.cli_world import TOKEN, make_world

FIELDS = [
    {"label": "Name", "value": "acme inbound"},
    {"label": "SMS vendor", "choice": "Custom"},
    {"label": "Payload", "value": '{\n  "from": "{{From}}"\n}'},
    {"label": "API Token", "secret": "twilio.auth_token"},
    {"label": "Default Reply Message", "note": "leave it empty"},
]
URL = "https://webhooks.adobe.io/1?a=b"
DONE = ("task", "done", "acme", "inbound-webhook")


@pytest.fixture
def world(tmp_path, monkeypatch):
    world = make_world(tmp_path, monkeypatch).migrate()
    world.odd = None
    monkeypatch.setattr("providers.ajo.webhook.look", lambda url, settings: world.odd)
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOGNAME", "jdoe")
    ask(world, "acme")
    return world


def ask(world, name, key="inbound-webhook", bring_back=("url",)):
    world.start(name)
    world.script["registration"] = [
        lambda ctx: ctx.ask_person(
            key,
            title="Create the inbound webhook %(name)s",
            params={"name": "100% Acme"},
            place="AJO > Channels",
            instructions=["Submit the webhook, open it again and copy its webhook URL."],
            fields=FIELDS,
            bring_back=bring_back,
        )
    ] * 9
    world.run("registration", name)


def fail(world, wait):
    world.start("bistro")
    world.script["registration"] = [wait] * 9
    world.run("registration", "bistro")


# -- the list -----------------------------------------------------------------------------------------------------------
def test_the_list_has_operator_tasks_other_waits_and_what_has_failed(world):
    from engine.contract import Failed

    fail(world, lambda ctx: ctx.person_wait("no carrier accepts the sender in DE", topic="rejected"))
    world.start("cinema")
    world.script["registration"] = [Failed("Twilio refused the number")]
    world.run("registration", "cinema")
    items = world.json("tasks")
    assert sorted((item["onboarding"], item["kind"], item["key"]) for item in items) == [
        ("acme", "task", "inbound-webhook"),
        ("bistro", "wait", "rejected"),
        ("cinema", "failed", "failed"),
    ]
    output = world.onboard("tasks")
    assert "Create the inbound webhook 100% Acme" in output
    assert "no carrier accepts the sender in DE" in output
    assert "Twilio refused the number" in output


def test_what_is_done_or_of_a_paused_onboarding_is_listed_on_demand_only(world):
    world.onboard(*DONE, "--value", f"url={URL}")
    assert "Nothing waits for a person." in world.onboard("tasks")
    assert [item["state"] for item in world.json("tasks", "--all")] == ["done"]
    ask(world, "bistro")
    world.onboard("pause", "bistro")
    assert world.json("tasks") == []
    assert [item["onboarding"] for item in world.json("tasks", "bistro")] == ["bistro"]


def test_tasks_are_assigned_and_found_by_whose_they_are(world):
    assert "No task is assigned to jdoe." in world.onboard("tasks", "--mine")
    assert "is assigned to jdoe" in world.onboard("task", "assign", "acme", "inbound-webhook", "jdoe", "--by", "Max")
    assert [item["key"] for item in world.json("tasks", "--mine")] == ["inbound-webhook"]
    assert world.json("tasks", "--assignee", "somebody else") == []
    assert "assigned to jdoe by Max" in world.onboard("events", "acme")
    assert "jdoe" in world.onboard("tasks")


# -- one task -----------------------------------------------------------------------------------------------------------
def test_a_task_says_where_what_and_how_to_go_on(world):
    output = world.onboard("task", "show", "acme", "inbound-webhook")
    assert "AJO > Channels" in output
    assert "acme inbound" in output
    assert "Custom" in output
    assert '\n  "from": "{{From}}"\n' in output
    assert "(leave it empty)" in output
    assert "onboard task done acme inbound-webhook --value url=…" in output


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_a_task_speaks_spanish_in_every_form(world, form):
    output = world.onboard("task", "show", "acme", "inbound-webhook", "--format", form, "--lang", "es")
    for word in ("Crear el webhook entrante 100% Acme", "Personalizado", "Nombre", "acme inbound", "Token de API"):
        assert word in output
    assert "déjelo vacío" in output
    assert "Custom" not in output


def test_the_language_comes_from_the_locale(world, monkeypatch):
    monkeypatch.setenv("LANG", "es_MX.UTF-8")
    assert "Crear el webhook" in world.onboard("tasks")
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    assert "Create the inbound webhook" in world.onboard("tasks")


def test_values_do_not_break_out_of_markdown_and_html(world):
    fields = [{"label": "Name", "value": "```\n<script>alert(1)</script> *a*"}]
    world.start("bistro")
    world.script["registration"] = [
        lambda ctx: ctx.ask_person("credential", title="Do <it>", place="a & b", fields=fields, bring_back=[])
    ]
    world.run("registration", "bistro")
    markdown = world.onboard("task", "show", "bistro", "credential", "--format", "markdown")
    assert "\n````\n```\n<script>alert(1)</script> *a*\n````\n" in markdown
    html = world.onboard("task", "show", "bistro", "credential", "--format", "html")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_secrets_are_shown_only_on_demand_and_who_asked_is_recorded(world):
    show = ("task", "show", "acme", "inbound-webhook")
    assert TOKEN not in world.onboard(*show) + world.onboard(*show, "--json") + world.onboard(*show, "--format", "html")
    assert "secret:revealed" not in world.events()
    for form in ("text", "markdown", "html"):
        assert TOKEN in world.onboard(*show, "--format", form, "--show-secrets", "--by", "Jo Doe")
    assert world.events()[-3:] == ["secret:revealed"] * 3
    log = world.onboard("events", "acme", "--json")
    assert "API Token of the task inbound-webhook was shown to Jo Doe" in log
    assert TOKEN not in log


def test_a_wait_that_is_no_task_is_shown_and_confirmed_with_a_name_and_evidence(world):
    fail(world, lambda ctx: ctx.person_wait("answer Twilio's ticket", topic="gave up"))
    output = world.onboard("task", "show", "bistro", "gave-up")
    assert "answer Twilio's ticket" in output
    assert "onboard task done bistro gave-up" in output
    world.onboard("task", "done", "bistro", "gave-up", "--by", "Jo Doe", "--evidence", "ticket 4711 is closed")
    assert world.step("registration", "bistro").state is StepState.READY
    assert world.events("bistro")[-3:] == ["wait:answered", "evidence:kept", "step:ready"]
    assert "nothing to assign" in world.onboard("task", "assign", "bistro", "gave-up", "jo", code=2)
    assert "is no operator task" in world.onboard("task", "reject", "bistro", "gave-up", "--reason", "no", code=2)


# -- done ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("verb", [("task", "done"), ("done",)])
def test_done_records_who_and_wakes_the_step(world, verb):
    world.onboard(*verb, "acme", "inbound-webhook", "--value", f"url={URL}", "--by", "Jo Doe")
    assert world.step("registration").state is StepState.READY
    assert world.sent == [("acme", "registration")]
    assert "Create the inbound webhook 100% Acme, by Jo Doe" in world.onboard("events", "acme")


def test_evidence_is_kept_with_its_hash_who_and_when(world, tmp_path):
    picture = tmp_path / "page.png"
    picture.write_bytes(b"\x89PNG\x00")
    world.onboard(
        *DONE, "--value", f"url={URL}", "--evidence", str(picture), "--evidence", "seen by both", "--by", "Jo"
    )
    with world.db.begin() as connection:
        rows = connection.execute(Evidence.select().order_by(Evidence.c.id)).all()
    assert [(row.name, row.content, row.given_by) for row in rows] == [
        ("page.png", b"\x89PNG\x00", "Jo"),
        ("note.txt", b"seen by both", "Jo"),
    ]
    assert rows[0].sha256 == hashlib.sha256(b"\x89PNG\x00").hexdigest()
    assert "page.png, 5 bytes, from Jo" in world.onboard("task", "show", "acme", "inbound-webhook")


def test_evidence_that_cannot_be_kept_leaves_the_task_open(world, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.evidence.LARGEST_BYTES", 8)
    big = tmp_path / "big.png"
    big.write_bytes(b"123456789")
    (tmp_path / "empty.png").touch()
    for evidence, said in [
        (str(big), "is larger than 8 bytes"),
        (str(tmp_path / "empty.png"), "is empty"),
        ("missing.png", "there is no file missing.png"),
        (f"it is {TOKEN}", "holds the secret twilio.auth_token in clear"),
        (" ", "is empty"),
    ]:
        output = world.onboard(*DONE, "--value", f"url={URL}", "--evidence", evidence, code=2)
        assert said in output
        assert TOKEN not in output
    assert world.json("tasks")[0]["state"] == "open"
    assert "operator_task:done" not in world.events()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example.com/1", "is not an https:// address"),
        ("https://", "is no address"),
        ("https://a b", "is no address"),
        ("http://127.0.0.1:8700/twilio/x/status", "onboard's own gateway"),
    ],
)
def test_an_address_that_cannot_be_ajos_is_refused(world, url, said):
    assert said in world.onboard(*DONE, "--value", f"url={url}", code=2)
    assert world.step("registration").state is StepState.WAITING_PERSON


def test_two_webhooks_cannot_have_the_same_address(world):
    world.onboard(*DONE, "--value", f"url={URL}")
    ask(world, "bistro")
    world.run("registration")
    # The same address elsewhere may be right: a channel of the same sandbox.
    world.onboard("task", "done", "bistro", "inbound-webhook", "--value", f"url={URL}")
    world.script["registration"] = [
        lambda ctx: ctx.ask_person("feedback-webhook", title="And", place="AJO", fields=FIELDS, bring_back=["url"])
    ]
    world.run("registration", "bistro")
    output = world.onboard("task", "done", "bistro", "feedback-webhook", "--value", f"url={URL}/", code=2)
    assert "is the address of inbound-webhook too" in output


def test_what_is_only_odd_is_warned_of_and_recorded(world):
    world.odd = "AJO's webhook answered 200 with a web page"
    output = world.onboard(*DONE, "--value", "url=https://hooks.example.com/1")
    assert "Warning: hooks.example.com does not look like a host of Adobe's" in output
    assert "Warning: AJO's webhook answered 200 with a web page; it is recorded as you gave it." in output
    assert world.step("registration").state is StepState.READY


def test_what_was_not_brought_back_is_named(world):
    assert "--value url=" in world.onboard(*DONE, code=2)
    assert world.step("registration").state is StepState.WAITING_PERSON


def test_what_is_not_asked_for_is_refused(world):
    output = world.onboard(*DONE, "--value", "ulr=https://ajo.example/1", code=2)
    assert "does not ask for ulr; it asks for url" in output


def test_an_unknown_item_names_those_that_are_there(world):
    assert "there are: inbound-webhook" in world.onboard("task", "done", "acme", "inbound", code=2)


def test_a_value_without_a_name_is_refused(world):
    assert "is not NAME=VALUE" in world.onboard(*DONE, "--value", "https://a", code=2)


def test_who_must_be_a_name(world):
    assert "printable characters" in world.onboard(*DONE, "--by", "x" * 201, code=2)


def test_unknown_onboardings_are_suggested(world):
    assert "did you mean 'acme'?" in world.onboard("tasks", "acmee", code=4)
    for verb in (["done"], ["show"], ["reject", "--reason", "no"]):
        assert "did you mean 'acme'?" in world.onboard("task", *verb, "acmee", "inbound-webhook", code=4)


# -- reject -------------------------------------------------------------------------------------------------------------
def test_a_rejected_task_is_blocked_and_its_step_says_why(world):
    output = world.onboard("task", "reject", "acme", "inbound-webhook", "--reason", "no rights", "--by", "Jo Doe")
    assert "is rejected, by Jo Doe" in output
    world.run("registration")
    assert "rejected by Jo Doe: no rights" in world.step("registration").reason
    assert world.json("tasks")[0]["state"] == "blocked"
    assert "Rejected by Jo Doe: no rights" in world.onboard("task", "show", "acme", "inbound-webhook")
    assert "no rights" in world.onboard("tasks")
    assert world.status() is OnboardingState.WAITING
    world.onboard(*DONE, "--value", f"url={URL}")
    assert world.json("tasks", "--all")[0]["rejection"] is None


def test_an_answer_that_is_rejected_is_asked_for_again(world):
    world.onboard(*DONE, "--value", f"url={URL}")
    world.onboard("task", "reject", "acme", "inbound-webhook", "--reason", "that is the page's address")
    world.run("registration")
    assert world.step("registration").state is StepState.WAITING_PERSON
    (task,) = json.loads(world.onboard("tasks", "--json"))
    assert (task["state"], task["values"], task["done_by"]) == ("open", {}, None)


def test_what_is_done_for_good_cannot_be_rejected(world):
    world.onboard(*DONE, "--value", f"url={URL}")
    world.script["registration"] = []
    world.run("registration")
    for verb in (["reject", "--reason", "late"], ["assign"], ["done", "--value", f"url={URL}"]):
        who = ["jdoe"] if verb == ["assign"] else []
        output = world.onboard("task", *verb, "acme", "inbound-webhook", *who, code=2)
        assert "does not wait for that any more" in output


def test_a_failed_step_is_named_with_the_command_that_lets_it_go_on(world):
    from engine.contract import Failed

    world.onboard(*DONE, "--value", f"url={URL}")
    world.script["registration"] = [Failed("AJO refused the probe")]
    world.run("registration")
    assert "onboard retry acme" in world.onboard("task", "show", "acme", "failed")
    assert "then `onboard retry acme`" in world.onboard("task", "done", "acme", "failed", code=2)
    output = world.onboard(*DONE, "--value", f"url={URL}/2", "--by", "{Jo}")
    assert "is done, by {Jo}." in output
    assert "Go on with: onboard retry acme" in output


def test_a_reason_does_not_carry_a_secret(world):
    output = world.onboard("task", "reject", "acme", "inbound-webhook", "--reason", f"{TOKEN} is wrong", code=2)
    assert "the reason holds the secret twilio.auth_token" in output
