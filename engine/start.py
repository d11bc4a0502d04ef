"""``start``: create an onboarding from a spec, or bring it to a changed one, running again only what it touches."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from engine.commands import NotPossible, come_to_present, find, is_being_removed, reopen
from engine.digest import digest
from engine.kinds import AUTH_TOKEN, CHANNEL_CONFIGURATION, FORMER_AUTH_TOKEN, FORMER_SENDER
from engine.transitions import append_event
from engine.verifications import replace_open_runs
from engine.wake import WakeUp
from models.spec.onboarding import spec_from_json, spec_to_json
from models.states import OnboardingState, StepState
from models.tables import Onboarding, Resource, Step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from engine.contract import AnySpec, Catalogue
    from engine.vault import Vault


# The column's.
LONGEST_NAME = 50


@dataclass(frozen=True, slots=True)
class Started:
    """What ``start`` did with one spec: created, unchanged, differs (nothing done) or updated."""

    name: str
    what: str
    differences: list[str] = field(default_factory=list)
    reruns: list[str] = field(default_factory=list)
    wakeups: list[WakeUp] = field(default_factory=list)


def make_mark(spec: AnySpec) -> str:
    """Our fingerprint at the vendors: the same for the same onboarding, also when the database was lost."""
    identity = f"{spec.ajo.organization_id}|{spec.ajo.sandbox}|{spec.name}"
    return "onb-" + hashlib.sha256(identity.encode()).hexdigest()[:10]


def start(
    connection: Connection,
    catalogue: Catalogue,
    vault: Vault,
    spec: AnySpec,
    secret_values: Mapping[str, str],
    *,
    is_update: bool,
    at: datetime,
    grace_seconds: float,
    drifted: Collection[str] = (),
) -> Started:
    """Create the onboarding, or bring it to a changed spec if ``is_update``; idempotent by name.

    :param drifted: steps that run again whether the spec changed or not: their objects are otherwise than declared.
    """
    stored = spec_to_json(spec)
    row = connection.execute(
        select(Onboarding).where(Onboarding.c.name == spec.name).with_for_update(key_share=True)
    ).one_or_none()
    if row is not None and row.status is OnboardingState.REMOVED:
        archive(connection, row, at=at)
        row = None
    if row is None:
        return _create(connection, catalogue, vault, spec, secret_values, at=at, grace_seconds=grace_seconds)
    changed_secrets = [name for name, value in secret_values.items() if vault.read(connection, row.id, name) != value]
    differences = spec_differences(row.spec, stored) + [f"{name}: another secret" for name in changed_secrets]
    is_going = row.status is not OnboardingState.CANCELLED and is_being_removed(connection, row.id)
    if is_going and not (is_update and differences):
        msg = f"{spec.name} is being taken down; once it is removed, this begins anew. To build it up again instead: "
        raise NotPossible(msg + f"`onboard cancel {spec.name}`, then `onboard retry {spec.name}`")
    if not differences and not drifted:
        return Started(spec.name, "unchanged")
    refuse_other_identity(spec.name, row.spec, stored)
    if not is_update:
        return Started(spec.name, "differs", differences)
    if row.status is OnboardingState.CANCELLED:
        raise NotPossible(f"{spec.name} is cancelled; take it up again first: `onboard retry {spec.name}`")
    come_to_present(connection, catalogue, row, at=at)
    if is_being_removed(connection, row.id):
        if len(differences) > len(changed_secrets):
            raise NotPossible(f"{spec.name} is being taken down: only its secrets can still change")
        _write_secrets(connection, vault, row.id, secret_values, changed_secrets, at=at)
        wakeups = (
            []
            if row.status is OnboardingState.PAUSED
            else reopen(connection, catalogue, row, set(), at=at, grace_seconds=grace_seconds)
        )
        return Started(spec.name, "updated", differences, [wakeup.step for wakeup in wakeups], wakeups)
    _write_secrets(connection, vault, row.id, secret_values, changed_secrets, at=at)
    reruns, wakeups = _apply_update(
        connection,
        catalogue,
        row,
        spec,
        {name.split(".", maxsplit=1)[0] for name in changed_secrets},
        drifted=drifted,
        at=at,
        grace_seconds=grace_seconds,
    )
    return Started(spec.name, "updated", differences, reruns, wakeups)


def mend(
    connection: Connection,
    catalogue: Catalogue,
    name: str,
    steps: Collection[str],
    *,
    at: datetime,
    grace_seconds: float,
) -> list[WakeUp]:
    """Run steps again whose objects are otherwise than declared, and then the proof.

    :raises engine.commands.UnknownOnboarding: there is none of this name.
    :raises NotPossible: it is cancelled, or being taken down; or as :func:`engine.commands.come_to_present`.
    """
    row = find(connection, name)
    if row.status is OnboardingState.CANCELLED:
        raise NotPossible(f"{name} is cancelled; take it up again first: `onboard retry {name}`")
    if is_being_removed(connection, row.id):
        raise NotPossible(f"{name} is being taken down: nothing is mended there")
    come_to_present(connection, catalogue, row, at=at)
    spec = spec_from_json(row.spec)
    return _apply_update(connection, catalogue, row, spec, set(), drifted=steps, at=at, grace_seconds=grace_seconds)[1]


def refuse_other_identity(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """:raises NotPossible: two stored specs are of different onboardings, whatever their name."""
    words = ("channel", "organisation", "sandbox", "account", "RCS sender")
    changed = [word for word, was, is_now in zip(words, _identity(old), _identity(new), strict=True) if was != is_now]
    if changed:
        raise NotPossible(f"{name}: {' and '.join(changed)} cannot change; start a new onboarding under another name")


def _write_secrets(
    connection: Connection,
    vault: Vault,
    onboarding_id: int,
    values: Mapping[str, str],
    names: Iterable[str],
    *,
    at: datetime,
) -> None:
    for name in names:
        if name == AUTH_TOKEN:
            # Until Twilio signs with the new one, callbacks come with the old one.
            vault.move(connection, onboarding_id, AUTH_TOKEN, FORMER_AUTH_TOKEN, at=at)
        vault.write(connection, onboarding_id, name, values[name], at=at)


def archive(connection: Connection, row: Row[Any], *, at: datetime) -> None:
    """Free the name of a removed onboarding: its history, evidence and messages stay, as ``NAME~ID``."""
    ending = f"~{row.id}"
    name = row.name[: LONGEST_NAME - len(ending)] + ending
    text = f"{row.name} is started anew; this is its history from now on, as {name}"
    append_event(connection, row.id, "onboarding:archived", text, at=at)
    connection.execute(update(Onboarding).where(Onboarding.c.id == row.id).values(name=name))


def _identity(stored: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes it this onboarding and no other."""
    ajo, rcs = stored["ajo"], stored.get("rcs") or {}
    return (
        stored["channel"],
        ajo["organization_id"],
        ajo["sandbox"],
        stored["twilio"]["account_sid"],
        rcs.get("sender_id"),
    )


