"""Whether a request comes from AJO: each way that AJO offers, of which only the declared one counts. Pure: no I/O.

All of them rest on the onboarding's bridge token, so that a new token ends whatever was signed with the old one.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

import jwt
import jwt.exceptions
from cryptography.x509 import Name
from cryptography.x509.oid import NameOID

from engine.clock import now
from engine.sign_in import ACCESS_SECONDS, TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import NoReturn

    from starlette.datastructures import Headers

    from models.spec.ajo import SignIn
    from settings import Settings

# AJO's longest claims are a few hundred characters; what is longer is not read.
LONGEST = 4096
ALGORITHM = "HS256"
LEEWAY_SECONDS = 30
# A JWT that AJO signed may be good for this long from now on; a longer one would be a password.
LONGEST_JWT_SECONDS = 3600

REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "is expired",
    jwt.ImmatureSignatureError: "is not valid yet",
    jwt.MissingRequiredClaimError: "lacks a claim (issuer, subject, audience and expiry are needed)",
    jwt.InvalidAudienceError: "is for another audience",
    jwt.InvalidIssuerError: "is of another issuer",
    jwt.exceptions.InvalidSubjectError: "is of another subject",
    jwt.InvalidAlgorithmError: f"is not signed with {ALGORITHM}",
    jwt.InvalidSignatureError: "is signed with another key",
}


class Denied(Exception):
    """The caller is not AJO, or cannot show it. The text says why and repeats nothing that was sent.

    :param challenge: the answer's ``WWW-Authenticate``.
    """

    def __init__(self, reason: str, challenge: str) -> None:
        super().__init__(reason)
        self.challenge = challenge


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Who may say which certificate the caller showed, and whose it must be."""

    proxies: tuple[IPv4Network | IPv6Network, ...]
    header: str
    common_name: str

    @classmethod
    def from_settings(cls, settings: Settings) -> ClientCertificate:
        return cls(tuple(settings.mtls_networks), settings.mtls_header, settings.mtls_common_name)


@dataclass(frozen=True, slots=True)
class Gate:
    """What one onboarding asks of AJO.

    :param name: the onboarding's: user, OAuth client id and JWT subject.
    :param audience: the address that AJO posts messages to.
    :param certificate: None when the spec asks for no mTLS.
    :param former: a token that is being replaced, and is still believed.
    """

    way: SignIn
    name: str
    token: str
    issuer: str
    audience: str
    certificate: ClientCertificate | None = None
    former: str | None = None

    def by_each_token(self) -> Iterator[Gate]:
        """Itself, and then itself with the former token."""
        yield self
        if self.former is not None:
            yield replace(self, token=self.former, former=None)


def authenticate(gate: Gate, headers: Headers, peer: str | None) -> bool:
    """Whether it was with the present token, and not with the former.

    :param peer: address of whoever opened the connection; None when it is not known.

    :raises Denied: the certificate or the declared way's proof is missing or wrong.
    """
    if gate.certificate is not None:
        _check_certificate(gate.certificate, headers, peer)
    denials = []
    for one in gate.by_each_token():
        try:
            WAYS[one.way](one, headers)
        except Denied as denied:
            denials.append(denied)
        else:
            return one is gate
    raise denials[0]


# -- the ways -----------------------------------------------------------------------------------------------------
def _check_api_key(gate: Gate, headers: Headers) -> None:
    # That AJO sends the key as a header of its name is inference: Adobe's page shows a name and a token.
    challenge = f'ApiKey header="{TOKEN_HEADER}"'
    if not is_same(_only(headers, TOKEN_HEADER, challenge), gate.token):
        raise Denied(f"{TOKEN_HEADER} is missing or wrong", challenge)


def _check_basic(gate: Gate, headers: Headers) -> None:
    challenge = 'Basic realm="onboard", charset="UTF-8"'
    pair = read_basic(_authorization(headers, "basic", challenge))
    if pair is None or not is_same_pair(pair, (gate.name, gate.token)):
        raise Denied("user or password is wrong", challenge)


def _check_bearer(gate: Gate, headers: Headers) -> None:
    if not is_same(_authorization(headers, "bearer", BEARER), gate.token):
        _refuse_token("the token is wrong")


def _check_jwt(gate: Gate, headers: Headers) -> None:
    token = _authorization(headers, "bearer", BEARER)
    _check_claims(token, gate.token.encode(), gate, issuer=gate.issuer, longest_seconds=LONGEST_JWT_SECONDS)


def _check_oauth(gate: Gate, headers: Headers) -> None:
    token = _authorization(headers, "bearer", BEARER)
    _check_claims(token, _access_key(gate), gate, issuer=ISSUER, longest_seconds=ACCESS_SECONDS)


