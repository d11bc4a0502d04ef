"""How the channel is proved, first and on schedule."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from models.spec.types import Duration, HttpUrl, Phone, StrictModel, Text


class Verification(StrictModel):
    to: Annotated[list[Phone], Field(min_length=1, max_length=10)]
    """Handsets that get the test message."""
    message: Annotated[Text, Field(max_length=1600)]
    """Twilio's limit for `Body`."""
    media_url: HttpUrl | None = None
    """MMS only: the picture to send."""
    required_status: Literal["sent", "delivered", "read"] = "delivered"
    within: Duration = timedelta(minutes=15)
    """How long the required status may take."""
    retries: Annotated[int, Field(ge=0, le=5)] = 2
    """How often a test message is sent again after a passing failure, such as a handset that is switched off."""
    every: Duration = timedelta(days=7)
    """How often an active onboarding is checked again."""
    send_on_schedule: bool = False
    """Whether scheduled checks send a message too, or only read."""
