"""Twilio's callbacks as the events that AJO's webhooks take, by the mapping files in ``mappings/``.

A file is named ``KIND.VERSION.json`` and says for each field of AJO's where it comes from. A released file is never
changed: an onboarding's spec names its version (docs/adr/0011-mappings-live-with-the-provider.md). The fields are those
that Adobe's page on SMS webhooks demands; what fills them is inference (docs/vendors.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from providers.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "mappings"

Kind = Literal["inbound", "feedback"]


@dataclass(frozen=True, slots=True)
class Ours:
    """What Twilio does not say and we know. Its fields are what a mapping may name under ``ours``."""

    client_reference: str
    """AJO's name of the message."""
    received_at: datetime
    """When the gateway got the callback; Twilio sends no time."""
    sender: str
    """The sender number as AJO knows it; with RCS, Twilio's ``To`` is the agent, not a number."""

    def text(self, name: str) -> str:
        """Times in UTC, with milliseconds and ``Z``."""
        value = getattr(self, name)
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return str(value)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Text = Annotated[str, Field(min_length=1)]


class Source(_Strict):
    """Where one field comes from: the first of these that is not empty, in this order."""

    twilio: list[Text] = []
    """Parameters of Twilio's callback."""
    ours: Literal["client_reference", "received_at", "sender"] | None = None
    constant: Text | None = None
    without_rcs: bool = False
    """Take off the ``rcs:`` that Twilio puts in front of addresses on RCS."""
    words: dict[Text, Text] = {}
    """Twilio's words that AJO knows by others; all other words are passed on as they are."""

    @model_validator(mode="after")
    def _names_a_source(self) -> Self:
        if not self.twilio and self.ours is None and self.constant is None:
            msg = "names no source: give it twilio, ours or constant"
            raise ValueError(msg)
        if (self.without_rcs or self.words) and not self.twilio:
            msg = "without_rcs and words are about what Twilio says: give it twilio"
            raise ValueError(msg)
        return self

    def value(self, params: Mapping[str, str], ours: Ours) -> str:
        """Empty only when nothing says anything."""
        said = next((params[name] for name in self.twilio if params.get(name)), None)
        if said is not None:
            said = said.removeprefix("rcs:") if self.without_rcs else said
            return self.words.get(said, said)
        return (ours.text(self.ours) if self.ours else "") or self.constant or ""


class InboundFields(_Strict):
    InboundMessage: Source
    ProfileNumber: Source
    RequestID: Source
    OriginTimestamp: Source
    InboundNumber: Source


class StatusFields(_Strict):
    code: Source
    status: Source


class FeedbackFields(_Strict):
    clientReference: Source  # noqa: N815  Adobe's name
    statuses: Annotated[list[StatusFields], Field(min_length=1, max_length=1)]


class InboundMapping(_Strict):
    about: Text
    fields: InboundFields


class FeedbackMapping(_Strict):
    about: Text
    fields: FeedbackFields


MODELS: dict[Kind, type[InboundMapping | FeedbackMapping]] = {"inbound": InboundMapping, "feedback": FeedbackMapping}


@lru_cache
def load_mapping(kind: Kind, version: str, folder: Path = FOLDER) -> InboundMapping | FeedbackMapping:
    """:raises Misconfigured: the file is missing or says what no mapping may say; the message names file and place."""
    file = folder / f"{kind}.{version}.json"
    try:
        return MODELS[kind].model_validate_json(file.read_bytes())
    except FileNotFoundError:
        msg = f"There is no mapping {file.name}: install the release of onboard that the spec was written for."
        raise Misconfigured(msg) from None
    except ValidationError as error:
        faults = [_sentence(fault["loc"], fault["msg"]) for fault in error.errors(include_url=False)]
        msg = f"The mapping {file.name} is wrong; correct it: " + "; ".join(faults)
        raise Misconfigured(msg) from None


def _sentence(place: tuple[int | str, ...], problem: str) -> str:
    where = ".".join(str(part) for part in place)
    problem = problem.removeprefix("Value error, ")
    return f"{where}: {problem}" if where else problem


def ajo_event(kind: Kind, version: str, params: Mapping[str, str], ours: Ours) -> dict[str, Any]:
    """The JSON for AJO's webhook of this kind.

    :param params: Twilio's callback, one value per name.
    :raises Misconfigured: see :func:`load_mapping`.
    """
    event: dict[str, Any] = _filled(load_mapping(kind, version).fields, params, ours)
    return event


def _filled(part: Any, params: Mapping[str, str], ours: Ours) -> Any:
    if isinstance(part, Source):
        return part.value(params, ours)
    if isinstance(part, list):
        return [_filled(item, params, ours) for item in part]
    return {name: _filled(value, params, ours) for name, value in part}
