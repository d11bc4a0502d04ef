"""Whether a state folder holds a pretended world, and whether the settings lead to pretended vendors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.exits import NOT_SET_UP, Exit

if TYPE_CHECKING:
    from pathlib import Path

    from settings import Settings

SIMULATOR_STATE = "simulator.json"
# The simulator writes its state at its end only: one that was killed leaves none.
MARK = "simulated"


def mark_simulated(home: Path) -> None:
    (home / MARK).touch(mode=0o600)


def is_simulated(home: Path) -> bool:
    """Whether ``up`` or ``demo`` ever ran on this folder with a simulator for all vendors."""
    return any((home / name).exists() for name in (MARK, SIMULATOR_STATE))


def settings_for_vendors() -> Settings:
    """The settings for a command that itself speaks to vendors.

    :raises Exit: the folder is of the simulator, these lead to a real vendor, and no ``up --real-vendors`` runs.
    """
    from settings import get_settings, running_stack

    settings = get_settings()
    stack = running_stack(settings.home)
    if real_vendors(settings) and (stack is None or stack["simulator"]):
        refuse_real_vendors(settings, would="look for them at")
    return settings


def refuse_real_vendors(settings: Settings, *, would: str = "drive them at") -> None:
    """Ask this when the settings lead to a real vendor.

    :raises Exit: the folder is of the simulator.
    """
    if is_simulated(settings.home):
        msg = (
            f"the onboardings in {settings.home} were made against the simulator, and this would {would} the real "
            "Twilio and AJO. Use `onboard up --simulator`, or another ONBOARD_HOME; "
            "`onboard up --real-vendors` goes on all the same."
        )
        raise Exit(msg, NOT_SET_UP)


def vendor_settings(settings: Settings) -> list[str]:
    """Names of the settings that are addresses of Twilio and Adobe."""
    return [
        name for name in type(settings).model_fields if name.startswith(("twilio_", "adobe_")) and name.endswith("_url")
    ]


def real_vendors(settings: Settings) -> list[str]:
    """Those of :func:`vendor_settings` that lead to no simulator."""
    return [name for name in vendor_settings(settings) if not _is_local(getattr(settings, name))]


def _is_local(url: str) -> bool:
    return "//127.0.0.1" in url or "//localhost" in url or "//simulator" in url
