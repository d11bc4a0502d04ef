"""Form posts from the event loop against servers that misbehave: each end is the decision that the bridge needs."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from providers.errors import NeedsPerson, RateLimited, Refused, Retryable
from providers.http import LARGEST_ANSWER_BYTES, Http
from providers.http_async import AsyncHttp
from tests.integration.services import free_port


def refuse(response, context):
    return Refused("refused", cure="mend it", context=context)


def answer(status, body=b'{"sid": "SM1"}', *headers):
    head = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def exchange(behave, *, timeout=2.0, posts=1):
    """What became of posts to a server that treats each connection with ``behave``; and the first request it saw."""
    requests, serving = [], []

    async def serve(reader, writer):
        serving.append(asyncio.current_task())
        try:
            for _ in range(posts):
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
                requests.append(head + await reader.readexactly(length))
                await behave(writer)
        finally:
            writer.transport.abort() if writer.is_closing() else writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/2010"
        http = Http("Twilio", url, timeout_seconds=timeout, classify=refuse, auth=("u", "p"))
        sender = AsyncHttp(connections=4)
        form = {"To": "+1 2", "MediaUrl": ["a", "b"]}
        try:
            for _ in range(posts):
                said = await sender.post_form(http, "/Messages.json", form, operation="send")
            return said, requests
        finally:
            await sender.close()
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
            # The transports close in the next turns of the loop.
            await asyncio.sleep(0.01)


async def write(writer, *chunks, pause=0.0):
    for chunk in chunks:
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(pause)


def says(*chunks, pause=0.0):
    return lambda writer: write(writer, *chunks, pause=pause)


def test_a_form_is_posted_with_its_lists_its_sign_in_and_its_id_over_one_connection():
    said, requests = asyncio.run(exchange(says(answer(201)), posts=3))
    assert said == {"sid": "SM1"}
    assert len(requests) == 3
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert body == b"To=%2B1+2&MediaUrl=a&MediaUrl=b"
    assert head.startswith(b"POST /2010/Messages.json HTTP/1.1")
    for line in (b"Content-Type: application/x-www-form-urlencoded", b"Authorization: Basic dTpw", b"X-Request-Id: "):
        assert line in head


def test_a_compressed_answer_is_read():
    packed = gzip.compress(b'{"sid": "SM1"}')
    assert asyncio.run(exchange(says(answer(201, packed, "Content-Encoding: gzip"))))[0] == {"sid": "SM1"}


@pytest.mark.parametrize(
    ("behave", "decision", "is_ambiguous"),
    [
        (says(answer(429, b"", "Retry-After: 7")), RateLimited, False),
        (says(answer(503, b"")), Retryable, True),
        (says(answer(400)), Refused, None),
        (says(answer(307, b"", "Location: http://127.0.0.1:1/")), NeedsPerson, None),
        (says(b""), Retryable, True),
        (says(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"), Retryable, True),
        (says(answer(201, b"<html>")), Retryable, True),
        (says(b"no HTTP at all\r\n\r\n"), Retryable, True),
        (says(answer(201, b"x" * (LARGEST_ANSWER_BYTES + 1))), Retryable, True),
        (says(b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n", *[b"x"] * 8, pause=0.1), Retryable, True),
        (lambda writer: asyncio.sleep(5), Retryable, True),
    ],
)
def test_each_way_to_fail_is_told_apart(behave, decision, is_ambiguous):
    with pytest.raises(decision) as failure:
        asyncio.run(exchange(behave, timeout=0.2))
    if is_ambiguous is not None:
        assert failure.value.ambiguous is is_ambiguous
    if decision is RateLimited:
        assert failure.value.after == 7


def test_a_server_that_is_not_there_has_done_nothing():
    http = Http("Twilio", f"http://127.0.0.1:{free_port()}", timeout_seconds=1, classify=refuse)

    async def post():
        sender = AsyncHttp(connections=1)
        try:
            await sender.post_form(http, "/x", {}, operation="send")
        finally:
            await sender.close()

    with pytest.raises(Retryable) as failure:
        asyncio.run(post())
    assert failure.value.ambiguous is False
