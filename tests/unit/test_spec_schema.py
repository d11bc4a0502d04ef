"""The JSON Schema that editors use agrees with the models about sound specs, and catches the plain slips."""

from __future__ import annotations

import copy
import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from models.spec.onboarding import SPEC
from models.spec.outline import CHANNELS
from tests.factories import spec_data

SCHEMA = SPEC.json_schema()


def errors(data: Any) -> list[Any]:
    return list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(data))


def plain(text: str) -> Any:
    # Dates become text, as an editor's YAML service has them.
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text), default=str))


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_examples_pass():
    examples = [one for one in files("models.spec").joinpath("examples").iterdir() if one.name.endswith(".yaml")]

    assert len(examples) == 3
    for one in examples:
        assert errors(plain(one.read_text())) == []


@pytest.mark.parametrize("channel", list(CHANNELS))
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("unknown", 1),
        ("channel", "fax"),
        ("name", "Acme RCS"),
        ("twilio.auth_token", "literal"),
        ("twilio.account_sid", "AC1"),
        ("twilio.numbers", []),
        ("verification.to", ["4155550100"]),
        ("verification.within", "soon"),
        ("verification.retries", 9),
        ("ajo.sandbox", None),
    ],
)
def test_plain_slips_fail(channel, path, value):
    data = copy.deepcopy(spec_data(channel))
    assert errors(data) == []
    *parents, last = path.split(".")
    holder = data
    for key in parents:
        holder = holder[key]
    holder[last] = value

    assert errors(data)


def test_a_missing_key_fails():
    assert errors({key: value for key, value in spec_data().items() if key != "brand"})
