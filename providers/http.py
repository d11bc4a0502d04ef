"""The one HTTP layer: timeouts, request ids, bounded answers, redaction, and errors turned into decisions."""

from __future__ import annotations

import json as json_codec
import logging
import random
import time
from typing import TYPE_CHECKING, Any

import httpx

from providers.answers import retry_after
from providers.connections import thread_client
from providers.errors import (
    CallContext,
    Misconfigured,
    NeedsPerson,
    OnboardingError,
    RateLimited,
    Refused,
    Retryable,
)
from providers.limits import watched
from providers.redaction import redact, register_secret
from providers.writes import check_write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from providers.limits import Limit

log = logging.getLogger(__name__)

LARGEST_ANSWER_BYTES = 5 * 1024 * 1024
# Longer ones are no ids, and the history has no room for them.
LONGEST_REQUEST_ID = 100
LONGEST_CONNECT_SECONDS = 10.0
SAFE_METHODS = frozenset({"GET", "HEAD"})
# Nothing was sent yet when these are raised.
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
# Our own request cannot be written as HTTP; sending it again would not help.
UNWRITABLE = (httpx.LocalProtocolError, UnicodeEncodeError)
# Bodies are handed on decoded, so these no longer say the truth.
TRANSFER_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class ReadOnly(RuntimeError):
    """A client that must not change anything was asked to: a defect of ours."""


class _TooLarge(Exception):
    """The answer went on beyond the limit."""


