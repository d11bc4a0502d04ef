"""One item of a checklist, and the file it stands in."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from models.spec.rcs import COUNTRIES_TWILIO_SENDS_TO
from models.spec.types import StrictModel, Text

Channel = Literal["rcs", "sms", "mms"]
Tag = Literal["spec", "doc", "community", "inference"]
PLACE = {"country": "{country}", "number": "{number}"}


class Item(StrictModel):
    """One requirement."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+([._][a-z0-9]+)*$", max_length=40)]
    """Stored for ever with the onboarding: never renamed, never used for something else."""
    title: Annotated[Text, Field(max_length=160)]
    """What is true once it is met; with ``each``, holds ``{country}`` or ``{number}``."""
    why: Text
    who: Literal["program", "vendor", "person"]
    """Who can say that it is met. Only a person's items are confirmed by hand."""
    check: Text
    """How it is checked."""
    evidence: Text
    """What counts as evidence."""
    stage: Literal["submission", "launch", "advice"]
    """What cannot be reached without it; ``advice`` blocks nothing."""
    due_days: Annotated[int, Field(ge=1, le=365)] | None = None
    """Days after the registration began by which a person should have settled it."""
    each: Literal["country", "number"] | None = None
    """One row for each of these that the spec has."""
    when: Text | None = None
    """Only where the spec has something at this path."""
    spec: list[Text] = []
    """Paths of the spec that state it: it is met while all of them hold something."""
    source: Text
    tag: Tag
    read_on: date
    """When the source was read."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.each is not None and PLACE[self.each] not in self.title:
            msg = f"{self.id}: the title of an item for each {self.each} must hold {PLACE[self.each]}"
            raise ValueError(msg)
        if self.who == "person" and self.stage != "advice" and self.due_days is None and not self.spec:
            msg = f"{self.id}: a person has to settle it, so it needs due_days"
            raise ValueError(msg)
        if self.stage != "advice" and self.who == "person" and self.tag == "inference":
            msg = f"{self.id}: nothing waits for a person because of an inference"
            raise ValueError(msg)
        return self


class ChecklistFile(StrictModel):
    """The items of some channels, everywhere or in some countries."""

    version: Annotated[int, Field(ge=1)]
    """Raised with every change of what an item means."""
    channels: Annotated[list[Channel], Field(min_length=1)]
    countries: list[str] = []
    """Only for onboardings that send there; empty for all."""
    items: Annotated[list[Item], Field(min_length=1)]

    @model_validator(mode="after")
    def _countries_exist(self) -> Self:
        unknown = sorted(set(self.countries) - COUNTRIES_TWILIO_SENDS_TO)
        if unknown:
            msg = f"Twilio sends no RCS to {', '.join(unknown)}"
            raise ValueError(msg)
        return self


def pick(data: Any, path: str) -> Any:
    """The value at a dotted path of a plain spec; None where there is nothing, not even a true word."""
    for key in path.split("."):
        data = data.get(key) if isinstance(data, dict) else None
    return data or None
