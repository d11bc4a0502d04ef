"""The linter against a web server with a certificate, under the brand's own name; loopback is allowed to these tests only."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cli.exits import run
from cli.main import cli
from providers.web.fetch import MOST_REDIRECTS, Web
from providers.web.types import Answer, NoAnswer, Why
from tests.unit.lint_world import LOGO, PRIVACY, SITE, brand, put, web, write

HOST = "www.acmecoffee.com"
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"


class Site:
    """:param address: where it listens; ``pages`` are status, headers and body by path, or a function of the handler."""

    def __init__(self, folder: Path, address: str = HERE) -> None:
        self.pages: dict[str, object] = {}
        self.seen: list[tuple[str, str]] = []
        self.stop_dripping = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.seen.append((self.headers["Host"], self.path))
                page = site.pages.get(self.path, (404, {}, b"gone"))
                if callable(page):
                    page(self)
                    return
                status, headers, body = page
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A client that hangs up is what some of these tests want."""

        self.certificate = folder / "certificate.pem"
        _write_certificate(self.certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self.server = Server((address, 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port: int = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def close(self) -> None:
        self.stop_dripping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def resolve(self, host: str, port: int) -> list[tuple[str, int]]:
        """The brand's name leads here, numbers lead to themselves."""
        return [(HERE, self.port)] if host == HOST else [(host, port)]

    def make_web(self, **options: object) -> Web:
        trusting = ssl.create_default_context(cafile=str(self.certificate))
        return partial(Web, resolve_name=self.resolve, is_allowed=lambda address: address == HERE, tls=trusting)(
            **options
        )


def _write_certificate(file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    built = Site(tmp_path)
    for url, answer in web().items():
        assert isinstance(answer, Answer)
        built.pages[urlsplit(url).path or "/"] = (200, {"Content-Type": answer.content_type}, answer.body)
    yield built
    built.close()


def redirect(target: str) -> tuple[int, dict[str, str], bytes]:
    return 302, {"Location": target}, b""


def test_a_clean_brand_on_a_real_server_passes_and_each_address_is_asked_once(site, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("providers.web.fetch.Web", site.make_web)
    assert run(cli, ["lint", str(write(tmp_path, brand()))]) == 0
    out = capsys.readouterr().out
    assert out.endswith("1 note in 1 file; 1 file checked\n")
    assert "Not run" not in out
    assert sorted(path for _, path in site.seen) == sorted(site.pages)
    assert {host for host, _ in site.seen} == {HOST}


def test_what_is_wrong_on_the_server_is_found(site, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("providers.web.fetch.Web", site.make_web)
    site.pages["/logo.png"] = (200, {"Content-Type": "image/png"}, b"GIF89a")
    site.pages["/banner.png"] = redirect("http://169.254.169.254/latest/meta-data/")
    del site.pages["/privacy"]
    data = brand()
    put(data, "rcs.profile.terms_url", "https://intranet.acmecoffee.com/terms")
    monkeypatch.setattr(
        site, "resolve", lambda host, port, of=site.resolve: [("10.0.0.1", port)] if "intra" in host else of(host, port)
    )
    assert run(cli, ["lint", "--json", str(write(tmp_path, data))]) == 1
    found = {(one["path"], one["rule"]): one["problem"] for one in json.loads(capsys.readouterr().out)["findings"]}
    assert found["rcs.profile.banner_url", "url-not-public"] == "leads to 169.254.169.254, which is not public"
    assert found["rcs.profile.privacy_url", "url-status"] == "answers 404"
    assert "10.0.0.1" in found["rcs.profile.terms_url", "url-not-public"]
    assert ("rcs.profile.logo_url", "logo-format") in found


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "ftp://{host}/",
        "//10.0.0.1/",
        "http://[::1]/",
        "https://{host}:{port}/",
        "https://a:b@{host}/",
        "http://0x7f.1/",
    ],
)
def test_a_redirect_is_checked_like_the_first_address(site, target):
    site.pages["/go"] = redirect(target.format(host=HOST, port=site.port))
    answer = site.make_web().fetch(f"{SITE}/go", 1000)
    assert isinstance(answer, NoAnswer)
    assert answer.why is Why.FORBIDDEN
    assert [path for _, path in site.seen] == ["/go"]


def test_nothing_is_sent_to_a_host_that_turns_private_between_two_hops(site, tmp_path):
    (tmp_path / "other").mkdir()
    private = Site(tmp_path / "other", ELSEWHERE)
    try:
        turns = iter([(HERE, site.port), (ELSEWHERE, private.port)])
        site.pages["/go"] = redirect("/there")
        site.resolve = lambda host, port: [next(turns)]
        answer = site.make_web().fetch(f"{SITE}/go", 1000)
        assert isinstance(answer, NoAnswer)
        assert ELSEWHERE in answer.detail
        assert private.seen == []
    finally:
        private.close()


def test_redirects_are_followed_a_while(site):
    for hop in range(MOST_REDIRECTS + 1):
        site.pages[f"/hop{hop}"] = redirect(f"hop{hop + 1}")
    site.pages[f"/hop{MOST_REDIRECTS + 1}"] = (200, {}, b"there")
    assert site.make_web().fetch(f"{SITE}/hop1", 1000).body == b"there"
    assert site.make_web().fetch(f"{SITE}/hop0", 1000).why is Why.REDIRECTS
    site.pages["/nowhere"] = (302, {}, b"")
    assert site.make_web().fetch(f"{SITE}/nowhere", 1000).why is Why.REDIRECTS


def test_a_long_body_is_cut_and_an_endless_one_too(site):
    site.pages["/long"] = (200, {}, b"x" * 5000)

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        while not site.stop_dripping.is_set():
            handler.wfile.write(b"x" * 1000)

    site.pages["/endless"] = endless
    web = site.make_web()
    long, never = web.fetch(f"{SITE}/long", 1000), web.fetch(f"{SITE}/endless", 1000)
    assert (len(long.body), long.size, long.is_whole) == (1000, 5000, False)
    assert (len(never.body), never.size, never.is_whole) == (1000, None, False)


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_server_that_drips_cannot_hold_the_linter(site, part):
    def drip(handler):
        handler.wfile.write(b"HTTP/1.0 200 OK\r\n" + (b"X-Slow: " if part == "headers" else b"\r\n"))
        while not site.stop_dripping.wait(0.05):
            handler.wfile.write(b"x")

    site.pages["/drip"] = drip
    started = time.monotonic()
    answer = site.make_web(seconds=0.4).fetch(f"{SITE}/drip", 1000)
    assert answer == NoAnswer(Why.UNREACHABLE, "does not answer in time")
    assert time.monotonic() - started < 3


def test_certificates_count_and_are_those_of_the_name(site):
    stranger = Web(resolve_name=site.resolve, is_allowed=lambda _: True).fetch(LOGO, 1000)
    assert isinstance(stranger, NoAnswer)
    assert stranger.why is Why.CERTIFICATE
    site.resolve = lambda host, port: [(HERE, site.port)]
    other = site.make_web().fetch("https://www.other-brand.com/", 1000)
    assert other.why is Why.CERTIFICATE
    assert "www.other-brand.com" in other.detail


def test_servers_that_speak_something_else_or_nothing(site):
    site.pages["/odd"] = lambda handler: handler.wfile.write(b"220 mail.acme ESMTP\r\n")
    assert site.make_web().fetch(f"{SITE}/odd", 1000) == NoAnswer(
        Why.UNREACHABLE, "breaks its answer off, or does not speak HTTP"
    )
    site.close()
    assert site.make_web().fetch(PRIVACY, 1000) == NoAnswer(Why.UNREACHABLE, "cannot be connected to")
    site.close = lambda: None


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("localhost", Why.FORBIDDEN),
        ("127.0.0.1", Why.FORBIDDEN),
        ("[::1]", Why.FORBIDDEN),
        ("no-such-brand.invalid", Why.UNKNOWN_HOST),
        ("a" * 70 + ".com", Why.UNKNOWN_HOST),
    ],
)
def test_the_machines_own_name_service_is_asked(host, why):
    answer = Web().fetch(f"https://{host}/", 1000)
    assert isinstance(answer, NoAnswer)
    assert answer.why is why
