"""How the channel is proved, first and on schedule."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from models.spec.types import Duration, HttpUrl, Phone, StrictModel, Text, up_to


class Verification(StrictModel):
    """How the channel is proved: a test message at the end, checks on schedule."""

    to: Annotated[list[Phone], Field(min_length=1, max_length=10, examples=[["+12125550123"]])]
    """Handsets that get the test message, in E.164 and in quotes. For RCS they must be test devices until approval."""
    message: Annotated[Text, Field(max_length=1550, examples=["Acme: this channel is being verified."])]
    """Text of the test message, at most 1550 characters: onboard appends a short reference, and Twilio's limit is 1600."""
    media_url: HttpUrl | None = None
    """MMS only: the picture to send."""
    required_status: Literal["sent", "delivered", "read"] = "delivered"
    """What proves the channel. `read` is for RCS only: SMS and MMS report no reading."""
    within: Annotated[Duration, up_to(timedelta(days=7))] = timedelta(minutes=15)
    """How long the required status may take."""
    retries: Annotated[int, Field(ge=0, le=5)] = 2
    """How often a test message is sent again after a passing failure, such as a handset that is switched off."""
    every: Annotated[Duration, up_to(timedelta(days=366))] = timedelta(days=7)
    """How often an active onboarding is checked again."""
    send_on_schedule: bool = False
    """Whether scheduled checks send a message too, or only read."""
