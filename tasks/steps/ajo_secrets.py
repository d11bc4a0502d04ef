"""The secrets of an object in AJO, which AJO never shows: a fingerprint tells whether they are as they were entered last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.desired import OTHER_SECRET, SECRET, UNSEEN, Means, OwnedField, leaves, subject_of
from engine.digest import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.context import StepContext
    from engine.desired import OwnedObject
    from engine.verifications import Record
    from tasks.steps.ajo_objects import AjoObject

BY_TASK = "onboard did not make it and does not change it: `onboard retry` has a person enter the secret"
TITLE = "Enter the secret of the API credential %(name)s"
INSTRUCTIONS = ("Open the API credentials, enter the secret below and save. Change nothing else.",)


def fingerprints(wanted: AjoObject) -> dict[str, str]:
    """Of the secrets as they are now, salted by the object's name so that equal ones do not show."""
    flat = leaves(wanted.body)
    return {name: digest([wanted.name, flat[name]]) for name in sorted(wanted.secrets)}


def kept(known: Record | None, wanted: AjoObject, as_it_is: OwnedObject) -> dict[str, str]:
    """Of the secrets that were entered earlier: one that nobody entered has none."""
    now, seen = fingerprints(wanted), {one.name: one.actual for one in as_it_is.fields}
    former = known.details.get("secrets", {}) if known is not None and known.external_id == as_it_is.external_id else {}
    settled = {name: now[name] for name in now if seen[name] == SECRET}
    return {name: value for name, value in former.items() if name in now} | settled


def owned(
    known: Record | None, wanted: AjoObject, found: Mapping[str, Any] | None, *, is_foreign: bool
) -> dict[str, OwnedField]:
    """Each secret by its name: the one that was entered last, another, or unseen where AJO may hold the right one.

    :param is_foreign: others made the object: only a person changes it.
    """
    is_it = known is not None and found is not None and known.external_id == found["id"]
    details = known.details if known is not None and is_it else {}
    unknown = OTHER_SECRET if is_foreign and wanted.is_secret_new else UNSEEN
    now, sent = fingerprints(wanted), details.get("secrets", {})
    if "digest" in details and "secrets" not in details:
        # Earlier versions kept one fingerprint of the whole.
        unknown = SECRET if details["digest"] == digest(dict(wanted.body)) else OTHER_SECRET
    seen = {name: unknown if name not in sent else SECRET if sent[name] == now[name] else OTHER_SECRET for name in now}
    means, cure = (Means.HAND, BY_TASK) if is_foreign else (Means.API, "")
    return {
        name: OwnedField(name=name, wanted=SECRET, actual=actual, means=means, cure=cure, cost=cure)
        for name, actual in seen.items()
    }


def ask(ctx: StepContext, wanted: AjoObject) -> None:
    """:raises Suspend: until a person has entered them as they are now."""
    ctx.ask_person(
        f"{subject_of(wanted.kind)}-secret",
        title=TITLE,
        params={"name": wanted.name},
        place=wanted.edit_place,
        instructions=INSTRUCTIONS,
        fields=[{"label": "Name", "value": wanted.name}, *(one for one in wanted.fields if "secret" in one)],
        bring_back=(),
    )
