"""Where the broker is: the one from the settings, or the private one of embedded mode.

Embedded, ``onboard up`` writes the broker's address with its password into a file below the state folder, readable
by its owner only; every other command of the same user finds it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from settings import Settings

# Nothing listens there: commands that need no broker still import the app, and those that do say what is missing.
NOT_RUNNING = "redis://127.0.0.1:1/0"


def address_file(settings: Settings) -> Path:
    return settings.home / "broker" / "url"


def broker_url(settings: Settings) -> str:
    if settings.broker_url is not None:
        return settings.broker_url.get_secret_value()
    try:
        return address_file(settings).read_text().strip()
    except OSError:
        return NOT_RUNNING
