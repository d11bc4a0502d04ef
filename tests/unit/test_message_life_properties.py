"""Whatever the order and the repetition in which a message's statuses arrive, what is remembered of it ends right."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from engine import message_status
from engine.arrivals import Arrival, apply_arrived, store
from models.tables import Event, Message, WebhookEvent
from tests.unit.engine_world import EngineWorld

AGENT, NUMBER = "rcs:acme_agent", "+14155550100"


@dataclass(frozen=True)
class Life:
    """The statuses that Twilio reports of one message, in their order; the last one may carry an error."""

    statuses: tuple[str, ...]
    sender: str
    transport: str
    error: int | None = None

    def error_at(self, status: str) -> int | None:
        return self.error if status == self.statuses[-1] else None


LIVES = (
    Life(("queued", "sending", "sent", "delivered", "read"), AGENT, "rcs"),
    Life(("queued", "sending", "sent", "delivered"), NUMBER, "sms"),
    Life(("sending", "sent", "undelivered"), AGENT, "rcs", 63036),
    Life(("queued", "sending", "sent", "undelivered"), NUMBER, "sms", 30003),
    Life(("queued", "sending", "failed"), AGENT, "rcs", 63035),
    Life(("queued", "sent", "partially_delivered", "delivered"), NUMBER, "sms"),
    Life(("canceled",), NUMBER, "sms"),
)
lives = st.sampled_from(LIVES)
relaxed = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[Life, list[tuple[str, bool]]]:
    """A life and how its statuses arrive: in any order, each once at least, by callback or by asking Twilio."""
    life = draw(lives)
    again = draw(st.lists(st.sampled_from(life.statuses), max_size=6))
    order = draw(st.permutations([*life.statuses, *again]))
    return life, [(status, draw(st.booleans())) for status in order]


@cache
def started_world() -> EngineWorld:
    """Making one takes longer than all that an example does in it."""
    world = EngineWorld()
    world.start()
    return world


class Told:
    """One message, the only one of its onboarding, and the ways in which its statuses become known."""

    def __init__(self) -> None:
        self.world = started_world()
        onboarding = self.world.onboarding()
        self.onboarding_id = onboarding.id
        with self.world.db.begin() as connection:
            for table in (Event, WebhookEvent, Message):
                connection.execute(delete(table))
            connection.execute(
                insert(Message).values(
                    onboarding_id=onboarding.id,
                    client_reference="ref-1",
                    sid="SM1",
                    recipient="+12125550123",
                    body="hi",
                    status="accepted",
                    created_at=self.world.time,
                    updated_at=self.world.time,
                )
            )

    def by_callback(self, life: Life, status: str, sid: str = "SM1") -> None:
        error = life.error_at(status)
        params = {"MessageSid": sid, "MessageStatus": status, "From": life.sender}
        form = params | ({"ErrorCode": str(error)} if error else {})
        at = self.world.time
        with self.world.db.begin() as connection:
            store(connection, [Arrival(self.onboarding_id, "status", form, None, at)], grace_seconds=60)
            apply_arrived(connection, self.onboarding_id, at=at, grace_seconds=60)

    def by_asking(self, life: Life, status: str) -> None:
        with self.world.db.begin() as connection:
            message_status.record_status(
                connection,
                self.onboarding_id,
                "SM1",
                status,
                sender=life.sender,
                error_code=life.error_at(status),
                at=self.world.time,
            )

    def all_of(self, life: Life, arriving: list[tuple[str, bool]]) -> None:
        for status, is_callback in arriving:
            (self.by_callback if is_callback else self.by_asking)(life, status)

    @property
    def message(self):
        with self.world.db.begin() as connection:
            return connection.execute(select(Message)).one()

    @property
    def stored(self) -> list[str]:
        with self.world.db.begin() as connection:
            return list(connection.execute(select(WebhookEvent.c.dedupe_key)).scalars())


@relaxed
@given(arrivals())
def test_any_order_and_repetition_ends_in_the_lifes_end_with_its_error_and_transport(case):
    life, arriving = case
    told = Told()
    told.all_of(life, arriving)
    end = told.message
    assert (end.status, end.error_code, end.transport) == (life.statuses[-1], life.error, life.transport)


@relaxed
@given(arrivals())
def test_a_status_never_goes_back(case):
    life, arriving = case
    told = Told()
    ranks = []
    for arrival in arriving:
        told.all_of(life, [arrival])
        ranks.append(message_status.status_rank(told.message.status))
    assert ranks == sorted(ranks)


@relaxed
@given(arrivals())
def test_each_callback_is_stored_once_however_often_it_comes(case):
    life, arriving = case
    told = Told()
    told.all_of(life, arriving)
    called_back = {status for status, is_callback in arriving if is_callback}
    assert len(told.stored) == len(set(told.stored)) == len(called_back)


@relaxed
@given(arrivals(), st.text(min_size=1, max_size=60).filter(str.strip), st.integers(0, 8))
def test_a_word_that_twilio_has_not_published_spoils_nothing(case, word, place):
    life, arriving = case
    told = Told()
    told.all_of(life, arriving[:place])
    told.by_callback(Life((word,), life.sender, life.transport), word)
    told.by_callback(Life((word,), life.sender, life.transport), word, sid="SM-of-nobody")
    told.all_of(life, arriving[place:])
    assert told.message.status == life.statuses[-1]
    assert told.message.error_code == life.error


@relaxed
@given(st.permutations(["delivered", "undelivered", "failed"]), st.lists(st.integers(0, 2), max_size=8))
def test_of_contradictory_ends_the_first_counts_however_often_the_others_come(ends, repeated):
    # Nobody documents such a life; what matters is that it does not flicker.
    told = Told()
    for status in [*ends, *(ends[index] for index in repeated)]:
        told.by_callback(Life((status,), NUMBER, "sms", 30003), status)
    assert told.message.status == ends[0]
