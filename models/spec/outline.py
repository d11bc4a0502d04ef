"""Which keys exist where: what cures are made of ("did you mean", "belongs under", "for example")."""

from __future__ import annotations

import difflib
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from models.spec.faults import path_of
from models.spec.onboarding import CHANNELS
from models.spec.types import Matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from models.spec.refusal import Location


def model_at(root: type[BaseModel], loc: Location) -> type[BaseModel] | None:
    """The model that holds the keys at ``loc``; list positions do not matter."""
    model: type[BaseModel] | None = root
    for part in loc:
        if isinstance(part, str):
            field = model.model_fields.get(part) if model else None
            model = _model_in(field.annotation) if field else None
    return model


def field_at(root: type[BaseModel], loc: Location) -> FieldInfo | None:
    model = model_at(root, loc[:-1])
    return model.model_fields.get(str(loc[-1])) if model and loc else None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def close_to(key: str, model: type[BaseModel]) -> str | None:
    """The key of ``model`` that ``key`` is most likely a misspelling of."""
    plain = key.lower().replace("-", "_").replace(" ", "_")
    return next(iter(difflib.get_close_matches(plain, model.model_fields, n=1, cutoff=0.7)), None)


def elsewhere(root: type[BaseModel], key: str) -> str | None:
    """The path at which ``key`` would be right, if there is only one."""
    paths = [path for path in _paths(root) if path.rpartition(".")[2] == key]
    return paths[0] if len(paths) == 1 else None


def channel_with(key: str) -> str | None:
    """The only channel whose specs have ``key`` at their top."""
    channels = [channel for channel, model in CHANNELS.items() if key in model.model_fields]
    return channels[0] if len(channels) == 1 else None


@cache
def _paths(root: type[BaseModel]) -> tuple[str, ...]:
    def walk(model: type[BaseModel], loc: Location) -> Iterator[str]:
        for name, field in model.model_fields.items():
            yield path_of((*loc, name))
            inner = _model_in(field.annotation)
            if inner is not None:
                yield from walk(inner, (*loc, name))

    return tuple(walk(root, ()))


def example_of(field: FieldInfo) -> str:
    """What to write, as the second half of "add it, …"."""
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(map(str, get_args(field.annotation)))
    model = _model_in(field.annotation)
    if model is not None:
        required = [name for name, inner in model.model_fields.items() if inner.is_required()]
        return "with " + (", ".join(required) or " or ".join(model.model_fields))
    found: Any = next((part for part in field.metadata if isinstance(part, Matches)), None)
    if found is not None:
        return f"for example {found.spelling}"
    for extra in (field.examples, _schema_examples(field)):
        if extra:
            return f"for example {_as_yaml(extra[0])}"
    return (field.description or "a text").rstrip(".").lower()


def _schema_examples(field: FieldInfo) -> list[Any]:
    """Examples that stand in a type's JSON Schema (phone numbers, addresses, secret references)."""
    for part in field.metadata:
        schema = getattr(part, "json_schema", None)
        if isinstance(schema, dict) and schema.get("examples"):
            return list(schema["examples"])
    return []


def _as_yaml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_as_yaml(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) and value[:1] in "+#" else str(value)
