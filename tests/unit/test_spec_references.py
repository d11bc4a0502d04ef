"""Secrets are read from where the spec points, and never shown."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from models.spec.load import LoadedSpec, SpecErrors, load_spec
from models.spec.references import resolve_all, resolve_references

SMS = (Path(__file__).parents[2] / "models" / "spec" / "examples" / "bistro-sms.yaml").read_text()
TOKEN, SECRET = "${env:DEMO_TWILIO_AUTH_TOKEN}", "${env:DEMO_AJO_CLIENT_SECRET}"
HIDDEN = "5105a7e0c0ffee00c0ffee00c0ffee99"


@pytest.fixture(autouse=True)
def _variables(monkeypatch):
    monkeypatch.setenv("DEMO_TWILIO_AUTH_TOKEN", HIDDEN)
    monkeypatch.setenv("DEMO_AJO_CLIENT_SECRET", "p8e-x")


def spec_file(folder: Path, text: str, name: str = "spec.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def loaded(folder: Path, text: str) -> LoadedSpec:
    return load_spec(spec_file(folder, text))


def refused(spec: LoadedSpec) -> tuple[str, str, int]:
    with pytest.raises(SpecErrors) as caught:
        resolve_references(spec)
    [fault] = caught.value.faults
    return fault.problem, fault.cure, fault.line


def test_variables_are_read(tmp_path):
    secrets = resolve_references(loaded(tmp_path, SMS))

    assert {path: value.get_secret_value() for path, value in secrets.items()} == {
        "twilio.auth_token": HIDDEN,
        "ajo.client_secret": "p8e-x",
    }
    assert HIDDEN not in repr(secrets)


def test_files_are_read_beside_the_spec_without_their_last_line_break(tmp_path):
    (tmp_path / "token.txt").write_bytes(b" a b\n\n")

    secrets = resolve_references(loaded(tmp_path, SMS.replace(TOKEN, "${file:token.txt}")))

    assert secrets["twilio.auth_token"].get_secret_value() == " a b\n"


def test_every_reference_that_leads_nowhere_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("DEMO_TWILIO_AUTH_TOKEN")
    monkeypatch.setenv("DEMO_AJO_CLIENT_SECRET", "  ")

    with pytest.raises(SpecErrors) as caught:
        resolve_all([loaded(tmp_path, SMS)])

    assert [(fault.path, fault.cure) for fault in caught.value.faults] == [
        ("twilio.auth_token", "export DEMO_TWILIO_AUTH_TOKEN=..."),
        ("ajo.client_secret", "export DEMO_AJO_CLIENT_SECRET=..."),
    ]
    assert [SMS.splitlines()[fault.line - 1].strip()[:5] for fault in caught.value.faults] == ["auth_", "clien"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "there is no file"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff", "is not text"),
        (b"x" * 70000, "larger than"),
    ],
)
def test_files_that_hold_no_secret_are_refused(tmp_path, content, problem):
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    assert problem in refused(loaded(tmp_path, SMS.replace(TOKEN, "${file:token}")))[0]


def test_a_folder_is_no_secret(tmp_path):
    assert "cannot be read" in refused(loaded(tmp_path, SMS.replace(TOKEN, "${file:.}")))[0]


@pytest.mark.parametrize(
    "value",
    [
        HIDDEN,
        f'"{HIDDEN}"',
        f"!{HIDDEN}",
        f"*{HIDDEN}",
        f"[{HIDDEN}]",
        f"{{a: {HIDDEN}}}",
        f"\n    {HIDDEN}",
        f"|\n    {HIDDEN}",
        f'"{HIDDEN}',
        f"{HIDDEN}: x",
        f"@{HIDDEN}",
        f"${{env:{HIDDEN}}}",
        "12345678901234567890",
        f"${{TOKEN}} {HIDDEN}",
    ],
)
@pytest.mark.parametrize("key", ["auth_token", "auth_tokn", "account_sid", "token"])
def test_no_error_holds_a_secret_that_stands_in_the_spec(tmp_path, key, value):
    text = SMS.replace(f"auth_token: {TOKEN}", f"{key}: {value}")

    with pytest.raises(SpecErrors) as caught:
        loaded(tmp_path, text)

    error = caught.value
    told = "".join(traceback.format_exception(error)) + repr(error.faults)
    assert HIDDEN not in told
    assert HIDDEN[5:] not in told
