"""How one simulator is set up. Durations are in seconds of simulated time."""

from dataclasses import dataclass
from pathlib import Path

# A year in half a minute.
MAX_SPEED = 1_000_000.0


@dataclass(frozen=True)
class Config:
    """Where to listen and how fast the pretended world turns."""

    host: str = "127.0.0.1"
    port: int = 8800
    """0 lets the system choose; the ready line tells which."""
    review_seconds: float = 3.0
    """From submission of an RCS sender to the last carrier's decision (weeks at Twilio)."""
    message_seconds: float = 0.3
    """From the creation of a message to its last status."""
    activation_seconds: float = 1.0
    """From the creation of a channel configuration to Active."""
    speed: float = 1.0
    """Simulated seconds per real second; 0 stops the clock, so that only `advance` moves it."""
    max_concurrent: int = 100
    """Twilio calls of one account at the same time, beyond which 20429 is answered. Twilio publishes no number."""
    auto_submit: bool = True
    """Play the person who submits an RCS sender in the Twilio Console (there is no public API for it)."""
    countries: tuple[str, ...] = ("US",)
    """Those that this person submits it for."""
    seed: int | None = None
    """Makes SIDs and chances repeatable; access tokens, secrets and webhook addresses are random all the same."""
    state: Path | None = None
    """File from which the world is read at the start, if it is there, and to which it is written at the end."""
