"""Log lines of every process: one format, redacted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from providers.redaction import RedactingFilter

if TYPE_CHECKING:
    from settings import Settings

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def configure_logging(settings: Settings) -> None:
    """Log to standard error, with every known secret blanked out, whoever logged it."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(RedactingFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    # One line per call with full URLs would repeat what providers.http logs redacted.
    for noisy in ("httpx", "httpcore", "celery.worker.strategy", "celery.app.trace", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
