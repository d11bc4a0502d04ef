"""The templates of ``onboard init``: valid as they are, complete, and explained key by key."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import BaseModel

from models.spec.load import load_spec
from models.spec.onboarding import CHANNELS

TEMPLATES = Path(__file__).parents[2] / "models" / "spec" / "templates"
RCS_ONLY = frozenset(
    "headers value auth mtls webhooks inbound_name feedback_name keywords opt_in opt_out help default_reply authentication mapping".split()  # noqa: SIM905
) | {"ajo_proof", "campaign_id", "user_id", "namespace"}
# Keys that the models share but a channel refuses, so that its template leaves them out.
FOREIGN = {"rcs": {"media_url"}, "sms": RCS_ONLY | {"media_url"}, "mms": RCS_ONLY}
each_channel = pytest.mark.parametrize("channel", ["rcs", "sms", "mms"])


def text_of(channel: str) -> str:
    return (TEMPLATES / f"{channel}.yaml").read_text()


def uncommented(text: str) -> str:
    """The template with every optional line in force, except the one that excludes its neighbour."""
    return re.sub(
        r"(?m)^( +)# (?=[a-z_]+: \S|headers:$|  - \{)(?!sid:|guided:|automation:)",
        r"\1",
        text,
    )


def keys(model: type[BaseModel]):
    for name, field in model.model_fields.items():
        yield name
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from keys(part)


@each_channel
def test_it_is_valid_as_it_is(channel):
    assert load_spec(TEMPLATES / f"{channel}.yaml").spec.channel == channel


@each_channel
def test_it_is_valid_with_every_optional_line(channel, tmp_path):
    file = tmp_path / "full.yaml"
    text = uncommented(text_of(channel))
    file.write_text(text)
    assert text.count("\n  retries: 2") == 1
    assert load_spec(file).spec.channel == channel


@each_channel
def test_it_shows_every_key_of_its_channel(channel):
    shown = set(re.findall(r"([a-z_0-9]+):", text_of(channel)))
    assert set(keys(CHANNELS[channel])) - shown == FOREIGN[channel]


@each_channel
def test_it_explains_every_key(channel):
    lines = [line.strip() for line in text_of(channel).splitlines()]
    bare = {line for before, line in pairwise(lines) if re.match(r"[a-z_0-9]+:", line) and not before.startswith("#")}
    # The second of the two contacts; both are explained above the first.
    assert bare <= {"email:"}


@each_channel
def test_editors_find_the_schema(channel):
    assert text_of(channel).startswith("# yaml-language-server: $schema=onboard.schema.json\n")
