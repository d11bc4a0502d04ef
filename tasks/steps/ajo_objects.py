"""Objects in AJO through either driver: the organisation's own automation, or a person with an operator task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.contract import Suspend
from engine.desired import (
    SECRET,
    UNSEEN,
    Means,
    OwnedField,
    OwnedObject,
    Presence,
    changes,
    leaves,
    presence_of,
    subject_of,
)
from models.states import OperatorTaskState, Provenance, ResourceState
from providers.errors import NotFound
from tasks.steps import ajo_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.context import StepContext
    from engine.memory import View
    from engine.verifications import Record


IN_LINE = "onboard did not make it and does not change it: bring both in line, or choose another name in the spec"


@dataclass(frozen=True, slots=True)
class AjoObject:
    """What shall exist in AJO.

    :param collection: its name in the automation contract (docs/automation.md).
    :param body: what the automation driver sends.
    :param secrets: leaves of the body, as ``auth.token``, that AJO never shows: whether they are as they were is told by
        what we sent last.
    :param is_secret_new: what AJO had before onboard came cannot hold them: onboard made them, or they have changed since.
    :param read_only: fields that AJO changes no more once the object is Active, and what a person does about it.
    :param title: like ``place``, ``instructions`` and the labels an id of :mod:`engine.texts`; ``%(name)s`` is the name.
    :param place: where a person clicks; ``fields`` what they enter, ``bring_back`` what they copy out.
    :param edit_place: where a person changes one that is there.
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
    edit_place: str = ""
    secrets: frozenset[str] = frozenset()
    is_secret_new: bool = False
    read_only: Mapping[str, str] = field(default_factory=dict)
    cost: str = ""


