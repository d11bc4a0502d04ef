"""Which language a text is in, guessed from its commonest words: enough to doubt a page, never to judge one.

A heuristic of ours (inference): unsure is ``None``, and rules then say nothing.
"""

from __future__ import annotations

import contextlib
import re
from html.parser import HTMLParser

NAMES = {
    "en": "English",
    "es": "Spanish",
    "de": "German",
    "fr": "French",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
}
COMMON = {
    "en": "the and of for to with your our you is are we by from this on in at or that",
    "es": "el la los las de del y para con su sus por que un una tu tus se en al nuestro nuestra más sobre",
    "de": "der die das und für mit ihr ihre sie ist von zu den ein eine wir auf im nicht oder über",
    "fr": "le la les des et pour avec votre vos de du nous est une un en au aux sur que vous",
    "it": "il lo la gli di e per con suo della del che una un nei sono i le più sul",
    "pt": "o os as do da e para com seu sua por um uma não em você que de no na mais",
    "nl": "de het een en van voor met uw op is wij zijn te dat niet of om door",
}
WORDS = {language: frozenset(words.split()) for language, words in COMMON.items()}
# Letters that only one of the languages above uses.
LETTERS = {"es": "ñ¿¡", "de": "ß", "pt": "ãõ"}


def language_of(text: str) -> str | None:
    """The language whose common words are most frequent; None when two are, or none is."""
    lowered = text.lower()
    words = re.findall(r"[^\W\d_]+", lowered)
    score = {language: float(sum(word in common for word in words)) for language, common in WORDS.items()}
    for language, letters in LETTERS.items():
        score[language] += 2 * sum(lowered.count(letter) for letter in letters)
    first, second = sorted(score, key=lambda language: score[language], reverse=True)[:2]
    return first if score[first] > score[second] else None


def language_of_page(html: str) -> str | None:
    """By its text; by what it declares when it has hardly any (pages that a script fills)."""
    page = _Page()
    with contextlib.suppress(AssertionError):  # how Python's parser says that a page is beyond it
        page.feed(html)
    text = " ".join(page.texts)
    found = language_of(text) if len(text.split()) >= 20 else None
    return found or (page.declared[:2] if page.declared[:2] in NAMES else None)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.declared = ""
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.declared = (dict(attrs).get("lang") or "").lower()
        self._hidden += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style"} and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.texts.append(data.strip())
