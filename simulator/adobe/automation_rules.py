"""What docs/automation.openapi.yaml demands of each kind of object: a client's mistake is refused by its name."""

import json
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from simulator.adobe.payload import PLACEHOLDERS, REQUIRED, placeholders_in, render
from simulator.state import Json
from simulator.web import ProblemError, is_url

_ANSWER_ONLY = ("id", "url", "status", "status_reason")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")

Exists = Callable[[str, str], bool]
"""Whether an object of this kind with this id is in the same sandbox."""


def _is_address(url: str) -> str:
    if not is_url(url):
        raise ValueError("must be an http or https address")
    return url


def _is_template(template: str) -> str:
    found = placeholders_in(template)
    for name in REQUIRED:
        if name not in found:
            raise ValueError(f"lacks {{{{{name}}}}}")
    unknown = sorted(found - PLACEHOLDERS)
    if unknown:
        raise ValueError(f"{{{{{unknown[0]}}}}} is not known")
    try:
        json.loads(render(template, dict.fromkeys(PLACEHOLDERS, "")))
    except ValueError:
        raise ValueError("is not JSON") from None
    return template


def _is_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("must start with a letter and hold only letters, digits, '_', '.' and '-'")
    return name


Text = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ApiKeyAuth(_Strict):
    type: Literal["api_key"]
    name: Text
    token: Text


class BasicAuth(_Strict):
    type: Literal["basic"]
    user: Text
    password: Text


class BearerAuth(_Strict):
    type: Literal["bearer"]
    token: Text


class JwtAuth(_Strict):
    type: Literal["jwt"]
    token: Text
    issuer: Text
    subject: Text
    audience: Text
    expiry_seconds: Annotated[int, Field(ge=1)]


class OauthAuth(_Strict):
    type: Literal["oauth"]
    url: Annotated[str, AfterValidator(_is_address)]
    client_id: Text
    client_secret: Text


class NoAuth(_Strict):
    type: Literal["none"]


Auth = Annotated[
    ApiKeyAuth | BasicAuth | BearerAuth | JwtAuth | OauthAuth | NoAuth,
    Field(discriminator="type"),
]
_AUTH_SECRETS = {"token", "password", "client_secret"}


class Header(_Strict):
    name: Text
    value: str


class _Credential(_Strict):
    name: Text
    channel_type: Literal["SMS", "MMS", "RCS"] = "SMS"
    webhook_ids: list[str] = []


class TwilioCredential(_Credential):
    vendor: Literal["twilio"]
    account_sid: Text
    auth_token: Text
    message_sid: str = ""
    inbound_number: str = ""


class CustomCredential(_Credential):
    vendor: Literal["custom"]
    provider_app_id: str = ""
    provider_name: str = ""
    provider_url: Annotated[str, AfterValidator(_is_address)]
    auth: Auth | None = None
    mtls: bool = False
    headers: list[Header] = []
    payload_template: Annotated[str, AfterValidator(_is_template)]
    message_id_path: str = ""

    @model_validator(mode="after")
    def _names_auth_option(self) -> Self:
        # As Adobe's page on custom providers has it; what the parameter holds it does not say.
        if isinstance(self.auth, BasicAuth | BearerAuth) and "authOption" not in json.loads(self.payload_template):
            raise ValueError("payload_template lacks authOption, which basic and bearer need")
        return self


class Keywords(_Strict):
    opt_in: list[Text] = []
    opt_out: list[Text] = []
    help: list[Text] = []


class _Webhook(_Strict):
    name: Text
    vendor: Literal["custom"]
    authentication: Literal["none", "ims"] = "none"
    sender: str = ""
    payload_template: str = ""


class InboundWebhook(_Webhook):
    type: Literal["inbound"]
    keywords: Keywords = Keywords()
    default_reply: str | None = None


class FeedbackWebhook(_Webhook):
    type: Literal["feedback"]


class ChannelConfiguration(_Strict):
    name: Annotated[str, AfterValidator(_is_name)]
    channel: Literal["sms"]
    message_type: Literal["marketing", "transactional"]
    credential_id: Text
    sender: Text
    subdomain: str | None = None
    execution_field: str | None = None
    dataset: str | None = None
    marketing_actions: list[str] = []


Kind = TypeVar("Kind")
_CREDENTIAL: TypeAdapter[TwilioCredential | CustomCredential] = TypeAdapter(
    Annotated[TwilioCredential | CustomCredential, Field(discriminator="vendor")]
)
_WEBHOOK: TypeAdapter[InboundWebhook | FeedbackWebhook] = TypeAdapter(
    Annotated[InboundWebhook | FeedbackWebhook, Field(discriminator="type")]
)
_CONFIGURATION = TypeAdapter(ChannelConfiguration)


def _check(shape: TypeAdapter[Kind], fields: Json) -> Kind:
    """:raises ProblemError: 400 that names the first wrong field."""
    try:
        return shape.validate_python({name: value for name, value in fields.items() if name not in _ANSWER_ONLY})
    except ValidationError as error:
        raise ProblemError(400, _sentence(error.errors()[0])) from None


def _sentence(fault: Any) -> str:
    # The first part of the place is the kind that the discriminator chose, which is no field.
    place = ".".join(str(part) for part in fault["loc"] if part not in ("twilio", "custom", "inbound", "feedback"))
    match fault["type"]:
        case "missing":
            return f"{place} is missing"
        case "extra_forbidden":
            return f"{place} is not a known field"
        case "union_tag_not_found":
            return f"{fault['ctx']['discriminator'].strip(chr(39))} is missing"
        case "union_tag_invalid":
            return f"{fault['ctx']['discriminator'].strip(chr(39))} must be one of {fault['ctx']['expected_tags']}"
        case "value_error":
            return f"{place} {fault['ctx']['error']}"
    return f"{place}: {fault['msg']}"


def check_credential(fields: Json, exists: Exists) -> None:
    for webhook_id in _check(_CREDENTIAL, fields).webhook_ids:
        if not exists("webhook", webhook_id):
            raise ProblemError(400, f"webhook_ids: {webhook_id} does not exist")


def check_webhook(fields: Json, exists: Exists) -> None:  # noqa: ARG001 - one shape for all three checks
    _check(_WEBHOOK, fields)


def check_configuration(fields: Json, exists: Exists) -> None:
    credential_id = _check(_CONFIGURATION, fields).credential_id
    if not exists("credential", credential_id):
        raise ProblemError(400, f"credential_id: {credential_id} does not exist")


CHECKS: dict[str, Callable[[Json, Exists], None]] = {
    "credential": check_credential,
    "webhook": check_webhook,
    "channel_configuration": check_configuration,
}


def shown(kind: str, fields: Json) -> Json:
    """The fields without their secrets, which are write-only."""
    if kind != "credential":
        return fields
    body = {name: value for name, value in fields.items() if name != "auth_token"}
    if isinstance(body.get("auth"), dict):
        body["auth"] = {name: value for name, value in body["auth"].items() if name not in _AUTH_SECRETS}
    return body
