"""What a rule is. Rules are data beside the function that looks: ``docs/lint.md`` is made of the same."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from engine.lint.case import Address, Case
    from engine.lint.facts import Content
    from models.spec.refusal import Location
    from providers.web.types import Answer, NoAnswer


class Severity(StrEnum):
    ERROR = "error"
    """Refused, as a vendor's document says, or it cannot work at all."""
    WARNING = "warning"
    """Often refused, or probably a slip."""
    NOTE = "note"
    """Nothing to mend in the spec: something to know, or to do elsewhere."""


class Tag(StrEnum):
    """How sure a source is; the words of ``docs/vendors.md``."""

    SPEC = "spec"
    DOC = "doc"
    COMMUNITY = "community"
    INFERENCE = "inference"


@dataclass(frozen=True, slots=True)
class Source:
    tag: Tag
    text: str
    date: str
    """Of the version that was read: year and month, or a full date."""

    def __str__(self) -> str:
        return f"{self.tag.value}: {self.text} ({self.date})"


@dataclass(frozen=True, slots=True)
class Hit:
    """One place that a rule objects to. The sentence goes on from the name of the value: ``is a GIF``."""

    loc: Location
    problem: str


if TYPE_CHECKING:
    Look = Callable[[Case], Iterable[Hit]]
    LookAtAnswer = Callable[[Case, Address, Answer | NoAnswer], Iterable[Hit]]
    LookAtContent = Callable[[Case, Address, Content], Iterable[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    title: str
    """What holds when the rule is kept."""
    severity: Severity
    why: str
    cure: str
    sources: tuple[Source, ...]
    look: Look
    unseen: Callable[[Case], list[Address]]
    """Addresses the rule would look at and of which nothing is known: there it did not run."""
    needs: str
    """``nothing`` but the spec, the ``answers`` of addresses, or their ``contents``, which a file may give too."""
    file: str
    """Name of the module that defines it."""


CATALOGUE: dict[str, Rule] = {}
"""All rules by id, in the order in which the files of ``engine.lint.rules`` define them."""


@dataclass(frozen=True, slots=True)
class Head:
    """The words of a rule, waiting for the function that looks. Its three methods are decorators."""

    id: str
    title: str
    severity: Severity
    why: str
    cure: str
    sources: tuple[Source, ...]

    def spec(self, look: Look) -> Look:
        """A rule about the spec alone."""
        self._enter(look, lambda _: [], "nothing", look.__module__)
        return look

    def answers(self, *kinds: str) -> Callable[[LookAtAnswer], Look]:
        """A rule about how addresses of these kinds answer on the web."""

        def enter(look: LookAtAnswer) -> Look:
            def over_all(case: Case) -> Iterator[Hit]:
                for address in case.fetched(*kinds):
                    answer = case.facts.answers.get(address.url)
                    if answer is not None:
                        yield from look(case, address, answer)

            def unseen(case: Case) -> list[Address]:
                return [address for address in case.fetched(*kinds) if address.url not in case.facts.answers]

            self._enter(over_all, unseen, "answers", look.__module__)
            return over_all

        return enter

    def contents(self, *kinds: str) -> Callable[[LookAtContent], Look]:
        """A rule about what is behind addresses of these kinds, from the web or from a local file."""

        def enter(look: LookAtContent) -> Look:
            def over_all(case: Case) -> Iterator[Hit]:
                for address in case.fetched(*kinds):
                    content = case.facts.content(address.url)
                    if content is not None:
                        yield from look(case, address, content)

            def unseen(case: Case) -> list[Address]:
                return [address for address in case.fetched(*kinds) if not case.facts.knows(address.url)]

            self._enter(over_all, unseen, "contents", look.__module__)
            return over_all

        return enter

    def _enter(self, look: Look, unseen: Callable[[Case], list[Address]], needs: str, file: str) -> None:
        if self.id in CATALOGUE:
            msg = f"two rules are called {self.id}"
            raise ValueError(msg)
        CATALOGUE[self.id] = Rule(
            self.id, self.title, self.severity, self.why, self.cure, self.sources, look, unseen, needs, file
        )


def error(id: str, title: str, *sources: Source, why: str, cure: str) -> Head:
    return Head(id, title, Severity.ERROR, why, cure, sources)


def warning(id: str, title: str, *sources: Source, why: str, cure: str) -> Head:
    return Head(id, title, Severity.WARNING, why, cure, sources)


def note(id: str, title: str, *sources: Source, why: str, cure: str) -> Head:
    return Head(id, title, Severity.NOTE, why, cure, sources)