def _check_nothing(gate: Gate, headers: Headers) -> None:  # noqa: ARG001  one shape for all ways
    # The spec allows it only beside the certificate; a stored one that says otherwise opens nothing.
    if gate.certificate is None:
        raise Denied("there is no way to sign in", MUTUAL)


WAYS: Mapping[SignIn, Callable[[Gate, Headers], None]] = {
    "api_key": _check_api_key,
    "basic": _check_basic,
    "bearer": _check_bearer,
    "jwt": _check_jwt,
    "oauth": _check_oauth,
    "none": _check_nothing,
}


# -- parts of them --------------------------------------------------------------------------------------------------
BEARER = 'Bearer realm="onboard"'
# No scheme of that name is registered; 401 has to name one.
MUTUAL = 'Certificate realm="onboard"'
ISSUER = "onboard"


def is_same(given: str, expected: str) -> bool:
    """In constant time."""
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())


def is_same_pair(given: tuple[str, str], expected: tuple[str, str]) -> bool:
    """In constant time: which of the two is wrong does not show."""
    return is_same(given[0], expected[0]) & is_same(given[1], expected[1])


def read_basic(given: str) -> tuple[str, str] | None:
    """User and password of basic authentication; a colon may be in the password (RFC 7617). None: unreadable."""
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except ValueError:
        return None
    return user, password


def _only(headers: Headers, name: str, challenge: str) -> str:
    """The header's value, empty when it is missing. Of two, a proxy and we might believe different ones."""
    values = headers.getlist(name)
    if len(values) > 1:
        raise Denied(f"{name} is there {len(values)} times", challenge)
    value = values[0] if values else ""
    if len(value) > LONGEST:
        raise Denied(f"{name} is longer than {LONGEST} characters", challenge)
    return value


def _authorization(headers: Headers, scheme: str, challenge: str) -> str:
    given, _, value = _only(headers, "Authorization", challenge).partition(" ")
    if given.lower() != scheme or not value.strip():
        raise Denied(f"Authorization: {scheme.capitalize()} is missing", challenge)
    return value.strip()


def _refuse_token(reason: str) -> NoReturn:
    raise Denied(reason, f'{BEARER}, error="invalid_token", error_description="{reason}"')


def _check_claims(token: str, key: bytes, gate: Gate, *, issuer: str, longest_seconds: int) -> None:
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=issuer,
            audience=gate.audience,
            subject=gate.name,
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp"]},
        )
    except jwt.PyJWTError as error:
        _refuse_token(f"the token {REASONS.get(type(error), 'cannot be read')}")
    if int(claims["exp"]) > int(now().timestamp()) + longest_seconds + LEEWAY_SECONDS:
        _refuse_token(f"the token is good for longer than {longest_seconds} seconds")


# -- access tokens of the token endpoint ------------------------------------------------------------------------------
def _access_key(gate: Gate) -> bytes:
    """Another key than that of the way ``jwt``, so that neither token passes for the other."""
    return hmac.digest(gate.token.encode(), b"onboard: oauth access token", "sha256")


def make_access_token(gate: Gate) -> str:
    """Good for :data:`ACCESS_SECONDS`; nothing has to be kept to know it again."""
    issued = int(now().timestamp())
    claims: dict[str, Any] = {"iss": ISSUER, "sub": gate.name, "aud": gate.audience, "iat": issued}
    return jwt.encode(claims | {"exp": issued + ACCESS_SECONDS}, _access_key(gate), ALGORITHM)


# -- mTLS ---------------------------------------------------------------------------------------------------------
def _check_certificate(wanted: ClientCertificate, headers: Headers, peer: str | None) -> None:
    """The proxy ended TLS and checked the certificate; only it may say whose it was (docs/bridge.md)."""
    if not wanted.proxies:
        raise Denied("ONBOARD_MTLS_PROXIES names no proxy that could check the client certificate", MUTUAL)
    if not _is_proxy(wanted, peer):
        raise Denied("the request came past the proxy that checks client certificates", MUTUAL)
    common_name = _common_name(_only(headers, wanted.header, MUTUAL))
    if common_name is None or not is_same(common_name, wanted.common_name):
        raise Denied(f"the client certificate is missing or is not that of {wanted.common_name}", MUTUAL)


def _is_proxy(wanted: ClientCertificate, peer: str | None) -> bool:
    try:
        address = ip_address(peer or "")
    except ValueError:
        return False
    # A socket for both families shows IPv4 callers as ::ffff:10.0.0.5.
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in wanted.proxies)


def _common_name(subject: str) -> str | None:
    """The one common name in a subject, or the subject itself when it is a bare name; None when it is unclear."""
    if "=" not in subject:
        return subject
    try:
        names = Name.from_rfc4514_string(subject).get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return None
    return str(names[0].value) if len(names) == 1 else None
