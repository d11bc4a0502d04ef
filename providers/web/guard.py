"""Where a fetch may go. A spec comes from a pull request: its addresses must not reach into our network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

import httpx

from providers.web.types import NoAnswer, Why

# NAT64 (RFC 6052): how hosts with IPv6 alone see the IPv4 internet. The last 32 bits are the IPv4 address.
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# All of IPv6 that is handed out for the public internet lies here, and so do 6to4 and Teredo, which embed IPv4.
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Public by Python's tables (which follow IANA's late), and yet not for us: IETF protocol assignments with Oracle's
# metadata service, 6to4 relays, and the address at which every machine at Azure finds its host.
NOT_FOR_US = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")))
PORTS = frozenset({None, 80, 443})

Endpoint = tuple[str, int]
Resolver = Callable[[str, int], list[Endpoint]]


class Forbidden(Exception):
    """We do not go there, or cannot; ``outcome`` says why."""

    def __init__(self, detail: str, why: Why = Why.FORBIDDEN) -> None:
        self.outcome = NoAnswer(why, detail)
        super().__init__(detail)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also when it wraps another one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return is_public(str(ip.ipv4_mapped))
        if ip in NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip not in GLOBAL_UNICAST or ip.sixtofour or ip.teredo:
            return False
    elif any(ip in network for network in NOT_FOR_US):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def resolve(host: str, port: int) -> list[Endpoint]:
    """Every address of ``host``.

    :raises Forbidden: there is no such name, or nobody to ask.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise Forbidden(f"leads to {host}, and the name service does not answer", Why.UNREACHABLE) from None
        raise Forbidden(f"leads to {host}, a name that does not exist", Why.UNKNOWN_HOST) from None
    except (OSError, UnicodeError):
        raise Forbidden(f"leads to {host}, a name that does not exist", Why.UNKNOWN_HOST) from None
    return list(dict.fromkeys((str(place[0]), int(place[1])) for *_, place in found))


def check_url(url: httpx.URL) -> None:
    """What can be said without asking the name service.

    :raises Forbidden: see :class:`Why`.
    """
    if url.scheme not in {"http", "https"}:
        raise Forbidden(f"leads to a {url.scheme or 'relative'} address, not to http or https")
    if not url.host:
        raise Forbidden("leads to an address without a host")
    if url.userinfo:
        raise Forbidden(f"leads to {url.host} with a user name or password")
    if url.port not in PORTS:
        raise Forbidden(f"leads to port {url.port} of {url.host}, which is none of the web's (80, 443)")
    last = url.host.rstrip(".").rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        try:
            ipaddress.ip_address(url.host)
        except ValueError:
            # 2130706433, 0177.0.0.1 and 0x7f.1 are 127.0.0.1 to some programs.
            raise Forbidden(f"leads to {url.host}, a number that programs read differently") from None


def check_endpoints(host: str, endpoints: list[Endpoint], *, is_allowed: Callable[[str], bool]) -> None:
    """All of them must be allowed, not only the one that is used: the next look may get another.

    :raises Forbidden: one is not.
    """
    for address, _ in endpoints:
        if not is_allowed(address):
            raise Forbidden(f"leads to {host if host == address else f'{host} ({address})'}, which is not public")