def _create(
    connection: Connection,
    catalogue: Catalogue,
    vault: Vault,
    spec: AnySpec,
    secret_values: Mapping[str, str],
    *,
    at: datetime,
    grace_seconds: float,
) -> Started:
    stored = spec_to_json(spec)
    onboarding_id = connection.execute(
        insert(Onboarding)
        .values(
            name=spec.name,
            channel=spec.channel,
            brand=spec.brand,
            organization_id=spec.ajo.organization_id,
            sandbox=spec.ajo.sandbox,
            twilio_account=spec.twilio.account_sid,
            graph_version=catalogue.version,
            status=OnboardingState.RUNNING,
            mark=make_mark(spec),
            endpoint_token=secrets.token_urlsafe(24),
            spec=stored,
            spec_digest=digest(stored),
            created_at=at,
            updated_at=at,
        )
        .returning(Onboarding.c.id)
    ).scalar_one()
    due_at = at + timedelta(seconds=grace_seconds)
    connection.execute(
        insert(Step),
        [
            {
                "onboarding_id": onboarding_id,
                "name": step.name,
                "position": position,
                "state": StepState.READY if position == 0 else StepState.PENDING,
                "due_at": due_at if position == 0 else None,
                "inputs_digest": digest(step.inputs(spec)),
                "attempt": 0,
                "failures": 0,
                "lost_leases": 0,
                "is_signalled": False,
            }
            for position, step in enumerate(catalogue.steps)
        ],
    )
    for name, value in secret_values.items():
        vault.write(connection, onboarding_id, name, value, at=at)
    append_event(connection, onboarding_id, "onboarding:started", f"{spec.channel} for {spec.brand}", at=at)
    first = catalogue.steps[0].name
    return Started(spec.name, "created", wakeups=[WakeUp(onboarding_id, spec.name, first)])


