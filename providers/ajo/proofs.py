"""Proofs of a campaign: AJO itself sends its message to one phone number.

Sources: AdobeDocs journey-optimizer-apis, simulations 0.0.1 (proofs) and campaigns-retrieve v1.79 (publish validation).
The API has no idempotency key and no list of proofs, and names no single message: what became of one is seen elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from providers.answers import read_answer, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from providers.ajo.client import SignedHttp

VENDOR = "Adobe"
PATH = "/ajo/simulations/campaigns"
CAMPAIGNS = "/journey/campaigns/service/campaigns"
# Name of the context attribute that carries our reference: `{{context.onboard_reference}}` in a campaign's text shows it.
REFERENCE = "onboard_reference"


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof job; ``status`` in Adobe's words, ``failures`` as Adobe tells them to people."""

    job_id: str
    status: str
    failures: tuple[str, ...]


class Proofs:
    """Has campaigns of one sandbox send proofs."""

    def __init__(self, http: SignedHttp) -> None:
        self._http = http

    def create(self, campaign_id: str, *, phone_number: str, user_id: str, namespace: str, reference: str) -> Proof:
        """Ask for a proof; each call makes one. AJO works on it after it has answered.

        :param phone_number: E.164; it counts instead of the profile's own.
        :raises providers.errors.NotFound: there is no such campaign in the sandbox.
        :raises providers.errors.Refused: AJO makes no proof of it.
        :raises providers.errors.Retryable: ``ambiguous``: it may have been made.
        """
        recipient = {
            "userId": user_id,
            "namespace": namespace,
            # RCS has no name of its own among the channels (email, push, sms): sms is inference.
            "channelsData": [{"channel": "sms", "phoneNumbers": [phone_number]}],
            "context": {REFERENCE: reference},
        }
        operation = f"send a proof of campaign {campaign_id}"
        path = f"{PATH}/{quote(campaign_id, safe='')}/proofs"
        body = self._http.request("POST", path, operation=operation, json={"recipients": [recipient]})
        return read_answer(_proof, body, vendor=VENDOR, operation=operation, is_write=True)

    def fetch(self, campaign_id: str, job_id: str) -> Proof:
        """:raises providers.errors.NotFound: AJO does not know the job."""
        operation = f"read proof {job_id}"
        path = f"{PATH}/{quote(campaign_id, safe='')}/proofs/{quote(job_id, safe='')}"
        return read_answer(
            _proof, self._http.request("GET", path, operation=operation), vendor=VENDOR, operation=operation
        )

    def obstacles(self, campaign_id: str) -> tuple[str, ...]:
        """What AJO says would keep the campaign from being published; also a channel configuration that is not active."""
        operation = f"check campaign {campaign_id}"
        path = f"{CAMPAIGNS}/{quote(campaign_id, safe='')}/publish/validation"
        body = self._http.request("GET", path, operation=operation)

        def read(answer: dict[str, Any]) -> tuple[str, ...]:
            return _sentences(note for item in answer["data"] for note in item.get("notifications") or ())

        return read_answer(read, body, vendor=VENDOR, operation=operation)


def _proof(body: dict[str, Any]) -> Proof:
    return Proof(str(body["proofJobId"]), str(body["status"]), _sentences(_failures(body)))


def _failures(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in body.get("proofs") or ():
        for profile in item.get("proofFailureReasons") or ():
            yield from profile.get("failureReasons") or ()


def _sentences(problems: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """One per problem, each once."""
    return tuple(dict.fromkeys(reason(problem, "title", "message", "type") for problem in problems))
