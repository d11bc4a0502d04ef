"""What can be said at once of what a person brings back. A refusal is certain; a warning may be wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from engine.reading import Fetch

# Adobe does not publish the host of the webhooks' addresses, so another one is only odd (inference).
ADOBE_HOSTS = ("adobe.io", "adobe.com", "adobe.net", "adobedc.net", "adobelogin.com")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass
class Verdict:
    """Sentences for the person."""

    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_url(
    url: str,
    *,
    taken: Mapping[str, str],
    own_url: str,
    vendor_urls: Iterable[str | None],
    look: Callable[[str], str | None],
) -> Verdict:
    """Whether this can be the address of an AJO webhook.

    :param taken: what has which address already.
    :param own_url: the gateway's; a person who mixes up the two directions brings that.
    :param vendor_urls: configured addresses of Adobe, or of what stands in for it.
    :param look: what is odd about the address when it is visited without changing anything.
    """
    verdict, parts = Verdict(), _split(url)
    if parts is None:
        verdict.refusals.append(f"{url} is no address: copy it whole, with https:// and without spaces")
        return verdict
    scheme, host = parts
    configured = {parts[1] for parts in map(_split, filter(None, vendor_urls)) if parts}
    if scheme != "https" and host not in LOOPBACK | configured:
        verdict.refusals.append(f"{url} is not an https:// address, and AJO's are")
    if _same(url).startswith(_same(own_url) + "/"):
        verdict.refusals.append(f"{url} is onboard's own gateway: bring the address that AJO shows")
    for owner, other in taken.items():
        if _same(other) == _same(url):
            verdict.refusals.append(f"{url} is the address of {owner} too: each webhook has its own")
    if verdict.refusals:
        return verdict
    if host not in configured and not host.endswith(tuple(f".{adobe}" for adobe in ADOBE_HOSTS)):
        verdict.warnings.append(f"{host} does not look like a host of Adobe's")
    odd = look(url)
    if odd:
        verdict.warnings.append(odd)
    return verdict


def urls_of_others(fetch: Fetch, name: str, key: str) -> dict[str, str]:
    """The addresses that the other tasks of this onboarding brought, by their keys."""
    rows = fetch(
        'SELECT t.key, t."values" FROM operator_task t JOIN onboarding o ON o.id = t.onboarding_id'
        " WHERE o.name = :name AND t.key <> :key AND t.state = 'done'",
        {"name": name, "key": key},
    )
    return {row["key"]: row["values"]["url"] for row in rows if "url" in row["values"]}


def _split(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host or any(letter.isspace() for letter in url):
        return None
    return parts.scheme, host


def _same(url: str) -> str:
    return url.strip().rstrip("/")
