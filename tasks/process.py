"""What a process that runs steps shares between its threads: database, vault, settings, catalogue."""

from __future__ import annotations

import os
import socket
from functools import lru_cache

from engine.clock import now
from engine.context import Workshop
from engine.vault import Vault, load_keys
from models.db import make_engine
from settings import get_settings
from tasks.steps import CATALOGUE
from tasks.vendors import make_vendors


@lru_cache(maxsize=1)
def workshop() -> Workshop:
    """Made on first use, so that importing the Celery app needs no database."""
    settings = get_settings()
    return Workshop(
        db=make_engine(settings.resolved_database_url),
        vault=Vault(load_keys(settings)),
        settings=settings,
        catalogue=CATALOGUE,
        make_vendors=make_vendors,
        now=now,
        worker=f"{socket.gethostname()}:{os.getpid()}",
    )


def forget_workshop() -> None:
    """Let a forked child make its own."""
    if workshop.cache_info().currsize:
        workshop().db.dispose(close=False)
    workshop.cache_clear()
