"""The checklist files, read once, and what of them applies to one spec."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from models.checklists.item import ChecklistFile, Item, pick

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class UnknownItem(LookupError):
    """No checklist file has an item of this id: a defect of whoever asked for it."""


@dataclass(frozen=True, slots=True)
class Applied:
    """One row of an onboarding's checklist. ``country`` is set where only that country needs it."""

    item: Item
    key: str
    title: str
    country: str | None


@lru_cache(maxsize=1)
def load_files() -> dict[str, ChecklistFile]:
    """Every file by its name, in the order of names.

    :raises ValueError: a file is not what it has to be, or an id stands twice.
    """
    yaml = YAML(typ="safe", pure=True)
    found: dict[str, ChecklistFile] = {}
    seen: dict[str, str] = {}
    for entry in sorted(files("models.checklists").iterdir(), key=lambda one: one.name):
        if not entry.name.endswith(".yaml"):
            continue
        found[entry.name] = ChecklistFile.model_validate(yaml.load(entry.read_text(encoding="utf-8")))
        for item in found[entry.name].items:
            if item.id in seen:
                msg = f"{entry.name}: {item.id} stands in {seen[item.id]} already"
                raise ValueError(msg)
            seen[item.id] = entry.name
    return found


@lru_cache(maxsize=1)
def load_items() -> dict[str, Item]:
    """Every item by its id."""
    return {item.id: item for file in load_files().values() for item in file.items}


def find_item(item_id: str) -> Item:
    """:raises UnknownItem: there is none."""
    try:
        return load_items()[item_id]
    except KeyError:
        raise UnknownItem(item_id) from None


def key_of(item: Item, each: str | None) -> str:
    """Names one row: the item's id, followed by the country or number it is about."""
    return item.id if each is None else f"{item.id}.{each}"


def items_for(spec: Mapping[str, Any]) -> list[Applied]:
    """What applies to a spec, given as plain JSON data, in the order of the files."""
    return [applied for file in load_files().values() for applied in _applied(file, spec)]


def _applied(file: ChecklistFile, spec: Mapping[str, Any]) -> Iterator[Applied]:
    countries = list(pick(spec, "rcs.countries") or [])
    concerned = [country for country in file.countries if country in countries]
    if spec["channel"] not in file.channels or (file.countries and not concerned):
        return
    # A file of one country speaks of that country; one of several, or of all, of none in particular.
    country = file.countries[0] if len(file.countries) == 1 else None
    for item in file.items:
        if item.when is not None and pick(spec, item.when) is None:
            continue
        if item.each is None:
            yield Applied(item, item.id, item.title, country)
            continue
        for value in countries if item.each == "country" else pick(spec, "twilio.numbers") or []:
            title = item.title.format(country=value, number=value)
            yield Applied(item, key_of(item, value), title, value if item.each == "country" else country)


def stated_by(item: Item, spec: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The places of the spec that state the item, with their values; none unless all of them hold something."""
    found = [(path, pick(spec, path)) for path in item.spec]
    return found if all(value is not None for _, value in found) else []
