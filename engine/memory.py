"""What is remembered of one onboarding, to be read: shared by a step at work and by who only looks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Row, select

from engine.desired import acceptance
from models.db import reader
from models.tables import AcceptedDrift, OperatorTask, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from engine.context import Vendors, Workshop
    from engine.contract import AnySpec
    from settings import Settings


class View(Protocol):
    """What a declaration may use: reading only, at the vendors and in the database."""

    settings: Settings
    onboarding_id: int | None
    name: str
    mark: str
    endpoint_token: str
    spec: AnySpec
    vendors: Vendors
    now: Callable[[], datetime]

    @property
    def accepted(self) -> frozenset[str]: ...
    def read(self, statement: Any) -> Sequence[Row[Any]]: ...
    def secret(self, name: str) -> str: ...
    def find_secret(self, name: str) -> str | None: ...
    def resource(self, kind: str) -> Row[Any] | None: ...
    def task(self, key: str) -> Row[Any] | None: ...
    def external_id(self, kind: str) -> str: ...


class Memory:
    """:param onboarding_id: None for a spec that was not started: nothing is remembered of it."""

    def __init__(self, shop: Workshop, onboarding_id: int | None) -> None:
        self.shop = shop
        self.settings = shop.settings
        self.now = shop.now
        self.onboarding_id = onboarding_id

    def read(self, statement: Any) -> Sequence[Row[Any]]:
        with reader(self.shop.db).begin() as connection:
            return connection.execute(statement).all()

    def find_secret(self, name: str) -> str | None:
        if self.onboarding_id is None:
            return None
        with reader(self.shop.db).begin() as connection:
            return self.shop.vault.read(connection, self.onboarding_id, name)

    def resource(self, kind: str) -> Row[Any] | None:
        return self._one(Resource, Resource.c.kind == kind)

    def task(self, key: str) -> Row[Any] | None:
        """The operator task of this key, open or done."""
        return self._one(OperatorTask, OperatorTask.c.key == key)

    @cached_property
    def accepted(self) -> frozenset[str]:
        """The differences that a person accepted and that have not expired, as :func:`engine.desired.acceptance` has them."""
        if self.onboarding_id is None:
            return frozenset()
        mine = select(AcceptedDrift).where(AcceptedDrift.c.onboarding_id == self.onboarding_id)
        rows = self.read(mine.where(AcceptedDrift.c.until > self.now()))
        return frozenset(entry for row in rows for entry in acceptance(row.key, row.difference))

    def _one(self, table: Any, condition: Any) -> Row[Any] | None:
        if self.onboarding_id is None:
            return None
        rows = self.read(select(table).where(table.c.onboarding_id == self.onboarding_id, condition))
        return rows[0] if rows else None
