"""What a step sees: its declaration, its vendors, its memory. Every write proves the lease in the same transaction.

Nothing here keeps a transaction open while a vendor is called: each method opens a short one of its own.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Row, select, update

from engine import checklist, operator_tasks
from engine.claim import hold
from engine.contract import Finding, Suspend, Wait
from engine.memory import Memory
from engine.transitions import append_event
from engine.upsert import upsert
from models.db import reader
from models.spec.onboarding import spec_from_json
from models.states import Provenance, ResourceState, StepState
from models.tables import Onboarding, Resource, Step
from settings import LONGEST_CALL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from engine.claim import Lease
    from engine.contract import AnySpec, Catalogue
    from engine.vault import Vault
    from providers.ajo.client import AjoClient
    from providers.twilio.client import TwilioClient
    from settings import Settings


class Vendors(Protocol):
    """The clients of one onboarding, made on first use with its own credentials."""

    @property
    def twilio(self) -> TwilioClient: ...
    @property
    def ajo(self) -> AjoClient: ...
    def twilio_by_key(self, key_sid: str, key_secret: str) -> TwilioClient: ...


@dataclass(frozen=True)
class Workshop:
    """What every run of every step shares in one process."""

    db: Engine
    vault: Vault
    settings: Settings
    catalogue: Catalogue
    make_vendors: Callable[[Settings, AnySpec, Callable[[str], str]], Vendors]
    now: Callable[[], datetime]
    worker: str
    threads: int = 0
    """Steps that this process runs at a time; 0 where that does not matter."""
    stops: threading.Event = field(default_factory=threading.Event)
    """Set when this process shall end: no step begins another call."""


def _history(known: Row[Any] | None, external_id: str) -> dict[str, Any]:
    """How the same object was before we changed it (``engine.removal``): whatever else is recorded of it, that stays."""
    if known is None or known.external_id != external_id:
        return {}
    return {key: known.details[key] for key in ("before", "added") if key in known.details}


def scaled(settings: Settings, **duration: float) -> timedelta:
    """A polling interval, shortened by ``ONBOARD_WAIT_SCALE`` against the simulator; at least a quarter second."""
    seconds = timedelta(**duration).total_seconds() * settings.wait_scale
    return timedelta(seconds=max(seconds, 0.25))


def person_wait(settings: Settings, reason: str, *, topic: str = "person", look_again: timedelta | None = None) -> Wait:
    return Wait(
        topic=topic,
        reason=reason,
        who="a person",
        look_again=look_again or scaled(settings, hours=6),
        at_most=timedelta(days=365),
        needs_person=True,
    )


class StepContext(Memory):
    """One run of one step."""

    def __init__(self, shop: Workshop, lease: Lease) -> None:
        super().__init__(shop, lease.onboarding_id)
        self.lease = lease
        with reader(shop.db).begin() as connection:
            row = connection.execute(select(Onboarding).where(Onboarding.c.id == lease.onboarding_id)).one()
            step = select(Step.c.waiting_topic, Step.c.due_at).where(Step.c.id == lease.step_id)
            self.waiting_topic: str | None
            """What the step waited for until now; None when it starts afresh."""
            self._held_until: datetime | None
            self.waiting_topic, self._held_until = connection.execute(step).one()
        self.name: str = row.name
        self.mark: str = row.mark
        self.endpoint_token: str = row.endpoint_token
        self.spec: AnySpec = spec_from_json(row.spec)
        self.vendors = shop.make_vendors(shop.settings, self.spec, self.secret)

    # -- time ---------------------------------------------------------------------------------------------------
    def scaled(self, **duration: float) -> timedelta:
        return scaled(self.settings, **duration)

    # -- memory -------------------------------------------------------------------------------------------------
    def write(self, work: Callable[[Connection], object]) -> None:
        """Run ``work`` in one transaction that also proves and extends the lease.

        :raises engine.claim.LeaseLost: somebody else took over; nothing was written.
        """
        at = self.now()
        with self.shop.db.begin() as connection:
            hold(connection, self.lease, at=at, lease_seconds=self.settings.lease_seconds)
            work(connection)
        self._held_until = at + timedelta(seconds=self.settings.lease_seconds)

    def hold_for_a_call(self) -> None:
        """Make sure, right before a call that changes something, that the lease outlasts it.

        A process may have slept (a stopped machine, a full one) since it last looked, and another one may have done its
        work meanwhile: what this one makes now would be there twice.

        :raises engine.claim.LeaseLost: it is not ours any more.
        """
        longest = timedelta(seconds=LONGEST_CALL * self.settings.http_timeout_seconds)
        if self._held_until is None or self.now() + longest > self._held_until:
            self.write(lambda _connection: None)

    def log(self, kind: str, text: str) -> None:
        self.write(lambda connection: self.append(connection, kind, text))

    def append(self, connection: Connection, kind: str, text: str) -> None:
        """Log within a transaction of :meth:`write`."""
        append_event(connection, self.lease.onboarding_id, kind, text, at=self.now(), step=self.lease.step)

    # -- secrets ------------------------------------------------------------------------------------------------
    def secret(self, name: str) -> str:
        """A secret of this onboarding in clear.

        :raises Suspend: it is missing, so a person has to run ``update``.
        """
        value = self.find_secret(name)
        if value is None:
            raise Suspend(
                self.person_wait(f"the secret {name} is not stored; run `onboard update FILE` where it can be read")
            )
        return value

    def keep_secret(self, name: str, value: str) -> None:
        self.write(
            lambda connection: self.shop.vault.write(connection, self.lease.onboarding_id, name, value, at=self.now())
        )

    # -- resources ----------------------------------------------------------------------------------------------
    def external_id(self, kind: str) -> str:
        """The vendor's id of a resource that an earlier step made sure of.

        :raises Suspend: it is not recorded; the earlier step has to run again.
        """
        row = self.resource(kind)
        if row is None or row.external_id is None:
            raise Suspend(self.person_wait(f"no {kind.replace('_', ' ')} is recorded; run `onboard retry {self.name}`"))
        return str(row.external_id)

    def intend(self, kind: str, *, vendor: str, name: str) -> None:
        """Commit that we are about to create this: what a crash leaves behind can then be told as ours."""

        def work(connection: Connection) -> None:
            values: dict[str, Any] = {
                "vendor": vendor,
                "name": name,
                "step": self.lease.step,
                "state": ResourceState.INTENDED,
                "external_id": None,
                "provenance": None,
                "declared_by": None,
                "details": {},
                "intended_at": self.now(),
                "present_at": None,
                "seen_at": None,
            }
            upsert(connection, Resource, key={"onboarding_id": self.lease.onboarding_id, "kind": kind}, values=values)
            self.append(connection, "resource:intended", f"about to create {kind.replace('_', ' ')} {name} at {vendor}")

        self.write(work)

    def record(
        self,
        kind: str,
        *,
        vendor: str,
        name: str,
        external_id: str,
        provenance: Provenance,
        details: Mapping[str, Any] | None = None,
        declared_by: str | None = None,
    ) -> None:
        """Commit that this exists. Says so in the event log only when it is news."""
        known = self.resource(kind)
        is_news = known is None or known.external_id != external_id or known.state is not ResourceState.PRESENT

        def work(connection: Connection) -> None:
            values: dict[str, Any] = {
                "vendor": vendor,
                "name": name,
                "step": self.lease.step,
                "state": ResourceState.PRESENT,
                "external_id": external_id,
                "details": {**_history(known, external_id), **(details or {})},
                "seen_at": self.now(),
            }
            if is_news:
                values |= {"provenance": provenance, "declared_by": declared_by, "present_at": self.now()}
                values |= {"intended_at": known.intended_at if known else self.now()}
                text = f"{provenance} {kind.replace('_', ' ')} {name} ({external_id}) at {vendor}"
                self.append(connection, f"resource:{provenance}", text)
            key = {"onboarding_id": self.lease.onboarding_id, "kind": kind}
            if is_news:
                upsert(connection, Resource, key=key, values=values)
            else:
                connection.execute(update(Resource).filter_by(**key).values(**values))

        self.write(work)

    # -- checklist and people -----------------------------------------------------------------------------------
    def check(self, item: str, *, is_met: bool | None, each: str | None = None, detail: str | None = None) -> None:
        """Record one item of ``models/checklists``; ``is_met`` None means still open.

        :param each: the country or number, for an item that has a row for each of them.
        """
        checklist.record(self, item, is_met=is_met, each=each, detail=detail)

    def person_wait(self, reason: str, *, topic: str = "person", look_again: timedelta | None = None) -> Wait:
        return person_wait(self.settings, reason, topic=topic, look_again=look_again)

    def ask_person(
        self,
        key: str,
        *,
        title: str,
        place: str,
        fields: Sequence[Mapping[str, str]],
        bring_back: Sequence[str],
        params: Mapping[str, str] | None = None,
        instructions: Sequence[str] = (),
    ) -> operator_tasks.Answer:
        """What a person brought back for this task. All texts are ids of :mod:`engine.texts`.

        :param fields: ``{"label"}`` with one of ``value`` (to be copied), ``choice`` (a word of the form's list), ``note``
            (nothing to copy) and ``secret`` (the name of a stored one); ``name`` fills the label's placeholder.
        :param params: what the placeholders of the title and the instructions stand for.
        :raises Suspend: the task is still open (it is opened, or opened again when what is wanted has changed).
        """
        named = {field["secret"] for field in fields if "secret" in field}
        secrets = {name: self.find_secret(name) or "" for name in named}
        answer: list[operator_tasks.Answer | operator_tasks.StillOpen] = []
        self.write(
            lambda connection: answer.append(
                operator_tasks.open_task(
                    connection,
                    onboarding_id=self.lease.onboarding_id,
                    step=self.lease.step,
                    key=key,
                    title=title,
                    place=place,
                    fields=fields,
                    secrets=secrets,
                    bring_back=bring_back,
                    at=self.now(),
                    params=params,
                    instructions=instructions,
                )
            )
        )
        found = answer[0]
        if isinstance(found, operator_tasks.StillOpen):
            why = f" ({found.why})" if found.why else ""
            how = f"see `onboard task show {self.name} {key}`, then `onboard task done {self.name} {key}`"
            raise Suspend(self.person_wait(f"{found.title}{why}: {how}", topic=key))
        return found

    def observe_all(self) -> list[Finding]:
        """The findings of every other step that applies and that nobody skipped; what verification looks at."""
        findings: list[Finding] = []
        left_out = {self.lease.step, *self._skipped_by_hand()}
        for step in self.shop.catalogue.steps:
            if step.name not in left_out and step.skip_reason(self.spec) is None:
                # Many calls without a write between them: a slow vendor must not cost the lease.
                self.write(lambda _connection: None)
                findings += step.observe(self)
        return findings

    def _skipped_by_hand(self) -> list[str]:
        rows = self.read(
            select(Step.c.name).where(
                Step.c.onboarding_id == self.lease.onboarding_id,
                Step.c.state == StepState.SKIPPED,
                Step.c.settled_by.isnot(None),
            )
        )
        return [row.name for row in rows]
