"""Taking over a channel that was set up by hand: what was found becomes the onboarding's, nothing is changed at a vendor.

Finding is for ``tasks.adoption``. Here its result is recorded, in one transaction, and then checked once like any active
onboarding: active if all is as declared, degraded with findings if not. Rules: docs/adopt.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from engine import verifications
from engine.commands import NotPossible
from engine.contract import Done, Failed, Finding, Suspend
from engine.plan import LATER, find_row
from engine.reasons import reason_of
from engine.runner import run_step
from engine.start import start
from engine.transitions import append_event, move_step, settle_onboarding
from engine.vault import Vault, new_key
from models.db import make_engine
from models.states import OnboardingState, Provenance, ResourceState, StepState, VerificationState
from models.tables import Onboarding, Resource, Step, Verification, metadata
from providers.errors import NeedsPerson, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from engine.context import StepContext, Workshop
    from engine.contract import AnySpec, Outcome

S = StepState


@dataclass(frozen=True, slots=True)
class Found:
    """An object that is there.

    :param step: whose it is.
    :param declared_by: who says so, where nothing public shows it.
    """

    step: str
    kind: str
    name: str
    external_id: str
    details: Mapping[str, Any] = field(default_factory=dict)
    declared_by: str | None = None

    @property
    def vendor(self) -> str:
        return self.kind.partition("_")[0]


@dataclass(frozen=True, slots=True)
class Look:
    """What is there of what a spec declares, what is not or is otherwise, and who had it looked for."""

    found: list[Found]
    missing: list[Finding]
    by: str


@dataclass(frozen=True, slots=True)
class Adopted:
    """What came of it: the onboarding's status, and the differences; None when a vendor could not be asked for all yet."""

    status: OnboardingState
    findings: list[dict[str, str]] | None


def adopt(shop: Workshop, spec: AnySpec, secret_values: Mapping[str, str], look: Look) -> Adopted:
    """Record and check.

    :param shop: with vendors that only read.
    :raises NotPossible: there is an onboarding of this name, or nothing was found.
    """
    if not look.found:
        raise NotPossible(f"nothing of {spec.name} is there to be taken over; `onboard start FILE` sets it up")
    with shop.db.begin() as connection:
        onboarding_id = _record(connection, shop, spec, secret_values, look)
    last = shop.catalogue.names[-1]
    check = _FirstLook(last, look.missing)
    # With what the steps look at, and instead of the proof: no message is sent.
    steps = (*shop.catalogue.steps[:-1], check)
    looking = replace(shop, catalogue=replace(shop.catalogue, steps=steps))  # type: ignore[arg-type]
    run_step(looking, onboarding_id, last)
    with shop.db.begin() as connection:
        status = connection.execute(select(Onboarding.c.status).where(Onboarding.c.id == onboarding_id)).scalar_one()
        runs = select(Verification).where(Verification.c.onboarding_id == onboarding_id)
        run = connection.execute(runs.order_by(Verification.c.id.desc()).limit(1)).one()
    return Adopted(status, run.findings if run.finished_at else None)


def rehearse(shop: Workshop, spec: AnySpec, secret_values: Mapping[str, str], look: Look) -> Adopted:
    """What :func:`adopt` would find, by doing it in a database that is thrown away.

    :raises NotPossible: nothing was found.
    """
    db = make_engine("sqlite://")
    try:
        metadata.create_all(db)
        adopted = adopt(replace(shop, db=db, vault=Vault([new_key()])), spec, secret_values, look)
        with db.begin() as connection:
            token = connection.execute(select(Onboarding.c.endpoint_token)).scalar_one()
    finally:
        db.dispose()
    if adopted.findings is None:
        return adopted
    # The addresses at the gateway are made when it is taken over.
    findings = [{key: value.replace(token, LATER) for key, value in one.items()} for one in adopted.findings]
    return replace(adopted, findings=findings)


def refuse_known(shop: Workshop, name: str) -> None:
    """:raises NotPossible: there is an onboarding of this name; one that is removed counts as none."""
    known = find_row(shop, name)
    if known is not None and known.status is not OnboardingState.REMOVED:
        raise _known(name)


def _known(name: str) -> NotPossible:
    return NotPossible(f"{name} is here already; see `onboard show {name}`")


