"""The product in a storm that a seed decides: any call may fail in any way, and what comes out is right all the same."""

from __future__ import annotations

import pytest

from tests.integration.house import House
from tests.integration.test_spine_failures import expected_objects

# Waiting is left out: it costs time and decides nothing that the other failures do not.
TROUBLES = [
    {"action": "status", "status": 429, "code": 20429, "retry_after": 0.1},
    {"action": "reply_lost"},
    {"action": "status", "status": 503},
    {"action": "malformed"},
    {"action": "reset"},
    {"action": "expire_tokens"},
]


@pytest.mark.simulator("--seed", "7")
def test_a_brand_gets_through_a_storm_with_everything_made_once(house: House) -> None:
    rule = {"match": {"path_regex": "."}, "script": TROUBLES, "times": 2, "chance": 0.2}
    house.simulator.post("faults", rule)
    house.start("rcs", "acme")
    assert house.run_to_end("acme", within=60).status == "active", house.story()
    (storm,) = house.simulator.faults
    assert storm["hits"] == 2 * len(TROUBLES)
    ledger = house.simulator.ledger
    assert ledger["duplicates"] == []
    assert {kind: count["live"] for kind, count in ledger["counts"].items()} == expected_objects("rcs")
