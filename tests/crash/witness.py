"""What must hold in every run: what is made was announced before, and each state follows from the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from models.db import make_engine
from models.states import ResourceState
from models.tables import AjoProof, Message, Resource
from tests.integration.services import fetch

if TYPE_CHECKING:
    from engine.context import Workshop
    from tests.crash.seams import Effect, Moment


class Witness:
    """Looks at the vendors' count around each call, and at what the database had committed before it.

    Which calls make something is the vendors' word, not a list of ours: a new one cannot be forgotten.
    """

    def __init__(self, shop: Workshop, simulator_url: str) -> None:
        self._url = f"{simulator_url}/_sim/ledger"
        # A connection of its own sees only what is committed.
        self._db = make_engine(shop.settings.resolved_database_url)
        self._there: dict[str, str] = {}
        self._announced: set[str] = set()
        self.made: list[str] = []
        self.unannounced: list[str] = []

    def __call__(self, effect: Effect, moment: Moment) -> None:
        if effect.kind != "call":
            return
        if moment == "before":
            self._there, self._announced = self._objects(), self._intended()
            return
        for key, name in self._objects().items():
            if key in self._there:
                continue
            self.made.append(f"{effect.where}: {effect.name}")
            if name not in self._announced:
                self.unannounced.append(f"{effect.name} made {name!r}, which nobody had intended")

    def _objects(self) -> dict[str, str]:
        """Name by id; of a message its text, of a proof job the reference that it was given."""
        ledger = fetch(self._url)
        bodies = {message["sid"]: message["body"] for message in ledger["messages"]}
        return {entry["id"]: bodies.get(entry["id"], entry["name"]) for entry in ledger["objects"]}

    def _intended(self) -> set[str]:
        with self._db.begin() as connection:
            names = connection.execute(
                select(Resource.c.name).where(Resource.c.state == ResourceState.INTENDED)
            ).scalars()
            bodies = connection.execute(select(Message.c.body).where(Message.c.sid.is_(None))).scalars()
            proofs = connection.execute(select(AjoProof.c.reference).where(AjoProof.c.job_id.is_(None))).scalars()
            return {*names, *bodies, *proofs}
