"""A message handed to a Custom provider as AJO does it: by the credential's payload template, headers and way to sign in.

The names of the fields are Adobe's. What the ways to sign in do on the wire is inference (docs/bridge.md).
"""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import jwt

from providers.connections import thread_client
from providers.redaction import redact, register_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
LONGEST_SHOWN = 500


class NotReached(Exception):
    """The provider could not be called, or gave no access token; the text says why."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What the provider said.

    :param message_id: what the credential's extractor finds in the answer; None when there is nothing.
    """

    status: int
    answer: str
    message_id: str | None


def render(template: str, values: Mapping[str, str]) -> str:
    """The template with each placeholder filled in; one that AJO does not know stays as it is written."""
    return _PLACEHOLDER.sub(
        lambda match: json.dumps(values[match[1]])[1:-1] if match[1] in values else match[0], template
    )


def hand_over(credential: Mapping[str, Any], body: str, *, timeout_seconds: float) -> Handed:
    """:param credential: as the automation contract describes one of vendor ``custom``, with its secrets.

    :raises NotReached: see there.
    """
    headers = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}
    headers |= {header["name"]: header["value"] for header in credential.get("headers") or []}
    headers |= _auth_headers(credential["auth"], timeout_seconds)
    response = _post(credential["provider_url"], timeout_seconds, content=body.encode(), headers=headers)
    return Handed(response.status_code, redact(response.text[:LONGEST_SHOWN]), _message_id(response, credential))


def _auth_headers(auth: Mapping[str, Any], timeout_seconds: float) -> dict[str, str]:
    for name in ("token", "password", "client_secret"):
        if name in auth:
            register_secret(auth[name])
    match auth["type"]:
        case "api_key":
            return {auth["name"]: auth["token"]}
        case "basic":
            pair = f"{auth['user']}:{auth['password']}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        case "bearer":
            return {"Authorization": f"Bearer {auth['token']}"}
        case "jwt":
            issued = int(time.time())
            claims = {"iss": auth["issuer"], "sub": auth["subject"], "aud": auth["audience"], "iat": issued}
            signed = jwt.encode(claims | {"exp": issued + auth["expiry_seconds"]}, auth["token"], "HS256")
            return {"Authorization": f"Bearer {signed}"}
        case "oauth":
            return {"Authorization": f"Bearer {_access_token(auth, timeout_seconds)}"}
    return {}


def _access_token(auth: Mapping[str, Any], timeout_seconds: float) -> str:
    given = {"grant_type": "client_credentials"} | {name: auth[name] for name in ("client_id", "client_secret")}
    response = _post(auth["url"], timeout_seconds, json=given)
    try:
        token = str(response.json()["access_token"])
    except (ValueError, KeyError, TypeError):
        msg = f"the OAuth URL answered {response.status_code} without an access token: {redact(response.text[:200])}"
        raise NotReached(msg) from None
    register_secret(token)
    return token


def _post(url: str, timeout_seconds: float, **content: Any) -> httpx.Response:
    try:
        return thread_client().post(url, timeout=timeout_seconds, follow_redirects=False, **content)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError) as error:
        msg = f"{redact(url)} cannot be called: {type(error).__name__} {redact(str(error))}".rstrip()
        raise NotReached(msg) from None


def _message_id(response: httpx.Response, credential: Mapping[str, Any]) -> str | None:
    """At the extractor's path of dots; AJO needs it to tell feedback apart."""
    try:
        found: Any = response.json()
    except ValueError:
        return None
    for part in str(credential.get("message_id_path") or "").split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return str(found) if isinstance(found, str | int) else None
