"""Scripted trouble: rules that say which call shall fail, how, and how often."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Action = Literal["status", "delay", "reset", "reply_lost", "slow_body", "malformed", "expire_tokens", "pass"]


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        msg = f"not a regular expression: {error}"
        raise ValueError(msg) from error
    return pattern


Regex = Annotated[str, AfterValidator(_compiles)]


class Trouble(BaseModel):
    """What happens to one call. `pass` lets it go well."""

    model_config = ConfigDict(extra="forbid")

    action: Action
    status: int = Field(default=500, ge=400, le=599)
    code: int | None = None
    retry_after: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    seconds: float = Field(default=1.0, ge=0, le=3600, allow_inf_nan=False)


class Match(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path_regex: Regex
    method: Annotated[str, AfterValidator(str.upper)] | None = None


class Rule(BaseModel):
    """`times` counts down to 0, None means for ever; a script counts once when its last trouble is over.

    :ivar chance: the share of matching calls that are struck; which ones follows from the simulator's seed.
    """

    model_config = ConfigDict(extra="forbid")

    match: Match
    script: list[Trouble] = Field(min_length=1)
    times: int | None = Field(default=1, ge=0)
    skip: int = Field(default=0, ge=0)
    chance: float = Field(default=1.0, gt=0, le=1)
    id: int = 0
    hits: int = 0

    @model_validator(mode="before")
    @classmethod
    def _one_trouble_is_a_script(cls, given: object) -> object:
        if not isinstance(given, dict) or "script" in given:
            return given
        names = Trouble.model_fields
        return {name: value for name, value in given.items() if name not in names} | {
            "script": [{name: value for name, value in given.items() if name in names}]
        }

    def matches(self, method: str, path: str) -> bool:
        """Whether the rule speaks of this call; says nothing about how often it still applies."""
        return self.match.method in (None, method) and re.search(self.match.path_regex, path) is not None

    def next_trouble(self) -> Trouble:
        """What strikes now; uses the rule up by one."""
        trouble = self.script[self.hits % len(self.script)]
        self.hits += 1
        if self.times is not None and self.hits % len(self.script) == 0:
            self.times -= 1
        return trouble


@dataclass
class Faults:
    """The rules in the order in which they were added; the first one that applies wins."""

    rules: list[Rule] = field(default_factory=list)
    last_id: int = 0

    def add(self, rule: Rule) -> Rule:
        self.last_id += 1
        rule.id, rule.hits = self.last_id, 0
        self.rules.append(rule)
        return rule

    def take(self, method: str, path: str, roll: Callable[[], float]) -> Trouble | None:
        """What shall strike this call; None when it shall go well.

        :param roll: a number from 0 to 1, asked for only by rules that leave it to chance.
        """
        for rule in self.rules:
            if rule.times == 0 or not rule.matches(method, path):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            if rule.chance < 1 and roll() >= rule.chance:
                continue
            return rule.next_trouble()
        return None

    def clear(self) -> None:
        """Forget all rules."""
        self.rules.clear()
