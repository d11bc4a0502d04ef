"""Scripted trouble: rules that say which call shall fail, how, and how often."""

import re
from dataclasses import asdict, dataclass
from typing import Any

ACTIONS = ("status", "reset", "delay", "reply_lost")


@dataclass
class Rule:
    """One rule; `times` counts down to 0, None means for ever."""

    id: int
    path_regex: str
    action: str
    method: str | None = None
    status: int = 500
    code: int | None = None
    retry_after: float | None = None
    seconds: float = 1.0
    times: int | None = 1
    skip: int = 0
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether the rule speaks of this call; says nothing about how often it still applies."""
        return (self.method in (None, method)) and re.search(self.path_regex, path) is not None


class Faults:
    """The rules in the order in which they were added; the first one that applies wins."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._last_id = 0

    def add(self, body: dict[str, Any]) -> Rule:
        """Add a rule from its JSON form; ValueError says what is wrong with it."""
        given = dict(body)
        match = given.pop("match", None)
        if not isinstance(match, dict) or not isinstance(match.get("path_regex"), str):
            raise ValueError("match.path_regex is missing")  # noqa: TRY004 - about the body, not the code
        re.compile(match["path_regex"])
        if given.get("action") not in ACTIONS:
            raise ValueError(f"action must be one of {', '.join(ACTIONS)}")
        self._last_id += 1
        try:
            rule = Rule(id=self._last_id, **match, **given)
        except TypeError as error:
            raise ValueError(str(error)) from error
        self._rules.append(rule)
        return rule

    def take(self, method: str, path: str) -> Rule | None:
        """The rule that applies to this call, used up by one; None when the call shall go well."""
        for rule in self._rules:
            if rule.times == 0 or not rule.matches(method, path):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            rule.hits += 1
            if rule.times is not None:
                rule.times -= 1
            return rule
        return None

    def clear(self) -> None:
        """Forget all rules."""
        self._rules.clear()

    def listing(self) -> list[dict[str, Any]]:
        """The rules as JSON, with how often each was used and how often it still applies."""
        return [asdict(rule) for rule in self._rules]
