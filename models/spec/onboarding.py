"""The whole spec: one model per channel, told apart by ``channel``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from models.spec.ajo import Ajo
from models.spec.rcs import Rcs
from models.spec.twilio import Twilio
from models.spec.types import CURE, Name, StrictModel, Text
from models.spec.verification import Verification


class _Common(StrictModel):
    name: Name
    """Unique name of the onboarding."""
    brand: Text
    twilio: Twilio
    ajo: Ajo
    verification: Verification

    @property
    def sender(self) -> str:
        """The sender number AJO shows and sends from."""
        return self.ajo.channel_configuration.sender or self.twilio.numbers[0]


def _refuse_webhooks(ajo: Ajo) -> None:
    if ajo.webhooks is not None:
        msg = f"`ajo.webhooks` is for RCS only{CURE}remove it: AJO offers no webhooks for vendor Twilio"
        raise ValueError(msg)
    if ajo.credential.vendor == "custom":
        msg = f"`ajo.credential.vendor` is custom{CURE}SMS and MMS use vendor twilio; leave the line out"
        raise ValueError(msg)
    if ajo.credential.headers:
        msg = f"`ajo.credential.headers` is for RCS only{CURE}remove it: a Twilio vendor credential has no headers"
        raise ValueError(msg)


class RcsSpec(_Common):
    channel: Literal["rcs"]
    rcs: Rcs

    @model_validator(mode="after")
    def _needs_custom_vendor(self) -> RcsSpec:
        if self.ajo.credential.vendor == "twilio":
            msg = f"`ajo.credential.vendor` is twilio, but RCS needs another payload than that vendor sends{CURE}write custom, or leave it out"
            raise ValueError(msg)
        if self.ajo.webhooks is None:
            msg = f"RCS needs `ajo.webhooks`{CURE}add it with inbound_name and feedback_name"
            raise ValueError(msg)
        if self.verification.media_url is not None:
            msg = f"`verification.media_url` is for MMS only{CURE}remove it"
            raise ValueError(msg)
        return self


class SmsSpec(_Common):
    channel: Literal["sms"]

    @model_validator(mode="after")
    def _twilio_vendor(self) -> SmsSpec:
        _refuse_webhooks(self.ajo)
        if self.verification.media_url is not None:
            msg = f"`verification.media_url` is for MMS only{CURE}remove it, or write channel: mms"
            raise ValueError(msg)
        if self.verification.required_status == "read":
            msg = f"`verification.required_status` is read, but SMS reports no reading{CURE}write delivered"
            raise ValueError(msg)
        return self


class MmsSpec(_Common):
    channel: Literal["mms"]

    @model_validator(mode="after")
    def _twilio_vendor(self) -> MmsSpec:
        _refuse_webhooks(self.ajo)
        if self.verification.media_url is None:
            msg = f"MMS needs `verification.media_url`{CURE}add the address of a picture, or write channel: sms"
            raise ValueError(msg)
        if self.verification.required_status == "read":
            msg = f"`verification.required_status` is read, but MMS reports no reading{CURE}write delivered"
            raise ValueError(msg)
        return self


Spec = Annotated[RcsSpec | SmsSpec | MmsSpec, Field(discriminator="channel")]
SPEC: TypeAdapter[RcsSpec | SmsSpec | MmsSpec] = TypeAdapter(Spec)


def spec_from_json(stored: dict[str, Any]) -> RcsSpec | SmsSpec | MmsSpec:
    """The spec as it was stored by :func:`spec_to_json`; already validated once, so errors are programming errors."""
    return SPEC.validate_python(stored, strict=False)


def spec_to_json(spec: RcsSpec | SmsSpec | MmsSpec) -> dict[str, Any]:
    """Plain JSON of the spec. Holds references, never secrets."""
    stored: dict[str, Any] = SPEC.dump_python(spec, mode="json")
    return stored
