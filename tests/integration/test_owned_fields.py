"""Each field that we own, changed behind our back: `drift` names it, `plan` shows it, `update --yes` cures it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import cli.waking
from cli.main import COMMANDS
from engine import kinds
from engine.desired import Means
from engine.plan import LATER
from models.states import DONE
from models.tables import ChecklistItem, DriftFinding
from settings import Settings, get_settings
from simulator.world import USER_SID
from tasks.process import forget_workshop
from tasks.steps import account
from tests import command_line
from tests.factories import ACCOUNT_SID, spec_data
from tests.integration.house import AUTH_TOKEN, CLIENT_SECRET, House
from tests.integration.meddler import FIXED, Meddler
from tests.integration.services import Simulator


class Desk:
    """The command line on the state of a house with one active onboarding of this channel."""

    def __init__(self, house, folder, channel):
        self.house, self.name = house, f"acme-{channel}"
        path = folder / f"{self.name}.yaml"
        path.write_text(yaml.safe_dump(spec_data(channel, self.name)))
        self.file = str(path)
        self.meddler = Meddler(house, self.name)

    def onboard(self, *words, code=0):
        return command_line.onboard(*words, code=code)

    def drifted(self):
        """Keys of what `drift` finds."""
        found = json.loads(self.onboard("drift", self.name, "--json", code=2))
        return {finding["key"]: finding for finding in found["findings"]}

    def planned(self):
        """Keys of the fields that `plan` would change."""
        (plan,) = json.loads(self.onboard("plan", self.name, "--json", code=2))
        return {
            f"{one['subject']}/{field['name']}"
            for one in plan["objects"]
            if one["action"] != "keep"
            for field in one["fields"]
        }

    def cure(self, *, by_hand=()):
        """`update --yes`, and the person who mends what no API changes."""
        self.onboard("update", self.file, "--yes")
        if by_hand:
            self.house.run_until(
                lambda: self.house.waits_for_person(self.name) or self.is_settled(), what="it waits or is settled"
            )
            for owned, field in by_hand:
                self.meddler.restore(owned, field)
            match self.house.onboarding(self.name).status:
                case "failed":
                    self.house.command("retry", self.name)
                case "degraded":
                    # Nothing ran, for no API could mend it: a look sees that a person did.
                    self.onboard("drift", self.name)
        self.house.run_until(lambda: self.house.onboarding(self.name).status == "active", what="it is active again")

    def checked(self, key):
        """The state of an item of the checklist; None where there is none."""
        return next((row.state for row in self.house.of(ChecklistItem, self.name) if row.key == key), None)

    def is_settled(self):
        return self.house.onboarding(self.name).status in {"active", "failed", "degraded"}

    def assert_nothing_to_do(self):
        assert "Nothing to do" in self.onboard("plan", self.name)
        assert "as declared" in self.onboard("drift", self.name)


@pytest.fixture(scope="module")
def desks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("owned")
    simulator = Simulator(folder)
    house = House(folder, simulator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_TWILIO_AUTH_TOKEN", AUTH_TOKEN)
        patch.setenv("TEST_AJO_CLIENT_SECRET", CLIENT_SECRET)
        # Not the function itself: modules that are imported meanwhile would keep the other one.
        patch.setattr(Settings, "from_environment", lambda: house.settings)
        get_settings.cache_clear()
        for module in ("engine.vault", "tasks.process"):
            patch.setattr(f"{module}.load_keys", lambda _settings: [house.key])
        patch.setattr(cli.waking, "send", len)
        built = {channel: Desk(house, folder, channel) for channel in ("rcs", "sms")}
        for desk in built.values():
            desk.onboard("start", desk.file)
        house.run_until(lambda: all(desk.is_settled() for desk in built.values()), what="both are active")
        yield built
    forget_workshop()
    get_settings.cache_clear()
    house.close()
    simulator.stop()


@pytest.fixture(params=["rcs", "sms"])
def desk(request, desks):
    return desks[request.param]


# These change what else can be changed beside them, so each is changed alone; all others at once.
ROUNDS = {
    "rcs": ["auth.type", "status", "launch.US", "type", "capabilities"],
    "sms": ["status", "type", "capabilities"],
}
# The same name, of another object.
ACCOUNT_STATUS = "status of the account"


def round_of(owned, field):
    if owned.kind in (account.ACCOUNT, account.NUMBER):
        return ACCOUNT_STATUS if field.name == "status" else field.name
    alone = field.name in ("auth.type", "launch.US") or (owned.kind, field.name) == (
        kinds.CHANNEL_CONFIGURATION,
        "status",
    )
    return field.name if alone else "all others"


def of_round(desk, name):
    return [pair for pair in desk.meddler.fields() if round_of(*pair) == name]


def meddle(desk, pairs):
    """Change them all; the keys of those that could be changed."""
    for owned, field in pairs:
        desk.meddler.change(owned, field)
    return {
        owned.key(field.name)
        for owned, field in pairs
        if field.means is not Means.NEVER and not (owned.vendor == "ajo" and field.name in FIXED)
    }


def test_each_field_changed_behind_our_back_is_named_shown_and_cured(desk):
    desk.assert_nothing_to_do()
    pairs = of_round(desk, "all others")
    changed = meddle(desk, pairs)
    assert len(changed) > (40 if desk.name == "acme-rcs" else 10)
    found = desk.drifted()
    assert set(found) == changed
    assert all(finding["since"] and finding["cure"] for finding in found.values())
    assert desk.house.onboarding(desk.name).status == "degraded"
    assert desk.planned() == changed
    assert desk.checked("rcs.profile") == ("unmet" if desk.name == "acme-rcs" else None)
    desk.cure(by_hand=[(owned, field) for owned, field in pairs if field.means is Means.HAND])
    desk.assert_nothing_to_do()
    assert desk.checked("rcs.profile") == ("met" if desk.name == "acme-rcs" else None)


@pytest.mark.parametrize(
    ("channel", "name"), [(channel, name) for channel, names in ROUNDS.items() for name in (*names, ACCOUNT_STATUS)]
)
def test_what_can_only_be_changed_alone_is_named_shown_and_cured_too(desks, channel, name):
    desk = desks[channel]
    pairs = of_round(desk, name)
    changed = meddle(desk, pairs)
    assert changed
    assert changed <= set(desk.drifted())
    assert changed <= desk.planned()
    desk.cure(by_hand=[(owned, field) for owned, field in pairs if field.means is Means.HAND])
    desk.assert_nothing_to_do()


def test_no_declared_field_is_left_out_of_the_rounds(desks):
    for channel, desk in desks.items():
        rounds = {round_of(*pair) for pair in desk.meddler.fields()}
        assert rounds == {"all others", ACCOUNT_STATUS, *ROUNDS[channel]}


def test_each_object_deleted_behind_our_back_is_named_shown_and_made_again(desk):
    owned = [one.owned for one in desk.meddler.plan.planned if not one.owned.is_part]
    mine = [one for one in owned if one.kind not in (account.ACCOUNT, account.NUMBER)]
    for one in reversed(mine):
        desk.meddler.delete(one)
    assert {one.key("exists") for one in mine} <= set(desk.drifted())
    (plan,) = json.loads(desk.onboard("plan", desk.name, "--json", code=2))
    assert plan["counts"]["create"] == len(mine)
    desk.cure()
    desk.assert_nothing_to_do()


OBJECTS = {
    "rcs": {
        kinds.MESSAGING_SERVICE: {"registration", "webhook"},
        kinds.RCS_SENDER: {"registration", "webhook"},
        kinds.INBOUND_WEBHOOK: {"webhook", "credential"},
        kinds.FEEDBACK_WEBHOOK: {"webhook", "credential"},
        kinds.API_KEY: {"credential"},
        kinds.CREDENTIAL: {"credential", "channel"},
        kinds.CHANNEL_CONFIGURATION: {"channel"},
    },
    "sms": {
        kinds.MESSAGING_SERVICE: {"registration", "credential"},
        kinds.CREDENTIAL: {"credential", "channel"},
        kinds.CHANNEL_CONFIGURATION: {"channel"},
    },
}


@pytest.mark.parametrize(("channel", "kind"), [(channel, kind) for channel, mine in OBJECTS.items() for kind in mine])
def test_an_object_deleted_alone_is_made_again_with_all_that_holds_its_id_by_one_cure(desks, channel, kind):
    desk = desks[channel]
    there = {one.owned.kind: one.owned for one in desk.meddler.plan.planned if not one.owned.is_part}
    owned = there[kind]
    if kind == kinds.CREDENTIAL:
        # AJO gives up no credential that a configuration uses.
        desk.meddler.delete(there[kinds.CHANNEL_CONFIGURATION])
    desk.meddler.delete(owned)
    # What holds the id of what is gone is no difference of its own.
    assert set(desk.drifted()) >= {owned.key("exists")}
    assert not any(key.endswith(HOLD_AN_ID) for key in desk.drifted())
    (plan,) = json.loads(desk.onboard("plan", desk.name, "--json", code=2))
    assert set(plan["runs"]) == {*OBJECTS[channel][kind], "verification"}
    touched = [one for one in plan["objects"] if one["action"] == "change"]
    changed = {field["name"]: field["new"] for one in touched for field in one["fields"]}
    for name in set(HOLD_AN_ID) & changed.keys():
        assert LATER in (changed[name] if isinstance(changed[name], list) else [changed[name]])
    desk.onboard("drift", desk.name, "--fix", "--yes", code=2)
    desk.house.run_until(lambda: desk.is_settled() and not is_at_work(desk), what="the one cure ends")
    assert desk.house.onboarding(desk.name).status == "active", desk.house.onboarding(desk.name).reason
    desk.assert_nothing_to_do()


# Fields that name another object.
HOLD_AN_ID = ("message_sid", "credential_id", "webhook_ids")


def is_at_work(desk):
    return any(step.state not in DONE | {"failed"} for step in desk.house.steps(desk.name))


def test_plan_drift_and_verify_without_a_message_write_nothing_at_any_vendor(desk):
    pairs = of_round(desk, "all others")
    meddle(desk, pairs)
    before = desk.house.simulator.writes()
    desk.onboard("plan", desk.name, code=2)
    desk.onboard("plan", desk.file, code=2)
    desk.onboard("drift", desk.name, code=2)
    desk.onboard("verify", desk.name)
    desk.house.run_until(lambda: desk.house.last_run(desk.name).finished_at, what="the check ends")
    desk.onboard("drift", desk.name, "--fix", code=1)
    desk.onboard("start", desk.file)
    assert desk.house.simulator.writes() == before
    desk.cure(by_hand=[(owned, field) for owned, field in pairs if field.means is Means.HAND])


def monitor_calls(desk):
    return desk.house.simulator.ledger["calls"].get("GET /monitor.twilio.com/v1/Events", 0)


def test_whoever_changed_it_in_the_console_or_over_the_api_is_told_once_for_each_object(desks):
    desk = desks["rcs"]
    desk.assert_nothing_to_do()
    changed = {"status_callback", "friendly_name", "senders", "webhook.callback_url", "profile.privacy_url"}
    logged = (kinds.MESSAGING_SERVICE, kinds.RCS_SENDER)
    pairs = [pair for pair in of_round(desk, "all others") if pair[1].name in changed and pair[0].kind in logged]
    meddle(desk, pairs)
    before, writes = monitor_calls(desk), desk.house.simulator.writes()
    found = desk.drifted()
    told = {key.partition("/")[2]: one["last_change"] for key, one in found.items()}
    assert told.keys() == changed
    for name, change in told.items():
        is_sender = "." in name
        assert change["actor_type"] == ("user" if is_sender else "account")
        assert (change["actor"], change["source"]) == ((USER_SID, "web") if is_sender else (ACCOUNT_SID, "api"))
        # Twilio's log does not call it what we call it.
        assert change["names_it"] == (name != "senders")
        assert change["address"] == "127.0.0.1"
    assert monitor_calls(desk) - before == len({owned.external_id for owned, _ in pairs}) == 2
    text = " ".join(desk.onboard("drift", desk.name, code=2).split())
    assert f" changed by user {USER_SID} in the Console at " in text
    assert f"last changed over the API (account {ACCOUNT_SID}, as which onboard calls too) at " in text
    assert monitor_calls(desk) - before == 2
    assert desk.house.simulator.writes() == writes
    desk.cure(by_hand=[(owned, field) for owned, field in pairs if field.means is Means.HAND])
    desk.assert_nothing_to_do()


def test_a_check_asks_too_and_finds_the_same_where_nobody_may_read_the_log(desks):
    desk = desks["sms"]
    desk.assert_nothing_to_do()
    pairs = [pair for pair in of_round(desk, "all others") if pair[1].name == "friendly_name"][:1]
    rule = {"match": {"path_regex": "/v1/Events$"}, "times": None, "script": [{"action": "status", "status": 403}]}
    for who in ("account", None):
        if who is None:
            desk.house.simulator.post("faults", rule)
        meddle(desk, pairs)
        before = monitor_calls(desk)
        desk.onboard("verify", desk.name)
        desk.house.run_until(lambda: desk.house.onboarding(desk.name).status == "degraded", what="it is found")
        (row,) = [row for row in desk.house.of(DriftFinding, desk.name) if row.gone_at is None]
        assert (row.last_change and row.last_change["actor_type"]) == who
        assert monitor_calls(desk) - before == 1
        desk.cure()
    desk.house.simulator.delete("faults")
    desk.assert_nothing_to_do()


def test_a_vendor_that_cannot_be_read_is_neither_drift_nor_its_absence(desks):
    desk = desks["sms"]
    desk.house.simulator.post(
        "faults",
        {"match": {"path_regex": "^/messaging"}, "times": None, "script": [{"action": "status", "status": 503}]},
    )
    try:
        assert "could not look: Twilio answered 503" in desk.onboard("drift", desk.name, code=1)
        assert "cannot be planned" in desk.onboard("plan", desk.name, code=1)
        assert "nothing was changed" in desk.onboard("update", desk.file, "--yes", code=1)
    finally:
        desk.house.simulator.delete("faults")
    desk.assert_nothing_to_do()


def test_a_file_of_another_onboarding_is_no_plan(desks, tmp_path):
    desk = desks["sms"]
    data = spec_data("sms", desk.name)
    data["ajo"]["sandbox"] = "dev"
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(data))
    assert "sandbox cannot change" in desk.onboard("plan", str(path), code=1)


def test_what_ajo_never_changes_is_said_before_and_then_waited_for(desks):
    desk = desks["sms"]
    data = spec_data("sms", desk.name)
    data["ajo"]["channel_configuration"]["name"] = "another_config"
    Path(desk.file).write_text(yaml.safe_dump(data))
    output = desk.onboard("plan", desk.file, code=2)
    assert "1 to replace" in output
    assert "it is read-only once the configuration is Active" in output
    desk.onboard("update", desk.file, "--yes")
    desk.house.run_until(lambda: desk.house.waits_for_person(desk.name), what="a person is asked")
    assert "AJO does not change another_config" in desk.house.onboarding(desk.name).reason
    configuration = next(
        one.owned for one in desk.meddler.plan.planned if one.owned.kind == kinds.CHANNEL_CONFIGURATION
    )
    desk.meddler.delete(configuration)
    desk.house.run_until(lambda: desk.house.onboarding(desk.name).status == "active", what="it is made anew")
    desk.assert_nothing_to_do()


# What changes things at a vendor, at once or by waking a worker.
WRITING = {"update", "retry", "resume", "teardown", "skip", "mark-done", "done"}
# Runs until it is stopped, or runs the others.
SERVING = {"demo", "up", "worker", "beat", "gateway", "flower", "simulator"}


def other_commands(desk, folder):
    """Every other command of the overview as somebody would give it, some in several ways; exit codes where none is 0."""
    (folder / "template.yaml").write_text(yaml.safe_dump(spec_data("sms", "{{ id }}")))
    (folder / "brands.csv").write_text("id\nbrand-1\n")
    own = spec_data("sms")["twilio"] | {"numbers": ["+14155550103"]}
    (folder / "by-hand.yaml").write_text(yaml.safe_dump(spec_data("sms", "by-hand", twilio=own)))
    template, table, by_hand, copy = (
        str(folder / name) for name in ("template.yaml", "brands.csv", "by-hand.yaml", "copy.sqlite3")
    )
    accepted = ("messaging-service/friendly_name", "--reason", "seen", "--until", "2099-01-01")
    name, file = desk.name, desk.file
    return {
        "init": [("sms", 0)],
        "expand": [(template, table, "-o", str(folder / "out"), 0)],
        "validate": [(file, 0)],
        "lint": [(file, 1)],
        "schema": [(0,)],
        "plan": [(name, 2), (file, 2), (by_hand, 2)],
        "start": [(file, 0)],
        "drift": [(name, 2), (name, "--fix", 1), ("--where", "status=degraded", 2)],
        "accept-drift": [(name, *accepted, 0)],
        "list": [(0,), ("--json", 0)],
        "show": [(name, 0)],
        "explain": [(name, 0)],
        "events": [(name, 0)],
        "watch": [(name, 1)],
        "adopt": [(by_hand, 2), (file, 2)],
        "promote": [(name, "--to-sandbox", "dev", "-o", str(folder / "dev.yaml"), 2)],
        "verify": [(name, 0)],
        # `credential verify` sends a message, `rotate` and `finish` change keys.
        "credential": [("show", name, 0)],
        "tasks": [(0,)],
        "task": [("show", name, "1", 2)],
        "evidence": [(name, "-o", str(folder / "pack.zip"), 0)],
        "checklist": [(name, 0)],
        "matrix": [(0,)],
        "inbox": [("list", 0)],
        "limits": [(0,)],
        "doctor": [(5,)],
        "migrate": [(0,)],
        "backup": [(copy, 0)],
        "secrets": [("new-key", 0)],
        "settings": [(0,)],
        "completion": [("bash", 0)],
        "pause": [(name, 0)],
        "cancel": [(name, "--yes", 0)],
        "restore": [(copy, "--yes", 0)],
    }


def test_no_command_but_those_that_say_so_writes_at_a_vendor(desks, tmp_path):
    desk = desks["rcs"]
    meddle(desk, of_round(desk, "all others"))
    calls = other_commands(desk, tmp_path)
    assert not (WRITING | SERVING) & set(calls)
    assert set(calls) | WRITING | SERVING == set(COMMANDS)
    before = desk.house.simulator.writes()
    for name, ways in calls.items():
        for *words, code in ways:
            desk.onboard(name, *words, code=code)
            assert desk.house.simulator.writes() == before, (name, *words)
