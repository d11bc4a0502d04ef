"""``expand``: one template and one CSV, as spreadsheets write them, to many specs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cli.main import cli
from models.spec.load import load_specs
from tests.factories import spec_data

TEMPLATE = spec_data(
    "sms",
    "{{ id }}-sms",
    brand="{{ brand }}",
    verification={"to": ["{{handset}}"], "message": "Hello from {{ brand }}: {{ id }}"},
)
TEMPLATE["twilio"] |= {"auth_token": "${env:TWILIO_{{ key }}}", "messaging_service": {"sid": "MG" + "5" * 32}}
TEMPLATE["ajo"] |= {
    "credential": {"name": "credential"},
    "channel_configuration": {"name": "acme_config", "message_type": "transactional"},
}
HEAD = "id,brand,handset,key"
ACE = 'ace,"Ace, Ltd",+12125550123,ACE'
BEE = "bee,Bee,+12125550124,BEE"


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "specs"
        self.template(TEMPLATE)

    def template(self, data):
        text = data if isinstance(data, str) else yaml.safe_dump(json.loads(json.dumps(data)), sort_keys=False)
        (self.folder / "brand.yaml").write_text(text)

    def expand(self, *rows, options=(), code=0, raw=None):
        (self.folder / "brands.csv").write_bytes(raw if raw is not None else "\n".join(rows).encode())
        arguments = [str(self.folder / "brand.yaml"), str(self.folder / "brands.csv"), "-o", str(self.out), *options]
        done = CliRunner().invoke(cli, ["expand", *arguments], standalone_mode=False)
        found = getattr(done.exception, "exit_code", done.return_value or 0)
        said = done.output + (done.exception.format_message() if hasattr(done.exception, "format_message") else "")
        assert found == code, (found, said, done.exception)
        return said

    def faults(self, *rows, **options):
        """As (file, row, place, path, problem)."""
        found = json.loads(self.expand(*rows, options=["--json"], code=2, **options))
        assert not self.out.exists()
        assert all(one["cure"] for one in found["faults"])
        keys = ("line", "column", "path", "problem")
        return [(Path(one["file"]).name, *(one[key] for key in keys)) for one in found["faults"]]

    def specs(self):
        return [one.spec for one in load_specs(sorted(self.out.iterdir()))]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_each_row_becomes_a_spec_of_its_name(desk):
    assert "Wrote 2 specs" in desk.expand(HEAD, ACE, BEE)
    assert [path.name for path in sorted(desk.out.iterdir())] == ["ace-sms.yaml", "bee-sms.yaml"]
    ace, bee = desk.specs()
    assert (ace.brand, ace.twilio.auth_token, ace.verification.to[0]) == (
        "Ace, Ltd",
        "${env:TWILIO_ACE}",
        "+12125550123",
    )
    assert (bee.verification.message, bee.twilio.numbers) == ("Hello from Bee: bee", ace.twilio.numbers)
    assert "from brand.yaml and brands.csv" in (desk.out / "ace-sms.yaml").read_text().splitlines()[0]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_bom_crlf_and_another_separator_are_what_spreadsheets_write(desk, separator):
    rows = [HEAD.replace("id", '"id"'), BEE.replace("Bee", '"Bee, ""the"" bar"'), ",,,", ""]
    text = "\r\n".join(rows).replace(",", separator).replace(f"Bee{separator} ", "Bee, ")
    desk.expand(raw=text.encode("utf-8-sig"))
    assert [spec.brand for spec in desk.specs()] == ['Bee, "the" bar']


@pytest.mark.parametrize(
    "brand",
    [
        'x"\nowner: me',
        "a: b",
        "# no comment",
        "- item",
        "&a *b !c",
        "{{ id }}",
        "{a: b}",
        "null",
        "0x1F",
        "2026-11-02",
        "yes",
        "'\"\\",
        "| text",
        "Zoë \U0001f40d",
    ],
)
def test_no_cell_can_be_anything_but_the_text_that_it_is(desk, brand):
    quoted = '"' + brand.replace('"', '""') + '"'
    data = {**TEMPLATE, "brand": "Acme", "twilio": {**TEMPLATE["twilio"], "messaging_service": {"friendly_name": "x"}}}
    desk.template(data)
    desk.expand(HEAD, f"ace,{quoted},+12125550123,ACE")
    written = yaml.safe_load((desk.out / "ace-sms.yaml").read_text())
    assert written["verification"]["message"] == f"Hello from {brand}: ace"
    assert (list(written), desk.specs()[0].brand) == (list(data), "Acme")


def test_a_fault_of_a_cell_names_row_and_column_and_nothing_is_written(desk):
    bad = "Bee_Bar,,+1212555,BEE"
    assert desk.faults(HEAD, ACE, bad) == [("brands.csv", 3, 2, "", "column brand: is empty")]
    name, handset = desk.faults(HEAD, ACE, bad.replace(",,", ",Bee,"))
    assert name[:4] == ("brands.csv", 3, 1, "name")
    assert handset == ("brands.csv", 3, 3, "verification.to[0]", "column handset: '+1212555' is not a phone number")


def test_a_fault_of_the_template_is_told_once_and_in_its_line(desk):
    desk.template({**TEMPLATE, "channel": "fax"})
    ((file, line, _, path, _),) = desk.faults(HEAD, ACE, BEE)
    assert (file, line, path) == ("brand.yaml", 2, "channel")


def test_a_secret_in_a_cell_is_refused_and_not_repeated(desk):
    desk.template({**TEMPLATE, "twilio": {**TEMPLATE["twilio"], "auth_token": "{{ key }}"}})
    said = desk.expand(HEAD, ACE.replace("ACE", "5105a7e0c0ffee00c0ffee00c0ffee01"), code=2)
    assert "column key: a secret must not stand in the spec" in said
    assert "5105a7e0" not in said


def test_two_rows_of_one_name_are_refused(desk):
    ((_, row, place, path, problem),) = desk.faults(HEAD, ACE, BEE, ACE)
    assert (row, place, path) == (4, 1, "name")
    assert problem == "column id: the name 'ace-sms' is taken by row 2"


def test_an_unknown_placeholder_is_refused_and_an_unused_column_warned_of(desk):
    found = desk.faults("id,brandd,handset,key", ACE)
    assert {(file, path) for file, _, _, path, _ in found} > {("brand.yaml", "brand")}
    assert all(problem.startswith("there is no column 'brand' in ") for *_, problem in found)
    assert "did you mean brandd?" in desk.expand("id,brandd,handset,key", ACE, code=2)
    said = desk.expand(HEAD + ",notes", ACE + ",call Jo")
    assert "no placeholder names the columns notes" in said


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("name: {{ id }}\nchannel: sms\n", "brand.yaml:1:7  a placeholder stands without quotes"),
        ("name: {{ id }}-sms\nchannel: sms\n", "brand.yaml:1:7  a placeholder stands without quotes"),
        ("brand: {{ brand }} SMS\n", 'help: put the whole text in quotes, for example name: "{{ key }}-sms"'),
        ('name: "{{ id"\n', "not closed"),
        ("name: acme\n", "the same for all 2 rows"),
    ],
)
def test_what_is_wrong_in_the_template_is_said_with_its_cure(desk, text, word):
    desk.template(text)
    assert word in desk.expand(HEAD, ACE, BEE, code=2)


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"", "no row below"),
        (HEAD.encode(), "no row below"),
        (b"id,brand,id\na,b,c", "column id: stands 2 times"),
        (b"id,,key\na,b,c", "column 2 has no name"),
        (f"{HEAD}\nace,Ace, Ltd,+12125550123,ACE".encode(), "has 5 cells, the first row has 4"),
        (f'{HEAD}\nace,"Ace,+12125550123,ACE'.encode(), "is not CSV"),
        (HEAD.encode() + b"\nace,Caf\xe9,1,A", "save it as CSV UTF-8"),
    ],
)
def test_what_is_no_table_is_said(desk, raw, word):
    assert word in desk.expand(raw=raw, code=2)
    assert not desk.out.exists()


def test_a_table_that_is_not_there_is_a_fault_of_the_table(desk):
    done = CliRunner().invoke(
        cli, ["expand", str(desk.folder / "brand.yaml"), str(desk.folder / "no.csv"), "-o", str(desk.out)]
    )
    assert "no.csv  there is no such file\n    help: check the name and" in done.output


def test_files_that_hold_something_else_stay_unless_forced(desk):
    desk.expand(HEAD, ACE)
    assert "Wrote 2" in desk.expand(HEAD, ACE, BEE), "what would be the same is no obstacle"
    (desk.out / "bee-sms.yaml").write_text("mine")
    said = desk.expand(HEAD, ACE.replace("Ltd", "Inc"), BEE, code=2)
    assert "bee-sms.yaml; --force overwrites" in said
    assert "Ltd" in (desk.out / "ace-sms.yaml").read_text()
    desk.expand(HEAD, ACE, BEE, options=["--force"])
    assert [spec.brand for spec in desk.specs()] == ["Ace, Ltd", "Bee"]


def test_a_folder_that_cannot_be_written_gets_nothing(desk, monkeypatch):
    write = Path.write_bytes

    def full(path, data):
        if path.name.startswith(".bee"):
            raise OSError(28, "No space left on device", str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert "no space left" in desk.expand(HEAD, ACE, BEE, code=1)
    assert list(desk.out.iterdir()) == []


def test_json_names_each_file(desk):
    found = json.loads(desk.expand(HEAD, ACE, options=["--json"]))
    spec = {"file": str(desk.out / "ace-sms.yaml"), "name": "ace-sms", "channel": "sms"}
    assert found == {"ok": True, "specs": [spec], "unused_columns": [], "faults": []}


def test_a_number_in_two_rows_is_a_fault_of_the_later_one_unless_they_share_a_service(desk):
    own = TEMPLATE["twilio"] | {"numbers": ["{{ number }}"], "messaging_service": {"friendly_name": "{{ brand }}"}}
    ajo = TEMPLATE["ajo"] | {"credential": {"name": "{{ id }}"}}
    ajo["channel_configuration"] = ajo["channel_configuration"] | {"name": "{{ id }}_sms"}
    rows = (f"{HEAD},number", f"{ACE},+14155550101", f"{BEE},+14155550101")
    desk.template(TEMPLATE | {"twilio": own, "ajo": ajo})
    [number] = desk.faults(*rows)
    assert number[:4] == ("brands.csv", 3, 5, "twilio.numbers[0]")
    assert number[4].startswith("column number: +14155550101 is in row 2 too, and Twilio keeps a number")
    desk.template(
        TEMPLATE | {"twilio": own | {"messaging_service": TEMPLATE["twilio"]["messaging_service"]}, "ajo": ajo}
    )
    assert "Wrote 2 specs" in desk.expand(*rows)


def test_what_belongs_to_one_channel_must_not_be_the_same_in_all_rows(desk):
    own = TEMPLATE["twilio"] | {"messaging_service": {"friendly_name": "{{ brand }}"}}
    desk.template(TEMPLATE | {"twilio": own})
    found = desk.faults(HEAD, ACE, BEE, "cat,Cat,+12125550125,CAT")
    assert [(one[0], one[3]) for one in found] == [
        ("brand.yaml", "twilio.numbers[0]"),
        ("brand.yaml", "ajo.credential.name"),
        ("brand.yaml", "ajo.channel_configuration.name"),
    ]
    assert all("is the same for all rows" in one[4] for one in found)
