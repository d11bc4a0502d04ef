"""Checks requests against a vendor's public API description, and answers them with its examples."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jsonschema
import pytest
import yaml

CONTRACTS = Path(__file__).parents[3] / "shared" / "contracts"
FORM = "application/x-www-form-urlencoded"

FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_iso_8601(value: object) -> bool:
    # Where Twilio's description of a filter says date-time, its words say that a day will do.
    is_day = isinstance(value, str) and len(value) == len("2026-11-23")
    return not isinstance(value, str) or is_day or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("date-time-rfc-2822", raises=(ValueError, TypeError))
def _is_rfc_2822(value: object) -> bool:
    return not isinstance(value, str) or parsedate_to_datetime(value).tzinfo is not None


@FORMATS.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    # The 2010 API's are relative to its host, whatever its description calls them; an empty field of a form clears it.
    return not isinstance(value, str) or bool(urlsplit(value).scheme) or value.startswith("/2010-04-01/") or not value


# What is wrong in the contracts themselves: file, place, the word that is wrong, and what it must mean (None: nothing).
_SCHEMAS = ("components", "schemas")
MISTAKES: dict[str, list[tuple[tuple[str, ...], str, str | None]]] = {
    "ajo_simulations.yaml": [
        # The kinds of preview have no required field, so whatever fits one fits all: "exactly one" cannot be met.
        ((*_SCHEMAS, "CampaignPreviewResponseBody", "properties", "previews", "items"), "oneOf", "anyOf"),
        # An object that is one of three texts.
        ((*_SCHEMAS, "Channel"), "type", None),
    ],
    # The same again: the kinds differ by a word of `type` that neither schema demands.
    "ajo_messaging.yaml": [((*_SCHEMAS, "recipients", "items"), "oneOf", "anyOf")],
    # The pattern is a user's; the words beside it say that an account can stand there too.
    "twilio_monitor_v1.json": [((*_SCHEMAS, "monitor.v1.event", "properties", "actor_sid"), "pattern", None)],
}

Gaps = Mapping[str, set[str]]
NO_GAPS: Gaps = MappingProxyType({})


@cache
def load(name: str) -> Contract:
    path = CONTRACTS / name
    if not path.exists():
        pytest.skip(f"the public API contract {name} is not at hand")
    text = path.read_text()
    # The longest .yaml file holds JSON, and YAML's reader takes seconds for it.
    document = json.loads(text) if text.startswith("{") else yaml.safe_load(text)
    # YAML reads a status of 200 as a number; JSON's names are texts.
    document = json.loads(json.dumps(document, default=str))
    for path, wrong, right in MISTAKES.get(name, []):
        _mend(document, path, wrong, right)
    return Contract(document)


def _mend(document: dict[str, Any], path: tuple[str, ...], wrong: str, right: str | None) -> None:
    """Rename or drop one word of a description; fails once the vendor has mended it."""
    node = document
    for part in path:
        node = node[part]
    value = node.pop(wrong)
    if right is not None:
        node[right] = value


@dataclass(frozen=True)
class Operation:
    template: str
    method: str
    body: dict[str, Any]


class Contract:
    """One API description."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~").replace("%20", " ")]
            node = target
        return node

    def operation(self, method: str, path: str, prefix: str = "") -> Operation:
        """The operation that a request hits; a template without parameters wins."""
        for template in sorted(self.document["paths"], key=lambda template: template.count("{")):
            pattern = re.sub(r"\\{\w+\\}", r"[^/]+", re.escape(prefix + template))
            body = self.document["paths"][template].get(method.lower())
            if body is not None and re.fullmatch(pattern, path):
                return Operation(template, method, body)
        raise AssertionError(f"the contract has no {method} {path}")

    # -- requests -----------------------------------------------------------------------------------------------
    def check_request(self, request: httpx.Request, prefix: str = "", gaps: Gaps = NO_GAPS) -> Operation:
        """Fail unless path, query, headers, content type and each field are as described.

        :param gaps: fields that the description is known to lack, by where they stand (``POST /path body.profile``).
        """
        operation = self.operation(request.method, request.url.path, prefix)
        described = self.parameters(operation)
        self._check_path(request, operation, described, prefix)
        self._check_query(request, [one for one in described if one["in"] == "query"])
        for header in (one for one in described if one["in"] == "header" and one.get("required")):
            assert request.headers.get(header["name"]), f"header {header['name']} is missing"
        self._check_body(request, operation, gaps)
        return operation

    def parameters(self, operation: Operation) -> list[dict[str, Any]]:
        """Its own, and those of its path."""
        shared = self.document["paths"][operation.template].get("parameters", [])
        return [self.resolve(one) for one in [*operation.body.get("parameters", []), *shared]]

    def _check_path(self, request: httpx.Request, operation: Operation, described: list[Any], prefix: str) -> None:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(prefix + operation.template))
        match = re.fullmatch(pattern, request.url.path)
        assert match is not None
        for parameter in (one for one in described if one["in"] == "path"):
            self.validate(match[parameter["name"]], parameter["schema"], parameter["name"])

    def _check_query(self, request: httpx.Request, described: list[Any]) -> None:
        schemas = {one["name"]: one["schema"] for one in described}
        query = request.url.params
        assert set(query) <= set(schemas), f"unknown in the query: {set(query) - set(schemas)}"
        for one in described:
            assert not one.get("required") or one["name"] in query, f"{one['name']} is missing in the query"
        for name, value in query.multi_items():
            self.validate(_typed(value, self.resolve(schemas[name])), schemas[name], name)

    def _check_body(self, request: httpx.Request, operation: Operation, gaps: Gaps) -> None:
        if "requestBody" not in operation.body:
            assert not request.content, "the contract knows no body here"
            return
        described = self.resolve(operation.body["requestBody"])
        content_type = request.headers["content-type"].partition(";")[0]
        assert content_type in described["content"], f"the contract takes {list(described['content'])}"
        schema = self.resolve(described["content"][content_type]["schema"])
        body = json.loads(request.content) if content_type != FORM else self._form(request.content.decode(), schema)
        self.refuse_unknown(body, schema, f"{operation.method} {operation.template} body", gaps)
        self.validate(body, schema, "body")

    def _form(self, text: str, schema: dict[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for name, values in parse_qs(text, keep_blank_values=True, strict_parsing=True).items():
            field = self.resolve(schema["properties"].get(name, {}))
            body[name] = values if field.get("type") == "array" else _typed(values[-1], field)
        return body

    # -- values -------------------------------------------------------------------------------------------------
    def refuse_unknown(self, value: Any, schema: dict[str, Any], where: str, gaps: Gaps = NO_GAPS) -> None:
        schema = self.resolve(schema)
        if isinstance(value, list):
            for item in value:
                self.refuse_unknown(item, schema.get("items", {}), where, gaps)
        known = self._properties(schema)
        if not isinstance(value, dict) or not known:
            return
        unknown = set(value) - set(known) - gaps.get(where, set())
        assert not unknown, f"unknown in {where}: {unknown}"
        for name in set(value) & set(known):
            self.refuse_unknown(value[name], known[name], f"{where}.{name}", gaps)

    def _properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What an object may hold, its variants' properties included."""
        parts = [self.resolve(part) for word in ("allOf", "anyOf", "oneOf") for part in schema.get(word, [])]
        known: dict[str, Any] = dict(schema.get("properties", {}))
        for part in parts:
            known |= self._properties(part)
        return known

    def validate(self, value: Any, schema: dict[str, Any], where: str) -> None:
        components = _as_json_schema(self.document.get("components", {}))
        try:
            jsonschema.validate(value, {**_as_json_schema(schema), "components": components}, format_checker=FORMATS)
        except jsonschema.ValidationError as error:
            place = ".".join(str(part) for part in error.absolute_path)
            raise AssertionError(f"{where} {place}: {error.message}") from None

    # -- answers ------------------------------------------------------------------------------------------------
    def answers(self, operation: Operation) -> dict[str, Any]:
        """The described answers by their status."""
        return {status: self.resolve(answer) for status, answer in operation.body["responses"].items()}

    def check_response(self, operation: Operation, response: httpx.Response, gaps: Gaps = NO_GAPS) -> None:
        """Fail unless status, content type and each field are as described.

        :param gaps: fields that the description is known to lack.
        """
        described = self.answers(operation)
        where = f"{operation.method} {operation.template} {response.status_code}"
        assert str(response.status_code) in described, f"{where} is not among {list(described)}"
        content = described[str(response.status_code)].get("content", {})
        if not content:
            assert not response.content, f"{where} has a body that the contract does not know"
            return
        content_type = response.headers["content-type"].partition(";")[0]
        assert content_type in content, f"{where} is {content_type}, the contract has {list(content)}"
        schema = content[content_type]["schema"]
        self.refuse_unknown(response.json(), schema, where, gaps)
        self.validate(response.json(), schema, where)

    # -- examples ------------------------------------------------------------------------------------------------
    def example(self, operation: Operation, name: str | None) -> httpx.Response:
        """The named example of the operation's answer, or its empty success."""
        for status, answer in operation.body["responses"].items():
            examples = (answer.get("content") or {}).get("application/json", {}).get("examples", {})
            if name in examples:
                return httpx.Response(int(status), json=self.resolve(examples[name])["value"])
            if name is None and status == "204":
                return httpx.Response(204)
        raise AssertionError(f"{operation.method} {operation.template} has no example {name}")


def _typed(text: str, schema: dict[str, Any]) -> Any:
    """A field of a form or query in the type its schema gives it."""
    if schema.get("type") == "integer" and text.lstrip("-").isdecimal():
        return int(text)
    if schema.get("type") == "boolean" and text in {"true", "false"}:
        return text == "true"
    return text


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema wants a null type."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _as_json_schema(value) for key, value in node.items() if key not in ("nullable", "example")}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain
