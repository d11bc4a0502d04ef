"""What a process that runs steps shares between its threads: database, vault, settings, catalogue."""

from __future__ import annotations

import os
import secrets
import socket
from functools import lru_cache, partial

from engine.clock import now
from engine.context import Workshop
from engine.limit_book import LimitBook
from engine.vault import Vault, load_keys
from models.db import make_engine
from settings import get_settings
from tasks.steps import CATALOGUE
from tasks.vendors import make_vendors

_threads = 0


def use_threads(count: int) -> None:
    """How many steps this process runs at a time; before the workshop is made."""
    global _threads  # noqa: PLW0603  known to Celery alone, and only once the worker starts
    _threads = count


@lru_cache(maxsize=1)
def workshop() -> Workshop:
    """Made on first use, so that importing the Celery app needs no database."""
    settings = get_settings()
    db = make_engine(settings.resolved_database_url)
    book = LimitBook(db, now)
    return Workshop(
        db=db,
        vault=Vault(load_keys(settings)),
        settings=settings,
        catalogue=CATALOGUE,
        make_vendors=partial(make_vendors, book=book),
        now=now,
        # The last part tells it from the one before: a container that starts anew has the same name and process number,
        # and the leases of its killed predecessor are no threads of its own.
        worker=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}",
        threads=_threads,
        stops=book.stops,
    )


def begin_no_calls() -> None:
    """Have every step of this process give itself back before its next call to a vendor."""
    if workshop.cache_info().currsize:
        workshop().stops.set()


def forget_workshop() -> None:
    """Let a forked child make its own."""
    if workshop.cache_info().currsize:
        workshop().db.dispose(close=False)
    workshop.cache_clear()
