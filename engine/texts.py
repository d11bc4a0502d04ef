"""What people read about operator tasks, in their language: gettext catalogues under ``engine/locale``.

The ids are the English texts, so English needs no catalogue, and a text that a catalogue lacks is shown in English.
"""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Words = Callable[[str], str]

LANGUAGES = ("en", "es")
DOMAIN = "onboard"
LOCALE = Path(__file__).parent / "locale"

# What the pages say around a task; the tasks' own texts stand in the steps that open them.
PAGE = (
    "Where",
    "What to do",
    "Enter",
    "Secret: %(command)s shows it, and records who asked.",
    "Bring back",
    "Then",
    "Assigned to %(who)s",
    "Rejected by %(who)s: %(reason)s",
    "the address that Journey Optimizer shows once the webhook exists",
    "Click a value to select it as a whole.",
    "Add %(option)s for whatever proves it: a screenshot, an e-mail, a sentence.",
)
BRING_BACK = {"url": "the address that Journey Optimizer shows once the webhook exists"}


@cache
def words(language: str) -> Words:
    """Texts by their ids in ``language``; one that nobody translated comes back as it is."""
    if language == "en":
        return str
    return gettext.translation(DOMAIN, LOCALE, languages=[language], fallback=True).gettext


def language_of(name: str | None) -> str:
    """The language of ours for a locale's name (``es_MX.UTF-8``); English for all that we do not speak."""
    code = (name or "").replace("-", "_").partition("_")[0].partition(".")[0].lower()
    return code if code in LANGUAGES else "en"


def fill(text: str, params: Mapping[str, object]) -> str:
    """``text`` with its ``%(name)s`` filled in. A text without parameters may hold any percent sign."""
    return text % params if params else text
