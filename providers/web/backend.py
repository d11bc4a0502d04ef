"""Connections for one fetch: only to addresses that were checked, and over when the fetch's time is over.

httpcore asks its network backend for every connection, so this is the one place where a name becomes an address.
"""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any

import httpcore

from providers.web.guard import Forbidden, check_endpoints
from providers.web.types import Why

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from providers.web.guard import Resolver

LONGEST_CONNECT_SECONDS = 5.0


class GuardedBackend(httpcore.NetworkBackend):
    """:param deadline: on the monotonic clock; timeouts that httpcore passes do not matter."""

    def __init__(self, *, resolve: Resolver, is_allowed: Callable[[str], bool], deadline: float) -> None:
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        endpoints = self._resolve(host, port)
        check_endpoints(host, endpoints, is_allowed=self._is_allowed)
        failure: Exception = httpcore.ConnectError("no address")
        for address, its_port in endpoints:
            seconds = min(LONGEST_CONNECT_SECONDS, remaining(self._deadline))
            try:
                stream = self._sockets.connect_tcp(address, its_port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return TimedStream(stream, self._deadline)
        raise failure


class TimedStream(httpcore.NetworkStream):
    """A stream whose every wait ends at the deadline: a server that drips cannot hold us."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  httpcore's signature
        return self._stream.read(max_bytes, remaining(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  httpcore's signature
        self._stream.write(buffer, remaining(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002  httpcore's signature
    ) -> httpcore.NetworkStream:
        try:
            # Python takes the timeout for the handshake as a whole.
            stream = self._stream.start_tls(ssl_context, server_hostname, remaining(self._deadline))
        except httpcore.ConnectError as error:
            cause = error.__cause__
            if isinstance(cause, ssl.SSLCertVerificationError):
                # Told here: httpcore's pool drops causes.
                raise Forbidden(f"has no valid certificate ({cause.verify_message})", Why.CERTIFICATE) from None
            raise
        return TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def remaining(deadline: float) -> float:
    """Seconds until ``deadline``.

    :raises httpcore.ReadTimeout: there are none.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        msg = "out of time"
        raise httpcore.ReadTimeout(msg)
    return seconds
