"""How one simulator is set up; every duration is in seconds of real time."""

from dataclasses import dataclass


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
    auto_submit: bool = True
    """Play the person who submits an RCS sender in the Twilio Console (there is no public API for it)."""
    seed: int | None = None
    """Makes SIDs repeatable; access tokens and webhook addresses are random all the same."""
