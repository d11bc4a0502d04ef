"""Objects in AJO through either driver: the organisation's own automation, or a person with an operator task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.contract import Finding, Suspend
from engine.digest import digest
from models.states import Provenance, ResourceState
from providers.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.context import StepContext


@dataclass(frozen=True, slots=True)
class AjoObject:
    """What shall exist in AJO.

    :param collection: its name in the automation contract (docs/automation.md).
    :param body: what the automation driver sends; keys in ``secrets`` are never compared, AJO does not show them.
    :param title: like ``place``, ``instructions`` and the labels an id of :mod:`engine.texts`; ``%(name)s`` is the name.
    :param place: where a person clicks; ``fields`` what they enter, ``bring_back`` what they copy out.
    """

    kind: str
    collection: str
    name: str
    body: Mapping[str, Any]
    title: str
    place: str
    fields: Sequence[Mapping[str, str]]
    instructions: Sequence[str] = ()
    bring_back: Sequence[str] = ()
    secrets: frozenset[str] = frozenset()


def ensure(ctx: StepContext, wanted: AjoObject) -> dict[str, Any]:
    """The object as the driver knows it: from the automation's answer, or from what a person brought back."""
    if ctx.spec.ajo.driver == "automation":
        return _ensure_by_automation(ctx, wanted)
    answer = ctx.ask_person(
        wanted.kind.removeprefix("ajo_").replace("_", "-"),
        title=wanted.title,
        params={"name": wanted.name},
        place=wanted.place,
        instructions=wanted.instructions,
        fields=wanted.fields,
        bring_back=wanted.bring_back,
    )
    ctx.record(
        wanted.kind,
        vendor="ajo",
        name=wanted.name,
        external_id=wanted.name,
        provenance=Provenance.DECLARED,
        declared_by=answer.by,
        details=answer.values,
    )
    return {"id": wanted.name, **answer.values}


def _ensure_by_automation(ctx: StepContext, wanted: AjoObject) -> dict[str, Any]:
    automation = ctx.vendors.ajo.automation
    known = ctx.resource(wanted.kind)
    found = automation.find(wanted.collection, wanted.name)
    is_ours = known is not None and (known.state is ResourceState.INTENDED or known.provenance is Provenance.CREATED)
    if found is None and is_ours and known is not None and known.external_id is not None:
        # The spec gives it another name: it is renamed, not made again.
        found = _fetch_if_there(ctx, wanted.collection, known.external_id)
    if found is None:
        ctx.intend(wanted.kind, vendor="ajo", name=wanted.name)
        is_ours = True
        found = automation.create(wanted.collection, wanted.body)
    fingerprint = digest(dict(wanted.body))
    differing = differences(wanted, found)
    if not is_ours and differing:
        raise Suspend(
            ctx.person_wait(
                f"AJO has {wanted.collection.replace('-', ' ')[:-1]} {wanted.name!r} that onboard did not make and that "
                f"differs ({'; '.join(differing)}): bring both in line or choose another name in the spec; "
                "then `onboard start FILE --update`",
                topic="look-alike",
            )
        )
    is_outdated = known is not None and known.details.get("digest") not in (None, fingerprint)
    if is_ours and (differing or is_outdated):
        found = automation.update(wanted.collection, found["id"], wanted.body)
    details = {"digest": fingerprint, **({"url": found["url"]} if "url" in found else {})}
    ctx.record(
        wanted.kind,
        vendor="ajo",
        name=wanted.name,
        external_id=found["id"],
        provenance=Provenance.CREATED if is_ours else Provenance.ADOPTED,
        details=details,
    )
    return found


def _fetch_if_there(ctx: StepContext, collection: str, object_id: str) -> dict[str, Any] | None:
    try:
        return ctx.vendors.ajo.automation.fetch(collection, object_id)
    except NotFound:
        return None


def differences(wanted: AjoObject, found: Mapping[str, Any]) -> list[str]:
    """Fields that are otherwise in AJO; secrets and fields that AJO does not show are left out."""
    return [
        f"{field} is {found[field]!r}, wanted {value!r}"
        for field, value in wanted.body.items()
        if field not in wanted.secrets and field in found and found[field] != value
    ]


def observe(ctx: StepContext, wanted: AjoObject) -> list[Finding]:
    """What differs now; only the automation driver can look."""
    if ctx.spec.ajo.driver != "automation":
        return []
    found = ctx.vendors.ajo.automation.find(wanted.collection, wanted.name)
    subject = f"AJO {wanted.collection.replace('-', ' ')[:-1]} {wanted.name}"
    if found is None:
        return [
            Finding(subject, "does not exist any more", f"`onboard retry {ctx.name}` after deciding why it was deleted")
        ]
    return [Finding(subject, difference, "bring AJO or the spec in line") for difference in differences(wanted, found)]
