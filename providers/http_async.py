"""Form posts from an event loop, for the bridge's hot path: the same rules as :class:`providers.http.Http`, through aiohttp.

A blocking client in a thread for each call costs more in switching threads than the call itself; httpx's own asynchronous
client costs twice as much as aiohttp (docs/adr/0015-stored-first-applied-later.md).
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import httpx
from yarl import URL

from providers.connections import USER_AGENT, is_loopback, tls_context
from providers.errors import CallContext, Retryable
from providers.http import (
    LARGEST_ANSWER_BYTES,
    LONGEST_CONNECT_SECONDS,
    TRANSFER_HEADERS,
    log_call,
    new_request_id,
    request_id_of,
)
from providers.limits import watched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from providers.http import Http

FORM = "application/x-www-form-urlencoded"
# Nothing was sent yet when these are raised.
UNSENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class AsyncHttp:
    """One per event loop, made on it; to be closed on it.

    :param connections: how many calls there may be at the same time; more wait for their turn.
    """

    def __init__(self, *, connections: int) -> None:
        self._connections = connections
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()

    async def post_form(self, http: Http, path: str, form: Mapping[str, Any], *, operation: str) -> Any:
        """As ``http.request("POST", path, form=form, operation=operation)``, without blocking."""
        with watched(http.limit, CallContext(http.vendor, operation)):
            return await self._call(http, path, form, operation)

    async def _call(self, http: Http, path: str, form: Mapping[str, Any], operation: str) -> Any:
        request_id = new_request_id()
        context = CallContext(http.vendor, operation, request_id=request_id)
        started = time.monotonic()
        outcome: object = "no answer"
        try:
            answer, content = await self._exchange(http, path, form, request_id)
            outcome = answer.status
        except UNSENT as error:
            outcome = type(error).__name__
            msg = f"{http.vendor} cannot be reached ({str(error) or outcome}) to {operation}"
            raise Retryable(msg, context=context) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            # The request left; whether it was carried out is unknown.
            outcome = type(error).__name__
            msg = f"{http.vendor} did not finish its answer ({outcome}) to {operation}"
            raise Retryable(msg, ambiguous=True, context=context) from None
        finally:
            log_call(http.vendor, "POST", path, outcome=outcome, started=started, ids=request_id)
        theirs = request_id_of(answer.headers, request_id)
        context = CallContext(http.vendor, operation, status=answer.status, request_id=theirs)
        if answer.status < 300:
            return http.read(content, context, is_write=True)
        response = httpx.Response(answer.status, headers=_end_to_end(answer), content=content)
        return http.judge(response, context, is_write=True)

    async def _exchange(
        self, http: Http, path: str, form: Mapping[str, Any], request_id: str
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        headers = {"Content-Type": FORM, "Accept": "application/json", "X-Request-Id": request_id}
        if http.auth is not None:
            headers["Authorization"] = aiohttp.encode_basic_auth(*http.auth)
        async with self._session(http).post(
            URL(http.base_url + path, encoded=True),
            data=urlencode(form, doseq=True).encode(),
            headers=headers,
            timeout=_timeout(http.timeout_seconds),
            allow_redirects=False,
        ) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > LARGEST_ANSWER_BYTES:
                    msg = "the answer is larger than 5 MB"
                    raise aiohttp.ClientPayloadError(msg)
            return answer, bytes(body)

    def _session(self, http: Http) -> aiohttp.ClientSession:
        # What runs on this machine (simulator) is not reached through the company's proxy.
        is_local = is_loopback(urlsplit(http.base_url).hostname)
        if is_local not in self._sessions:
            self._sessions[is_local] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, ssl=tls_context(), keepalive_timeout=30),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
                trust_env=not is_local,
            )
        return self._sessions[is_local]


@lru_cache(maxsize=16)
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    connect = min(seconds, LONGEST_CONNECT_SECONDS)
    return aiohttp.ClientTimeout(total=2 * seconds, sock_connect=connect, sock_read=seconds)


def _end_to_end(answer: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    """The headers without those that speak of the transfer: the body is decoded already."""
    return [(name, value) for name, value in answer.headers.items() if name.lower() not in TRANSFER_HEADERS]
