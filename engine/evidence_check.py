"""Checks an evidence pack with nothing but the file: the archive, its manifest, every hash, the chain, the signature."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature

from engine.evidence_archive import EVENTS, FORMAT, GENESIS, MANIFEST, SIGNATURE, archive, link, sha256

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# What reading a damaged archive raises.
DAMAGED = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError)

# How each file in an archive begins. What tells that it is an archive stands at its end.
ENTRY = b"PK\x03\x04"


@dataclass
class Report:
    """``problems`` names each thing that does not fit; the rest is what the pack says of itself."""

    problems: list[str] = field(default_factory=list)
    onboarding: str | None = None
    digest: str | None = None
    files: int = 0
    events: int = 0
    is_signed: bool = False
    signature_checked: bool = False


def check(data: bytes, *, key: Ed25519PublicKey | None = None, earlier: bytes | None = None) -> Report:
    """Everything that can be found out about a pack offline.

    :param key: the signer's; without it a signature is only seen, not checked.
    :param earlier: an older pack of the same onboarding, whose log this one's must go on from.
    """
    report = Report()
    files = _read(data, report)
    if files is None:
        return report
    manifest = _read_manifest(files, report)
    if manifest is not None:
        _check_files(files, manifest, report)
        hashes = _check_chain(files, manifest, report)
        if earlier is not None:
            _check_continuation(earlier, manifest, hashes, report)
    _check_signature(files, key, report)
    if not report.problems:
        _check_frame(data, files, report)
    return report


def _read(data: bytes, report: Report) -> dict[str, bytes] | None:
    files: dict[str, bytes] = {}
    if not zipfile.is_zipfile(io.BytesIO(data)):
        what = "it was cut off: get it anew" if data.startswith(ENTRY) else "this is no evidence pack"
        report.problems.append(f"the archive cannot be read: {what}")
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as pack:
            for entry in pack.infolist():
                if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & ~0x800:
                    report.problems.append(f"{entry.filename}: is not stored as packs store files")
                    return None
                if entry.filename in files:
                    report.problems.append(f"{entry.filename}: is there twice")
                try:
                    files[entry.filename] = pack.read(entry)
                except DAMAGED as error:
                    report.problems.append(f"{entry.filename}: its bytes are damaged ({error})")
    except DAMAGED as error:
        report.problems.append(f"the archive cannot be read ({error})")
        return None
    return None if report.problems else files


def _read_manifest(files: dict[str, bytes], report: Report) -> dict[str, Any] | None:
    if MANIFEST not in files:
        report.problems.append(f"{MANIFEST} is missing: this is no evidence pack")
        return None
    try:
        manifest = json.loads(files[MANIFEST])
        if manifest["format"] != FORMAT:
            report.problems.append(
                f"{MANIFEST}: its format is {manifest['format']!r}, and this program knows {FORMAT!r}"
            )
            return None
        report.onboarding = str(manifest["onboarding"])
        listed = {str(item["path"]): (int(item["size"]), str(item["sha256"])) for item in manifest["files"]}
        chained = {"events": int(manifest["chain"]["events"]), "head": str(manifest["chain"]["head"])}
        found = {"listed": listed, "chain": chained, "mark": str(manifest["mark"])}
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        report.problems.append(f"{MANIFEST} cannot be understood ({type(error).__name__}: {error})")
        return None
    report.digest = sha256(files[MANIFEST])
    return found


def _check_files(files: dict[str, bytes], manifest: dict[str, Any], report: Report) -> None:
    listed = manifest["listed"]
    for path, (size, digest) in listed.items():
        if path not in files:
            report.problems.append(f"{path}: is listed in the manifest and missing in the archive")
        elif len(files[path]) != size:
            report.problems.append(f"{path}: has {len(files[path])} bytes, and the manifest says {size}")
        elif sha256(files[path]) != digest:
            report.problems.append(f"{path}: its SHA-256 is {sha256(files[path])}, and the manifest says {digest}")
        else:
            report.files += 1
    report.problems += [
        f"{path}: is in the archive and not in the manifest"
        for path in files.keys() - listed.keys() - {MANIFEST, SIGNATURE}
    ]


def _check_chain(files: dict[str, bytes], manifest: dict[str, Any], report: Report) -> list[str]:
    """The hashes of the events up to the first that does not fit."""
    previous = GENESIS
    hashes: list[str] = []
    for number, line in enumerate(files.get(EVENTS, b"").splitlines(), start=1):
        try:
            event = json.loads(line)
            body = {name: event[name] for name in event if name not in {"previous", "hash"}}
            fits = event["previous"] == previous and event["hash"] == link(previous, body) and event["seq"] == number
        except (ValueError, KeyError, TypeError, RecursionError):
            fits = False
        if not fits:
            report.problems.append(f"{EVENTS}:{number}: this event does not follow from the one before it")
            return hashes
        previous = event["hash"]
        hashes.append(previous)
    chained = manifest["chain"]
    if (len(hashes), previous) != (chained["events"], chained["head"]):
        what = f"{len(hashes)} events that end in {previous}"
        report.problems.append(f"{EVENTS}: has {what}, and the manifest says {chained['events']} in {chained['head']}")
    report.events = len(hashes)
    return hashes


def _check_continuation(earlier: bytes, manifest: dict[str, Any], hashes: list[str], report: Report) -> None:
    """What the earlier pack logged must be the beginning of this log; and the earlier pack must fit itself."""
    before = check(earlier)
    if before.problems:
        report.problems += [f"the earlier pack: {problem}" for problem in before.problems]
        return
    again = Report()
    files = _read(earlier, again) or {}
    older = _read_manifest(files, again) or {}
    known = _check_chain(files, older, again)
    if (before.onboarding, older["mark"]) != (report.onboarding, manifest["mark"]):
        report.problems.append(f"the earlier pack is of another onboarding, {before.onboarding} [{older['mark']}]")
    elif hashes[: len(known)] != known:
        pairs = zip(known, hashes, strict=False)
        at = next((number for number, (a, b) in enumerate(pairs, start=1) if a != b), len(hashes) + 1)
        report.problems.append(
            f"{EVENTS}:{at}: this event is not what the earlier pack says; the log was changed since"
        )


def _check_signature(files: dict[str, bytes], key: Ed25519PublicKey | None, report: Report) -> None:
    report.is_signed = SIGNATURE in files
    if key is None:
        return
    if not report.is_signed:
        report.problems.append("the pack is not signed")
        return
    try:
        key.verify(base64.b64decode(files[SIGNATURE], validate=False), files.get(MANIFEST, b""))
        report.signature_checked = True
    except (InvalidSignature, ValueError):
        report.problems.append(f"{SIGNATURE}: is not this key's signature of the manifest")


def _check_frame(data: bytes, files: dict[str, bytes], report: Report) -> None:
    """All contents fit; so must what holds them together: made anew, the archive is the same."""
    anew = archive(files)
    if anew != data:
        pairs = zip(anew, data, strict=False)
        at = next((number for number, (a, b) in enumerate(pairs) if a != b), min(len(anew), len(data)))
        report.problems.append(f"the archive was changed at byte {at}, outside the files in it")
