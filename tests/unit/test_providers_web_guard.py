"""Where the linter's fetches never go. Sockets are off here: a connection that was tried would raise."""

from __future__ import annotations

import socket

import pytest

from providers.web.fetch import Web
from providers.web.guard import is_public
from providers.web.types import NoAnswer, Why

PUBLIC = "93.184.215.14"


def resolve(host: str, port: int) -> list[tuple[str, int]]:
    """As the name service would: the brand's name is public, so that nothing but its port or scheme can be refused."""
    return [({"www.acmecoffee.com": PUBLIC, "localhost": "127.0.0.1"}.get(host, host), port)]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:10.0.0.1", "::10.0.0.1", "fe80::1", "fe80::1%eth0",
        "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::", "2002:7f00:1::",
        "2001:0:53aa:64c::1", "2001:db8::1", "100::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:2800:21f::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "https://127.0.0.1:443/", "http://[::1]/", "http://169.254.169.254/latest/meta-data/",
        "http://10.1.2.3/", "http://[::ffff:10.0.0.1]/", "http://[::ffff:a00:1]/", "http://[64:ff9b::a00:1]/",
        "http://2130706433/", "http://0177.0.0.1/", "http://0x7f000001/", "http://0x7f.1/", "http://127.1/", "http://127.0.0.1./",
        "http://localhost/", "http://LOCALHOST/", "http://127\u30020\u30020\u30021/", "http://\uff11\uff12\uff17.0.0.1/",
        "http://www.acmecoffee.com:22/", "http://www.acmecoffee.com:6379/", "https://www.acmecoffee.com:8443/",
        "http://user:word@www.acmecoffee.com/", "http://www.acmecoffee.com@127.0.0.1/", "http://www.acmecoffee.com:80@10.0.0.1/",
        "file:///etc/passwd", "ftp://www.acmecoffee.com/", "gopher://127.0.0.1:6379/_INFO", "//127.0.0.1/", "/etc/passwd", "",
        "http:///etc/passwd", "http://www.acmecoffee.com:99999/", "javascript:alert(1)", "data:text/html,x",
    ],
)  # fmt: skip
def test_addresses_that_are_never_fetched(url):
    answer = Web(resolve_name=resolve).fetch(url, 1000)
    assert isinstance(answer, NoAnswer)
    assert answer.why is Why.FORBIDDEN


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        [PUBLIC, "10.0.0.1"],
        ["2606:2800:21f::1", "fe80::1"],
        [PUBLIC, "::ffff:127.0.0.1"],
        ["169.254.169.254"],
    ],
)
def test_a_name_with_any_private_address_is_not_fetched(addresses):
    web = Web(resolve_name=lambda host, port: [(address, port) for address in addresses])
    answer = web.fetch("https://www.acmecoffee.com/logo.png", 1000)
    assert answer == NoAnswer(Why.FORBIDDEN, f"leads to www.acmecoffee.com ({addresses[-1]}), which is not public")


@pytest.mark.parametrize(
    ("code", "why"),
    [(socket.EAI_AGAIN, Why.UNREACHABLE), (socket.EAI_NONAME, Why.UNKNOWN_HOST)],
    ids=["again", "no name"],
)
def test_a_silent_name_service_does_not_mean_that_the_name_is_wrong(monkeypatch, code, why):
    def fail(*_, **__):
        raise socket.gaierror(code, "no")

    monkeypatch.setattr("socket.getaddrinfo", fail)
    answer = Web().fetch("https://www.acmecoffee.com/", 1000)
    assert isinstance(answer, NoAnswer)
    assert answer.why is why
