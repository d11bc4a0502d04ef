"""Which onboardings are meant: the filters of ``list`` and of every command that takes many, as one piece of SQL."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from models.states import DONE, OnboardingState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

STEPS = ("registration", "webhook", "credential", "channel", "verification")
# A look at what is waited for does not end the wait: the step says what it waits for until it is done or has failed.
_WAITS_FOR_PERSON = (
    "(s.state = 'waiting_person' OR (s.state IN ('ready', 'running') AND s.waiting_for LIKE 'a person%'))"
)
_WAITS_FOR_VENDOR = (
    "(s.state = 'waiting_vendor'"
    " OR (s.state IN ('ready', 'running') AND s.waiting_topic IS NOT NULL AND s.waiting_for NOT LIKE 'a person%'))"
)
WAITS = {"person": _WAITS_FOR_PERSON, "vendor": _WAITS_FOR_VENDOR}
_IS_DONE = ", ".join(f"'{state}'" for state in sorted(DONE))
_STEP_THAT_IS_ON = (
    f"(SELECT s.name FROM step s WHERE s.onboarding_id = o.id AND s.state NOT IN ({_IS_DONE})"  # noqa: S608  our words
    " ORDER BY CASE WHEN s.is_removal THEN -s.position ELSE s.position END LIMIT 1)"
)
# What a person holds or has ended waits for nobody.
_MOVES = "o.status NOT IN ('paused', 'cancelled', 'removed')"


class UnknownField(ValueError):
    """A condition that no onboarding can be asked for; the message says what can."""


@dataclass(frozen=True, slots=True)
class Selection:
    """All filters must hold; of several values in one, any may.

    :param names: patterns; ``*`` stands for any characters, ``?`` for one.
    :param waiting: ``person`` or ``vendor``.
    :param steps: the first step that is not done is one of these.
    :param is_overdue: what is waited for should have come by now.
    """

    statuses: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    sandboxes: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    is_overdue: bool = False

    def narrowed(self, conditions: Iterable[tuple[str, str]]) -> Selection:
        """With further conditions, as (field, value) of :data:`FIELDS`.

        :raises UnknownField: there is no such field, or the value is none that it can have.
        """
        found = self
        for field, value in conditions:
            if field not in FIELDS:
                raise UnknownField(f"there is no field {field!r}; there are: {', '.join(FIELDS)}")
            known = VALUES.get(field)
            if known and value not in known:
                raise UnknownField(f"{field} is never {value!r}; it is one of: {', '.join(known)}")
            more: dict[str, Any] = {FIELDS[field]: (*getattr(found, FIELDS[field]), value)}
            found = replace(found, **more)
        return found


FIELDS = {
    "status": "statuses",
    "channel": "channels",
    "sandbox": "sandboxes",
    "brand": "brands",
    "name": "names",
    "waiting": "waiting",
    "step": "steps",
}
VALUES: dict[str, Sequence[str]] = {
    "status": [str(state) for state in OnboardingState],
    "channel": ["rcs", "sms", "mms"],
    "waiting": list(WAITS),
    "step": STEPS,
}
EVERYTHING = Selection()


def conditions(selection: Selection, *, at: datetime) -> tuple[list[str], dict[str, Any]]:
    """SQL conditions on ``onboarding o``, to be joined by AND, and their parameters."""
    wheres: list[str] = []
    params: dict[str, Any] = {}
    columns = {"o.status": "statuses", "o.channel": "channels", "o.sandbox": "sandboxes", "o.brand": "brands"}
    for column, attribute in (*columns.items(), (_STEP_THAT_IS_ON, "steps")):
        if getattr(selection, attribute):
            places = placeholders(attribute, getattr(selection, attribute), params)
            wheres.append(f"{column} IN ({places})")
    if selection.names:
        patterns = [_like(name) for name in selection.names]
        each = placeholders("pattern", patterns, params).split(", ")
        wheres.append("(" + " OR ".join(f"o.name LIKE {place} ESCAPE '!'" for place in each) + ")")
    kinds = selection.waiting or (tuple(WAITS) if selection.is_overdue else ())
    if kinds:
        waits = " OR ".join(WAITS[kind] for kind in kinds)
        late = " AND s.waiting_until <= :at" if selection.is_overdue else ""
        wheres += [f"EXISTS (SELECT 1 FROM step s WHERE s.onboarding_id = o.id AND ({waits}){late})", _MOVES]  # noqa: S608  our words
        params |= {"at": at} if late else {}
    return wheres, params


def _like(pattern: str) -> str:
    """Names are in small letters, and databases differ about capital ones in LIKE."""
    for sign in "!%_":
        pattern = pattern.replace(sign, f"!{sign}")
    return pattern.replace("*", "%").replace("?", "_").lower()


def placeholders(prefix: str, values: Sequence[Any], params: dict[str, Any]) -> str:
    """``:prefix_0, :prefix_1`` for an IN list; the values go into ``params``."""
    names = [f"{prefix}_{number}" for number in range(len(values))]
    params.update(zip(names, values, strict=True))
    return ", ".join(f":{name}" for name in names)
