"""What would be done: each object in order of work, from the steps' declarations. Reads, and can do nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from engine import kinds
from engine.commands import NotPossible
from engine.desired import UNSEEN, Later, Means, OwnedField, OwnedObject, Presence, changes, subject_of
from engine.memory import Memory
from engine.start import make_mark, refuse_other_identity, spec_differences, touched_steps
from models.spec.onboarding import spec_from_json, spec_to_json
from models.states import DONE, OnboardingState, StepState
from models.tables import Onboarding, Step
from providers.errors import NeedsPerson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Row

    from engine.context import Workshop
    from engine.contract import AnySpec

LATER = Later("(made on the way)")


class Action(StrEnum):
    """In the order of weight: an object that two steps touch counts once, by the heavier."""

    KEEP = "keep"
    ADOPT = "adopt"
    CHANGE = "change"
    DELETE = "delete"
    REPLACE = "replace"
    CREATE = "create"


WEIGHT = {action: number for number, action in enumerate(Action)}


@dataclass(frozen=True, slots=True)
class Planned:
    """One object of one step.

    :param fields: of a new object all that will be set, else those that change.
    :param accepted: differences that a person accepted.
    """

    step: str
    owned: OwnedObject
    action: Action
    fields: tuple[OwnedField, ...]
    accepted: tuple[str, ...] = ()

    @property
    def means(self) -> Means:
        if self.action is Action.CREATE:
            return self.owned.means
        slow = [field.means for field in self.fields if field.means is not Means.API]
        return slow[0] if slow else Means.API

    @property
    def is_for_step(self) -> bool:
        """Whether its step does anything about it when it runs: change it, or ask a person for what only it can ask.

        Where a difference has a person's cure, all that the step could do is wait.
        """
        match self.action:
            case Action.KEEP:
                return False
            case Action.CREATE:
                return self.owned.means is Means.API or not self.owned.cure
            case _ if any(field.means is Means.NEVER and field.cure for field in self.fields):
                return False
        return not self.fields or any(field.means is Means.API or not field.cure for field in self.fields)


@dataclass(frozen=True, slots=True)
class Plan:
    """:param spec_differences: between what was started and the file; empty when there is no file or nothing was started.
    :param skipped: why a step has nothing to do, by its name.
    :param steps: all of them, in order.
    :param done: the steps that have succeeded.
    :param runs: the steps that will run (again), in order.
    :param mends: those of them that were done and can do something about what is otherwise than declared.
    """

    name: str
    channel: str
    is_started: bool
    planned: list[Planned]
    spec_differences: list[str]
    skipped: dict[str, str]
    steps: list[str]
    done: frozenset[str]
    runs: list[str]
    mends: list[str]

    @property
    def work(self) -> list[Planned]:
        return [one for one in self.planned if one.action is not Action.KEEP]

    @property
    def acts(self) -> bool:
        """Whether ``start`` or ``update`` would set anything going."""
        return not self.is_started or bool(self.spec_differences or self.mends)

    @property
    def is_nothing(self) -> bool:
        return self.is_started and not (self.work or self.spec_differences or self.runs)

    @property
    def counts(self) -> dict[Action, int]:
        heaviest: dict[str, Action] = {}
        for one in self.planned:
            known = heaviest.get(one.owned.subject, Action.KEEP)
            heaviest[one.owned.subject] = max(known, one.action, key=WEIGHT.__getitem__)
        return {action: list(heaviest.values()).count(action) for action in Action}


class PlanContext(Memory):
    """A :class:`engine.memory.View` that can write nothing: no lease, no intent, and vendors that only read.

    :param shop: its vendors and its database must be read-only ones.
    :param row: the onboarding; None for a spec that was not started.
    :param spec: what shall be; by default what was started.
    :param secrets: in clear, by name; those that are missing are the stored ones.
    """

    def __init__(
        self,
        shop: Workshop,
        row: Row[Any] | None,
        spec: AnySpec | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(shop, row.id if row is not None else None)
        assert row is not None or spec is not None  # noqa: S101  one of the two says what is wanted
        self.row = row
        self.spec: AnySpec = spec if spec is not None else spec_from_json(row.spec)  # type: ignore[union-attr]
        self.name = self.spec.name
        self.mark: str = row.mark if row is not None else make_mark(self.spec)
        self.endpoint_token: str = row.endpoint_token if row is not None else LATER
        self.given = dict(secrets or {})
        self._seen: dict[str, str] = {}
        self.vendors = shop.make_vendors(shop.settings, self.spec, self.secret)

    def secret(self, name: str) -> str:
        """:raises NeedsPerson: one that only a person has is neither given nor stored."""
        value = self.given.get(name) or self.find_secret(name)
        if value is None and name != kinds.BRIDGE_TOKEN:
            msg = f"the secret {name} of {self.name} is not stored"
            raise NeedsPerson(msg, cure="run `onboard update FILE` where it can be read")
        return LATER if value is None else value

    def see(self, owned: OwnedObject) -> None:
        """Remember which object there is of a kind: what names it by its id is to name this one, or one yet to be made."""
        if owned.is_part or owned.subject != subject_of(owned.kind):
            return
        if owned.presence is Presence.ABSENT:
            self._seen[owned.kind] = LATER
        elif owned.presence is Presence.THERE and owned.external_id:
            self._seen[owned.kind] = owned.external_id

    def external_id(self, kind: str) -> str:
        if kind in self._seen:
            return self._seen[kind]
        known = self.resource(kind)
        return LATER if known is None or known.external_id is None else str(known.external_id)

    def steps(self) -> dict[str, Row[Any]]:
        if self.onboarding_id is None:
            return {}
        mine = select(Step).where(Step.c.onboarding_id == self.onboarding_id).order_by(Step.c.position)
        return {row.name: row for row in self.read(mine)}

    @property
    def is_being_removed(self) -> bool:
        """As :func:`engine.commands.is_being_removed`."""
        return _are_of_a_removal(self.steps())

    def new_secrets(self) -> list[str]:
        """Names of those that are given and stored otherwise, or not at all."""
        return [name for name, value in self.given.items() if self.find_secret(name) != value]


def find_row(shop: Workshop, name: str) -> Row[Any] | None:
    """The onboarding of this name; None when there is none."""
    rows = Memory(shop, None).read(select(Onboarding).where(Onboarding.c.name == name))
    return rows[0] if rows else None


def make_plan(ctx: PlanContext) -> Plan:
    """Read both vendors and say what a run of all steps would do.

    :raises engine.commands.NotPossible: the file's is another onboarding than the one that was started under its name, or
        that one is removed, or on its way to be.
    :raises providers.errors.OnboardingError: a vendor cannot be read.
    :raises providers.errors.Misconfigured: this installation is set up wrong.
    """
    steps = ctx.steps()
    if ctx.row is not None:
        _refuse_removal(ctx, steps)
        refuse_other_identity(ctx.name, ctx.row.spec, spec_to_json(ctx.spec))
    planned: list[Planned] = []
    skipped: dict[str, str] = {}
    for step in ctx.shop.catalogue.steps:
        reason = step.skip_reason(ctx.spec)
        known = steps.get(step.name)
        if known is not None and known.state is StepState.SKIPPED and known.settled_by:
            reason = known.reason or f"skipped by {known.settled_by}"
        if reason is not None:
            skipped[step.name] = reason
            continue
        for owned in step.desired(ctx):
            ctx.see(owned)
            planned.append(_planned(step.name, owned, ctx.accepted))
    new_secrets = ctx.new_secrets()
    differences = _spec_differences(ctx, new_secrets)
    at_work = {one.step for one in planned if one.is_for_step}
    return Plan(
        name=ctx.name,
        channel=ctx.spec.channel,
        is_started=ctx.row is not None,
        planned=planned,
        spec_differences=differences,
        skipped=skipped,
        steps=ctx.shop.catalogue.names,
        done=frozenset(name for name, row in steps.items() if row.state is StepState.SUCCEEDED),
        runs=_runs(ctx, steps, at_work, new_secrets, is_changed=bool(differences)),
        mends=[name for name, row in steps.items() if name in at_work and row.state in DONE],
    )


def _are_of_a_removal(steps: Mapping[str, Row[Any]]) -> bool:
    return any(step.is_removal for step in steps.values())


def _refuse_removal(ctx: PlanContext, steps: Mapping[str, Row[Any]]) -> None:
    """A removal's steps have succeeded when nothing is there: read as built, all of it would be missing."""
    assert ctx.row is not None  # noqa: S101  the caller asked
    name = ctx.name
    if ctx.row.status is OnboardingState.REMOVED:
        raise NotPossible(f"{name} is removed; `onboard plan FILE` shows what starting it anew would do")
    if not _are_of_a_removal(steps):
        return
    if ctx.row.status is OnboardingState.CANCELLED:
        done = sum(step.state in DONE for step in steps.values())
        msg = (
            f"the teardown of {name} was cancelled with {done} of {len(steps)} steps done; `onboard retry {name}` builds it "
            f"up again, `onboard teardown {name}` takes it down for good"
        )
        raise NotPossible(msg)
    msg = (
        f"{name} is being taken down; `onboard explain {name}` says how far it is. To build it up again: "
        f"`onboard cancel {name}`, then `onboard retry {name}`"
    )
    raise NotPossible(msg)


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan for programs; it holds no secret."""
    return {
        "name": plan.name,
        "channel": plan.channel,
        "is_started": plan.is_started,
        "has_changes": not plan.is_nothing,
        "spec_differences": plan.spec_differences,
        "counts": {str(action): count for action, count in plan.counts.items()},
        "runs": plan.runs,
        "skipped": plan.skipped,
        "objects": [_object_json(one) for one in plan.planned],
    }


def _object_json(one: Planned) -> dict[str, Any]:
    owned = one.owned
    return {
        "step": one.step,
        "kind": owned.kind,
        "subject": owned.subject,
        "label": owned.label,
        "vendor": owned.vendor,
        "id": owned.external_id,
        "action": one.action,
        "means": one.means,
        "cost": owned.cost if one.action in {Action.CREATE, Action.REPLACE} else "",
        "note": owned.note,
        "accepted": list(one.accepted),
        "fields": [
            {
                "name": field.name,
                "old": None if field.actual is UNSEEN else field.actual,
                "new": field.wanted,
                "means": field.means,
                "cost": field.cost,
            }
            for field in one.fields
        ],
    }


def _spec_differences(ctx: PlanContext, new_secrets: Sequence[str]) -> list[str]:
    if ctx.row is None:
        return []
    return [
        *spec_differences(ctx.row.spec, spec_to_json(ctx.spec)),
        *(f"{name}: another secret" for name in new_secrets),
    ]


def _runs(
    ctx: PlanContext, steps: Mapping[str, Row[Any]], drifted: set[str], new_secrets: Sequence[str], *, is_changed: bool
) -> list[str]:
    """Steps that are not done, those that an update touches, and verification whenever there is one."""
    catalogue = ctx.shop.catalogue
    if ctx.row is None:
        return catalogue.names
    touched = set(drifted)
    if is_changed:
        known = {name: row.inputs_digest for name, row in steps.items()}
        touched |= touched_steps(catalogue, ctx.spec, known, {name.partition(".")[0] for name in new_secrets})
    touched |= {name for name, row in steps.items() if row.state not in DONE}
    if touched:
        touched.add(catalogue.names[-1])
    return [name for name in catalogue.names if name in touched]


def _planned(step: str, owned: OwnedObject, accepted: frozenset[str]) -> Planned:
    differing = changes(owned, accepted)
    ignored = [owned.key(field.name) for field in owned.fields if field.differs and field not in differing]
    fields = tuple(differing)
    match owned.presence:
        case Presence.UNWANTED:
            action = Action.DELETE
        case Presence.ABSENT:
            action, fields = Action.CHANGE if owned.is_part else Action.CREATE, owned.fields
        case _ if any(field.means is Means.NEVER for field in differing):
            action = Action.REPLACE
        case Presence.THERE if not owned.is_recorded:
            action = Action.ADOPT
        case _:
            action = Action.CHANGE if differing else Action.KEEP
    return Planned(step, owned, action, fields, tuple(ignored))
