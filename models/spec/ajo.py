"""What the spec declares in Adobe Journey Optimizer: organisation, sandbox, credential, webhooks, configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.spec.types import SecretRef, StrictModel, Text, matches

ConfigurationName = Annotated[
    Text,
    matches(
        r"[A-Za-z][A-Za-z0-9_.-]*",
        "a channel configuration name (first a letter, then letters, digits, _ . -)",
        "acme_rcs_prod",
    ),
]
HeaderName = Annotated[str, matches(r"[A-Za-z0-9-]+", "a header name", "X-Brand")]


class Header(StrictModel):
    """An extra header AJO sends to the gateway; secrets belong to the credential's own token, not here."""

    name: HeaderName
    value: Text


class Credential(StrictModel):
    """The AJO SMS API credential. Its vendor follows from the channel: Custom for RCS, Twilio for SMS and MMS."""

    name: Text
    vendor: Literal["twilio", "custom"] | None = None
    """Only to state what is expected; RCS with `twilio` is refused, because RCS needs another payload."""
    headers: list[Header] = []
    """RCS only: extra headers beside the API key."""


class Keywords(StrictModel):
    """Words that change consent. AJO replaces its defaults by these, so STOP must be among the opt-out words."""

    opt_in: Annotated[list[Text], Field(min_length=1)] = ["START", "YES", "UNSTOP"]
    opt_out: Annotated[list[Text], Field(min_length=1)] = ["STOP", "QUIT", "CANCEL", "END", "UNSUBSCRIBE"]
    help: Annotated[list[Text], Field(min_length=1)] = ["HELP", "INFO"]


class Webhooks(StrictModel):
    """The two AJO SMS webhooks of a custom provider."""

    inbound_name: Text
    feedback_name: Text
    keywords: Keywords = Keywords()
    default_reply: Text | None = None


class ChannelConfiguration(StrictModel):
    name: ConfigurationName
    message_type: Literal["marketing", "transactional"]
    sender: Text | None = None
    """Sender number shown in AJO; by default the first of `twilio.numbers`."""
    subdomain: Text | None = None
    execution_field: Text | None = None
    dataset: Text | None = None
    marketing_actions: list[Text] = []


class Ajo(StrictModel):
    organization_id: Annotated[
        str, matches(r"[0-9A-Za-z]+@AdobeOrg", "an IMS organisation id", "0123456789ABCDEF01234567@AdobeOrg")
    ]
    sandbox: Annotated[str, matches(r"[a-z0-9][a-z0-9-]*", "an AJO sandbox name", "prod")]
    driver: Literal["guided", "automation"] = "guided"
    """`guided`: a person works in the AJO interface. `automation`: your own service (docs/automation.md)."""
    client_id: Text
    client_secret: SecretRef
    scopes: Annotated[list[Text], Field(min_length=1)] = [
        "openid",
        "AdobeID",
        "read_organizations",
        "additional_info.projectedProductContext",
        "session",
    ]
    credential: Credential
    webhooks: Webhooks | None = None
    """RCS only: AJO offers no webhooks for vendor Twilio."""
    channel_configuration: ChannelConfiguration
