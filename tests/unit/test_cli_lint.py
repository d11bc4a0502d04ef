"""``onboard lint`` as people and pull requests run it, without a network."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from cli.exits import run
from cli.main import cli
from engine.lint.page import MARKER, PAGE, rules_as_markdown
from engine.lint.rule import CATALOGUE
from tests.factories import spec_data
from tests.unit.lint_world import brand, picture, put, write

ROOT = Path(__file__).parents[2]
TEXTS = {"type": "array", "items": {"type": "string"}}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["ok", "counts", "specs", "findings", "not_run"],
    "properties": {
        "ok": {"type": "boolean"},
        "counts": {
            "type": "object",
            "required": ["error", "warning", "note"],
            "additionalProperties": {"type": "integer", "minimum": 0},
        },
        "specs": {"type": "array", "items": {"type": "object", "required": ["file", "name", "channel"]}},
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["file", "line", "column", "path", "rule", "severity", "problem", "cure", "sources"],
                "properties": {
                    "file": {"type": "string"},
                    "line": {"type": "integer"},
                    "column": {"type": "integer"},
                    "path": {"type": "string"},
                    "rule": {"enum": ["spec", *CATALOGUE]},
                    "severity": {"enum": ["error", "warning", "note"]},
                    "problem": {"type": "string", "minLength": 1},
                    "cure": {"type": "string", "minLength": 1},
                    "sources": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["tag", "text", "date"],
                            "properties": {
                                "tag": {"enum": ["spec", "doc", "community", "inference"]},
                                "text": {"type": "string"},
                                "date": {"type": "string", "pattern": r"^2026-\d\d(-\d\d)?$"},
                            },
                        },
                    },
                },
            },
        },
        "not_run": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["file", "rule", "paths", "reason"],
                "properties": {
                    "file": {"type": "string"},
                    "rule": {"enum": list(CATALOGUE)},
                    "paths": TEXTS,
                    "reason": {"enum": ["offline", "local file"]},
                },
            },
        },
    },
}


@pytest.fixture
def lint(capsys):
    def lint(*arguments):
        code = run(cli, ["lint", "--offline", *map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return lint


def spoilt(tmp_path, path, value, name="acme.yaml"):
    data = brand()
    put(data, path, value)
    return write(tmp_path, data, name)


def as_json(lint, *arguments):
    code, out, _ = lint("--json", *arguments)
    result = json.loads(out)
    jsonschema.validate(result, SCHEMA)
    return code, result


def test_a_finding_looks_like_a_compilers(lint, tmp_path):
    file = spoilt(tmp_path, "rcs.profile.display_name", "Acme Coffee Test")
    code, out, _ = lint(file)
    first, source, caret, cure, origin, *_ = out.splitlines()
    line = file.read_text().splitlines().index("    display_name: Acme Coffee Test") + 1
    assert code == 6
    assert first == f"{file}:{line}:19  warning[display-name-trial]  rcs.profile.display_name: holds the word 'test'"
    assert source.index("Acme") == caret.index("^")
    assert cure.strip() == "help: write the name that customers shall see"
    assert origin.strip().startswith("source: inference: ")
    assert out.endswith("1 warning, 1 note in 1 file; 1 file checked\n")


@pytest.mark.parametrize(
    ("path", "value", "codes"),
    [
        ("verification.within", "2m", (0, 0)),
        ("rcs.profile.display_name", "Acme Coffee Test", (6, 0)),
        ("rcs.profile.banner_url", "https://www.acmecoffee.com/logo.png", (1, 1)),
        ("rcs.profile.accent_color", "#ffffff", (2, 2)),
    ],
    ids=["note", "warning", "error", "no spec"],
)
def test_the_exit_code_is_that_of_the_worst(lint, tmp_path, path, value, codes):
    plain, on_errors_only = codes
    file = spoilt(tmp_path, path, value)
    assert lint(file)[0] == plain
    assert lint(file, "--fail-on", "error")[0] == on_errors_only
    assert lint(file, "--json")[0] == plain
    assert lint(file, "--format", "github")[0] == plain


def test_a_channel_to_which_no_rule_speaks_is_clean(lint, tmp_path):
    data = spec_data("sms")
    data["verification"]["message"] = "Acme: hello. Reply STOP to end."
    assert lint(write(tmp_path, data))[:2] == (0, "1 file checked, nothing found\n")


def test_json_keeps_its_schema_and_counts(lint, tmp_path):
    file = spoilt(tmp_path, "rcs.countries", ["US", "BR"])
    code, result = as_json(lint, file)
    assert (code, result["ok"], result["counts"]) == (1, False, {"error": 1, "warning": 0, "note": 2})
    assert result["specs"] == [{"file": str(file), "name": "acme-rcs", "channel": "rcs"}]
    (error,) = [finding for finding in result["findings"] if finding["severity"] == "error"]
    assert (error["rule"], error["path"]) == ("br-alone", "rcs.countries[1]")
    assert error["sources"][0]["tag"] == "doc"


def test_a_file_that_is_no_spec_is_reported_as_validate_does_beside_the_others(lint, tmp_path, capsys):
    broken = spoilt(tmp_path, "rcs.profile.accent_color", "#ffffff", "broken.yaml")
    good = spoilt(tmp_path, "name", "acme-two", "good.yaml")
    code, result = as_json(lint, broken, good)
    assert (code, [spec["name"] for spec in result["specs"]]) == (2, ["acme-two"])
    (fault,) = [finding for finding in result["findings"] if finding["file"] == str(broken)]
    assert (fault["rule"], fault["severity"], fault["path"]) == ("spec", "error", "rcs.profile.accent_color")
    _, text, _ = lint(broken)
    run(cli, ["validate", str(broken)])
    same = [line.replace("error[spec]  ", "") for line in text.splitlines()[:4]]
    assert same == capsys.readouterr().out.splitlines()[:4]


def test_select_and_ignore_take_ids_and_patterns_and_refuse_others(lint, tmp_path):
    file = spoilt(tmp_path, "rcs.profile.display_name", "Customer Service")
    names = {finding["rule"] for finding in as_json(lint, file, "--select", "display-name-*")[1]["findings"]}
    assert names == {"display-name-generic", "display-name-brand"}
    left = as_json(lint, file, "--select", "display-name-*", "--ignore", "display-name-brand")[1]["findings"]
    assert [finding["rule"] for finding in left] == ["display-name-generic"]
    code, _, error = lint(file, "--ignore", "display-name-genric")
    assert code == 2
    assert "did you mean display-name-generic?" in error


def test_offline_says_which_rules_did_not_run(lint, tmp_path):
    file = write(tmp_path, brand())
    _, result = as_json(lint, file)
    missing = {entry["rule"]: entry for entry in result["not_run"]}
    assert set(missing) == {rule.id for rule in CATALOGUE.values() if rule.needs != "nothing"}
    assert missing["logo-pixels"]["paths"] == ["rcs.profile.logo_url"]
    assert {entry["reason"] for entry in result["not_run"]} == {"offline"}
    assert "\nNot run, for lack of the network: logo-format, " in lint(file)[1]


def test_local_files_stand_in_for_addresses(lint, tmp_path):
    file = spoilt(tmp_path, "rcs.profile.logo_url", "https://www.acmecoffee.com/a/my%20logo.png?v=2")
    folder = tmp_path / "brand"
    folder.mkdir()
    (folder / "my logo.png").write_bytes(picture(100, 100))
    code, result = as_json(lint, file, "--assets", folder)
    assert code == 1
    assert [one["rule"] for one in result["findings"] if one["severity"] == "error"] == ["logo-pixels"]
    reasons = {(entry["rule"], path): entry["reason"] for entry in result["not_run"] for path in entry["paths"]}
    assert reasons["url-status", "rcs.profile.logo_url"] == "local file"
    assert reasons["url-status", "rcs.profile.banner_url"] == "offline"
    assert ("logo-pixels", "rcs.profile.logo_url") not in reasons


@pytest.mark.parametrize("name", ["..%2F..%2Fsecret.png", "%2Fetc%2Fpasswd", "..", "", "%00", "folder.png", "link.png"])
def test_an_address_cannot_reach_out_of_the_folder(lint, tmp_path, name):
    folder = tmp_path / "a" / "brand"
    (folder / "folder.png").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(picture(100, 100))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    file = spoilt(tmp_path, "rcs.profile.logo_url", f"https://www.acmecoffee.com/{name}")
    code, result = as_json(lint, file, "--assets", folder)
    assert code == 0
    assert {entry["reason"] for entry in result["not_run"]} == {"offline"}


def test_annotations_are_those_of_github(lint, tmp_path):
    file = spoilt(tmp_path, "rcs.profile.description", "Coffee%20and cake since 1999", "a,b.yaml")
    _, out, _ = lint(file, "--format", "github")
    lines = out.splitlines()[:2]
    kinds = [
        re.fullmatch(r"::(error|warning|notice) file=[^,]+,line=\d+,col=\d+,title=[a-z-]+::.+", line)[1]
        for line in lines
    ]
    assert kinds == ["error", "notice"]
    assert f"file={str(file).replace(',', '%2C')},line=" in lines[0]
    assert "holds '%2520'. Cure: " in lines[0]
    assert out.endswith("1 error, 1 note in 1 file; 1 file checked\n")


def test_rules_that_look_at_the_spec_alone_fetch_nothing(tmp_path, capsys):
    # Not offline, and sockets raise here.
    assert run(cli, ["lint", "--select", "logo-is-banner", str(write(tmp_path, brand()))]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_the_page_is_that_of_the_catalogue():
    head, _, rules = PAGE.read_text().partition(MARKER)
    assert rules == rules_as_markdown(), "run: python -m engine.lint.page"
    assert all(rules.count(f"### `{rule}`\n") == 1 for rule in CATALOGUE)
    assert "exit code" in head


def test_the_database_and_celery_stay_out(tmp_path):
    code = (
        "import sys; from cli.exits import run; from cli.main import cli\n"
        "code = run(cli, sys.argv[1:])\n"
        "heavy = {'celery', 'kombu', 'sqlalchemy', 'httpcore'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    arguments = [sys.executable, "-c", code, "lint", "--offline", str(write(tmp_path, brand()))]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
