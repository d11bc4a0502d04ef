"""The guided driver end to end: an operator who has the command line, a browser at AJO, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml
from pydantic import SecretStr
from sqlalchemy import select

import settings as settings_module
from engine import notices
from engine.clock import now
from models.tables import Secret
from providers.ajo.client import AjoClient
from tasks.notices import deliver
from tests import command_line
from tests.factories import rcs_part, spec_data
from tests.integration.house import AUTH_TOKEN, CLIENT_SECRET
from tests.integration.test_notices import receiver

__all__ = ["receiver"]


class Operator:
    """Reads tasks and answers them by ``onboard``; the simulator's automation stands in for clicks in AJO."""

    def __init__(self, house, ajo):
        self.house, self.ajo = house, ajo
        self.done = []
        self.made = {}

    def onboard(self, *arguments, code=0):
        return command_line.onboard(*map(str, arguments), code=code)

    def read(self, *arguments):
        return json.loads(self.onboard(*arguments, "--json"))

    def work_until_active(self, name, picture):
        """Answer whatever waits for a person, until nothing does."""
        while self.house.run_to_end(name).status != "active":
            items = self.read("tasks", name)
            # The mails of Google and the brand vetting: the approval shows that they were answered.
            assert {each["stage"] for each in items if each["kind"] == "item"} <= {"launch"}
            (item,) = (each for each in items if each["kind"] != "item")
            if item["kind"] == "wait":
                values = self.settle_with_twilio(item)
            else:
                values = self.work_in_ajo(
                    self.read("task", "show", name, item["key"], "--show-secrets", "--by", "Jo Doe")
                )
            options = [part for pair in values.items() for part in ("--value", "=".join(pair))]
            self.onboard("task", "done", name, item["key"], *options, "--evidence", picture, "--by", "Jo Doe")
            self.done.append(item["key"])

    def settle_with_twilio(self, item):
        """No carrier accepts the sender in DE: the letter is sent, and Twilio's people change their minds."""
        assert item["key"] == "rejected"
        assert "DE" in item["title"]
        sender = next(
            row for row in self.read("show", item["onboarding"])["resources"] if row["kind"] == "twilio_rcs_sender"
        )
        self.house.simulator.post(f"senders/{sender['external_id']}/review", {"country": "DE", "status": "APPROVED"})
        return {}

    def work_in_ajo(self, task):
        values = {field["label"]: field.get("value") for field in task["fields"]}
        create = self.ajo.automation.create
        match task["key"]:
            case "inbound-webhook" | "feedback-webhook":
                body = {"vendor": "custom", "type": values["Type"].lower(), "sender": values["Sender Phone Number"]}
                body |= {"name": values["Name"], "payload_template": values["Payload"]}
                self.made[task["key"]] = create("webhooks", body)
                return {"url": self.made[task["key"]]["url"]}
            case "credential":
                auth = {"type": "api_key", "name": values["API key name"], "token": values["API Token"]}
                body = {
                    "name": values["Name"],
                    "vendor": "custom",
                    "provider_url": values["Provider URL"],
                    "auth": auth,
                }
                body |= {"payload_template": values["Provider Payload"], "message_id_path": "sid"}
                self.made["credential"] = create("credentials", body)
            case "channel-configuration":
                body = {"name": values["Name"], "channel": "sms", "message_type": values["Type"].lower()}
                body |= {"credential_id": self.made["credential"]["id"], "sender": values["Sender number"]}
                create("channel-configurations", body)
        return {}


