"""Fetch web addresses that strangers wrote. Nothing is raised: each ends in an answer or in a reason."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpcore
import httpx

from providers.connections import USER_AGENT
from providers.web.backend import GuardedBackend
from providers.web.guard import Forbidden, check_url, is_public, resolve
from providers.web.types import Answer, NoAnswer, Why

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from providers.web.guard import Resolver

MOST_REDIRECTS = 5
AT_ONCE = 8
HEADERS = (
    ("User-Agent", USER_AGENT),
    ("Accept", "*/*"),
    # Bytes are counted as they are stored, and nothing can swell while it is unpacked.
    ("Accept-Encoding", "identity"),
)


class Web:
    """:param seconds: longest one address may take, redirects included (asking the name service comes on top).

    :param resolve_name: only tests give another one.
    :param is_allowed: which IP addresses may be talked to; only tests allow more than the public ones.
    :param tls: only tests give one.
    """

    def __init__(
        self,
        *,
        seconds: float = 15.0,
        resolve_name: Resolver = resolve,
        is_allowed: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._seconds = seconds
        self._resolve = resolve_name
        self._is_allowed = is_allowed
        self._tls = tls or httpx.create_ssl_context()

    def fetch_all(self, urls: Mapping[str, int]) -> dict[str, Answer | NoAnswer]:
        """:param urls: each address with the bytes of its body to read at most."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(urls, pool.map(lambda item: self.fetch(*item), urls.items()), strict=True))

    def fetch(self, url: str, most_bytes: int) -> Answer | NoAnswer:
        """GET ``url`` and follow its redirects; each hop is checked again."""
        deadline = time.monotonic() + self._seconds
        try:
            here = httpx.URL(url)
            for _ in range(MOST_REDIRECTS + 1):
                check_url(here)
                found = self._get(here, most_bytes, deadline)
                if isinstance(found, Answer):
                    return found
                here = here.join(found)
        except Forbidden as error:
            return error.outcome
        except httpx.InvalidURL:
            return NoAnswer(Why.FORBIDDEN, "is, or redirects to, something that is no web address")
        except (httpcore.TimeoutException, TimeoutError):
            return NoAnswer(Why.UNREACHABLE, "does not answer in time")
        except httpcore.ProtocolError:
            return NoAnswer(Why.UNREACHABLE, "breaks its answer off, or does not speak HTTP")
        except httpcore.NetworkError:
            return NoAnswer(Why.UNREACHABLE, "cannot be connected to")
        return NoAnswer(Why.REDIRECTS, f"redirects more than {MOST_REDIRECTS} times")

    def _get(self, url: httpx.URL, most_bytes: int, deadline: float) -> Answer | str:
        """The answer, or where it redirects to."""
        backend = GuardedBackend(resolve=self._resolve, is_allowed=self._is_allowed, deadline=deadline)
        # A pool of its own: no connection outlives the check of its address. And no proxy: it would ask names itself.
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        with (
            httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend) as pool,
            pool.stream("GET", target, headers=HEADERS) as response,
        ):
            headers = httpx.Headers(response.headers)
            location: str = headers.get("location", "")
            if response.status in {301, 302, 303, 307, 308}:
                if not location:
                    raise Forbidden("redirects without saying where to", Why.REDIRECTS)
                return location
            body = bytearray()
            for chunk in response.iter_stream():
                body += chunk
                if len(body) > most_bytes:
                    break
        length = headers.get("content-length", "")
        size = len(body) if len(body) <= most_bytes else int(length) if length.isdecimal() else None
        # It may end up in a terminal, so nothing but what a content type is made of.
        content_type = "".join(sign for sign in headers.get("content-type", "").lower() if " " <= sign <= "~")
        return Answer(str(url), response.status, content_type, bytes(body[:most_bytes]), size)