class Http:
    """Calls to one vendor host. Cheap to make, safe in threads: connections belong to the thread.

    :param base_url: may carry a path prefix; paths are appended to it.
    :param auth: user and password; the password is registered for redaction.
    :param classify: decides about a 4xx answer other than 429.
    :param read_only: refuse everything but reading.
    :param limit: what the account takes; asked before each call.
    :param client: only tests give one; else the thread's own is used.
    :raises Misconfigured: ``base_url`` is no HTTP address.
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
        limit: Limit | None = None,
        client: httpx.Client | None = None,
    ) -> None:
        self.vendor = vendor
        self.base_url = _checked(vendor, base_url)
        self.timeout_seconds = timeout_seconds
        self._timeout = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, LONGEST_CONNECT_SECONDS))
        self._classify = classify
        self.auth = auth
        self._headers = dict(headers or {})
        self._read_only = read_only
        self.limit = limit
        self._client = client
        if auth is not None:
            register_secret(auth[1])

    def owns(self, url: str) -> bool:
        """Whether an absolute URL lies below the base URL, so that our credentials may go there."""
        return url.startswith(self.base_url) and url[len(self.base_url) :][:1] in {"", "/", "?"}

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
        reads_answer: bool = True,
    ) -> Any:
        """One call; the JSON object of its answer, None when there is no body.

        :param path: below the base URL, or an absolute URL that :meth:`owns` (a next page).
        :param operation: what is being tried, for people: ``create the messaging service``.
        :param reads_answer: False takes any answer of success, whatever it says.
        :raises OnboardingError: see ``providers.errors``; ``Retryable.ambiguous`` says whether it may have been done.
        :raises ReadOnly: see ``read_only``.
        """
        if self._read_only and method not in SAFE_METHODS:
            raise ReadOnly(operation)
        url = path if path.startswith(("http://", "https://")) else self.base_url + path
        if not self.owns(url):
            msg = f"{operation}: {redact(url)} is not below {self.base_url}"
            raise ValueError(msg)
        sent_headers = {"Accept": "application/json", **self._headers, **(headers or {})}
        content = {
            "data": dict(form) if form is not None else None,
            "json": json,
            "params": dict(params) if params else None,
            "headers": sent_headers,
            "auth": self.auth,
        }
        with watched(self.limit, CallContext(self.vendor, operation)):
            return self._call(method, url, operation, content, reads_answer=reads_answer)

    def _call(self, method: str, url: str, operation: str, content: dict[str, Any], *, reads_answer: bool) -> Any:
        request_id = new_request_id()
        content["headers"]["X-Request-Id"] = request_id
        is_write = method not in SAFE_METHODS
        if is_write:
            check_write()
        context = CallContext(self.vendor, operation, request_id=request_id)
        started = time.monotonic()
        outcome: object = "no answer"
        ids = request_id
        try:
            response = self._exchange(method, url, extensions={"trace": _ask_again} if is_write else {}, **content)
            outcome = response.status_code
            theirs = request_id_of(response.headers, request_id)
            ids = request_id if theirs == request_id else f"{request_id}, theirs {theirs}"
        except UNSENT as error:
            outcome = type(error).__name__
            msg = f"{self.vendor} cannot be reached ({str(error) or outcome}) to {operation}"
            raise Retryable(msg, context=context) from None
        except UNWRITABLE as error:
            outcome = type(error).__name__
            msg = f"a value that goes into a header cannot be sent ({outcome}) to {operation}"
            cure = "remove line breaks and letters beyond ASCII from ids and headers, then `onboard update FILE`"
            raise Refused(msg, cure=cure, context=context) from None
        except httpx.HTTPError as error:
            # The request left; whether it was carried out is unknown.
            outcome = type(error).__name__
            msg = f"{self.vendor} did not finish its answer ({outcome}) to {operation}"
            raise Retryable(msg, ambiguous=is_write, context=context) from None
        except _TooLarge:
            outcome = "more than 5 MB"
            msg = f"{self.vendor} answered with {outcome} to {operation}"
            raise Retryable(msg, ambiguous=is_write, context=context) from None
        finally:
            log_call(self.vendor, method, url.removeprefix(self.base_url), outcome=outcome, started=started, ids=ids)
        context = CallContext(self.vendor, operation, status=response.status_code, request_id=theirs)
        return self.judge(response, context, is_write=is_write, reads_answer=reads_answer)

    def judge(
        self, response: httpx.Response, context: CallContext, *, is_write: bool, reads_answer: bool = True
    ) -> Any:
        """What an answer means: its JSON object, None when there is no body, or the error that it stands for."""
        self._check_status(response, context, is_write=is_write)
        return self.read(response.content, context, is_write=is_write) if reads_answer else None

    def _exchange(self, method: str, url: str, **options: Any) -> httpx.Response:
        """The whole answer, within the size limit.

        However slowly its body drips, it is over three times the timeout (``settings.LONGEST_CALL``) after the request was
        written: a drop that comes before twice of it is waited for once more. Before that, each address of the host's name
        may take the timeout for connecting; and headers that drip are waited for.
        """
        client = self._client or thread_client()
        deadline = time.monotonic() + 2 * self.timeout_seconds
        with client.stream(method, url, timeout=self._timeout, follow_redirects=False, **options) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > LARGEST_ANSWER_BYTES:
                    raise _TooLarge
                if time.monotonic() > deadline:
                    msg = "the answer dripped"
                    raise httpx.ReadTimeout(msg)
        headers = [item for item in response.headers.multi_items() if item[0].lower() not in TRANSFER_HEADERS]
        return httpx.Response(response.status_code, headers=headers, content=bytes(body))

    def _check_status(self, response: httpx.Response, context: CallContext, *, is_write: bool) -> None:
        status = response.status_code
        what = f"{self.vendor} answered {status} to {context.operation}"
        if status == 429:
            raise RateLimited(what + " (too many requests)", after=retry_after(response), context=context)
        if status >= 500:
            raise Retryable(what, after=retry_after(response), ambiguous=is_write, context=context)
        if status >= 400:
            raise self._classify(response, context)
        if status >= 300:
            # Not followed: credentials would go along, and a redirected POST turns into a GET.
            cure = f"correct the URL of {self.vendor} (now {self.base_url}), then `onboard retry`"
            raise NeedsPerson(what + ", which is a redirect", cure=cure, context=context)

    def read(self, content: bytes, context: CallContext, *, is_write: bool) -> Any:
        """The JSON object of an answer of success, None when there is no body."""
        if not content:
            return None
        try:
            body = json_codec.loads(content)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            msg = (
                f"{self.vendor} answered {context.status} to {context.operation} with something that is no JSON object"
            )
            raise Retryable(msg, ambiguous=is_write, context=context)
        return body


def _ask_again(event: str, _info: object) -> None:
    """httpcore's trace: once more, now that the connection stands. A host of many addresses that do not answer takes long."""
    if event.endswith(".send_request_headers.started"):
        check_write()


def new_request_id() -> str:
    """Enough to tell calls apart; it guards nothing, so it need not ask the system for randomness."""
    return f"{random.getrandbits(128):032x}"


def log_call(vendor: str, method: str, path: str, *, outcome: object, started: float, ids: str) -> None:
    """What became of a call, for whoever looks for a defect."""
    if log.isEnabledFor(logging.DEBUG):
        # Without the query: it may hold phone numbers.
        shown = redact(path.partition("?")[0])
        milliseconds = (time.monotonic() - started) * 1000
        log.debug("%s: %s %s -> %s in %.0f ms (%s)", vendor, method, shown, outcome, milliseconds, ids)


def request_id_of(headers: Mapping[str, str], ours: str) -> str:
    """The vendor's id of a call, ``ours`` where it gave none."""
    theirs: str = headers.get("Twilio-Request-Id") or headers.get("X-Request-Id") or ours
    return theirs[:LONGEST_REQUEST_ID]


def _checked(vendor: str, base_url: str) -> str:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        msg = f"The address of {vendor} is {redact(base_url)!r}, which is no http:// or https:// URL; correct it."
        raise Misconfigured(msg)
    return base_url.rstrip("/")
