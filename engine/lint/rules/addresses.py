"""Every address of the spec: whether a stranger gets an answer there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from engine.lint.case import ALL, PAGES, domain_of
from engine.lint.rule import Hit, error, warning
from engine.lint.sources import AWS_OPT_IN, ONBOARDING, OURS, SKILL
from providers.web.types import Answer, NoAnswer, Why

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.lint.case import Address, Case

# Answers of sites that keep programs out; a reviewer's browser may get in.
SHUT = frozenset({401, 403, 407, 429, 451})
DEFAULT_PORTS = frozenset({None, 80, 443})


def _no_answer(address: Address, answer: Answer | NoAnswer, *reasons: Why) -> Iterator[Hit]:
    if isinstance(answer, NoAnswer) and answer.why in reasons:
        yield Hit(address.loc, answer.detail)


@error(
    "url-placeholder",
    "No address is a placeholder",
    OURS,
    why="example.com and its like are reserved for documents; templates are full of them.",
    cure="write the brand's own address",
).spec
def url_placeholder(case: Case) -> Iterator[Hit]:
    for address in case.addresses:
        if address.is_placeholder:
            yield Hit(address.loc, f"is at {address.host}, a name that is reserved for examples and tests")


@warning(
    "url-https",
    "Addresses begin with https",
    OURS,
    why="Twilio takes http too, but browsers warn of such pages and reviewers see the warning.",
    cure="serve it over https and write https://",
).spec
def url_https(case: Case) -> Iterator[Hit]:
    for address in case.addresses:
        if urlsplit(address.url).scheme == "http":
            yield Hit(address.loc, "begins with http, not https")


@warning(
    "url-port",
    "Addresses use the web's own ports",
    OURS,
    why="Fetchers of vendors and carriers often reach 80 and 443 only. The linter itself does not fetch from other ports.",
    cure="serve it on the port that https has by itself, and leave the number out",
).spec
def url_port(case: Case) -> Iterator[Hit]:
    for address in case.addresses:
        port = urlsplit(address.url).port
        if port not in DEFAULT_PORTS:
            yield Hit(address.loc, f"names port {port}")


@error(
    "url-not-public",
    "Addresses lead to the public internet",
    ONBOARDING,
    why="Vendors, carriers and handsets fetch them from outside. For the same reason the linter does not follow addresses into private networks.",
    cure="publish it on a public host, and check where the name and its redirects lead",
).answers(*ALL)
def url_not_public(_: Case, address: Address, answer: Answer | NoAnswer) -> Iterator[Hit]:
    # A port of the spec's own is `url-port`'s matter.
    if urlsplit(address.url).port in DEFAULT_PORTS:
        yield from _no_answer(address, answer, Why.FORBIDDEN)


@error(
    "url-host",
    "The hosts of addresses exist",
    ONBOARDING,
    why="Nobody can fetch from a name that the name service does not know.",
    cure="correct the spelling, or publish the name",
).answers(*ALL)
def url_host(_: Case, address: Address, answer: Answer | NoAnswer) -> Iterator[Hit]:
    return _no_answer(address, answer, Why.UNKNOWN_HOST)


@error(
    "url-silent",
    "Addresses answer",
    ONBOARDING,
    why="A reviewer who gets no answer refuses the registration.",
    cure="open it in a browser outside your network; mend the server or the address",
).answers(*ALL)
def url_silent(_: Case, address: Address, answer: Answer | NoAnswer) -> Iterator[Hit]:
    return _no_answer(address, answer, Why.UNREACHABLE)


@error(
    "url-certificate",
    "Addresses have a valid certificate",
    OURS,
    why="Fetchers refuse a certificate that browsers refuse.",
    cure="renew the certificate, or name the host for which it was made; send the intermediate certificates too",
).answers(*ALL)
def url_certificate(_: Case, address: Address, answer: Answer | NoAnswer) -> Iterator[Hit]:
    return _no_answer(address, answer, Why.CERTIFICATE)


@error(
    "url-redirects",
    "Redirects come to an end",
    OURS,
    why="Fetchers give up after a few redirects, and often want a cookie or a log-in that they do not have.",
    cure="write the address at which the redirects end in a private window",
).answers(*ALL)
def url_redirects(_: Case, address: Address, answer: Answer | NoAnswer) -> Iterator[Hit]:
    return _no_answer(address, answer, Why.REDIRECTS)


@error(
    "url-status",
    "Addresses answer with success",
    ONBOARDING,
    SKILL,
    why="A missing page or picture is among the common reasons for rejection.",
    cure="publish it, or correct the address",
).answers(*ALL)
def url_status(_: Case, address: Address, answer: Answer | NoAnswer) -> Iterator[Hit]:
    if isinstance(answer, Answer) and answer.status != 200 and answer.status not in SHUT:
        yield Hit(address.loc, f"answers {answer.status}")


@warning(
    "url-shut",
    "Addresses answer programs too",
    OURS,
    why="Sites that keep programs out may keep the vendors' fetchers out. A person's browser may get in, so this is no error.",
    cure="let the address be fetched without log-in, cookie or proof of being human",
).answers(*ALL)
def url_shut(_: Case, address: Address, answer: Answer | NoAnswer) -> Iterator[Hit]:
    if isinstance(answer, Answer) and answer.status in SHUT:
        yield Hit(address.loc, f"answers {answer.status} to a program")


@warning(
    "url-leaves-domain",
    "Redirects of pages stay at the brand's domain",
    AWS_OPT_IN,
    OURS,
    why="Reviewers look for pages at the brand's own domain. That a redirect to another one counts against it is our inference.",
    cure="write the address at which it ends, if that belongs to the brand",
).answers(*PAGES)
def url_leaves_domain(_: Case, address: Address, answer: Answer | NoAnswer) -> Iterator[Hit]:
    host = urlsplit(answer.url).hostname or "" if isinstance(answer, Answer) else ""
    if host and domain_of(host) != domain_of(address.host):
        yield Hit(address.loc, f"redirects to another domain, {domain_of(host)}")


@warning(
    "url-downgrade",
    "Redirects do not leave https",
    OURS,
    why="Browsers warn of such pages.",
    cure="let the redirect lead to https",
).answers(*ALL)
def url_downgrade(_: Case, address: Address, answer: Answer | NoAnswer) -> Iterator[Hit]:
    if isinstance(answer, Answer) and address.url.startswith("https:") and answer.url.startswith("http:"):
        yield Hit(address.loc, "redirects from https to http")
