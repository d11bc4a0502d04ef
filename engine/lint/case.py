"""What rules look at: the spec, its web addresses, and what those answered."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from models.spec.onboarding import MmsSpec, RcsSpec

if TYPE_CHECKING:
    from engine.lint.facts import Facts
    from models.spec.onboarding import AnySpec
    from models.spec.rcs import Profile, Rcs
    from models.spec.refusal import Location
    from models.spec.registration import GoogleRegistration, UsRegistration

PROFILE: Location = ("rcs", "profile")
GOOGLE: Location = ("rcs", "registration", "google")
US: Location = ("rcs", "registration", "us")

LOGO, BANNER, OPT_IN, VIDEO, MEDIA = "logo", "banner", "opt-in picture", "video", "test picture"
PRIVACY, TERMS, WEBSITE, BUSINESS = "privacy policy", "terms", "website", "business website"
FILES = (LOGO, BANNER, OPT_IN, VIDEO, MEDIA)
POLICIES = (PRIVACY, TERMS)
PAGES = (*POLICIES, WEBSITE, BUSINESS)
ALL = (*FILES, *PAGES)

# RFC 2606, RFC 6761, RFC 6762 and ICANN's .internal: nobody can own these on the public internet.
RESERVED = ("example.com", "example.org", "example.net", "example", "test", "invalid", "localhost", "local", "internal")


@dataclass(frozen=True, slots=True)
class Address:
    """A web address that the spec names."""

    kind: str
    loc: Location
    url: str

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def is_placeholder(self) -> bool:
        """There is nothing to be fetched."""
        return is_reserved(self.host)

    @property
    def file_name(self) -> str:
        """The last part of its path; empty when there is none."""
        return urlsplit(self.url).path.rpartition("/")[2]


@dataclass(frozen=True)
class Case:
    spec: AnySpec
    facts: Facts = field(repr=False)

    @cached_property
    def addresses(self) -> list[Address]:
        return addresses(self.spec)

    def of(self, *kinds: str) -> list[Address]:
        return [address for address in self.addresses if address.kind in kinds]

    def fetched(self, *kinds: str) -> list[Address]:
        """Without placeholders, which are a fault of their own."""
        return [address for address in self.of(*kinds) if not address.is_placeholder]

    @property
    def rcs(self) -> Rcs | None:
        return self.spec.rcs if isinstance(self.spec, RcsSpec) else None

    @property
    def profile(self) -> Profile | None:
        return self.rcs.profile if self.rcs else None

    @property
    def google(self) -> GoogleRegistration | None:
        return self.rcs.registration.google if self.rcs else None

    @property
    def us(self) -> UsRegistration | None:
        return self.rcs.registration.us if self.rcs else None

    @property
    def countries(self) -> list[str]:
        return self.rcs.countries if self.rcs else []


def addresses(spec: AnySpec) -> list[Address]:
    """Every web address of ``spec`` that somebody else will fetch or open, in the order of the file."""
    if isinstance(spec, MmsSpec) and spec.verification.media_url:
        return [Address(MEDIA, ("verification", "media_url"), spec.verification.media_url)]
    if not isinstance(spec, RcsSpec):
        return []
    profile, google = spec.rcs.profile, spec.rcs.registration.google
    return [
        Address(LOGO, (*PROFILE, "logo_url"), profile.logo_url),
        Address(BANNER, (*PROFILE, "banner_url"), profile.banner_url),
        Address(WEBSITE, (*PROFILE, "website", "website"), profile.website.website),
        Address(PRIVACY, (*PROFILE, "privacy_url"), profile.privacy_url),
        Address(TERMS, (*PROFILE, "terms_url"), profile.terms_url),
        Address(BUSINESS, (*GOOGLE, "representative", "business_website"), google.representative.business_website),
        Address(OPT_IN, (*GOOGLE, "opt_in_image_url"), google.opt_in_image_url),
        Address(VIDEO, (*GOOGLE, "video_url"), google.video_url),
    ]


def is_reserved(host: str) -> bool:
    """Whether a name is for documents, tests or private networks."""
    return any(f".{host.lower().rstrip('.')}".endswith(f".{name}") for name in RESERVED)


@cache
def _suffixes() -> PublicSuffixList:
    """Reading it takes a tenth of a second: once, and only when a rule asks."""
    return PublicSuffixList()


def domain_of(host: str) -> str:
    """What its owner registered: ``acme.co.uk`` of ``www.acme.co.uk``; the host itself when there is no such part.

    Letters beyond ASCII come out as the name service knows them: ``xn--caf-dma.com``.
    """
    host = host.lower().rstrip(".")
    with contextlib.suppress(UnicodeError):
        host = host.encode("idna").decode()
    return _suffixes().privatesuffix(host) or host
