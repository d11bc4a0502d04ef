"""The database comes back as it was an hour ago; what was made at the vendors since is found and taken over, not made again."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.integration.services import Simulator
from tests.integration.test_spine_failures import expected_objects


@pytest.fixture
def simulator(tmp_path):
    process = Simulator(tmp_path, review=6)
    yield process
    process.stop()


def test_what_was_made_since_the_backup_is_adopted_and_nothing_is_made_twice(
    stack, redis, database_url, request, tmp_path
):
    postgres = request.getfixturevalue("postgres") if database_url else None
    copy = tmp_path / "copy"
    files = [stack.write_spec(channel, f"acme-{channel}") for channel in ("sms", "rcs", "mms")]
    running = [stack.spawn("gateway", "gateway"), stack.spawn("beat", "beat"), stack.worker("w0")]
    stack.onboard("start", files[0])
    stack.wait_for("active", within=60)
    stack.onboard("start", files[1])
    stack.wait_for_step("acme-rcs", "registration", "waiting_vendor")
    dump = postgres.dump(database_url) if postgres else stack.onboard("backup", str(copy))

    stack.onboard("start", files[2])
    stack.wait_for("active", within=60)
    keys = stack.simulator.ledger["counts"]["api_key"]
    for process in running:
        process.stop()
    redis.command("FLUSHALL")

    if postgres:
        postgres.restore(database_url, dump)
    else:
        stack.onboard("restore", str(copy), "--yes")
    assert set(stack.statuses()) == {"acme-sms", "acme-rcs"}
    for process in running:
        process.start()
    stack.onboard("start", *files)
    # AJO shows no secret: that the credential has the token of the restored onboarding, a person has to see to.
    stack.wait_for_step("acme-rcs", "credential", "waiting_person")
    stack.onboard("task", "done", "acme-rcs", "credential-secret", "--by", "Jo Doe")
    stack.wait_for("active", within=60)
    stack.onboard("verify", "--all", "--yes")
    for name in stack.statuses():
        stack.onboard("verify", name, "--wait", "--timeout", "60")

    ledger = stack.simulator.ledger
    wanted = sum((Counter(expected_objects(channel)) for channel in ("sms", "rcs", "mms")), Counter())
    live = {kind: count["live"] for kind, count in ledger["counts"].items()}
    # The restored database knows nothing of the two test messages that were sent since: those are sent again.
    assert live == wanted | {"message": 5}
    # Nobody has the secret of a key that was made since, so another one takes its place.
    assert ledger["counts"]["api_key"] == {"live": 1, "created": keys["created"] + 1}
    assert [one for one in ledger["duplicates"] if one["kind"] != "message"] == []
