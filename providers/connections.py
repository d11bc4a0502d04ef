"""Connections: one TLS context per process, one ``httpx.Client`` per thread.

A client costs about 39 ms of CPU to make (its TLS context), and one shared by many threads contends.
"""

from __future__ import annotations

import ssl
import threading
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

USER_AGENT = "onboard/0.1"
# What runs on this machine (simulator, gateway) is not reached through the company's proxy.
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

_local = threading.local()


def is_loopback(host: str | None) -> bool:
    """Whether a URL's host is this machine."""
    return host in {one.strip("[]") for one in LOOPBACK}


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Made once: it takes 39 ms of CPU."""
    return httpx.create_ssl_context()


def thread_client() -> httpx.Client:
    """This thread's client, for every vendor and account; it never follows redirects and keeps no cookies."""
    client: httpx.Client | None = getattr(_local, "client", None)
    if client is None or client.is_closed:
        client = make_client(connections=10)
        _local.client = client
    return client


def make_client(*, connections: int) -> httpx.Client:
    """A client of one's own, to be closed by whoever asked for it."""
    return httpx.Client(
        verify=tls_context(),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30),
        headers={"User-Agent": USER_AGENT},
        # One onboarding's cookies must not go along with the next one's calls.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        mounts=dict.fromkeys(f"all://{host}" for host in LOOPBACK),
        follow_redirects=False,
    )
