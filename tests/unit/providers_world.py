"""Vendors that answer from a list, without a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from providers.ajo.client import AjoClient
from providers.errors import CallContext, OnboardingError, Refused
from providers.http import Http
from providers.twilio.client import TwilioClient
from settings import Settings

ACCOUNT = "AC00000000000000000000000000000001"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
CLIENT_SECRET = "p8e-client-secret-of-the-tests"

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Vendor:
    """Gives its answers one after the other, the last one for ever, and keeps the requests."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.client = httpx.Client(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    @property
    def paths(self) -> list[str]:
        return [request.url.raw_path.decode() for request in self.requests]


def refuse(response: httpx.Response, context: CallContext) -> OnboardingError:
    return Refused(f"refused {response.status_code}", cure="none", context=context)


def http(vendor: Vendor, base_url: str = "https://vendor.test", **options: Any) -> Http:
    options = {"timeout_seconds": 5, "classify": refuse, **options}
    return Http("Vendor", base_url, client=vendor.client, **options)


def twilio(vendor: Vendor, **settings: Any) -> TwilioClient:
    return TwilioClient(
        Settings(**settings), account_sid=ACCOUNT, username=ACCOUNT, password=AUTH_TOKEN, client=vendor.client
    )


def ajo(vendor: Vendor, *, client_id: str, secret: str = CLIENT_SECRET, **settings: Any) -> AjoClient:
    """Tokens are kept per client id, so each test takes its own."""
    return AjoClient(
        Settings(**settings),
        organization_id="ORG@AdobeOrg",
        sandbox="prod",
        client_id=client_id,
        client_secret=secret,
        scopes=["openid", "AdobeID"],
        client=vendor.client,
    )


def error(status: int, code: int | None = None, **headers: str) -> httpx.Response:
    body = {"status": status, "message": "no", **({"code": code} if code else {})}
    return httpx.Response(status, json=body, headers=headers)
