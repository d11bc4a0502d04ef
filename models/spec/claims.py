"""What can belong to one channel only: numbers and RCS senders at Twilio, credentials and configurations in an AJO sandbox.

Channels that share one messaging service share what is in its pool. Read from the plain mapping, as the rules are.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.spec.rules import pick

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from models.spec.refusal import Location

# Documented for numbers (21712); that it holds for RCS senders is inference.
SHARED_POOL = "Twilio keeps {} in the pool of one messaging service only"
OTHER_SENDER = (
    "write another one; channels that share it name the same service: twilio.messaging_service.sid, as in the other"
)
OTHER_NAME = "choose another name: AJO tells them apart by name only"


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a spec takes for its channel.

    :param key: the same for the same thing, whatever spec it stands in.
    :param loc: where it stands.
    """

    key: tuple[str, ...]
    loc: Location

    @property
    def is_in_pool(self) -> bool:
        return self.key[0] in {"number", "RCS sender"}

    @property
    def words(self) -> str:
        """``+14155550100``, ``RCS sender rcs:acme_agent``, ``credential 'Acme' of sandbox prod``."""
        kind, value, *scope = self.key
        if self.is_in_pool:
            return value if kind == "number" else f"{kind} {value}"
        return f"{kind} {value!r} of sandbox {scope[-1]}"

    @property
    def why(self) -> str:
        if self.is_in_pool:
            return SHARED_POOL.format("a number" if self.key[0] == "number" else "a sender")
        return "it can lead to one channel only"

    @property
    def cure(self) -> str:
        return OTHER_SENDER if self.is_in_pool else OTHER_NAME


@dataclass(frozen=True, slots=True)
class Claimant:
    """A spec that takes things.

    :param data: its plain mapping.
    :param service: what tells its messaging service from others; None where nobody has looked which one it is.
    """

    name: str
    data: Mapping[str, Any]
    service: str | None = None


@dataclass(slots=True)
class Claims:
    """Who has what, so far."""

    known: dict[tuple[str, ...], list[Claimant]] = field(default_factory=lambda: defaultdict(list))

    def add(self, one: Claimant) -> None:
        for claim in claims_of(one.data):
            self.known[claim.key].append(one)

    def clashes(self, one: Claimant) -> Iterator[tuple[Claim, Claimant]]:
        """What ``one`` takes and another has, who cannot share it."""
        for claim in claims_of(one.data):
            others = (other for other in self.known.get(claim.key, ()) if not _can_share(claim, one, other))
            owner = next(others, None)
            if owner is not None:
                yield claim, owner


def claims_of(data: Mapping[str, Any]) -> Iterator[Claim]:
    numbers = pick(data, "twilio", "numbers")
    for index, number in enumerate(numbers if isinstance(numbers, list) else []):
        yield Claim(("number", number), ("twilio", "numbers", index))
    sender = pick(data, "rcs", "sender_id")
    if sender is not None:
        yield Claim(("RCS sender", sender), ("rcs", "sender_id"))
    sandbox = (pick(data, "ajo", "organization_id"), pick(data, "ajo", "sandbox"))
    for kind, key in (("credential", "credential"), ("channel configuration", "channel_configuration")):
        loc = ("ajo", key, "name")
        yield Claim((kind, pick(data, *loc), *sandbox), loc)


def _can_share(claim: Claim, one: Claimant, other: Claimant) -> bool:
    """Whether it can work as far as anybody can tell: only what cannot is refused."""
    if not _can_be_one_service(one, other):
        return False
    if claim.is_in_pool:
        return True
    # A credential of vendor Twilio sends from one service and number, for SMS and MMS alike.
    if "rcs" in {pick(one.data, "channel"), pick(other.data, "channel")} or _sender(one) != _sender(other):
        return False
    return claim.key[0] == "credential" or pick(one.data, "ajo", "credential", "name") == pick(
        other.data, "ajo", "credential", "name"
    )


def _can_be_one_service(one: Claimant, other: Claimant) -> bool:
    mine, theirs = (each.service or pick(each.data, "twilio", "messaging_service", "sid") for each in (one, other))
    # The service of one SID may be the one that the other channel made; two that are to be made are two.
    return bool(mine == theirs) if mine and theirs else bool(mine or theirs)


def _sender(one: Claimant) -> Any:
    sender = pick(one.data, "ajo", "channel_configuration", "sender")
    return sender if sender is not None else pick(one.data, "twilio", "numbers")[0]
