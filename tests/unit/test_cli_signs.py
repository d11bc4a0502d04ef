"""What is printed where a stream cannot show our signs."""

from __future__ import annotations

import io
import locale
import sys

import pytest

from cli.signs import show_signs


@pytest.mark.parametrize(
    ("encoding", "is_terminal", "shown"),
    [("ascii", False, "v X > ... ?"), ("utf-8", True, "v X > ... ?"), ("utf-8", False, "✔ ✘ → … é")],
)
def test_a_stream_that_cannot_show_our_signs_gets_others_and_no_question_marks(
    monkeypatch, encoding, is_terminal, shown
):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal, raising=False)
    monkeypatch.setattr(locale, "setlocale", lambda _: "C")
    monkeypatch.setattr(sys, "stdout", stream)
    show_signs()
    stream.write("✔ ✘ → … é")
    stream.flush()
    assert raw.getvalue().decode().strip() == shown
