"""``init``, ``validate`` and ``schema`` as people run them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import jsonschema
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from cli.main import cli
from cli.spec import load_or_exit
from models.spec.load import load_spec

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "models" / "spec" / "templates"
BROKEN = ROOT / "tests" / "broken_specs"
EXAMPLES = sorted((ROOT / "models" / "spec" / "examples").glob("*.yaml"))
TOKEN = "0123token4567"


@pytest.fixture
def run(monkeypatch):
    for name in ("TWILIO_AUTH_TOKEN", "AJO_CLIENT_SECRET", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments):
        # As cli.exits.run does: a command's number is the exit code.
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments], standalone_mode=False)
        if result.exception is not None and not isinstance(result.exception, (SystemExit, click.ClickException)):
            raise result.exception
        error = result.exception
        code = error.exit_code if isinstance(error, click.ClickException) else result.return_value or 0
        return code, result.stdout, error.format_message() if isinstance(error, click.ClickException) else result.stderr

    return run


def test_init_prints_the_template(run):
    code, text, _ = run("init", "mms")
    assert (code, text) == (0, (TEMPLATES / "mms.yaml").read_text())


def test_init_writes_a_file_once_under_the_name_given(run, tmp_path):
    file = tmp_path / "shop.yaml"
    assert run("init", "sms", "--name", "shop-sms", "-o", file)[0] == 0
    assert load_spec(file).spec.name == "shop-sms"
    code, _, error = run("init", "rcs", "-o", file)
    assert (code, "--force" in error) == (2, True)
    assert load_spec(file).spec.channel == "sms"
    assert run("init", "rcs", "-o", file, "--force")[0] == 0
    assert load_spec(file).spec.channel == "rcs"


def test_init_refuses_a_bad_name_and_a_folder_that_is_not_there(run, tmp_path):
    assert run("init", "sms", "--name", "Shop: SMS")[0] == 2
    assert run("init", "sms", "-o", tmp_path / "none" / "a.yaml")[0] == 1


def test_the_schema_accepts_examples_and_templates_and_refuses_broken_specs(run, tmp_path):
    file = tmp_path / "schema.json"
    assert run("schema", "-o", file)[0] == 0
    assert file.read_text() == run("schema")[1]
    schema = json.loads(file.read_text())
    assert schema["$schema"].endswith("2020-12/schema")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    def is_valid(path):
        # A date is text to JSON; an editor's YAML server reads it so.
        data = json.loads(json.dumps(YAML(typ="safe", pure=True).load(path), default=str))
        return validator.is_valid(data)

    assert all(is_valid(path) for path in [*EXAMPLES, *TEMPLATES.glob("*.yaml")])
    for name in (
        "unknown_key",
        "channel_unknown",
        "auth_token_literal",
        "numbers_empty",
        "privacy_url_missing",
        "retries_too_many",
    ):
        assert not is_valid(BROKEN / f"{name}.yaml"), name


def test_validate_names_each_good_file_and_counts_them(run):
    code, out, _ = run("validate", *EXAMPLES)
    assert code == 0
    assert f"{EXAMPLES[0]}  acme-rcs (rcs)" in out
    assert out.endswith("3 files, no faults\n")


def test_validate_shows_place_line_caret_and_cure(run):
    file = BROKEN / "accent_color_pale.yaml"
    code, out, _ = run("validate", file, EXAMPLES[1])
    assert code == 2
    first, source, caret, cure, *_ = out.splitlines()
    assert first.startswith(f"{file}:26:19  rcs.profile.accent_color: ")
    assert source.index('"#ffcc00"') == caret.index("^")
    assert cure.strip().startswith("help: ")
    assert out.endswith("1 fault in 1 file; 1 file good\n")


def test_a_long_line_is_shown_around_the_fault(run):
    out = run("validate", BROKEN / "message_too_long.yaml")[1]
    source, caret = out.splitlines()[1:3]
    assert len(source) < 110
    assert source.endswith("…")
    assert source[caret.index("^")] == '"'


def test_validate_prints_json(run):
    code, out, _ = run("validate", "--json", BROKEN / "five_faults.yaml", EXAMPLES[0])
    result = json.loads(out)
    assert (code, result["ok"], len(result["faults"])) == (2, False, 5)
    assert set(result["faults"][0]) == {"file", "line", "column", "path", "problem", "cure"}
    assert result["specs"] == [{"file": str(EXAMPLES[0]), "name": "acme-rcs", "channel": "rcs"}]


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_validate_never_prints_a_secret(run, extra):
    out = "".join(run("validate", *extra, file)[1] for file in sorted(BROKEN.glob("*.yaml")))
    assert not re.search("deadbeefdead|cafebabecafe|literal-secret", out)


def test_output_is_plain_unless_it_goes_to_a_terminal(run, monkeypatch):
    file = BROKEN / "name_with_capitals.yaml"
    assert "\x1b" not in run("validate", file)[1]
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[31m" in run("validate", file)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", run("validate", file)[1])


def test_secrets_are_read_only_when_asked_for_and_never_shown(run, monkeypatch, tmp_path):
    file = tmp_path / "a.yaml"
    text = (TEMPLATES / "sms.yaml").read_text()
    file.write_text(text.replace("${env:AJO_CLIENT_SECRET}", "${file:secret.txt}"))
    assert run("validate", file)[0] == 0
    code, out, _ = run("validate", "--secrets", file)
    assert code == 2
    assert "export TWILIO_AUTH_TOKEN=" in out
    assert str(tmp_path / "secret.txt") in out
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    (tmp_path / "secret.txt").write_text(TOKEN + "\n\n")
    code, out, _ = run("validate", "--secrets", file)
    assert (code, TOKEN in out) == (0, False)
    ((loaded, secrets),) = load_or_exit([file], with_secrets=True)
    assert loaded.spec.name == "acme-sms"
    # One newline at the end is the editor's, a second one belongs to the file.
    assert {key: value.get_secret_value() for key, value in secrets.items()} == {
        "twilio.auth_token": TOKEN,
        "ajo.client_secret": TOKEN + "\n",
    }
    assert TOKEN not in repr(secrets)


def test_load_or_exit_prints_the_faults_and_ends_the_command(capsys):
    with pytest.raises(click.exceptions.Exit) as ended:
        load_or_exit([BROKEN / "name_with_capitals.yaml"], with_secrets=False)
    printed = capsys.readouterr()
    assert (ended.value.exit_code, printed.out) == (2, "")
    assert "help: " in printed.err


@pytest.mark.parametrize("arguments", [["--help"], ["validate", str(EXAMPLES[0])]], ids=["help", "validate"])
def test_the_heavy_packages_stay_out(arguments):
    code = (
        "import sys; from cli.exits import run; from cli.main import cli\n"
        "code = run(cli, sys.argv[1:])\n"
        "heavy = {'celery', 'kombu', 'sqlalchemy', 'httpx'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
