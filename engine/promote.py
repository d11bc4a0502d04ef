"""From a verified channel to the spec of the same channel in another sandbox. Pure: specs in, plain data and questions out.

Adobe advises a separate agent, credential, webhook and callback URL for each sandbox and never to reuse one (Adobe, "Custom
SMS provider", newest versions; docs/vendors.md). So nothing that can be one is carried over: what a program cannot name
is a placeholder, which `onboard validate` refuses until it is filled.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.commands import NotPossible
from engine.reuse import find_reuse
from models.spec.onboarding import RcsSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from engine.contract import AnySpec
    from engine.reuse import Other

Path = tuple[str, ...]
FILL_IN = "FILL IN"
LONGEST_SERVICE_NAME = 48
# As in the templates.
ORDER = ("name", "channel", "brand", "twilio", "rcs", "ajo", "verification")


@dataclass(slots=True)
class Promotion:
    """The new spec as plain data, and all that a person has to see to.

    :ivar placeholders: what has to be filled in, by its path.
    :ivar questions: what is carried over and may be otherwise in the new sandbox, by its path.
    :ivar dropped: what belongs to the old one and was left out, by its path.
    :ivar secrets: references whose values have to be readable where the new spec is started, by their path.
    """

    data: dict[str, Any]
    placeholders: dict[Path, str] = field(default_factory=dict)
    questions: dict[Path, str] = field(default_factory=dict)
    dropped: dict[Path, str] = field(default_factory=dict)
    secrets: dict[Path, str] = field(default_factory=dict)


def promote(
    spec: AnySpec,
    *,
    to_sandbox: str,
    name: str,
    others: Sequence[Other],
    sender_id: str | None = None,
    numbers: Sequence[str] = (),
) -> Promotion:
    """The spec of ``spec``'s channel in ``to_sandbox``.

    :param others: every onboarding of the organisation that is not removed, that of ``spec`` too.
    :param sender_id: the RCS sender for the new sandbox; without it a placeholder. ``numbers`` likewise.
    :raises NotPossible: something would be used in two sandboxes, or the name is taken.
    """
    if to_sandbox == spec.ajo.sandbox:
        raise NotPossible(f"{spec.name} is in sandbox {to_sandbox} already; promote it to another")
    if sender_id is not None and not isinstance(spec, RcsSpec):
        raise NotPossible(f"{spec.name} has no RCS sender: it is a channel for {spec.channel.upper()}")
    for reuse in find_reuse(others, [*numbers, *([sender_id] if sender_id else [])]):
        raise NotPossible(reuse)
    data = copy.deepcopy(spec.model_dump(mode="json", exclude_none=True, exclude_defaults=True))
    made = Promotion(data)
    data["name"] = name
    data["channel"] = spec.channel
    _twilio(made, spec, to_sandbox, numbers)
    _ajo(made, to_sandbox, [other.spec for other in others if other.sandbox == to_sandbox])
    if isinstance(spec, RcsSpec):
        _rcs(made, sender_id)
    _verification(made)
    if data.pop("checklist", None):
        made.dropped["checklist",] = "what was settled there was settled for the other sender"
    made.data = {key: data[key] for key in ORDER if key in data}
    return made


def _twilio(made: Promotion, spec: AnySpec, to_sandbox: str, numbers: Sequence[str]) -> None:
    twilio = made.data["twilio"]
    made.questions["twilio", "account_sid"] = "the same account for this sandbox?"
    made.secrets["twilio", "auth_token"] = twilio["auth_token"]
    ending = f" {to_sandbox}"
    named = twilio["messaging_service"].get("friendly_name") or f"{spec.brand} {spec.channel.upper()}"
    # Its callbacks lead to one gateway address, so a service serves one sandbox.
    twilio["messaging_service"] = {"friendly_name": named[: LONGEST_SERVICE_NAME - len(ending)] + ending}
    twilio["numbers"] = list(numbers) or [FILL_IN]
    if not numbers:
        made.placeholders["twilio", "numbers"] = (
            f"{', '.join(spec.twilio.numbers)} answer{'' if len(spec.twilio.numbers) > 1 else 's'} in {spec.ajo.sandbox}: "
            "each sandbox needs numbers of its own"
        )
    if "a2p_10dlc" in twilio:
        if numbers and not any(number.startswith("+1") for number in numbers):
            del twilio["a2p_10dlc"]
            made.dropped["twilio", "a2p_10dlc"] = "the new numbers are none of the North American plan"
        else:
            twilio["a2p_10dlc"]["campaign_registered"] = False
            what = "true, once the Console shows the new numbers in a registered campaign; and who looked, when"
            made.placeholders["twilio", "a2p_10dlc", "campaign_registered"] = what


# What other kinds of AJO objects a sandbox holds that a configuration names.
OF_A_SANDBOX = {
    "subdomain": "is it delegated in this sandbox?",
    "execution_field": "does this sandbox's profile have it?",
    "dataset": "a dataset belongs to one sandbox: is there one of this name?",
    "marketing_actions": "are they defined in this sandbox?",
}


def _ajo(made: Promotion, to_sandbox: str, neighbours: Sequence[Mapping[str, Any]]) -> None:
    ajo = made.data["ajo"]
    ajo["sandbox"] = to_sandbox
    made.questions["ajo", "client_id"] = "has its technical account a role in this sandbox?"
    made.secrets["ajo", "client_secret"] = ajo["client_secret"]
    _rename(made, ("ajo", "credential", "name"), neighbours, lambda name, n: f"{name} {n}")
    if "webhooks" in ajo:
        for key in ("inbound_name", "feedback_name"):
            _rename(made, ("ajo", "webhooks", key), neighbours, lambda name, n: f"{name} {n}")
    _rename(made, ("ajo", "channel_configuration", "name"), neighbours, lambda name, n: f"{name}_{n}")
    configuration = ajo["channel_configuration"]
    if configuration.pop("sender", None):
        made.dropped["ajo", "channel_configuration", "sender"] = "it was a number of the other sandbox"
    for key, question in OF_A_SANDBOX.items():
        if key in configuration:
            made.questions["ajo", "channel_configuration", key] = question


def _rename(
    made: Promotion, path: Path, neighbours: Sequence[Mapping[str, Any]], other: Callable[[str, int], str]
) -> None:
    """Keep the name unless an onboarding of the new sandbox has it: then it would be the same object."""
    *way, key = path
    used = {_at(spec, path) for spec in neighbours}
    holder = _at(made.data, way)
    first = name = holder[key]
    number = 2
    while name in used:
        name, number = other(first, number), number + 1
    holder[key] = name
    if name != first:
        made.questions[path] = f"{first} is taken in this sandbox"


def _at(data: Any, path: Iterable[str]) -> Any:
    for key in path:
        data = (data or {}).get(key)
    return data


def _rcs(made: Promotion, sender_id: str | None) -> None:
    rcs = made.data["rcs"]
    if sender_id is None:
        made.placeholders["rcs", "sender_id"] = f"{rcs['sender_id']} belongs to the other sandbox: a sender of its own"
    rcs["sender_id"] = sender_id or FILL_IN
    made.questions["rcs", "profile"] = (
        "Twilio: senders of one brand need unique display names and clearly different use cases"
    )
    if "test_devices" in rcs:
        made.questions["rcs", "test_devices"] = "each owner has to accept the new sender's invitation"
    made.questions["rcs", "registration"] = "a new sender is registered anew: is all of it still so?"


def _verification(made: Promotion) -> None:
    verification = made.data["verification"]
    made.questions["verification", "to"] = "the right handsets for this sandbox?"
    if verification.pop("ajo_proof", None):
        what = "the campaign is one of the other sandbox; publish one in this and name it"
        made.dropped["verification", "ajo_proof"] = what
