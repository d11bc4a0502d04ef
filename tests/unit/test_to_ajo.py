from __future__ import annotations

from types import SimpleNamespace

import pytest
from sqlalchemy import delete

from models.tables import Secret
from providers.errors import Retryable
from tasks.to_ajo import Destinations, post_to_ajo
from tasks.vendors import make_vendors
from tests.factories import make_spec, spec_data
from tests.unit.engine_world import EngineWorld


def test_an_event_waits_while_the_secret_for_its_token_is_not_stored():
    world = EngineWorld()
    world.start("acme")
    with world.db.begin() as connection:
        connection.execute(delete(Secret).where(Secret.c.name == "ajo.client_secret"))
    object.__setattr__(world.shop, "make_vendors", make_vendors)
    ajo = spec_data("rcs")["ajo"]
    ajo["webhooks"]["authentication"] = "ims"
    row = SimpleNamespace(
        onboarding_id=world.onboarding().id,
        kind="status",
        message_sid="SM1",
        payload={"MessageStatus": "sent"},
        received_at=world.time,
    )
    urls = {"ajo_feedback_webhook": "https://ajo.test/w"}
    to = Destinations("acme", make_spec("rcs", ajo=ajo), urls, {"SM1": "r-1"})
    with pytest.raises(Retryable, match=r"ajo\.client_secret is not stored: run `onboard start FILE --update`"):
        post_to_ajo(world.shop, row, to)
