"""AJO's proof at the end of a verification, over real HTTP: the whole way, and each place where it can break off."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from sqlalchemy import update

from engine import kinds
from engine.clock import now
from models.tables import AjoProof, Step, Verification
from providers.ajo.client import AjoClient
from providers.ajo.proofs import Proofs
from tasks.steps import verification
from tests.factories import spec_data
from tests.integration.house import CLIENT_SECRET, House
from tests.integration.services import Simulator, fetch

TEXT = "Hello from AJO ({{context.onboard_reference}})"
PROOFS = {"method": "POST", "path_regex": r"/proofs$"}
POST_MESSAGE = {"method": "POST", "path_regex": r"/Messages\.json$"}
FEEDBACK = {"method": "POST", "path_regex": "^/ajo-webhooks/"}
THERE = ["onboard -> AJO", "AJO -> onboard", "AJO -> bridge", "bridge -> Twilio"]

pytestmark = pytest.mark.xdist_group("round trip")


class Loop:
    """One active RCS onboarding, and the campaign that a marketer made for it."""

    def __init__(self, folder, database_url=None):
        self.simulator = Simulator(folder)
        self.house = House(folder, self.simulator, database_url=database_url)
        self.house.start("rcs", "acme")
        assert self.house.run_to_end("acme").status == "active", self.house.story()
        self.campaign = self.new_campaign(TEXT)
        self.runs = 0

    def close(self):
        self.house.close()
        self.simulator.stop()

    def new_campaign(self, text):
        body = {"name": text, "channel_configuration": "acme_config", "text": text}
        return self.simulator.post("campaigns", body)["campaign_id"]

    def declare(self, **changes):
        """``start --update`` with something new in `verification`, so that it runs and sends."""
        self.runs += 1
        wanted = spec_data("rcs")["verification"] | {"message": f"Run {self.runs}"}
        proof = {"campaign_id": self.campaign, "user_id": "ann"}
        self.before = {message["sid"] for message in self.simulator.ledger["messages"]}
        self.asked_before = self.asked_in_all
        self.house.start("rcs", "acme", is_update=True, verification=wanted | {"ajo_proof": proof} | changes)

    def finish(self):
        """The run that came to its end, its hops by way and state, and its findings."""
        self.house.run_to_end("acme")
        run = self.house.last_run("acme")
        assert run.finished_at is not None, self.house.story()
        return run, [(hop["way"], hop["state"]) for hop in run.hops or ()], run.findings

    def run(self, **changes):
        self.declare(**changes)
        return self.finish()

    def fault(self, match, **rule):
        self.simulator.post("faults", {"match": match, **rule})

    @property
    def asked_in_all(self):
        return sum(count for call, count in self.simulator.ledger["calls"].items() if call.endswith("/proofs"))

    @property
    def asked(self):
        """How often AJO was asked for a proof in this run."""
        return self.asked_in_all - self.asked_before

    @property
    def sent(self):
        """Texts that Twilio took in this run."""
        return [one["body"] for one in self.simulator.ledger["messages"] if one["sid"] not in self.before]

    @contextmanager
    def miswritten(self, **wrong):
        """The credential in AJO as a person got it wrong."""
        ajo = AjoClient(
            self.house.settings,
            organization_id="5105A7E0C0FFEE@AdobeOrg",
            sandbox="prod",
            client_id="onboard-simulator",
            client_secret=CLIENT_SECRET,
            scopes=["openid", "additional_info.projectedProductContext"],
        ).automation
        shown = ajo.find("credentials", "acme credential")
        with self.house.db.begin() as connection:
            token = self.house.vault.read(connection, self.house.onboarding("acme").id, kinds.BRIDGE_TOKEN)
        right = {key: value for key, value in shown.items() if key != "id"}
        right["auth"] = {"type": "api_key", "name": "X-Onboard-Token", "token": token}
        ajo.update("credentials", shown["id"], right | wrong)
        yield
        ajo.update("credentials", shown["id"], right)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Making an onboarding active takes seconds, so the cases share one; each leaves it able to run again."""
    built = Loop(tmp_path_factory.mktemp("loop"))
    yield built
    built.close()


@pytest.fixture
def loop(shared):
    yield shared
    fetch(f"{shared.simulator.url}/_sim/faults", method="DELETE")


def test_each_hop_of_a_proof_is_recorded_with_its_time(loop):
    run, hops, findings = loop.run()
    assert (run.state, findings) == ("passed", [])
    assert hops[:4] == [(way, "seen") for way in THERE]
    assert hops[-1] == ("inside AJO", "hidden")
    assert all(hop["at"] for hop in run.hops if hop["state"] == "seen")
    assert "its text shows our reference" in run.hops[2]["text"]
    told = [hop["text"].partition(",")[0] for hop in run.hops if hop["way"] == "bridge -> AJO"]
    assert told[:4] == ["queued", "sending", "sent", "delivered"]
    assert (loop.asked, len(loop.sent)) == (1, 2), "the test message and AJO's"


def test_the_way_is_the_same_on_postgresql(tmp_path, postgres):
    loop = Loop(tmp_path, postgres.new_database("round_trip"))
    try:
        run, hops, findings = loop.run()
        assert (run.state, findings) == ("passed", [])
        assert hops[:4] == [(way, "seen") for way in THERE]
    finally:
        loop.close()


def test_without_a_campaign_a_run_shows_twilios_part_and_says_what_is_not_proved(loop):
    first = loop.house.of(Verification, "acme")[0]
    assert first.state == "passed"
    assert [(hop["way"], hop["state"]) for hop in first.hops[:2]] == [
        ("AJO -> bridge", "hidden"),
        ("onboard -> Twilio", "seen"),
    ]
    assert "verification.ajo_proof" in first.hops[0]["text"]
    assert ("bridge -> AJO", "seen") in [(hop["way"], hop["state"]) for hop in first.hops]


