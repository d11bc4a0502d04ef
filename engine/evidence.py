"""What people hand in to prove what they did: kept with who and when, bounded, and never with a secret in clear."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from engine.transitions import append_event
from models.tables import Evidence, Secret

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from engine.vault import Vault

LARGEST_BYTES = 5 * 1024 * 1024
LARGEST_TOTAL_BYTES = 50 * 1024 * 1024
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A file, or a note under the name ``note.txt``."""

    name: str
    content: bytes


class NotAcceptable(ValueError):
    """It cannot be kept; the message says why and what to do."""


def keep(
    connection: Connection,
    onboarding_id: int,
    item: str,
    exhibits: Sequence[Exhibit],
    *,
    step: str,
    by: str,
    at: datetime,
) -> None:
    """Store what belongs to one task or wait.

    :raises NotAcceptable: one is empty, too large, or there is no more room.
    """
    mine = select(func.coalesce(func.sum(Evidence.c.size), 0)).where(Evidence.c.onboarding_id == onboarding_id)
    used = connection.execute(mine).scalar_one()
    for exhibit in exhibits:
        size = len(exhibit.content)
        _require_size(exhibit, used + size)
        used += size
        sha256 = hashlib.sha256(exhibit.content).hexdigest()
        name = exhibit.name[-LONGEST_NAME:]
        values = {"item": item, "name": name, "size": size, "sha256": sha256, "content": exhibit.content}
        connection.execute(insert(Evidence).values(onboarding_id=onboarding_id, given_by=by, given_at=at, **values))
        text = f"evidence for {item} from {by}: {name}, {size} bytes, sha256 {sha256}"
        append_event(connection, onboarding_id, "evidence:kept", text, at=at, step=step)


def _require_size(exhibit: Exhibit, total: int) -> None:
    size = len(exhibit.content)
    if not size:
        msg = f"{exhibit.name} is empty"
    elif size > LARGEST_BYTES:
        msg = f"{exhibit.name} is larger than {LARGEST_BYTES} bytes: cut the picture, or hand in a part"
    elif total > LARGEST_TOTAL_BYTES:
        msg = f"with {exhibit.name} this onboarding would keep {total} bytes of evidence, and {LARGEST_TOTAL_BYTES} is the most"
    else:
        return
    raise NotAcceptable(msg)


def refuse_secrets(
    connection: Connection, onboarding_id: int, vault: Vault | None, texts: Sequence[tuple[str, bytes]]
) -> None:
    """Refuse what holds one of the onboarding's stored secrets in clear, for it is kept in clear.

    Finds the plain letters only: a secret on a picture, or in a compressed file, nobody sees here.

    :param vault: None where this machine has no key to know the secrets; then nothing is found.
    :raises NotAcceptable: it names the secret, not its value.
    """
    if vault is None:
        return
    names = connection.execute(select(Secret.c.name).where(Secret.c.onboarding_id == onboarding_id)).scalars().all()
    for name in names:
        value = (vault.read(connection, onboarding_id, name) or "").encode()
        for label, content in texts:
            if value and value in content:
                msg = f"{label} holds the secret {name} in clear: blank it out; nothing was recorded"
                raise NotAcceptable(msg)
