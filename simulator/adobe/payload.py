"""The Custom provider's payload template, and where a provider's answer carries the message id."""

import json
import re
from collections.abc import Mapping
from typing import Any

REQUIRED = ("fromNumber", "toNumber", "message")
# That AJO offers its own reference to the template is an inference: feedback has to name a message somehow.
PLACEHOLDERS = frozenset((*REQUIRED, "client_reference"))
_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def placeholders_in(template: str) -> set[str]:
    return set(_PLACEHOLDER.findall(template))


def render(template: str, values: Mapping[str, str]) -> str:
    """The template with each placeholder filled in; values are escaped as the inside of a JSON string."""
    return _PLACEHOLDER.sub(lambda match: json.dumps(values[match[1]])[1:-1], template)


def extract_message_id(answer: Any, path: str) -> str | None:
    """What the answer has at a path of dots and list positions; a bare name is looked for everywhere.

    None when there is nothing, or no plain value.
    """
    found = _at(answer, path.split(".")) if "." in path else _first(answer, path)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else None


def _at(value: Any, parts: list[str]) -> Any:
    for part in parts:
        if isinstance(value, list):
            value = value[int(part)] if part.isdigit() and int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def _first(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        if name in value:
            return value[name]
        value = list(value.values())
    for item in value if isinstance(value, list) else []:
        found = _first(item, name)
        if found is not None:
            return found
    return None
