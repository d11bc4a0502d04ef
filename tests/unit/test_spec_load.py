"""Spec files are refused with every fault at its place; sound ones are loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from models.spec.load import SpecErrors, SpecFault, load_spec, load_specs
from tests.factories import spec_data

EXAMPLES = Path(__file__).parents[2] / "models" / "spec" / "examples"
SMS = (EXAMPLES / "bistro-sms.yaml").read_text()


def faults_of(tmp_path: Path, text: str | bytes) -> list[SpecFault]:
    file = tmp_path / "spec.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(SpecErrors) as caught:
        load_spec(file)
    return caught.value.faults


def changed(old: str, new: str) -> str:
    assert old in SMS
    return SMS.replace(old, new, 1)


def test_the_examples_are_sound():
    loaded = load_specs(sorted(EXAMPLES.glob("*.yaml")))

    assert [(one.spec.name, one.spec.channel) for one in loaded] == [
        ("acme-rcs", "rcs"),
        ("bistro-sms", "sms"),
        ("cinema-mms", "mms"),
    ]
    numbers = {number for one in loaded for number in one.spec.twilio.numbers}
    assert len(numbers) == 3
    assert not numbers & {number for one in loaded for number in one.spec.verification.to}


def test_five_faults_are_five_lines(tmp_path):
    text = changed("name: bistro-sms", "name: Bistro")
    text = text.replace("sandbox: prod", "sandbx: prod")
    text = text.replace('["+14155550101"]', "[+14155550101]")
    text = text.replace("message_type: transactional", "message_type: promo")
    text = text.replace("within: 2m", "within: soon")

    found = faults_of(tmp_path, text)

    assert [fault.path for fault in found] == [
        "name",
        "twilio.numbers[0]",
        "ajo.sandbx",
        "ajo.channel_configuration.message_type",
        "verification.within",
    ]
    lines = text.splitlines()
    for fault, at in zip(found, ("Bistro", "+1415", "sandbx", "promo", "soon"), strict=True):
        assert lines[fault.line - 1][fault.column - 1 :].startswith(at)
    assert '"+14155550101"' in found[1].cure
    assert "`sandbox`" in found[2].cure


def test_rules_across_fields_are_told_beside_faults_of_fields(tmp_path):
    text = SMS + "  required_status: read\n"
    found = faults_of(tmp_path, text.replace("name: bistro-sms", "name: B"))

    assert [fault.path for fault in found] == ["name", "verification.required_status"]


def test_without_a_channel_all_else_is_checked_nevertheless(tmp_path):
    found = faults_of(tmp_path, changed("channel: sms\n", "").replace("within: 2m", "within: 2"))

    assert [fault.path for fault in found] == ["channel", "verification.within"]
    assert found[0].cure == "add it, one of rcs, sms, mms"


def test_a_missing_key_is_told_at_the_key_it_is_missing_in(tmp_path):
    [fault] = faults_of(tmp_path, changed("  client_id: onboard-simulator\n", ""))

    assert (fault.path, fault.column) == ("ajo.client_id", 1)
    assert SMS.splitlines()[fault.line - 1] == "ajo:"


def test_an_empty_value_is_told_at_its_key(tmp_path):
    [fault] = faults_of(tmp_path, changed("sandbox: prod", "sandbox:"))

    assert (fault.path, fault.problem, fault.column) == ("ajo.sandbox", "has no value", 3)


@pytest.mark.parametrize(
    ("value", "problem"), [('"  "', "is blank"), ('""', "is empty"), ("x" * 49, "is 49 characters long")]
)
def test_texts_have_a_length(tmp_path, value, problem):
    [fault] = faults_of(tmp_path, changed("friendly_name: Bistro Lumière SMS", f"friendly_name: {value}"))

    assert (fault.path, fault.problem) == ("twilio.messaging_service.friendly_name", problem)


def test_each_duplicate_key_is_a_fault(tmp_path):
    found = faults_of(tmp_path, SMS + "name: a\nname: b\n")

    assert [fault.problem for fault in found] == ["'name' is written twice, first in line 2"] * 2


def test_norway_is_a_country_and_yes_is_no_boolean(tmp_path):
    rcs = (EXAMPLES / "acme-rcs.yaml").read_text()
    file = tmp_path / "norway.yaml"
    file.write_text(rcs.replace("countries: [US]", "countries: [US, NO]"))
    assert load_spec(file).spec.rcs.countries == ["US", "NO"]

    [fault] = faults_of(tmp_path, changed("campaign_registered: true", "campaign_registered: yes"))
    assert fault.cure == "write true or false, without quotes"


def test_anchors_and_merges_are_understood(tmp_path):
    file = tmp_path / "spec.yaml"
    text = changed("twilio:", "twilio: &t").replace("numbers: [", "numbers: &n [") + "  media_url: null\n"
    file.write_text(text)

    assert load_spec(file).spec.twilio.numbers == ["+14155550101"]

    merged = changed("    attested_by: Claire Dubois\n", "    <<: {attested_by: Claire, attested_on: 2020-01-01}\n")
    file.write_text(merged)
    attestation = load_spec(file).spec.twilio.a2p_10dlc
    assert (attestation.attested_by, str(attestation.attested_on)) == ("Claire", "2026-10-12")


def bombs() -> list[str]:
    laughs = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 8)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
    )
    return [laughs, "a: &a [*a]", "a: &a {<<: *a}", "[" * 5000, "- " * 2000, "x" * 300_000]


@pytest.mark.parametrize("text", bombs())
def test_files_that_would_explode_are_refused_soon(tmp_path, text):
    [*_, fault] = faults_of(tmp_path, text)

    assert any(word in fault.problem for word in ("nested", "holds more than", "larger than"))


@pytest.mark.parametrize(
    ("raw", "line", "problem"),
    [
        (b"", 1, "is empty"),
        (b"# only a comment\n", 1, "is empty"),
        (b"- a\n", 1, "is not a mapping"),
        (b"a: 1\n\tb: 2\n", 2, "a tab"),
        (b"name: x\nbrand: caf\xe9\n", 2, "is not UTF-8"),
        (b"a: 1\n---\nb: 2\n", 2, "a second document"),
        (b'a: 1\nb: "x\nc: 2\n', 2, "never closed"),
        (b"a: b: c\n", 1, "a colon"),
        (b"a: @x\n", 1, "keeps for itself"),
        (b"a: [1, 2\nb: 3\n", 2, "is not closed"),
        (b"a: 1\nb: \x07\n", 2, "control character"),
        (b"a: !foo 1\n", 1, "has a tag"),
        (b"? [a]\n: b\n", 1, "a key is a list"),
    ],
)
def test_what_is_no_yaml_mapping_is_told_in_plain_words(tmp_path, raw, line, problem):
    [fault] = [fault for fault in faults_of(tmp_path, raw) if problem in fault.problem]

    assert fault.line == line
    assert fault.cure


def test_files_that_cannot_be_read_are_faults_too(tmp_path):
    with pytest.raises(SpecErrors) as caught:
        load_specs([tmp_path, tmp_path / "none.yaml", tmp_path / "a\0b", EXAMPLES / "bistro-sms.yaml"])

    assert [fault.problem.split()[0] for fault in caught.value.faults] == ["is", "there", "cannot"]
    assert [one.spec.name for one in caught.value.sound] == ["bistro-sms"]


def test_a_name_stands_for_one_file(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text(SMS)
    second.write_text("# copy\n" + SMS)

    with pytest.raises(SpecErrors) as caught:
        load_specs([first, second])

    [fault] = caught.value.faults
    assert (fault.file, fault.line, fault.path) == (str(second), 3, "name")
    assert f"{first}:2" in fault.problem
    assert len(load_specs([first, first])) == 1


def written(folder, channel, name, **overrides):
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(spec_data(channel, name, **overrides), sort_keys=False))
    return file


def refusals(*files):
    with pytest.raises(SpecErrors) as caught:
        load_specs(files)
    return [(fault.file, fault.path, fault.problem) for fault in caught.value.faults]


def test_a_number_in_two_files_is_a_fault_with_both_places(tmp_path):
    ace, bee = written(tmp_path, "sms", "ace"), written(tmp_path, "sms", "bee")
    line = ace.read_text().splitlines().index("  - '+14155550101'") + 1
    [(file, path, problem)] = refusals(ace, bee)
    assert (file, path) == (str(bee), "twilio.numbers[0]")
    assert problem == (
        f"+14155550101 is in {ace}:{line} too, and Twilio keeps a number in the pool of one messaging service only"
    )


def test_channels_that_share_a_service_share_what_is_in_it_and_others_do_not(tmp_path):
    one, two = ({"messaging_service": {"sid": "MG" + digit * 32}} for digit in "12")
    ours = spec_data()["twilio"]
    ace, bee = written(tmp_path, "sms", "ace", twilio=ours | one), written(tmp_path, "sms", "bee", twilio=ours | one)
    assert len(load_specs([ace, bee])) == 2
    # It may be the service that the other makes.
    assert len(load_specs([ace, written(tmp_path, "sms", "cat")])) == 2
    # A copy of a file, in which only the names are others, makes a service of its own.
    assert (
        len(refusals(written(tmp_path, "sms", "dog", twilio=ours), written(tmp_path, "sms", "eel", twilio=ours))) == 1
    )
    assert len(refusals(ace, written(tmp_path, "sms", "fox", twilio=ours | two))) == 1


def test_an_rcs_sender_a_credential_and_a_configuration_belong_to_one_channel(tmp_path):
    first = spec_data("rcs", "ace")
    copy = {key: first[key] for key in ("twilio", "rcs", "ajo")}
    other = {"messaging_service": {"friendly_name": "Other"}, "numbers": ["+14155550105"]}
    found = refusals(
        written(tmp_path, "rcs", "ace"), written(tmp_path, "rcs", "bee", **copy | {"twilio": copy["twilio"] | other})
    )
    assert [path for _, path, _ in found] == ["rcs.sender_id", "ajo.credential.name", "ajo.channel_configuration.name"]
    elsewhere = copy | {"ajo": first["ajo"] | {"sandbox": "dev"}, "twilio": copy["twilio"] | other}
    found = refusals(tmp_path / "ace.yaml", written(tmp_path, "rcs", "cat", **elsewhere))
    assert [path for _, path, _ in found] == ["rcs.sender_id"]


def test_sms_and_mms_of_one_brand_may_have_one_credential(tmp_path):
    shared = spec_data()["twilio"] | {"messaging_service": {"sid": "MG" + "1" * 32}}
    ajo = spec_data("mms", "bee")["ajo"] | {"credential": {"name": "ace credential"}}
    files = [
        written(tmp_path, "sms", "ace", twilio=shared),
        written(tmp_path, "mms", "bee", twilio=shared, ajo=ajo),
    ]
    assert len(load_specs(files)) == 2
