"""Every broken spec is refused with exactly the faults that its header announces, and nothing escapes but SpecErrors."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.spec.load import SpecErrors, SpecFault, load_specs

FOLDER = Path(__file__).parents[1] / "broken_specs"
BROKEN = sorted(FOLDER.glob("*.yaml"))
TEMPLATES = Path(__file__).parents[2] / "models" / "spec" / "templates"
EXPECTATION = re.compile(r"# expect: line=(\d+) column=(\d+) path=(\S+) problem~=(.+) cure~=(.+)")
# Stand as values in the corpus, under their own key or a misspelt one.
SECRETS = ("deadbeefdeadbeef", "cafebabecafebabe", "p8e-literal-secret")


def faults_of(*files: Path):
    with pytest.raises(SpecErrors) as caught:
        load_specs(files)
    return caught.value.faults


def test_the_corpus_is_large():
    assert len(BROKEN) >= 36


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_a_broken_spec_is_refused_with_all_its_faults_and_no_other(file):
    expected = [match.groups() for line in file.read_text().splitlines() if (match := EXPECTATION.fullmatch(line))]
    assert expected, "the file announces no fault"
    faults = faults_of(file)
    places = [(str(fault.line), str(fault.column), fault.path or "-") for fault in faults]
    assert places == [(line, column, path) for line, column, path, _, _ in expected]
    for fault, (_, _, _, problem, cure) in zip(faults, expected, strict=True):
        assert problem in fault.problem
        assert cure in fault.cure
        assert str(fault.file) == str(file)


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_no_fault_repeats_a_secret(file):
    said = "\n".join(f"{fault.problem} {fault.cure} {fault.path} {fault.excerpt}" for fault in faults_of(file))
    assert not [secret for secret in SECRETS if secret in said]


def test_faults_of_many_files_come_together_beside_the_sound_ones():
    with pytest.raises(SpecErrors) as caught:
        load_specs([FOLDER / "name_with_capitals.yaml", TEMPLATES / "sms.yaml", FOLDER / "brand_is_a_number.yaml"])
    assert [fault.path for fault in caught.value.faults] == ["name", "brand"]
    assert [one.spec.name for one in caught.value.sound] == ["acme-sms"]


# Pieces that mean something to YAML or to the models, so that random texts get past the scanner.
PIECES = st.sampled_from(
    [
        *"\n\t :-#?[]{},&*!|>'\"%@`~",
        "\n  ",
        "name: ",
        "channel: rcs\n",
        "twilio:\n",
        "<<: *a",
        "&a ",
        "*a",
        "0x_",
        "2024-13-45",
        ".inf",
        "!!int x",
        "\\uD800",
        "---\n",
        "%YAML 1.1\n",
        "verification: {to: [",
        "every: 99999999999d",
        "rcs:\n  profile:",
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=25).map("".join)))
def test_no_text_makes_the_loader_raise_anything_else(text):
    with TemporaryDirectory() as folder:
        file = Path(folder) / "spec.yaml"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        assert faults_of(file)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_damage_to_a_good_spec_raises_anything_else(data):
    lines = (TEMPLATES / "rcs.yaml").read_text().splitlines()
    keys = [index for index, line in enumerate(lines) if re.match(r" *[a-z_0-9]+:", line)]
    index = data.draw(st.sampled_from(keys))
    value = data.draw(st.one_of(PIECES, st.text(max_size=20), st.integers().map(str)))
    lines[index] = lines[index].split(":")[0] + ": " + value
    with TemporaryDirectory() as folder:
        file = Path(folder) / "spec.yaml"
        file.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
        faults: list[SpecFault] = []
        try:
            load_specs([file])
        except SpecErrors as errors:
            faults = errors.faults
        assert all(fault.problem and fault.cure and fault.line for fault in faults)
