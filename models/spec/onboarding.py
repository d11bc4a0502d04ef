"""The whole spec: one model per channel, told apart by ``channel``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from models.spec.ajo import Ajo
from models.spec.declaration import Declaration
from models.spec.rcs import Rcs
from models.spec.refusal import refuse
from models.spec.rules import broken_rules
from models.spec.twilio import Twilio
from models.spec.types import Name, StrictModel, Text
from models.spec.verification import Verification

if TYPE_CHECKING:
    from pydantic import ModelWrapValidatorHandler


class _Common(StrictModel):
    name: Name
    """Unique name of the onboarding: 3 to 50 of a-z, 0-9 and -. It cannot be changed later."""
    brand: Annotated[Text, Field(max_length=200, examples=["Acme Coffee"])]
    """The brand, as people call it."""
    twilio: Twilio
    ajo: Ajo
    verification: Verification
    # Left out while empty, so that specs stored before it existed stay the same.
    checklist: Annotated[list[Declaration], Field(exclude_if=lambda declared: not declared)] = []
    """Items of the checklist that a person settled before the start."""

    @property
    def sender(self) -> str:
        """The sender number AJO shows and sends from."""
        return self.ajo.channel_configuration.sender or self.twilio.numbers[0]

    @model_validator(mode="wrap")
    @classmethod
    def _keep_rules(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Rules across fields are reported beside the faults of single fields, not after they are mended."""
        refusals = broken_rules(data)
        try:
            spec = handler(data)
        except ValidationError as error:
            refuse(refusals, error)
        if refusals:
            refuse(refusals)
        return spec


class RcsSpec(_Common):
    """An RCS channel."""

    channel: Literal["rcs"]
    """rcs, sms or mms."""
    rcs: Rcs


class SmsSpec(_Common):
    """An SMS channel."""

    channel: Literal["sms"]
    """rcs, sms or mms."""


class MmsSpec(_Common):
    """An MMS channel."""

    channel: Literal["mms"]
    """rcs, sms or mms."""


AnySpec = RcsSpec | SmsSpec | MmsSpec
SPEC: TypeAdapter[RcsSpec | SmsSpec | MmsSpec] = TypeAdapter(Annotated[AnySpec, Field(discriminator="channel")])
CHANNELS: dict[str, type[RcsSpec | SmsSpec | MmsSpec]] = {"rcs": RcsSpec, "sms": SmsSpec, "mms": MmsSpec}


def spec_from_json(stored: dict[str, Any]) -> RcsSpec | SmsSpec | MmsSpec:
    """The spec as it was stored by :func:`spec_to_json`; already validated once, so errors are programming errors."""
    return SPEC.validate_python(stored, strict=False)


def spec_to_json(spec: RcsSpec | SmsSpec | MmsSpec) -> dict[str, Any]:
    """Plain JSON of the spec. Holds references, never secrets."""
    stored: dict[str, Any] = SPEC.dump_python(spec, mode="json")
    return stored
