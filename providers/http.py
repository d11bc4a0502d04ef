"""The one HTTP layer: connections, timeouts, request ids, redaction, and errors turned into decisions.

An ``httpx.Client`` costs about 39 ms of CPU to make (its TLS context), and one shared by many threads contends; so
each worker thread keeps one client and the process shares one TLS context.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
import uuid
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import httpx

from providers.errors import CallContext, OnboardingError, RateLimited, Retryable
from providers.redaction import redact, register_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

USER_AGENT = "onboard/0.1"
LARGEST_ANSWER_BYTES = 5 * 1024 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD"})

_local = threading.local()


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def thread_client() -> httpx.Client:
    """This thread's client. Redirects are not followed: a vendor that redirects an API call is misconfigured."""
    client: httpx.Client | None = getattr(_local, "client", None)
    if client is None or client.is_closed:
        limits = httpx.Limits(max_connections=10, max_keepalive_connections=10, keepalive_expiry=30)
        client = httpx.Client(verify=_tls_context(), limits=limits, headers={"User-Agent": USER_AGENT})
        _local.client = client
    return client


class ReadOnly(RuntimeError):
    """A client that must not change anything was asked to."""


class Http:
    """Calls to one vendor host.

    :param base_url: may carry a path prefix; paths are appended to it.
    :param classify: decides about a 4xx answer other than 429.
    :param client: only tests give one; else the thread's own is used.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        *,
        timeout_seconds: float,
        classify: Callable[[httpx.Response, CallContext], OnboardingError],
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        read_only: bool = False,
        client: httpx.Client | None = None,
    ) -> None:
        self.vendor = vendor
        self.base_url = base_url.rstrip("/")
        self._timeout = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, 10.0))
        self._classify = classify
        self._auth = auth
        self._headers = dict(headers or {})
        self._read_only = read_only
        self._client = client
        if auth is not None:
            register_secret(auth[1])

    def request(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """One call; the JSON of its answer, None when there is no body.

        :param path: below the base URL, or an absolute URL that begins with it (a next page).
        :param operation: what is being tried, for people: ``create the messaging service``.
        :raises OnboardingError: see ``providers.errors``; ``Retryable.ambiguous`` says whether it may have been done.
        """
        if self._read_only and method not in SAFE_METHODS:
            msg = f"{operation}: this client only reads"
            raise ReadOnly(msg)
        url = path if path.startswith(self.base_url) else self.base_url + path
        request_id = uuid.uuid4().hex
        started = time.monotonic()
        context = CallContext(self.vendor, operation, request_id=request_id)
        is_write = method not in SAFE_METHODS
        try:
            response = (self._client or thread_client()).request(
                method,
                url,
                data=dict(form) if form is not None else None,
                json=json,
                params=dict(params) if params else None,
                headers={"Accept": "application/json", "X-Request-Id": request_id, **self._headers, **(headers or {})},
                auth=self._auth,
                timeout=self._timeout,
                follow_redirects=False,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            msg = f"{self.vendor} cannot be reached ({redact(str(error)) or type(error).__name__}) to {operation}"
            raise Retryable(msg, context=context) from None
        except httpx.HTTPError as error:
            # The request left; whether it was carried out is unknown.
            msg = f"{self.vendor} did not finish its answer ({type(error).__name__}) to {operation}"
            raise Retryable(msg, ambiguous=is_write, context=context) from None
        milliseconds = (time.monotonic() - started) * 1000
        vendor_id = response.headers.get("Twilio-Request-Id") or response.headers.get("x-request-id") or request_id
        log.debug("%s %s -> %s in %.0f ms (%s)", method, redact(url), response.status_code, milliseconds, vendor_id)
        context = CallContext(self.vendor, operation, status=response.status_code, request_id=vendor_id)
        return self._read(response, context, is_write=is_write)

    def _read(self, response: httpx.Response, context: CallContext, *, is_write: bool) -> Any:
        status = response.status_code
        what = f"{self.vendor} answered {status} to {context.operation}"
        if status == 429:
            raise RateLimited(what + " (too many requests)", after=retry_after(response), context=context)
        if status >= 500:
            raise Retryable(what, after=retry_after(response), ambiguous=is_write, context=context)
        if status >= 400:
            raise self._classify(response, context)
        if status >= 300:
            raise Retryable(what + ", a redirect; check the URL in the settings", context=context)
        if len(response.content) > LARGEST_ANSWER_BYTES:
            raise Retryable(what + " with more than 5 MB", ambiguous=is_write, context=context)
        if status == 204 or not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise Retryable(what + " with something that is not JSON", ambiguous=is_write, context=context) from None


def retry_after(response: httpx.Response) -> float | None:
    """Seconds from ``Retry-After`` (RFC 9110: a number or a date); None when absent or unreadable."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def answer_json(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of an error answer; empty when it is none."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
