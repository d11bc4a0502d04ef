"""The real registration step against a Twilio that says what the test wants, with the command line to look at it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, select

from engine.contract import Catalogue
from models.tables import ChecklistItem
from providers.errors import NotFound
from providers.twilio.types import (
    Account,
    CarrierStatus,
    CountryStatus,
    Number,
    PoolNumber,
    PoolSender,
    RcsSender,
    Service,
)
from tasks.steps.registration import Registration
from tests.factories import ACCOUNT_SID, rcs_part
from tests.unit.cli_world import CliWorld

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = "+14155550100"


class PlayedTwilio:
    """Everything registration asks for; ``sender`` is what the Senders API shows."""

    def __init__(self) -> None:
        self.sender: RcsSender | None = None
        self.services: list[Service] = []
        self.pool: list[PoolSender] = []

    def fetch_account(self) -> Account:
        return Account(ACCOUNT_SID, "active", "Full", "Acme")

    def list_services(self) -> list[Service]:
        return self.services

    def fetch_service(self, sid: str) -> Service:
        found = next((service for service in self.services if service.sid == sid), None)
        if found is None:
            raise NotFound(f"there is no {sid}", cure="")
        return found

    def create_service(self, *, friendly_name: str) -> Service:
        sid = f"MG{len(self.services)}"
        self.services.append(Service(sid, friendly_name, None, None, use_inbound_webhook_on_number=False))
        return self.services[-1]

    def list_service_numbers(self, _sid: str) -> list[PoolNumber]:
        return [PoolNumber("PN1", NUMBER)]

    def find_number(self, phone: str) -> Number:
        return Number("PN1", phone, frozenset({"sms", "mms"}), None, None)

    def find_sender(self, _sender_id: str) -> RcsSender | None:
        return self.sender

    def fetch_sender(self, _sid: str) -> RcsSender | None:
        return self.sender

    def create_sender(self, *, sender_id: str, **_: Any) -> RcsSender:
        self.sender = RcsSender("XE1", sender_id, "DRAFT")
        return self.sender

    def list_channel_senders(self, _sid: str) -> list[PoolSender]:
        return self.pool

    def add_channel_sender(self, _service: str, sid: str) -> None:
        self.pool.append(PoolSender(sid, "rcs:acme_agent", "RCS"))


class ReviewWorld(CliWorld):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.twilio = PlayedTwilio()

    def migrate(self) -> ReviewWorld:
        super().migrate()
        self.catalogue = Catalogue((Registration(), *self.steps[1:]))  # type: ignore[arg-type]
        ajo = SimpleNamespace(surfaces=SimpleNamespace(find_surface=lambda *_, **__: None))
        vendors: Any = SimpleNamespace(twilio=self.twilio, ajo=ajo)
        self.shop = replace(self.shop, catalogue=self.catalogue, make_vendors=lambda *_: vendors)
        return self

    def begin(self, *countries: str, **changes: Any) -> None:
        """Start an RCS onboarding for these countries and run its registration once."""
        part = rcs_part(countries=countries) | changes.pop("rcs", {})
        self.start(channel="rcs", rcs=part, **changes)
        self.run("registration")

    def look(self, **passed: float) -> None:
        """Let time pass, and the registration look again."""
        self.forward(**passed)
        self.signal("registration")
        self.run("registration")

    def says(self, status: str, **countries: dict[str, str] | str) -> None:
        """What Twilio shows from now on: per country its status, or its carriers with theirs."""
        found = []
        for country, carriers in countries.items():
            words = {"": carriers} if isinstance(carriers, str) else carriers
            whole = words.get("", "PENDING_VERIFICATION")
            found.append(CountryStatus(country, whole, tuple(CarrierStatus(*one) for one in words.items() if one[0])))
        self.twilio.sender = RcsSender("XE1", "rcs:acme_agent", status, countries=tuple(found))

    def item(self, key: str) -> Row[Any]:
        with self.db.begin() as connection:
            return connection.execute(select(ChecklistItem).where(ChecklistItem.c.key == key)).one()

    @property
    def reason(self) -> str:
        return str(self.step("registration").reason)
