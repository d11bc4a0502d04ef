"""Requests of any shape: refused with a proper status, nothing stored, nothing raised."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.body import parse_form
from tests.fuzz.harness import HEADERS, METHODS, PATHS, TYPES, Target

choices = st.tuples(
    st.integers(0, len(PATHS) - 1),
    st.integers(0, 5),
    st.integers(0, len(METHODS) - 1),
    st.integers(0, len(TYPES) - 1),
    st.integers(0, 2 ** (len(HEADERS) + 1) - 1),
).map(bytes)
pieces = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"bodySHA256=" + b"0" * 64,
            b"MessageSid=SM1&MessageStatus=sent&MessageSid=SM2",
            b"MessageSid=%ff%fe&%00=%00",
            b"&".join(b"a=%d" % number for number in range(600)),
            b'{"MessageSid": "SM1"}',
            b'{"to": "+12125550123", "message": "hello", "reference": "r-1"}',
            b'{"to": {"a": [1]}, "message": null}',
            b"[" * 5000,
            b"Bearer eyJhbGciOiJub25lIn0.e30.",
            b"Basic " + b"=" * 9,
            b"grant_type=client_credentials&client_id=acme&client_secret=x",
            b"x" * 70_000,
            b"99999999999999999999",
            b"\xff\xfe",
        ]
    ),
)


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    made = Target(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.close()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=choices, rest=st.lists(pieces, max_size=5))
def test_whatever_comes_is_refused_in_good_order(target, head, rest):
    status = target.check(head + b"\0".join(piece.replace(b"\0", b"") for piece in rest))
    assert status in {200, 400, 401, 403, 404, 405, 408, 413, 415}


def test_health_is_all_that_an_unknown_caller_gets(target):
    assert target.check(bytes([PATHS.index("/healthz"), 0, METHODS.index("GET"), 0, 0])) == 200
    assert target.check(bytes([0, 0, 0, 0, 1]) + b"\0MessageSid=SM1") == 403


@example("=&")
@example("&=a&=&&")
@given(
    st.lists(st.sampled_from(["a", "=", "&", "+", "%", "2B", "%2b", "%e2%82%ac", "%ff", "ü", "\0", ";"])).map("".join)
)
def test_a_form_is_read_as_the_standard_library_reads_it(text):
    assert parse_form(text.encode()) == parse_qs(text, keep_blank_values=True)
