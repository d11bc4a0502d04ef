"""How the channel is proved, first and on schedule."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from models.spec.types import Duration, HttpUrl, Matches, Phone, StrictModel, Text, up_to


class AjoProof(StrictModel):
    """RCS only: a campaign of which AJO itself sends a proof, so that the whole way is proved: AJO, Twilio and back."""

    campaign_id: Annotated[
        str,
        Field(max_length=100),
        # Adobe publishes no form; blanks and slashes show that a name or an address was copied instead.
        Matches(r"[0-9A-Za-z][0-9A-Za-z_-]*", "an AJO campaign id", "8fd4b5e2-e559-425b-bd89-389b007d32d5"),
    ]
    """Id (not name) of a campaign that was published with this spec's channel configuration."""
    user_id: Annotated[Text, Field(max_length=200, examples=["ann@example.com"])]
    """Identity of a test profile in AJO; the proof goes to the first number of `to` all the same."""
    namespace: Annotated[Text, Field(max_length=100, examples=["Email"])] = "Email"
    """Identity namespace of `user_id`: Email, ECID, Phone …"""


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
    ajo_proof: AjoProof | None = None
    """RCS only: has AJO send a proof too, whenever a test message is sent."""
