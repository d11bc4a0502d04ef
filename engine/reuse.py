"""What is used in one AJO sandbox and would be used in another too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ADVICE = (
    "Adobe advises a separate agent, credential, webhook and callback URL for each sandbox, and never to reuse one "
    '(Adobe, "Custom SMS provider"): what is reused crosses the sandboxes\' replies and reports'
)


@dataclass(frozen=True, slots=True)
class Other:
    """An onboarding of the same organisation that is not removed.

    :param spec: as it is stored.
    """

    name: str
    sandbox: str
    spec: Mapping[str, Any]


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