def _record(connection: Connection, shop: Workshop, spec: AnySpec, secret_values: Mapping[str, str], look: Look) -> int:
    at, by = shop.now(), look.by
    started = start(
        connection, shop.catalogue, shop.vault, spec, secret_values, is_update=False, at=at, grace_seconds=0
    )
    if started.what != "created":
        raise _known(spec.name)
    onboarding_id = started.wakeups[0].onboarding_id
    append_event(connection, onboarding_id, "onboarding:adopted", f"{by} had it taken over", at=at, details={"by": by})
    for each in look.found:
        _record_found(connection, onboarding_id, each, at=at)
    for step in shop.catalogue.steps[:-1]:
        _take_as_done(connection, onboarding_id, step.name, step.skip_reason(spec), by, at=at)
    connection.execute(update(Onboarding).where(Onboarding.c.id == onboarding_id).values(activated_at=at))
    run = {"trigger": "adoption", "sends_message": False, "state": VerificationState.PENDING, "requested_at": at}
    connection.execute(insert(Verification).values(onboarding_id=onboarding_id, findings=[], **run))
    move_step(
        connection,
        onboarding_id=onboarding_id,
        name=shop.catalogue.names[-1],
        sources=(S.PENDING,),
        target=S.READY,
        at=at,
        # If this process ends here, a worker looks.
        due_at=at + timedelta(seconds=shop.settings.wake_grace_seconds),
        settles=False,
    )
    settle_onboarding(connection, onboarding_id, at=at)
    return onboarding_id


def _record_found(connection: Connection, onboarding_id: int, each: Found, *, at: datetime) -> None:
    values = {
        "step": each.step,
        "vendor": each.vendor,
        "kind": each.kind,
        "name": each.name,
        "external_id": each.external_id,
        "state": ResourceState.PRESENT,
        "provenance": Provenance.ADOPTED,
        "declared_by": each.declared_by,
        "details": dict(each.details),
        "intended_at": at,
        "present_at": at,
        "seen_at": None if each.declared_by else at,
    }
    connection.execute(insert(Resource).values(onboarding_id=onboarding_id, **values))
    text = f"adopted {each.kind.replace('_', ' ')} {each.name} ({each.external_id})"
    append_event(connection, onboarding_id, "resource:adopted", text, at=at, step=each.step)


def _take_as_done(
    connection: Connection, onboarding_id: int, step: str, skip: str | None, by: str, *, at: datetime
) -> None:
    """By a person's word, but not one that keeps the step from running again: a retry mends what it can."""
    reason = f"skipped: {skip}" if skip else "adopted as it was found"
    move_step(
        connection,
        onboarding_id=onboarding_id,
        name=step,
        sources=(S.READY, S.PENDING),
        target=S.SKIPPED if skip else S.SUCCEEDED,
        at=at,
        reason=reason,
        settled_by=by,
        details={"by": by, "reason": reason},
        finished_at=at,
        settles=False,
    )
    mine = (Step.c.onboarding_id == onboarding_id, Step.c.name == step)
    connection.execute(update(Step).where(*mine).values(settled_by=None))


class _FirstLook:
    """In place of the last step: every difference of every step, also where something is missing."""

    owns = ()

    def __init__(self, name: str, missing: list[Finding]) -> None:
        self.name = name
        self._missing = missing

    def skip_reason(self, spec: AnySpec) -> str | None:  # noqa: ARG002  applies to every channel
        return None

    def observe(self, ctx: StepContext) -> list[Finding]:  # noqa: ARG002  owns nothing outside
        return []

    def act(self, ctx: StepContext) -> Outcome:
        run = verifications.open_run(ctx)
        findings = list(self._missing)
        for step in ctx.shop.catalogue.steps[:-1]:
            if step.skip_reason(ctx.spec) is None:
                ctx.write(lambda _connection: None)
                findings += _observed(ctx, step)
        errors = verifications.errors_of(findings)
        closing = verifications.closing(ctx, run.id, findings, is_passed=not errors)
        if not errors:
            return Done(also=closing)
        return Failed(f"taken over; {reason_of(errors)}", also=closing)


def _observed(ctx: StepContext, step: Any) -> list[Finding]:
    try:
        return list(step.observe(ctx))
    except Suspend:
        # It lacks what another finding names already.
        return []
    except (NeedsPerson, Refused) as error:
        return [Finding("vendor", error.message, error.cure)]
