"""The bodies of the control API. Unknown fields are refused: a misspelt one would change nothing, silently."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from simulator.config import MAX_SPEED
from simulator.durations import LONGEST_SECONDS, parse_duration
from simulator.faults import Regex
from simulator.state import Json
from simulator.twilio.review import CARRIER_STATUSES, SENDER_STATUSES

_CAPABILITIES = ("sms", "mms", "voice", "fax")


def _seconds(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _plain_number(value: str) -> str:
    return value.removeprefix("rcs:")


Duration = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=LONGEST_SECONDS, allow_inf_nan=False)]
_MOST_SKEW = LONGEST_SECONDS / 4
Text = Annotated[str, Field(min_length=1)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewNumber(Body):
    phone_number: Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$")]
    capabilities: dict[str, bool] | None = None

    @field_validator("capabilities")
    @classmethod
    def _are_known(cls, value: dict[str, bool] | None) -> dict[str, bool] | None:
        unknown = sorted(set(value or {}) - set(_CAPABILITIES))
        if unknown:
            raise ValueError(f"{unknown[0]} is none of {', '.join(_CAPABILITIES)}")
        return value


class NewAccount(Body):
    """Adds an account, or changes one that exists."""

    sid: Annotated[str, Field(pattern="^AC[0-9a-f]{32}$")]
    auth_token: Text | None = None
    status: Literal["active", "suspended", "closed"] | None = None
    type: Literal["Full", "Trial"] | None = None
    numbers: list[NewNumber] = []


class NewOrganization(Body):
    organization_id: Text
    client_id: Text
    client_secret: Text
    sandboxes: list[Text] = ["prod"]
    scopes: list[Text] | None = None


class NewCampaign(Body):
    """:ivar channel_configuration: its name in the sandbox."""

    organization_id: Text | None = None
    sandbox: Text = "prod"
    name: Text
    channel_configuration: Text
    text: Text
    status: Literal["draft", "live", "stopped"] = "live"


class Submission(Body):
    countries: list[Annotated[str, Field(pattern="^[A-Z]{2}$")]] = ["US"]


class ConsoleEdit(Body):
    """What a person changes of a sender in the Console; what is left out stays."""

    profile: dict[str, Json | list[Json] | str | None] = {}
    webhook: dict[str, str | None] = {}


class ConfigurationEdit(Body):
    status: Literal["Active", "Deactivated"]


class Decision(Body):
    """With a country: a carrier's word there (or all carriers'). Without: the sender's own status."""

    status: Text
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    carrier: Text | None = None
    offline_reasons: list[Json] | None = None
    after: Duration = 0.0

    def wrong_status(self) -> str | None:
        """What is wrong with the status; None when it is one that the vendor uses."""
        known = SENDER_STATUSES if self.country is None else CARRIER_STATUSES
        return None if self.status in known else f"status must be one of {', '.join(known)}"


class NewVerdict(Body):
    sender_id_regex: Regex = ""
    status: Literal["APPROVED", "REJECTED", "SUSPENDED", "UNKNOWN"]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    carrier: Text | None = None


class NewTester(Body):
    sender_id: Text = "*"
    phone_number: Annotated[str, AfterValidator(_plain_number), Field(min_length=1)]


class Inbound(Body):
    to: Text
    from_: Text = Field(alias="from")
    body: str = ""
    button_payload: str | None = None
    button_text: str | None = None
    media: list[Annotated[str, Field(pattern=r"^https?://[^\s\[\]]+$")]] = Field(default=[], max_length=10)
    copies: int = Field(default=1, ge=1, le=10)


class Advance(Body):
    duration: Duration


class ClockChange(Body):
    """:ivar skew_seconds: how far the vendors' wall clock is off; negative is slow."""

    speed: float | None = Field(default=None, ge=0, le=MAX_SPEED, allow_inf_nan=False)
    skew_seconds: float | None = Field(default=None, ge=-_MOST_SKEW, le=_MOST_SKEW, allow_inf_nan=False)
