"""Spec files in, checked specs out, or every fault of every file at once. Reads files; touches nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from models.spec.claims import Claimant, Claims, claims_of
from models.spec.faults import SpecErrors, SpecFault
from models.spec.onboarding import CHANNELS, MmsSpec, RcsSpec, SmsSpec
from models.spec.outline import close_to, model_at
from models.spec.source import Document, read
from models.spec.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

    from models.spec.onboarding import AnySpec

__all__ = ["LoadedSpec", "SpecErrors", "SpecFault", "load_spec", "load_specs"]


@dataclass(frozen=True, slots=True)
class LoadedSpec:
    """A sound spec and the file it came from."""

    path: Path
    spec: AnySpec
    document: Document = field(repr=False, compare=False)

    @property
    def file(self) -> str:
        """The path as faults name it."""
        return str(self.path)


def load_spec(file: Path | str) -> LoadedSpec:
    """:raises SpecErrors: with all faults of the file."""
    return load_specs([file])[0]


def load_specs(files: Iterable[Path | str]) -> list[LoadedSpec]:
    """Load each file once, in the order given.

    :raises SpecErrors: if any file has a fault; with all faults of all files, and with the files that are sound.
    """
    faults: list[SpecFault] = []
    loaded: list[LoadedSpec] = []
    for path in dict.fromkeys(map(Path, files)):
        document = read(path)
        spec = check(document)
        faults += sorted(document.faults, key=lambda fault: (fault.line, fault.column))
        if spec is not None:
            loaded.append(LoadedSpec(path, spec, document))
    doubles = _same_names(loaded) + _same_things(loaded)
    faults += doubles
    if faults:
        unsound = {fault.file for fault in doubles}
        raise SpecErrors(faults, [one for one in loaded if one.file not in unsound])
    return loaded


def check(document: Document) -> AnySpec | None:
    """The spec in ``document``; None when it has faults, all of which are then in ``document.faults``."""
    data = document.data
    if not isinstance(data, dict):
        if data is not None or not document.faults:
            document.faults.append(
                document.fault((), "is not a mapping", "write `key: value` lines; `onboard init` shows them")
            )
        return None
    model = _model_for(data)
    try:
        spec = model.model_validate(data)
    except ValidationError as error:
        document.faults += _faults(document, model, error.errors(include_url=False))
        return None
    return None if document.faults else spec


def _model_for(data: dict[str, Any]) -> type[RcsSpec | SmsSpec | MmsSpec]:
    """The model of the channel; without a channel the likeliest, so that all else is checked nevertheless."""
    channel = data.get("channel")
    if isinstance(channel, str) and channel in CHANNELS:
        return CHANNELS[channel]
    if "rcs" in data:
        return RcsSpec
    verification = data.get("verification")
    return MmsSpec if isinstance(verification, dict) and "media_url" in verification else SmsSpec


def _faults(
    document: Document, model: type[RcsSpec | SmsSpec | MmsSpec], errors: list[ErrorDetails]
) -> list[SpecFault]:
    wording = Wording(model, document.spelling)
    unknown = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
    # A misspelt key is unknown and missing at once; one of the two is enough.
    misspelt = set()
    for loc in unknown:
        holder = model_at(model, loc[:-1])
        if holder is not None:
            misspelt.add((*loc[:-1], close_to(str(loc[-1]), holder)))
        document.hidden.add(document.values[loc][0])
    return [
        document.fault(error["loc"], *wording.explain(error), at_key=error["type"] == "extra_forbidden")
        for error in errors
        if not (error["type"] == "missing" and error["loc"] in misspelt)
    ]


def _same_names(loaded: list[LoadedSpec]) -> list[SpecFault]:
    first: dict[str, LoadedSpec] = {}
    faults = []
    for one in loaded:
        other = first.setdefault(one.spec.name, one)
        if other is not one:
            line = other.document.values["name",][0]
            problem = f"the name {one.spec.name!r} is taken by {other.file}:{line}"
            faults.append(one.document.fault(("name",), problem, "choose another: a name stands for one onboarding"))
    return faults


def _same_things(loaded: list[LoadedSpec]) -> list[SpecFault]:
    """What two of the files take for themselves, though it can belong to one channel only."""
    claims = Claims()
    places: dict[str, LoadedSpec] = {}
    faults = []
    for one in loaded:
        if one.spec.name in places:
            continue
        claimant = Claimant(one.spec.name, one.document.data)
        for claim, owner in claims.clashes(claimant):
            other = places[owner.name]
            line = other.document.values[
                next(theirs.loc for theirs in claims_of(owner.data) if theirs.key == claim.key)
            ][0]
            problem = f"{claim.words} is in {other.file}:{line} too, and {claim.why}"
            faults.append(one.document.fault(claim.loc, problem, claim.cure))
        claims.add(claimant)
        places[one.spec.name] = one
    return faults
