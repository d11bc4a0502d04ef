"""The rules, one file per subject. Importing this fills ``engine.lint.rule.CATALOGUE`` in the order below."""

from __future__ import annotations

# ruff: noqa: I001  the order is that of docs/lint.md
from engine.lint.rules import pictures, files, addresses, pages, names, texts, consent, replies, use_case, countries
from engine.lint.rules import languages, numbers

FILES = (pictures, files, addresses, pages, names, texts, consent, replies, use_case, countries, languages, numbers)
