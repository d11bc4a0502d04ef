"""What is wanted at a vendor and what is there, field by field: act, observe, plan and drift all derive from it.

A step declares each object that it owns as an :class:`OwnedObject`, read from the vendor at that moment. Nothing here
calls anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from engine.contract import Finding
from engine.digest import digest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

EXISTS = "exists"
SECRET = "(secret)"  # noqa: S105  what is shown instead of one
OTHER_SECRET = "(another secret)"  # noqa: S105  as above


class Later(str):
    """A value that only the work itself will tell, such as an id; as text it says so, and no vendor shows it."""

    __slots__ = ()


class _Unseen:
    def __repr__(self) -> str:
        return "(not shown)"


UNSEEN: Final = _Unseen()
"""The actual value of a field that the vendor does not show: it is never compared."""


class Means(StrEnum):
    """How something comes about."""

    API = "by API"
    HAND = "by hand"
    # The vendor never changes it: only a new object has another value.
    NEVER = "only by a new one"


class Presence(StrEnum):
    THERE = "there"
    ABSENT = "absent"
    # Nobody but a person can look (objects in AJO under the guided driver).
    UNREADABLE = "unreadable"
    # It is there and shall not be.
    UNWANTED = "unwanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedField:
    """:param actual: :data:`UNSEEN` when the vendor does not show it.
    :param cost: what a change costs or how long it takes, where that is known.
    :param cure: what a person does about a difference; empty where onboard mends it.
    :param is_entered: the actual value is what a person was asked to enter last, not what a vendor shows.
    """

    name: str
    wanted: Any
    actual: Any = UNSEEN
    means: Means = Means.API
    severity: str = "error"
    cost: str = ""
    cure: str = ""
    is_entered: bool = False

    @property
    def differs(self) -> bool:
        return self.actual is not UNSEEN and bool(self.actual != self.wanted)

    @property
    def difference(self) -> str:
        """A fingerprint of what is wanted and what is there."""
        return digest([self.wanted, self.actual])


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a look says of one item of the checklist.

    :param is_met: None means still open.
    :param each: the country or number, for an item that has a row for each of them.
    """

    item: str
    is_met: bool | None
    detail: str | None = None
    each: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedObject:
    """One object at a vendor.

    :param subject: what people call it in ``onboard accept-drift NAME SUBJECT/FIELD``; one of a kind in an onboarding.
    :param means: how it is made when it is absent.
    :param cost: what making it costs, and how long it takes.
    :param is_recorded: an earlier attempt made, adopted or declared it.
    :param is_part: another step makes it; this one owns only these fields.
    :param note: what else is to be said of it.
    :param cure: what a person does when it is gone; empty where onboard makes it again.
    :param seen: the vendor's own answer, for the step that declared it.
    :param checks: what it says of the checklist.
    """

    kind: str
    label: str
    subject: str
    vendor: str
    presence: Presence
    fields: tuple[OwnedField, ...] = ()
    external_id: str | None = None
    means: Means = Means.API
    cost: str = ""
    is_recorded: bool = False
    is_part: bool = False
    note: str = ""
    cure: str = ""
    seen: Any = None
    checks: tuple[Checked, ...] = ()

    def key(self, field: str) -> str:
        return f"{self.subject}/{field}"


def subject_of(kind: str) -> str:
    """``twilio_messaging_service`` is ``messaging-service`` for people."""
    return kind.removeprefix("twilio_").removeprefix("ajo_").replace("_", "-")


def presence_of(found: object) -> Presence:
    return Presence.ABSENT if found is None else Presence.THERE


def changes(owned: OwnedObject, accepted: Collection[str]) -> list[OwnedField]:
    """The fields that are otherwise and that nobody accepted (``onboard accept-drift``).

    :param accepted: see :func:`acceptance`.
    """
    return [field for field in owned.fields if field.differs and not _is_accepted(owned, field, accepted)]


def acceptance(key: str, difference: str | None) -> set[str]:
    """The entries of ``SUBJECT/FIELD`` among what is accepted: alone it stands for whatever differs, else for one difference."""
    return {key, f"{key} {difference}"} if difference else {key}


def _is_accepted(owned: OwnedObject, field: OwnedField, accepted: Collection[str]) -> bool:
    key = owned.key(field.name)
    if key not in accepted:
        return False
    narrowed = any(one.startswith(f"{key} ") for one in accepted)
    return not narrowed or f"{key} {field.difference}" in accepted


def findings(objects: Iterable[OwnedObject], name: str, accepted: Collection[str]) -> list[Finding]:
    """What differs, as people are told. What cannot be read is no finding.

    :param name: of the onboarding, for the cures.
    """
    found = []
    mends = f"`onboard drift {name} --fix` mends it"
    for owned in objects:
        sid = (owned.external_id or "") if owned.vendor == "twilio" else ""
        if owned.presence is Presence.ABSENT and not owned.is_part:
            cure = owned.cure or f"{mends}, after deciding why it was deleted"
            found.append(Finding(owned.label, "does not exist any more", cure, key=owned.key(EXISTS)))
        if owned.presence not in {Presence.THERE, Presence.UNREADABLE}:
            continue
        for field in changes(owned, accepted):
            if field.is_entered or _awaits_work(field.wanted):
                continue
            problem = f"{field.name} is {shown(field.actual)}, wanted {shown(field.wanted)}"
            key = owned.key(field.name)
            cure = field.cure or mends
            found.append(
                Finding(owned.label, problem, cure, field.severity, key=key, difference=field.difference, sid=sid)
            )
    return found


def _awaits_work(wanted: Any) -> bool:
    """Whether it names an object that is gone: that one is the finding."""
    return any(isinstance(one, Later) for one in (wanted if isinstance(wanted, list) else [wanted]))


def shown(value: Any) -> str:
    """A value in one line, without quotes where it needs none."""
    if value is None or value in ("", [], {}):
        return "(none)"
    match value:
        case True | False:
            return "on" if value else "off"
        case list():
            return ", ".join(shown(one) for one in value)
        case dict():
            return " ".join(f"{key}={shown(one)}" for key, one in value.items() if one is not None)
    return " ".join(str(value).split())


def leaves(body: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A body with dotted names, one for each leaf: ``auth.type``. A list is one leaf."""
    flat: dict[str, Any] = {}
    for name, value in body.items():
        flat |= leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