@pytest.fixture
def operator(house, monkeypatch):
    shown = house.settings.model_dump(exclude_none=True, exclude={"secret_keys"})
    for name, value in shown.items():
        monkeypatch.setenv(f"ONBOARD_{name.upper()}", str(value))
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ONBOARD_SECRET_KEYS", house.key)
    monkeypatch.setenv("TEST_TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    monkeypatch.setenv("TEST_AJO_CLIENT_SECRET", CLIENT_SECRET)
    settings_module.get_settings.cache_clear()
    monkeypatch.setattr("cli.waking.send", len)
    # The house works without a beat.
    monkeypatch.setattr("cli.state.is_held", lambda _: True)
    ajo = AjoClient(
        house.settings,
        organization_id="5105A7E0C0FFEE@AdobeOrg",
        sandbox="prod",
        client_id="onboard-simulator",
        client_secret=CLIENT_SECRET,
        scopes=["openid", "additional_info.projectedProductContext"],
    )
    yield Operator(house, ajo)
    settings_module.get_settings.cache_clear()


def tell(house, receiver, **days):
    """What the sweep and the sender would do, with other ideas of how long is too long; what was heard, as (who, title)."""
    urls = {
        "notice_urls": [SecretStr(f"json://{receiver.address}/team")],
        "escalation_urls": [SecretStr(f"json://{receiver.address}/boss")],
    }
    impatient = house.settings.model_copy(update=urls | days)
    with house.db.begin() as connection:
        notices.plan(connection, impatient, at=now())
    deliver(replace(house.shop, settings=impatient))
    heard = [(path, body["title"]) for path, body in receiver.got]
    receiver.got.clear()
    return heard


@pytest.mark.simulator("--countries", "US,DE,MX", "--review", "28d")
def test_an_rcs_brand_goes_from_nothing_to_evidence_by_the_command_line_alone(house, operator, receiver, tmp_path):
    house.simulator.post("verdicts", {"sender_id_regex": "acme", "country": "DE", "status": "REJECTED"})
    rcs = rcs_part("acme", ("US", "DE", "MX")) | {"go_live": "all_countries"}
    data = spec_data("rcs", "acme", rcs=rcs, ajo=spec_data("rcs", "acme")["ajo"] | {"driver": "guided"})
    spec, picture, early, late = (tmp_path / name for name in ("acme.yaml", "page.png", "early.zip", "late.zip"))
    spec.write_text(yaml.safe_dump(json.loads(json.dumps(data))))
    picture.write_bytes(b"\x89PNG of the page")

    operator.onboard("start", spec)
    house.run_until(lambda: "Twilio and the carriers" in operator.onboard("explain", "acme"), what="the review")
    ((who, title),) = tell(house, receiver, remind_vendor_days=0)
    assert (who, title.split(":")[0]) == ("/team", "Reminder")
    assert {who for who, _ in tell(house, receiver, escalate_vendor_days=0)} == {"/team", "/boss"}
    operator.onboard("simulator", "advance", "30d", "--url", house.simulator.url)
    house.run_to_end("acme")
    operator.onboard("evidence", "acme", "-o", early)
    operator.work_until_active("acme", picture)

    expected = ["rejected", "inbound-webhook", "feedback-webhook", "credential", "channel-configuration"]
    assert operator.done == expected
    declared = house.resource("acme", "ajo_credential")
    assert (declared.provenance, declared.declared_by) == ("declared", "Jo Doe")
    events = operator.onboard("events", "acme", "--limit", "0")
    assert "API Token of the task credential was shown to Jo Doe" in events
    assert events.count("notice:sent") == 2

    operator.onboard("evidence", "acme", "-o", late)
    assert "all fits: acme" in operator.onboard("evidence", "check", late, "--against", early)
    content = late.read_bytes()
    assert content.count(picture.read_bytes()) == len(expected)
    with house.db.begin() as connection:
        row = house.onboarding("acme")
        names = connection.execute(select(Secret.c.name).where(Secret.c.onboarding_id == row.id)).scalars()
        secrets = {house.vault.read(connection, row.id, name) for name in names.all()}
    assert {AUTH_TOKEN, CLIENT_SECRET} < secrets
    for hidden in (*secrets, row.endpoint_token, operator.made["inbound-webhook"]["url"], "+12125550123"):
        assert hidden.encode() not in content
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    late.write_bytes(changed)
    assert "does NOT fit" in operator.onboard("evidence", "check", late, code=1)


def test_a_webhooks_address_is_looked_at_without_posting_to_it(house, operator):
    from providers.ajo.webhook import look

    body = {"vendor": "custom", "type": "inbound", "sender": "+14155550100", "name": "in", "payload_template": "{}"}
    url = operator.ajo.automation.create("webhooks", body)["url"]
    assert look(url, house.settings) is None
    assert house.simulator.ledger["events"] == []
    assert "no JSON object" in look(house.simulator.url + "/", house.settings)
    assert "cannot be reached" in look("http://127.0.0.1:9/", house.settings)
    assert "404" in look(house.simulator.url + "/nothing/here", house.settings)


def test_tasks_evidence_and_packs_are_the_same_on_postgresql(postgres):
    """What is read by plain SQL, and kept as bytes."""
    from engine import operator_commands
    from engine.evidence import Exhibit
    from engine.evidence_check import check
    from engine.evidence_pack import make_pack
    from engine.operator_items import read_evidence, read_items
    from engine.reading import EngineSource
    from tests.unit.engine_world import EngineWorld

    world = EngineWorld(postgres.new_database("onboard_operator"))
    world.start()
    fields = [{"label": "API Token", "secret": "twilio.auth_token"}]
    world.script["registration"] = [
        lambda ctx: ctx.ask_person("credential", title="Do it", place="AJO", fields=fields, bring_back=["url"]),
        lambda ctx: ctx.person_wait("answer the ticket", topic="gave up"),
    ]
    told = {"vault": world.vault, "by": "Jo", "at": world.time, "grace_seconds": 60}
    kept = [Exhibit("page.png", b"\x89PNG\x00")]
    for key, kind, values in (("credential", "task", {"url": "https://a.adobe.io/1"}), ("gave-up", "wait", {})):
        world.run("registration")
        with EngineSource(world.db).snapshot() as fetch:
            assert [(item["key"], item["kind"]) for item in read_items(fetch, "acme")] == [(key, kind)]
        with world.db.begin() as connection:
            operator_commands.report_done(connection, "acme", key, values=values, exhibits=kept, **told)
    with EngineSource(world.db).snapshot() as fetch:
        assert [row["size"] for row in read_evidence(fetch, "acme", "credential")] == [5]
        data, about = make_pack(fetch, "acme")
    report = check(data)
    assert (report.problems, report.events) == ([], about["chain"]["events"])
    assert data.count(b"\x89PNG\x00") == 2
    world.db.dispose()
