"""What the spec declares in Adobe Journey Optimizer: organisation, sandbox, credential, webhooks, configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from models.spec.refusal import CURE
from models.spec.types import Matches, SecretRef, StrictModel, Text

ConfigurationName = Annotated[
    str,
    Matches(
        r"[A-Za-z][A-Za-z0-9_.-]*",
        "a channel configuration name (first a letter, then letters, digits, _ . -)",
        "acme_rcs_prod",
    ),
]


# Adobe publishes no limit; longer ones would not fit into the titles of operator tasks.
LONGEST_NAME = 120


def _refuse_secret_header(name: str) -> str:
    if name.lower() in {"authorization", "x-onboard-token", "x-api-key", "cookie"}:
        msg = f"a header that carries a secret must not stand in the spec{CURE}remove it: onboard makes AJO's token itself"
        raise ValueError(msg)
    return name


HeaderName = Annotated[
    str, Matches(r"[A-Za-z0-9-]+", "a header name", "X-Brand"), AfterValidator(_refuse_secret_header)
]
Words = Annotated[list[Text], Field(min_length=1)]


class Header(StrictModel):
    """An extra header AJO sends to the gateway; secrets belong to the credential's own token, not here."""

    name: HeaderName
    """Name of the header."""
    value: Annotated[Text, Field(examples=["acme"])]
    """Its value, in clear: never a secret."""


def _refuse_mac(way: object) -> object:
    if isinstance(way, str) and way.lower() == "mac":
        msg = f"mac is not offered: Adobe does not publish what its hash covers and where it travels{CURE}write jwt or oauth"
        raise ValueError(msg)
    return way


SignIn = Literal["api_key", "basic", "bearer", "jwt", "oauth", "none"]


class Credential(StrictModel):
    """The AJO SMS API credential. Its vendor follows from the channel: Custom for RCS, Twilio for SMS and MMS."""

    name: Annotated[Text, Field(max_length=LONGEST_NAME, examples=["Acme RCS bridge"])]
    """Its name in AJO (Administration, Channels, SMS settings, API credentials)."""
    vendor: Literal["twilio", "custom"] | None = None
    """Only to state what is expected; RCS with `twilio` is refused, because RCS needs another payload."""
    headers: list[Header] = []
    """RCS only: extra headers beside the API key."""
    auth: Annotated[SignIn | None, BeforeValidator(_refuse_mac)] = None
    """RCS only: how AJO proves itself to the gateway, by default `api_key`; no other way is accepted (docs/bridge.md).

    `none` needs `mtls: true`.
    """
    mtls: bool = False
    """RCS only: AJO also shows Adobe's client certificate, which the proxy in front of the gateway checks."""

    @property
    def sign_in(self) -> SignIn:
        """The way that counts."""
        return self.auth or "api_key"


class Keywords(StrictModel):
    """Words that change consent. AJO replaces its defaults by these, so STOP must be among the opt-out words."""

    opt_in: Words = ["START", "YES", "UNSTOP"]
    """Replies that give consent."""
    opt_out: Words = ["STOP", "QUIT", "CANCEL", "END", "UNSUBSCRIBE"]
    """Replies that withdraw consent. STOP must be among them."""
    help: Words = ["HELP", "INFO"]
    """Replies that ask for help."""


MappingVersion = Literal["v1"]
"""Oldest first: one word per pair of files in providers/ajo/mappings/."""


class Webhooks(StrictModel):
    """The two AJO SMS webhooks of a custom provider."""

    inbound_name: Annotated[Text, Field(max_length=LONGEST_NAME, examples=["Acme RCS inbound"])]
    """Name of the webhook that takes replies."""
    feedback_name: Annotated[Text, Field(max_length=LONGEST_NAME, examples=["Acme RCS feedback"])]
    """Name of the webhook that takes delivery reports; another one than `inbound_name`."""
    keywords: Keywords = Keywords()
    """Words that change consent."""
    default_reply: Text | None = None
    """Answer to a reply that is none of the keywords."""
    authentication: Literal["none", "ims"] = "none"
    """`ims`: both webhooks ask for an Adobe IMS token, and events carry the organisation's."""
    mapping: MappingVersion = "v1"
    """How Twilio's callbacks become AJO's events; by default the newest way when the spec was started."""


class ChannelConfiguration(StrictModel):
    """The AJO channel configuration that marketers choose in a journey."""

    name: ConfigurationName
    """Its name in AJO."""
    message_type: Literal["marketing", "transactional"]
    """`marketing` respects consent; `transactional` is for messages that need none."""
    sender: Annotated[Text, Field(examples=["+14155550100"])] | None = None
    """Sender number shown in AJO; by default the first of `twilio.numbers`."""
    subdomain: Text | None = None
    """Subdomain for shortened links, if AJO has one delegated."""
    execution_field: Annotated[Text, Field(examples=["mobilePhone.number"])] | None = None
    """Profile field that holds the phone number; by default that of the sandbox."""
    dataset: Text | None = None
    """Dataset for inbound keywords, if not the default one."""
    marketing_actions: Annotated[list[Text], Field(examples=[["smsTargeting"]])] = []
    """Consent policies' marketing actions."""


class Ajo(StrictModel):
    """Where in Adobe Journey Optimizer, and with which access."""

    organization_id: Annotated[
        str, Matches(r"[0-9A-Za-z]+@AdobeOrg", "an IMS organisation id", "0123456789ABCDEF01234567@AdobeOrg")
    ]
    """IMS organisation id, from the Developer Console project."""
    sandbox: Annotated[str, Matches(r"[a-z0-9][a-z0-9-]*", "an AJO sandbox name", "prod")]
    """Name (not title) of the AJO sandbox."""
    driver: Literal["guided", "automation"] = "guided"
    """`guided`: a person works in the AJO interface. `automation`: your own service (docs/automation.md)."""
    client_id: Annotated[Text, Field(examples=["0123456789abcdef0123456789abcdef"])]
    """OAuth server-to-server client id, from the Developer Console project."""
    client_secret: SecretRef
    """Its client secret."""
    scopes: Annotated[list[Text], Field(min_length=1)] = [
        "openid",
        "AdobeID",
        "read_organizations",
        "additional_info.projectedProductContext",
        "session",
    ]
    """OAuth scopes; the default is what Adobe lists for these APIs."""
    credential: Credential
    webhooks: Webhooks | None = None
    """RCS only: AJO offers no webhooks for vendor Twilio."""
    channel_configuration: ChannelConfiguration