def ensure(ctx: StepContext, wanted: AjoObject) -> dict[str, Any]:
    """The object as the driver knows it: from the automation's answer, or from what a person brought back."""
    if ctx.spec.ajo.driver == "automation":
        return _ensure_by_automation(ctx, wanted)
    answer = ctx.ask_person(
        subject_of(wanted.kind),
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
    found = _find(ctx, wanted)
    # Whether AJO has the secrets as they are now, by our own call or by a person's hand.
    is_entered = found is None
    if found is None:
        ctx.intend(wanted.kind, vendor="ajo", name=wanted.name)
        found = automation.create(wanted.collection, wanted.body)
    known = ctx.resource(wanted.kind)
    is_ours = _is_ours(known, found)
    owned = _described(ctx, wanted, found)
    differing = changes(owned, ctx.accepted)
    if not is_ours:
        is_entered = _require_in_line(ctx, wanted, differing)
    else:
        frozen = next((one for one in differing if one.means is Means.NEVER), None)
        if frozen is not None:
            reason = f"AJO does not change {wanted.name} ({_words(differing)}): {frozen.cure}"
            raise Suspend(ctx.person_wait(reason, topic="read-only"))
        # A crash may have come between making it and recording with what secret.
        is_unknown = not is_entered and any(one.actual is UNSEEN for one in owned.fields if one.name in wanted.secrets)
        if differing or is_unknown:
            # What was accepted as it is stays as it is.
            kept = _kept(ctx, wanted, found)
            found = automation.update(wanted.collection, found["id"], _with_leaves(wanted.body, kept))
            is_entered = True
    fingerprints = ajo_secrets.fingerprints(wanted) if is_entered else ajo_secrets.kept(known, wanted, owned)
    ctx.record(
        wanted.kind,
        vendor="ajo",
        name=wanted.name,
        external_id=found["id"],
        provenance=Provenance.CREATED if is_ours else Provenance.ADOPTED,
        details={"secrets": fingerprints, **({"url": found["url"]} if "url" in found else {})},
    )
    return found


def _require_in_line(ctx: StepContext, wanted: AjoObject, differing: Sequence[OwnedField]) -> bool:
    """Of an object that others made: whether a person has entered its secrets as they are now.

    :raises Suspend: it differs, or nobody has entered them yet.
    """
    shown = [one for one in differing if one.name not in wanted.secrets]
    if shown:
        raise Suspend(
            ctx.person_wait(
                f"AJO has {wanted.collection.replace('-', ' ')[:-1]} {wanted.name!r} that onboard did not make and that "
                f"differs ({_words(shown)}): bring both in line or choose another name in the spec; "
                "then `onboard update FILE`",
                topic="look-alike",
            )
        )
    if differing:
        ajo_secrets.ask(ctx, wanted)
    return bool(differing)


def _words(differing: Sequence[OwnedField]) -> str:
    return "; ".join(f"{one.name} is {one.actual!r}, wanted {one.wanted!r}" for one in differing)


def _is_ours(known: Record | None, found: Mapping[str, Any] | None) -> bool:
    """Whether we made it: told by its id, and by its name only while we were about to make it."""
    if known is None or found is None or known.state is ResourceState.GONE:
        return False
    is_made = known.provenance is Provenance.CREATED and known.external_id == found["id"]
    return is_made or known.state is ResourceState.INTENDED


def _find(ctx: View, wanted: AjoObject) -> dict[str, Any] | None:
    """By name; ours also by its id, when the spec or somebody in AJO gave it another name."""
    automation = ctx.vendors.ajo.automation
    known = ctx.resource(wanted.kind)
    found = automation.find(wanted.collection, wanted.name)
    if known is None or known.provenance is not Provenance.CREATED or known.state is ResourceState.GONE:
        return found
    if known.external_id is None or (found is not None and found["id"] == known.external_id):
        return found
    try:
        return automation.fetch(wanted.collection, known.external_id)
    except NotFound:
        return found


def _kept(ctx: StepContext, wanted: AjoObject, found: Mapping[str, Any]) -> dict[str, Any]:
    owned = _described(ctx, wanted, found)
    mended = changes(owned, ctx.accepted)
    # A secret that AJO does not show cannot be sent as it was.
    kept = (one for one in owned.fields if one.differs and one not in mended and one.name not in wanted.secrets)
    return {one.name: one.actual for one in kept}


def _with_leaves(body: Mapping[str, Any], kept: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    return {
        name: _with_leaves(value, kept, f"{prefix}{name}.")
        if isinstance(value, dict)
        else kept.get(f"{prefix}{name}", value)
        for name, value in body.items()
    }


def declared(ctx: View, wanted: AjoObject) -> OwnedObject:
    """The object as it shall be and as it is; under the guided driver as a person declared it."""
    if ctx.spec.ajo.driver == "automation":
        return _described(ctx, wanted, _find(ctx, wanted))
    return _as_entered(ctx, wanted)


def _described(ctx: View, wanted: AjoObject, found: Mapping[str, Any] | None) -> OwnedObject:
    known = ctx.resource(wanted.kind)
    actual = leaves(found or {})
    is_active = str(actual.get("status")).lower() == "active"
    is_foreign = found is not None and not _is_ours(known, found)
    secrets = ajo_secrets.owned(known, wanted, found, is_foreign=is_foreign)
    fields = []
    for name, value in leaves(wanted.body).items():
        if name in wanted.secrets:
            fields.append(secrets[name])
            continue
        shown, frozen = actual.get(name, UNSEEN), wanted.read_only.get(name, "")
        if is_active and frozen:
            fields.append(
                OwnedField(name=name, wanted=value, actual=shown, means=Means.NEVER, cure=frozen, cost=frozen)
            )
        elif is_foreign:
            fields.append(
                OwnedField(name=name, wanted=value, actual=shown, means=Means.HAND, cure=IN_LINE, cost=IN_LINE)
            )
        else:
            fields.append(OwnedField(name=name, wanted=value, actual=shown))
    # A part that we own as a whole, such as the keywords, has no other leaves than ours.
    ours = {name for name, value in wanted.body.items() if isinstance(value, dict)}
    more = [name for name in actual if name.partition(".")[0] in ours and name not in leaves(wanted.body)]
    fields += [OwnedField(name=name, wanted=None, actual=actual[name]) for name in more]
    return OwnedObject(
        kind=wanted.kind,
        label=_label(wanted),
        subject=subject_of(wanted.kind),
        vendor="ajo",
        presence=presence_of(found),
        fields=tuple(fields),
        external_id=found["id"] if found else None,
        is_recorded=known is not None and found is not None and known.external_id == found["id"],
        cost=wanted.cost,
        seen=found,
    )


def _label(wanted: AjoObject) -> str:
    return f"AJO {wanted.kind.removeprefix('ajo_').replace('_', ' ')} {wanted.name}"


def _as_entered(ctx: View, wanted: AjoObject) -> OwnedObject:
    """What the form shall hold, beside what a person was asked to enter last."""
    task, known = ctx.task(subject_of(wanted.kind)), ctx.resource(wanted.kind)
    entered = {_form_label(one): _form_value(one) for one in task.fields} if task is not None else {}
    is_done = task is not None and task.state is OperatorTaskState.DONE
    fields = [
        OwnedField(
            name=_form_label(one),
            wanted=_form_value(one),
            actual=entered.get(_form_label(one)) if is_done else None,
            means=Means.HAND,
            is_entered=True,
        )
        for one in wanted.fields
    ]
    note = ""
    if known is not None and known.declared_by:
        note = f"cannot be read; declared by {known.declared_by} on {known.present_at:%Y-%m-%d}"
    return OwnedObject(
        kind=wanted.kind,
        label=_label(wanted),
        subject=subject_of(wanted.kind),
        vendor="ajo",
        presence=Presence.UNREADABLE if known is not None and known.external_id else Presence.ABSENT,
        fields=tuple(fields),
        means=Means.HAND,
        is_recorded=known is not None and known.external_id is not None,
        note=note,
        cost=wanted.cost,
    )


def _form_label(entry: Mapping[str, str]) -> str:
    return entry["label"].replace("%(name)s", entry.get("name", ""))


def _form_value(entry: Mapping[str, str]) -> str:
    return entry.get("value") or entry.get("choice") or (SECRET if "secret" in entry else entry.get("note", ""))
