"""pydantic's errors in the project's words: what is wrong, and what to write instead."""

from __future__ import annotations

import difflib
import re
from datetime import date
from typing import TYPE_CHECKING, Any

from models.spec.onboarding import CHANNELS
from models.spec.outline import channel_with, close_to, elsewhere, example_of, field_at, model_at
from models.spec.refusal import CURE, shown

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from models.spec.refusal import Location

SECRETS = (("twilio", "auth_token"), ("ajo", "client_secret"))
"""The places of the spec that refer to secrets: what is written there is never repeated."""


class Wording:
    """Explains the errors of one spec; ``spelling`` is how its scalars are written in the file."""

    def __init__(self, model: type[BaseModel], spelling: dict[Location, str]) -> None:
        self.model = model
        self.spelling = spelling

    def explain(self, error: ErrorDetails) -> tuple[str, str]:
        """Problem and cure."""
        kind, loc, value, ctx = error["type"], error["loc"], error["input"], error.get("ctx", {})
        if kind == "value_error":
            problem, _, cure = str(ctx["error"]).partition(CURE)
            return problem, cure
        if loc == ("channel",) and kind != "missing":
            return self._choice(value, list(CHANNELS))
        if kind == "missing":
            return self._missing(loc)
        if kind == "extra_forbidden":
            return self._unknown_key(loc)
        if kind == "literal_error":
            return self._choice(value, re.findall(r"'([^']*)'", ctx["expected"]))
        if kind in LIMITS:
            return self._limit(kind, value, ctx)
        if value is None:
            hint = self._hint(loc)
            return "has no value", "write one" + hint + (" (unquoted, # starts a comment)" if "#" in hint else "")
        return self._wrong_type(kind, loc, value)

    def _missing(self, loc: Location) -> tuple[str, str]:
        field = field_at(self.model, loc)
        if loc == ("channel",):
            return "is missing", "add it, one of " + ", ".join(CHANNELS)
        return "is missing", f"add it, {example_of(field)}" if field else "add it"

    def _unknown_key(self, loc: Location) -> tuple[str, str]:
        key = str(loc[-1])
        problem = f"there is no key {shown(key)} here"
        model = model_at(self.model, loc[:-1])
        if model is None:
            return problem, "remove it"
        meant = close_to(key, model)
        if meant is not None:
            return problem, f"did you mean `{meant}`?"
        channel = channel_with(key) if len(loc) == 1 else None
        if channel is not None:
            return f"`{key}` is for channel {channel} only", f"remove it, or write channel: {channel}"
        place = elsewhere(self.model, key)
        if place is not None:
            return problem, f"move it: it belongs at `{place}`"
        return problem, "remove it; keys here are " + ", ".join(model.model_fields)

    def _choice(self, value: Any, choices: list[str]) -> tuple[str, str]:
        if value is None:
            return "has no value", "write one of " + ", ".join(choices)
        lower = {choice.lower(): choice for choice in choices}
        meant = difflib.get_close_matches(str(value).lower(), lower, n=1, cutoff=0.6)
        problem = f"{shown(str(value))} is not one of the values allowed here"
        if isinstance(value, (dict, list)):
            problem = f"is {_kind(value)}, not one of the values allowed here"
        elif meant:
            return problem, f"write {lower[meant[0]]}" + (
                f" (allowed: {', '.join(choices)})" if len(choices) <= 6 else ""
            )
        return problem, "write one of " + ", ".join(choices)

    def _limit(self, kind: str, value: Any, ctx: dict[str, Any]) -> tuple[str, str]:
        if kind == "string_pattern_mismatch":
            return "is blank", "write a text"
        limit = next(ctx[name] for name in ("max_length", "min_length", "le", "ge") if name in ctx)
        if kind == "string_too_short":
            return "is empty", "write a text"
        if kind == "string_too_long":
            return f"is {len(value)} characters long", f"shorten it to {limit} at most"
        if kind == "too_short":
            return "is an empty list", f"write at least {limit}"
        if kind == "too_long":
            return f"has {ctx['actual_length']} entries", f"keep {limit} at most"
        bound = "at least" if kind == "greater_than_equal" else "at most"
        return f"{value} is too {'small' if bound == 'at least' else 'large'}", f"write {bound} {limit}"

    def _wrong_type(self, kind: str, loc: Location, value: Any) -> tuple[str, str]:
        is_plain = not isinstance(value, (dict, list))
        written = self.spelling.get(loc)
        what = _kind(value)
        if kind == "string_type" and is_plain:
            if loc in SECRETS:
                return (
                    f"must be a reference, but is {what}",
                    "write ${env:NAME} or ${file:PATH} and put the value there",
                )
            quoted = f': "{written}"' if written is not None and len(written) <= 60 else ""
            return f"must be a text, but YAML reads {what} here", f"put it in quotes{quoted}"
        wanted = next((words for part, words in WANTED.items() if kind.startswith(part)), None)
        if wanted is None:
            return "is not what belongs here", "see the field's description in `onboard schema`"
        noun, cure = wanted
        if kind == "list_type" and is_plain and written is not None and len(written) <= 60 and loc not in SECRETS:
            return f"must be {noun}, but is {what}", f'write ["{written}"]'
        return f"must be {noun}, but is {what}", cure + (self._hint(loc) if noun in HINTED else "")

    def _hint(self, loc: Location) -> str:
        field = field_at(self.model, loc) if loc and isinstance(loc[-1], str) else None
        return f", {example_of(field)}" if field else ""


LIMITS = frozenset(
    "string_too_short string_too_long string_pattern_mismatch too_short too_long greater_than_equal less_than_equal".split()  # noqa: SIM905  a row of names
)

# Start of pydantic's error type -> what belongs there, and how it is written.
WANTED = {
    "string_type": ("a text", "write it on one line"),
    "bool": ("true or false", "write true or false, without quotes"),
    "int": ("a whole number", "write digits only, without quotes, commas or units"),
    "list_type": ("a list", "write the entries in [ ], or on lines that start with -"),
    "model": ("a mapping", "write its keys on indented lines below it"),
    "dict": ("a mapping", "write its keys on indented lines below it"),
    "date": ("a date", "write year, month and day, for example 2026-11-23"),
    "time_delta": ("a duration", "write a whole number and s, m, h or d, for example 15m"),
}
HINTED = frozenset({"a mapping", "a list"})


def _kind(value: Any) -> str:
    """What YAML made of the value, in words."""
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        ((int, float), "a number"),
        (date, "a date"),
        (str, "a text"),
        (list, "a list"),
        (dict, "a mapping"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "something else")
