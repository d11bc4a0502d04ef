"""What docs/automation.md demands of each kind of object: a client's mistake is refused by its name."""

import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from simulator.adobe.payload import PLACEHOLDERS, REQUIRED, placeholders_in, render
from simulator.state import Json
from simulator.web import ProblemError

_CREDENTIAL = frozenset(
    (
        *("name", "vendor", "channel_type"),
        *("account_sid", "auth_token", "message_sid", "inbound_number"),
        *("provider_app_id", "provider_name", "provider_url", "auth", "headers"),
        *("payload_template", "message_id_path", "webhook_ids"),
    )
)
_WEBHOOK = frozenset(
    ("name", "vendor", "type", "sender", "keywords", "default_reply", "payload_template", "authentication"),
)
_CONFIGURATION = frozenset(
    (
        *("name", "channel", "message_type", "credential_id", "sender"),
        *("subdomain", "execution_field", "dataset", "marketing_actions"),
    )
)
_ANSWER_ONLY = frozenset(("id", "url", "status", "status_reason"))
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")

Exists = Callable[[str, str], bool]
"""Whether an object of this kind with this id is in the same sandbox."""


def _require(fields: Json, *names: str) -> None:
    for name in names:
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise ProblemError(400, f"{name} is missing")


def _choose(fields: Json, name: str, *choices: str | None) -> None:
    if fields.get(name) not in choices:
        raise ProblemError(400, f"{name} must be one of {', '.join(str(c) for c in choices if c)}")


def _known(fields: Json, names: frozenset[str], where: str = "") -> None:
    unknown = sorted(fields.keys() - names)
    if unknown:
        raise ProblemError(400, f"{where}{unknown[0]} is not a known field")


def check_credential(fields: Json, exists: Exists) -> None:
    _known(fields, _CREDENTIAL | _ANSWER_ONLY)
    _require(fields, "name")
    _choose(fields, "vendor", "twilio", "custom")
    _choose(fields, "channel_type", None, "SMS", "MMS", "RCS")
    if fields["vendor"] == "twilio":
        _require(fields, "account_sid", "auth_token")
    else:
        _require(fields, "provider_url", "payload_template")
        if urlsplit(fields["provider_url"]).scheme not in ("http", "https"):
            raise ProblemError(400, "provider_url must be an http or https address")
        _check_auth(fields.get("auth"))
        _check_headers(fields.get("headers"))
        _check_template(fields["payload_template"])
    for webhook_id in fields.get("webhook_ids") or []:
        if not exists("webhook", webhook_id):
            raise ProblemError(400, f"webhook_ids: {webhook_id} does not exist")


def _check_auth(auth: object) -> None:
    if auth is None:
        return
    if not isinstance(auth, dict):
        raise ProblemError(400, "auth must be an object")
    _known(auth, frozenset(("type", "name", "token")), "auth.")
    _choose(auth, "type", "api_key")
    _require(auth, "name", "token")


def _check_headers(headers: object) -> None:
    if not isinstance(headers, list | None) or not all(isinstance(header, dict) for header in headers or []):
        raise ProblemError(400, "headers must be a list of objects")
    for header in headers or []:
        _known(header, frozenset(("name", "value")), "headers.")
        _require(header, "name")


def _check_keywords(keywords: object) -> None:
    if keywords is None:
        return
    if not isinstance(keywords, dict):
        raise ProblemError(400, "keywords must be an object")
    _known(keywords, frozenset(("opt_in", "opt_out", "help")), "keywords.")


def _check_template(template: str) -> None:
    found = placeholders_in(template)
    for name in REQUIRED:
        if name not in found:
            raise ProblemError(400, f"payload_template lacks {{{{{name}}}}}")
    unknown = sorted(found - PLACEHOLDERS)
    if unknown:
        raise ProblemError(400, f"payload_template: {{{{{unknown[0]}}}}} is not known")
    try:
        json.loads(render(template, dict.fromkeys(PLACEHOLDERS, "")))
    except ValueError:
        raise ProblemError(400, "payload_template is not JSON") from None


def check_webhook(fields: Json, exists: Exists) -> None:  # noqa: ARG001 - one shape for all three checks
    _known(fields, _WEBHOOK | _ANSWER_ONLY)
    _require(fields, "name")
    _choose(fields, "vendor", "custom")
    _choose(fields, "type", "inbound", "feedback")
    _choose(fields, "authentication", None, "none", "ims")
    _check_keywords(fields.get("keywords"))
    if fields["type"] == "feedback" and (fields.get("keywords") or fields.get("default_reply")):
        raise ProblemError(400, "keywords and default_reply belong to an inbound webhook")


def check_configuration(fields: Json, exists: Exists) -> None:
    _known(fields, _CONFIGURATION | _ANSWER_ONLY)
    _require(fields, "name", "credential_id", "sender")
    if not _NAME.fullmatch(fields["name"]):
        raise ProblemError(400, "name must start with a letter and hold only letters, digits, '_', '.' and '-'")
    _choose(fields, "channel", "sms")
    _choose(fields, "message_type", "marketing", "transactional")
    if not exists("credential", fields["credential_id"]):
        raise ProblemError(400, f"credential_id: {fields['credential_id']} does not exist")


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
        body["auth"] = {name: value for name, value in body["auth"].items() if name != "token"}
    return body
