from __future__ import annotations

import io
import logging
import sys

import pytest

from providers.redaction import REDACTED, RedactingFilter, redact, register_secret


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Basic QUM6c2VjcmV0", "QUM6c2VjcmV0"),
        ("'authorization': 'Bearer eyJhbGciOi.J9'", "eyJhbGciOi.J9"),
        ("sent with bearer eyJhbGciOi.J9 today", "eyJhbGciOi.J9"),
        ("auth_token=c0ffee&x=1", "c0ffee"),
        ("AuthToken: c0ffee", "c0ffee"),
        ("client_secret=p8e-abc&scope=openid", "p8e-abc"),
        ('{"client_secret": "with space and \\" quote", "a": 1}', "with space and"),
        ('{"token": "c0ffee"}', "c0ffee"),
        ('{"secret":"c0ffee"}', "c0ffee"),
        ("access_token=abc.def", "abc.def"),
        ("redis://user:pa/ss@host:6379/0", "pa/ss"),
        ("rediss://:hunter2@host", "hunter2"),
        ("postgresql://onboard:hunter2@db/onboard", "hunter2"),
        ("postgresql+psycopg://onboard:hun@ter2@db/onboard", "hun@ter2"),
        ("https://user:hunter2@proxy.test/", "hunter2"),
    ],
)
def test_shapes_of_secrets_are_blanked_out(text, secret):
    clean = redact(text)
    assert secret not in clean
    assert REDACTED in clean
    assert redact(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "Twilio refused to read the account (401, 20003: Authenticate)",
        "check twilio.account_sid and twilio.auth_token (and that the account is open)",
        "redis://host:6379/0",
        "http://127.0.0.1:8800/api.twilio.com",
        "a bearer of news",
        "",
    ],
)
def test_ordinary_sentences_stay_whole(text):
    assert redact(text) == text


def test_registered_values_are_blanked_out_wherever_they_stand():
    register_secret("zq-one-secret")
    assert redact("zq-one-secret and zq-one-secret, zq-one-secre") == f"{REDACTED} and {REDACTED}, zq-one-secre"


def test_a_secret_that_begins_like_another_leaves_no_rest():
    register_secret("zq-begin")
    register_secret("zq-begin-and-end")
    assert redact("x zq-begin-and-end y zq-begin z") == f"x {REDACTED} y {REDACTED} z"


def test_the_forms_of_a_secret_in_urls_and_json_are_blanked_out_too():
    register_secret('zq/sla sh"es')
    assert "zq" not in redact("?key=zq%2Fsla%20sh%22es")
    assert "zq" not in redact('{"k": "zq/sla sh\\"es"}')


def test_the_shortest_secret_is_blanked_out_at_the_very_end_too():
    register_secret("zq-end")
    assert redact("ends with zq-end") == f"ends with {REDACTED}"


def test_values_too_short_to_be_secrets_are_left_alone():
    register_secret("zq1")
    assert redact("zq1") == "zq1"


def test_thousands_of_secrets_do_not_slow_a_line_down():
    for number in range(20_000):
        register_secret(f"{number:06d}-zq-secret")
    steps = 0

    def count(*_):
        nonlocal steps
        steps += 1

    sys.setprofile(count)
    try:
        redact("an ordinary line of a log, about as long as such lines are " * 2)
    finally:
        sys.setprofile(None)
    assert steps < 5_000


def logged(log_it) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter())
    logger = logging.Logger("test")
    logger.addHandler(handler)
    log_it(logger)
    return stream.getvalue()


def test_a_log_lines_arguments_are_redacted():
    register_secret("zq-logged-secret")
    line = logged(lambda log: log.info("token %s, 100%%", "zq-logged-secret"))
    assert line == f"token {REDACTED}, 100%\n"


def test_tracebacks_and_stacks_are_redacted():
    register_secret("zq-raised-secret")

    def fail(log: logging.Logger) -> None:
        try:
            int("zq-raised-secret")
        except ValueError:
            log.exception("it broke", stack_info=True)

    text = logged(fail)
    assert "ValueError" in text
    assert "Stack" in text
    assert f"'{REDACTED}'" in text
    assert "zq-raised-secret" not in text


def test_arguments_that_do_not_fit_are_still_redacted(capsys):
    register_secret("zq-unfit-secret")
    text = logged(lambda log: log.info("only %d", "zq-unfit-secret")) + capsys.readouterr().err
    assert "only %d" in text
    assert "zq-unfit-secret" not in text
