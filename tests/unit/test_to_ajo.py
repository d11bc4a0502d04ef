from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest
from sqlalchemy import delete, select

from engine import arrivals, kinds
from models.states import ForwardState
from models.tables import Secret, WebhookEvent
from providers.errors import Retryable
from tasks.inbox import forward_due
from tasks.to_ajo import Destinations, post_to_ajo
from tasks.vendors import make_vendors
from tests.factories import make_spec, spec_data
from tests.unit.engine_world import EngineWorld


def destinations(authentication, *sids):
    ajo = spec_data("rcs")["ajo"]
    ajo["webhooks"]["authentication"] = authentication
    urls = {"ajo_feedback_webhook": "https://ajo.test/w"}
    return Destinations("acme", make_spec("rcs", ajo=ajo), urls, {sid: f"ref {sid}" for sid in sids})


def test_an_event_waits_while_the_secret_for_its_token_is_not_stored():
    world = EngineWorld()
    world.start("acme")
    with world.db.begin() as connection:
        connection.execute(delete(Secret).where(Secret.c.name == "ajo.client_secret"))
    object.__setattr__(world.shop, "make_vendors", make_vendors)
    row = SimpleNamespace(
        onboarding_id=world.onboarding().id,
        kind="status",
        message_sid="SM1",
        payload={"MessageStatus": "sent"},
        received_at=world.time,
    )
    to = destinations("ims", "SM1")
    with pytest.raises(Retryable, match=r"ajo\.client_secret is not stored: run `onboard update FILE`"):
        post_to_ajo(world.shop, row, to)


@pytest.mark.parametrize(("authentication", "posted"), [("none", 1), ("ims", 0)])
def test_a_worker_that_was_asked_to_stop_gives_back_the_events_that_it_has_not_posted(
    monkeypatch, authentication, posted
):
    """It is told during its first call: the first event, or the token for it."""
    world = EngineWorld()
    world.start("acme")
    world.record_resources(kinds.FEEDBACK_WEBHOOK)
    shop = replace(world.shop, make_vendors=make_vendors)
    onboarding_id = world.onboarding().id
    sids = [f"SM{number}" for number in range(3)]
    forms = [{"MessageSid": sid, "MessageStatus": "sent", "From": "rcs:acme", "To": "+12125550123"} for sid in sids]
    arrived = [arrivals.Arrival(onboarding_id, "status", form, None, world.time) for form in forms]
    with world.db.begin() as connection:
        arrivals.store(connection, arrived, grace_seconds=0)
    heard = []

    def answer(request):
        heard.append(request.url.host)
        shop.stops.set()
        return httpx.Response(200, json={"access_token": "a-token", "expires_in": 86399, "token_type": "bearer"})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    monkeypatch.setattr("providers.http.thread_client", lambda: client)
    monkeypatch.setattr("tasks.inbox.load_destinations", lambda *_: destinations(authentication, *sids))
    assert forward_due(shop, onboarding_id) == ([], False)
    assert len(heard) == 1
    assert heard.count("ajo.test") == posted
    with world.db.begin() as connection:
        events = connection.execute(select(WebhookEvent).order_by(WebhookEvent.c.id)).all()
    given_back = [event for event in events if event.forward_state is ForwardState.PENDING]
    assert len(given_back) == 3 - posted
    assert {(event.forward_tries, event.forward_due_at) for event in given_back} == {(0, world.time)}
    assert forward_due(shop, onboarding_id) == ([], False)
    assert len(heard) == 1
