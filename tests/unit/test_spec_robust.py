"""Whatever a file holds, the loader answers with a spec or with faults, never with another exception."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from models.spec.load import SpecErrors, load_spec
from tests.factories import spec_data

YAML_LIKE = st.text(alphabet=st.sampled_from("ab:-?#&*!|>%@'\"[]{},\n\t 0.~<=$\\\u2028é"), max_size=60)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def check(raw: bytes) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder, "spec.yaml")
        file.write_bytes(raw)
        try:
            load_spec(file)
        except SpecErrors as error:
            for fault in error.faults:
                assert fault.problem
                assert fault.cure
                assert fault.line >= 1
                assert fault.column >= 1


def places(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [(*at, key) for key, _ in inner] + [place for key, value in inner for place in places(value, (*at, key))]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80) | YAML_LIKE.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes(raw):
    check(raw)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["rcs", "sms", "mms"]), st.data())
def test_any_value_anywhere(channel, data):
    spec = copy.deepcopy(spec_data(channel))
    for place in data.draw(st.lists(st.sampled_from(places(spec)), min_size=1, max_size=3)):
        holder: Any = spec
        for key in place[:-1]:
            holder = holder[key] if isinstance(holder, dict) and key in holder else None
        if isinstance(holder, dict):
            holder[place[-1]] = data.draw(VALUES)
    check(json.dumps(spec, ensure_ascii=False).encode("utf-8", "surrogatepass"))