def spec_differences(old: Any, new: Any) -> list[str]:
    """Of two stored specs, one line per leaf: ``path: old -> new``."""
    return list(_differences("", old, new))


def _differences(path: str, old: Any, new: Any) -> Iterable[str]:
    """Readable differences of two stored specs, one line per leaf. Specs hold no secrets, so values may be shown."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences(f"{path}.{key}" if path else key, old.get(key), new.get(key))
    elif old != new:
        yield f"{path}: {old!r} -> {new!r}"


def _apply_update(
    connection: Connection,
    catalogue: Catalogue,
    row: Row[Any],
    spec: AnySpec,
    vendors_with_new_secrets: set[str],
    *,
    drifted: Collection[str],
    at: datetime,
    grace_seconds: float,
) -> tuple[list[str], list[WakeUp]]:
    """Store the spec and re-run the steps whose inputs changed, and verification whenever any did."""
    stored = spec_to_json(spec)
    connection.execute(
        update(Onboarding)
        .where(Onboarding.c.id == row.id)
        .values(spec=stored, spec_digest=digest(stored), brand=spec.brand, updated_at=at)
    )
    _keep_former_sender(connection, row, spec)
    digests = {step.name: digest(step.inputs(spec)) for step in catalogue.steps}
    known = dict(
        connection.execute(select(Step.c.name, Step.c.inputs_digest).where(Step.c.onboarding_id == row.id)).all()
    )
    touched = touched_steps(catalogue, spec, known, vendors_with_new_secrets) | set(drifted)
    if not touched:
        return [], []
    touched.add(catalogue.steps[-1].name)
    for name, value in digests.items():
        connection.execute(
            update(Step).where(Step.c.onboarding_id == row.id, Step.c.name == name).values(inputs_digest=value)
        )
    replace_open_runs(connection, row.id, at=at, only_silent=False)
    what = "brought back to its spec" if row.spec == stored and not vendors_with_new_secrets else "spec changed"
    append_event(connection, row.id, "onboarding:updated", f"{what}; touches " + ", ".join(sorted(touched)), at=at)
    return sorted(touched, key=catalogue.names.index), reopen(
        connection, catalogue, row, touched, at=at, grace_seconds=grace_seconds
    )


def _keep_former_sender(connection: Connection, row: Row[Any], spec: AnySpec) -> None:
    """AJO names it in what it sends until its channel configuration is changed, which forgets it here (`record`)."""
    former = spec_from_json(row.spec).sender
    if former == spec.sender:
        return
    mine = (Resource.c.onboarding_id == row.id, Resource.c.kind == CHANNEL_CONFIGURATION)
    details = connection.execute(select(Resource.c.details).where(*mine)).scalar_one_or_none()
    if details is not None:
        # Of two changes in a row AJO has heard of neither.
        kept = {FORMER_SENDER: former} | details
        connection.execute(update(Resource).where(*mine).values(details=kept))


def touched_steps(
    catalogue: Catalogue, spec: AnySpec, known: Mapping[str, str], vendors_with_new_secrets: set[str]
) -> set[str]:
    """Steps that depend on what changed.

    :param known: the digests of the steps' inputs as they were; a step that is new has none.
    """
    return {
        step.name
        for step in catalogue.steps
        if digest(step.inputs(spec)) != known.get(step.name) or vendors_with_new_secrets & set(step.inputs(spec))
    }
