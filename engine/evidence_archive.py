"""The form of an evidence pack: a ZIP whose every byte follows from its files, an event log in a chain, a manifest.

Nothing is compressed, no clock is read, names are in a fixed order: the same files make the same bytes on every machine.
So a check can make the archive anew and compare, and no byte of it, headers included, can change unseen.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORMAT = "onboard evidence 1"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
EVENTS = "events.jsonl"
# What the first event of a log follows.
GENESIS = "0" * 64
# The earliest moment that ZIP knows.
NO_TIME = (1980, 1, 1, 0, 0, 0)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def to_json(value: Any) -> bytes:
    """For people and programs: indented, one form for one value."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def link(previous: str, event: Mapping[str, Any]) -> str:
    """The hash of one event: over its own fields and the hash of the one before."""
    plain = json.dumps(event, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(f"{previous}\n{plain}".encode())


def chain(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The events in their order, each with its number, the hash before it and its own."""
    linked: list[dict[str, Any]] = []
    previous = GENESIS
    for number, event in enumerate(events, start=1):
        body = {"seq": number, **event}
        digest = link(previous, body)
        linked.append({**body, "previous": previous, "hash": digest})
        previous = digest
    return linked


def seal(files: Mapping[str, bytes], about: Mapping[str, Any], key: Ed25519PrivateKey | None) -> bytes:
    """The archive of these files, in their order, with a manifest of them; signed if there is a key.

    :param about: what the manifest says beside the files.
    """
    listed = [{"path": path, "size": len(content), "sha256": sha256(content)} for path, content in files.items()]
    manifest = to_json({"format": FORMAT, **about, "files": listed})
    sealed = {**files, MANIFEST: manifest}
    if key is not None:
        sealed[SIGNATURE] = base64.b64encode(key.sign(manifest)) + b"\n"
    return archive(sealed)


def archive(files: Mapping[str, bytes]) -> bytes:
    """The bytes of the ZIP. Its comment holds the manifest's hash: the digest by which a pack is known."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as pack:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, NO_TIME)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            pack.writestr(entry, content)
        pack.comment = f"{FORMAT} sha256:{sha256(files.get(MANIFEST, b''))}".encode()
    return buffer.getvalue()
