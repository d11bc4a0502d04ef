"""``onboard promote``: what goes along to the next sandbox, what does not, and that the file says so."""

from __future__ import annotations

import pytest

from models.spec.load import SpecErrors, load_spec
from tests.factories import rcs_part, spec_data
from tests.unit.cli_world import make_world


@pytest.fixture
def world(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch).migrate()


def rcs_world(world, **more):
    webhooks = {"inbound_name": "in", "feedback_name": "out"}
    ajo = spec_data("rcs")["ajo"] | {"sandbox": "dev", "webhooks": webhooks}
    ajo["channel_configuration"] |= {"dataset": "Inbound", "sender": "+14155550100"}
    rcs = rcs_part() | {"test_devices": ["+12125550123"]}
    verification = spec_data("rcs")["verification"] | {
        "required_status": "read",
        "ajo_proof": {"campaign_id": "8fd4b5e2", "user_id": "ann@example.com"},
    }
    world.start("acme-dev", channel="rcs", ajo=ajo, rcs=rcs, verification=verification, **more)
    world.run_all("acme-dev")


def read(path):
    """The faults of the file by their paths."""
    try:
        load_spec(path)
    except SpecErrors as errors:
        return {fault.path for fault in errors.faults}
    return set()


def test_what_belongs_to_one_sandbox_is_a_placeholder_that_validate_names(world, tmp_path):
    rcs_world(world)
    file = tmp_path / "prod.yaml"
    shown = world.onboard("promote", "acme-dev", "--to-sandbox", "prod", "--name", "acme-rcs", "-o", str(file), code=3)
    assert read(file) == {"rcs.sender_id", "twilio.numbers[0]", "twilio.a2p_10dlc.campaign_registered"}
    text = file.read_text()
    for line in (
        "name: acme-rcs\n",
        "  sandbox: prod\n",
        "  auth_token: ${env:TEST_TWILIO_AUTH_TOKEN}\n",
        "    friendly_name: Acme acme-dev prod\n",
        "  # FILL IN: rcs:acme_agent belongs to the other sandbox: a sender of its own\n  sender_id: FILL IN\n",
        "    # CHECK: a dataset belongs to one sandbox: is there one of this name?\n    dataset: Inbound\n",
        "# Left out: verification.ajo_proof: the campaign is one of the other sandbox",
        "  required_status: read\n",
    ):
        assert line in text
    assert "+14155550100" not in text.replace("# FILL IN: +14155550100 answers in dev", "")
    for heading in ("To fill in", "To check", "Secrets to be entered again", "Left out"):
        assert heading in shown
    assert "ajo.client_secret: ${env:TEST_AJO_CLIENT_SECRET}" in shown
    assert "rcs.test_devices: each owner has to accept the new sender's invitation" in shown
    assert "exists already; --force" in world.onboard(
        "promote", "acme-dev", "--to-sandbox", "prod", "-o", str(file), code=2
    )
    world.onboard("promote", "acme-dev", "--to-sandbox", "prod", "-o", str(file), "--force", code=3)
    assert "name: acme-dev-prod\n" in file.read_text()


@pytest.mark.parametrize("channel", ["sms", "mms", "rcs"])
def test_with_all_of_its_own_it_is_valid_and_all_else_is_as_it_was(world, tmp_path, channel):
    world.start("acme-dev", channel=channel)
    world.run_all("acme-dev")
    file = tmp_path / "prod.yaml"
    own = ["--number", "+442079460100", *(["--sender-id", "rcs:acme_prod_agent"] if channel == "rcs" else [])]
    world.onboard("promote", "acme-dev", "--to-sandbox", "stage", *own, "-o", str(file))
    promoted, old = load_spec(file).spec, load_spec(world.write_spec(channel, "acme-dev")).spec
    assert (promoted.name, promoted.ajo.sandbox, promoted.twilio.numbers) == (
        "acme-dev-stage",
        "stage",
        ["+442079460100"],
    )
    assert promoted.verification == old.verification
    assert promoted.ajo.credential == old.ajo.credential
    assert promoted.twilio.a2p_10dlc is None
    if channel == "rcs":
        assert promoted.rcs == old.rcs.model_copy(update={"sender_id": "rcs:acme_prod_agent"})
    # What it writes can be started, in the other sandbox, beside the first.
    world.start("acme-dev-stage", channel=channel)


def test_reuse_across_sandboxes_is_refused_with_adobes_advice(world):
    rcs_world(world)
    to_prod = ("promote", "acme-dev", "--to-sandbox", "prod")
    for own in (("--number", "+14155550100"), ("--sender-id", "rcs:acme_agent")):
        shown = world.onboard(*to_prod, *own, code=2)
        assert "is used by acme-dev in sandbox dev" in shown
        assert "Adobe advises a separate agent, credential, webhook and callback URL for each sandbox" in shown
    assert "is in sandbox dev already" in world.onboard("promote", "acme-dev", "--to-sandbox", "dev", code=2)
    world.start("other", channel="sms")
    assert "there is an onboarding other already" in world.onboard(*to_prod, "--name", "other", code=2)
    world.run_all("other")
    own = ("--to-sandbox", "stage", "--sender-id", "rcs:new_agent")
    assert "has no RCS sender" in world.onboard("promote", "other", *own, code=2)


def test_what_is_given_and_wrong_is_named(world):
    world.start("acme-dev", channel="sms")
    world.run_all("acme-dev")
    shown = world.onboard("promote", "acme-dev", "--to-sandbox", "stage", "--number", "12", code=3)
    assert "Not valid as given\n  twilio.numbers: '12'" in shown


def test_a_name_that_the_new_sandbox_has_becomes_another(world, tmp_path):
    world.start("acme", channel="sms")
    ajo = spec_data("sms", "acme")["ajo"] | {"sandbox": "dev"}
    world.start("acme-dev", channel="sms", ajo=ajo)
    world.run_all("acme-dev")
    file = tmp_path / "prod.yaml"
    world.onboard("promote", "acme-dev", "--to-sandbox", "prod", "--name", "acme-2", "-o", str(file), code=3)
    text = file.read_text()
    assert "name: acme credential 2\n" in text
    assert "    # CHECK: acme_config is taken in this sandbox\n    name: acme_config_2\n" in text


def test_only_a_verified_channel_is_promoted(world):
    world.start("acme", channel="sms")
    assert "only a verified channel is promoted" in world.onboard("promote", "acme", "--to-sandbox", "dev", code=2)
    assert "there is no onboarding" in world.onboard("promote", "nobody", "--to-sandbox", "dev", code=4)
