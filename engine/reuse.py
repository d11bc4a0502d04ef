"""What is used already and would be used again: by another channel, or in another AJO sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from models.spec.claims import Claimant, Claims, claims_of
from models.states import OnboardingState
from models.tables import Onboarding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from engine.memory import View
    from models.spec.claims import Claim

ADVICE = (
    "Adobe advises a separate agent, credential, webhook and callback URL for each sandbox, and never to reuse one "
    '(Adobe, "Custom SMS provider"): what is reused crosses the sandboxes\' replies and reports'
)


@dataclass(frozen=True, slots=True)
class Other:
    """An onboarding that is not removed, or is about to be started.

    :param spec: as it is stored.
    :param service: SID of the messaging service that it uses; None before there is one.
    """

    name: str
    organization: str
    sandbox: str
    spec: Mapping[str, Any]
    service: str | None = None

    @property
    def claimant(self) -> Claimant:
        declared = self.spec["twilio"]["messaging_service"].get("sid")
        return Claimant(self.name, self.spec, self.service or declared or f"that of {self.name}")


@dataclass(frozen=True, slots=True)
class Taken:
    """Something that ``owner`` has and that can belong to one channel only."""

    claim: Claim
    owner: Other

    @property
    def problem(self) -> str:
        name = self.owner.name
        return f"{self.claim.words} belongs to {name} (`onboard show {name}`), and {self.claim.why}"

    @property
    def cure(self) -> str:
        free = f"or free it first: `onboard teardown {self.owner.name}`"
        if self.claim.is_in_pool and self.owner.service:
            return f"write another one; to share it, write twilio.messaging_service.sid: {self.owner.service}; {free}"
        return f"write another one, {free}"


def find_taken(wanted: Sequence[Other], others: Iterable[Other]) -> Iterator[tuple[Other, Taken]]:
    """What each of ``wanted`` would take from another, also from one before it.

    What its own onboarding, among ``others`` by the same name, had before is no news and is let be.
    """
    known = {other.name: other for other in others}
    own = {one.name: known.pop(one.name, None) for one in wanted}
    claims = Claims()
    for other in known.values():
        claims.add(other.claimant)
    for one in wanted:
        before = own[one.name]
        had = {claim.key for claim in claims_of(before.spec)} if before is not None else set()
        for claim, owner in claims.clashes(one.claimant):
            if claim.key not in had:
                yield one, Taken(claim, known[owner.name])
        claims.add(one.claimant)
        known[one.name] = one


def owner_of(ctx: View, sender: str) -> str | None:
    """The onboarding of the same account that was started first with this number or RCS sender, other than ours."""
    theirs = (
        Onboarding.c.twilio_account == ctx.spec.twilio.account_sid,
        Onboarding.c.status != OnboardingState.REMOVED,
        Onboarding.c.id != ctx.onboarding_id,
    )
    known = ctx.read(select(Onboarding.c.name, Onboarding.c.spec).where(*theirs).order_by(Onboarding.c.id))
    return next((row.name for row in known if sender in senders_of(row.spec)), None)


def senders_of(spec: Mapping[str, Any]) -> set[str]:
    """Numbers and RCS sender: replies to them go to one place. One auth token may serve several sandboxes."""
    rcs = spec.get("rcs") or {}
    return {*spec["twilio"]["numbers"], *([rcs["sender_id"]] if "sender_id" in rcs else [])}


def find_reuse(others: Iterable[Other], senders: Iterable[str]) -> Iterator[str]:
    """A sentence for each sender that one of the others has."""
    wanted = list(senders)
    for other in others:
        used = senders_of(other.spec)
        for each in wanted:
            if each in used:
                yield f"{each} is used by {other.name} in sandbox {other.sandbox}. {ADVICE}"
