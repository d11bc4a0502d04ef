"""A real Celery worker whose steps speak to no vendor: registration is under review for weeks.

    python -m tests.integration.waiting_worker

Sends the chain of each onboarding in the database, then works until it is stopped.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from engine.contract import Wait
from engine.wake import WakeUp
from models.tables import Onboarding
from tasks import chain
from tasks.celery import app
from tasks.process import workshop
from tests.unit.engine_world import EngineWorld

REVIEW = Wait("review", "under review", "Twilio and the carriers", timedelta(minutes=15), timedelta(days=60))


def main() -> None:
    scripted = EngineWorld()
    scripted.steps[0].act = lambda _ctx: REVIEW  # type: ignore[method-assign]
    shop = replace(workshop(), catalogue=scripted.catalogue, make_vendors=lambda *_: None)  # type: ignore[arg-type,return-value]
    chain.workshop = lambda: shop  # type: ignore[assignment]
    with shop.db.begin() as connection:
        rows = connection.execute(select(Onboarding.c.id, Onboarding.c.name)).all()
    chain.send(WakeUp(row.id, row.name, "registration") for row in rows)
    app.worker_main(["worker", "--loglevel=WARNING", "--without-gossip", "--without-mingle"])


if __name__ == "__main__":
    main()
