"""Policies and websites: that they are pages, and pages of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.lint.case import PAGES, POLICIES, WEBSITE
from engine.lint.rule import Hit, error, note, warning
from engine.lint.sources import ONBOARDING, OURS
from providers.web.types import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.lint.case import Address, Case
    from providers.web.types import NoAnswer


@error(
    "page-type",
    "Policies and websites are pages",
    ONBOARDING,
    OURS,
    why="People must be able to read them in a browser. That a PDF or plain text will do is our inference.",
    cure="give the address of the page itself",
).answers(*PAGES)
def page_type(_: Case, address: Address, answer: Answer | NoAnswer) -> Iterator[Hit]:
    if isinstance(answer, Answer) and answer.status == 200:
        said = answer.content_type.partition(";")[0].strip()
        if said not in {"", "text/html", "application/xhtml+xml", "application/pdf", "text/plain"}:
            yield Hit(address.loc, f"is {said[:60]}, not a page")


@error(
    "page-empty",
    "Policies and websites are not empty",
    ONBOARDING,
    why="An empty policy is none.",
    cure="publish the text",
).answers(*PAGES)
def page_empty(_: Case, address: Address, answer: Answer | NoAnswer) -> Iterator[Hit]:
    if isinstance(answer, Answer) and answer.status == 200 and not answer.body.strip():
        yield Hit(address.loc, "answers with an empty page")


@warning(
    "policy-is-home-page",
    "Policies have a page of their own",
    ONBOARDING,
    OURS,
    why="A policy that has to be searched for on the front page, or an old address that redirects there, reads as missing (inference).",
    cure="give the address at which the policy itself can be read",
).spec
def policy_is_home_page(case: Case) -> Iterator[Hit]:
    homes = {address.url.rstrip("/") for address in case.of(WEBSITE)}
    for address in case.of(*POLICIES):
        answer = case.facts.answers.get(address.url)
        end = answer.url if isinstance(answer, Answer) else address.url
        if address.url.rstrip("/") in homes:
            yield Hit(address.loc, "is the address of the website itself")
        elif end.rstrip("/") in homes:
            yield Hit(address.loc, "redirects to the website's front page")


@note(
    "policies-are-one",
    "Privacy policy and terms are two pages",
    OURS,
    why="One page may hold both, but each must be easy to find there.",
    cure="give each its own address, if there is one",
).spec
def policies_are_one(case: Case) -> Iterator[Hit]:
    privacy, terms = case.of(*POLICIES) or (None, None)
    if privacy and terms and privacy.url == terms.url:
        yield Hit(terms.loc, "is the address of the privacy policy too")