def test_a_campaign_that_ajo_does_not_know_is_a_finding_with_ajos_reason(loop):
    run, hops, findings = loop.run(ajo_proof={"campaign_id": "none-such", "user_id": "ann"})
    assert run.state == "failed"
    assert hops == [("onboard -> AJO", "seen"), ("AJO -> onboard", "failed"), ("inside AJO", "hidden")]
    assert "404: The campaign does not exist" in findings[0]["problem"]
    assert "spec" in findings[0]["cure"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"provider_url": "http://127.0.0.1:9/ajo/x/messages"}, "The provider could not be called"),
        ({"auth": {"type": "api_key", "name": "X-Onboard-Token", "token": "wrong"}}, "The provider answered 401"),
    ],
)
def test_a_provider_url_or_token_that_is_wrong_in_ajo_shows_ajos_own_reason(loop, monkeypatch, wrong, said):
    # With the guided driver nobody but AJO sees what a person entered.
    monkeypatch.setattr(verification, "_check_objects", lambda _: ([], True))
    with loop.miswritten(**wrong):
        run, hops, findings = loop.run()
    assert run.state == "failed"
    assert hops[1:3] == [("AJO -> onboard", "failed"), ("AJO -> bridge", "failed")]
    assert said in findings[0]["problem"]
    assert "provider URL" in findings[0]["cure"]


def test_a_message_that_twilio_refuses_is_told_with_its_code_and_not_sent_again(loop):
    # The first is our own test message.
    loop.fault(POST_MESSAGE, action="status", status=400, code=21610, skip=1)
    run, hops, findings = loop.run()
    assert run.state == "failed"
    assert hops[2:4] == [("AJO -> bridge", "seen"), ("bridge -> Twilio", "failed")]
    assert "Twilio refused it" in findings[0]["problem"]
    assert (loop.asked, len(loop.sent)) == (1, 1)


def test_a_feedback_webhook_that_is_away_for_a_while_is_waited_for(loop):
    loop.fault(FEEDBACK, action="status", status=503, times=4)
    run, _, findings = loop.run()
    assert (run.state, findings) == ("passed", [])


def test_a_feedback_webhook_that_refuses_is_a_finding(loop):
    loop.fault(FEEDBACK, action="status", status=400, times=None)
    run, hops, findings = loop.run()
    assert run.state == "failed"
    assert ("bridge -> AJO", "failed") in hops
    assert "refused by AJO's feedback webhook" in findings[0]["problem"]
    assert "onboard inbox replay" in findings[0]["cure"]


def test_a_handset_without_callbacks_is_told_with_what_twilio_says_of_the_message(loop):
    run, hops, findings = loop.run(to=["+12125558888"], within="1s")
    assert run.state == "failed"
    assert ("Twilio -> bridge", "failed") in hops
    assert "no callback came" in findings[0]["problem"]
    assert "Twilio, asked for it, says " in findings[0]["problem"]
    assert "ONBOARD_PUBLIC_URL" in findings[0]["cure"]


def test_a_worker_that_dies_between_call_and_record_causes_no_second_proof(loop, monkeypatch):
    class Killed(BaseException):
        pass

    create = Proofs.create

    def die_after(self, *args, **options):
        create(self, *args, **options)
        raise Killed

    monkeypatch.setattr(Proofs, "create", die_after)
    loop.declare()
    with pytest.raises(Killed):
        loop.finish()
    (proof,) = [row for row in loop.house.of(AjoProof, "acme") if row.status == "intended"]
    assert proof.asked_at is not None
    # The lease of the dead worker runs out.
    with loop.house.db.begin() as connection:
        connection.execute(update(Step).where(Step.c.state == "running").values(due_at=now()))
    run, hops, findings = loop.finish()
    assert (run.state, findings) == ("passed", [])
    assert hops[:3] == [("onboard -> AJO", "seen"), ("AJO -> onboard", "hidden"), ("AJO -> bridge", "seen")]
    assert (loop.asked, len(loop.sent)) == (1, 2)


def test_a_lost_answer_is_made_up_for_by_what_comes_to_the_bridge(loop):
    loop.fault(PROOFS, action="reply_lost")
    run, hops, findings = loop.run()
    assert (run.state, findings) == ("passed", [])
    assert hops[1] == ("AJO -> onboard", "hidden")
    assert (loop.asked, len(loop.sent)) == (1, 2)


def test_a_call_whose_end_is_unclear_is_made_again_only_when_a_person_says_so(loop):
    loop.fault(PROOFS, action="reset")
    run, _, findings = loop.run(within="1s")
    assert run.state == "failed"
    assert "may have been made" in findings[0]["problem"]
    assert loop.asked == 1
    loop.house.command("retry", "acme")
    loop.house.run_until(lambda: loop.house.last_run("acme").state == "passed", what="the retried run passes")
    assert loop.asked == 2


def test_a_call_that_surely_did_nothing_is_made_again_by_itself(loop):
    loop.fault(PROOFS, action="status", status=429, retry_after=0.1)
    run, _, findings = loop.run()
    assert (run.state, findings) == ("passed", [])
    assert (loop.asked, len(loop.sent)) == (2, 2)


def test_a_check_asks_for_a_proof_only_when_it_sends(loop):
    loop.run()
    for sends, asked in ((False, 1), (True, 2)):
        loop.house.command("verify", "acme", sends_message=sends)
        loop.house.run_until(lambda: loop.house.last_run("acme").state == "passed", what="the check passes")
        assert loop.asked == asked
