"""Countries that want texts and pages in their own language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.lint.case import POLICIES, PROFILE, US, WEBSITE
from engine.lint.language import NAMES, language_of, language_of_page
from engine.lint.rule import Hit, warning
from engine.lint.rules.texts import written
from engine.lint.sources import REGIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.lint.case import Address, Case
    from engine.lint.facts import Content


def _page_language(content: Content) -> str | None:
    if "html" not in content.content_type:
        return None
    charset = content.content_type.partition("charset=")[2].partition(";")[0].strip("\"' ") or "utf-8"
    try:
        text = content.body.decode(charset, errors="replace")
    except LookupError:
        text = content.body.decode("utf-8", errors="replace")
    return language_of_page(text)


def _foreign_page(case: Case, country: str, language: str, address: Address, content: Content) -> Iterator[Hit]:
    found = _page_language(content) if country in case.countries else None
    if found and found != language:
        yield Hit(
            address.loc, f"is in {NAMES[found]}, as far as single words tell, and {country} wants {NAMES[language]}"
        )


@warning(
    "mx-texts-spanish",
    "For Mexico the texts are in Spanish",
    REGIONS,
    why="Mexico wants all information in Spanish, the description included. The language is guessed from common words (a heuristic); when it is unsure the rule is silent.",
    cure="write it in Spanish, or give Mexico a sender of its own",
).spec
def mx_texts_spanish(case: Case) -> Iterator[Hit]:
    if case.profile is None or "MX" not in case.countries:
        return
    for loc, text in [((*PROFILE, "description"), case.profile.description), *written(case)]:
        language = language_of(text)
        if loc[:3] != US and language and language != "es":
            yield Hit(loc, f"is in {NAMES[language]}, as far as single words tell, and MX wants Spanish")


@warning(
    "mx-pages-spanish",
    "For Mexico website and policies are in Spanish",
    REGIONS,
    why="Mexico wants all information in Spanish. The language is guessed from common words (a heuristic); when it is unsure the rule is silent.",
    cure="give addresses of the Spanish pages, or give Mexico a sender of its own",
).contents(*POLICIES, WEBSITE)
def mx_pages_spanish(case: Case, address: Address, content: Content) -> Iterator[Hit]:
    return _foreign_page(case, "MX", "es", address, content)


@warning(
    "de-pages-german",
    "For Germany website and policies are in German",
    REGIONS,
    why="Germany wants site, terms and privacy policy in German. The language is guessed from common words (a heuristic); when it is unsure the rule is silent.",
    cure="give addresses of the German pages, or give Germany a sender of its own",
).contents(*POLICIES, WEBSITE)
def de_pages_german(case: Case, address: Address, content: Content) -> Iterator[Hit]:
    return _foreign_page(case, "DE", "de", address, content)
