"""Logo and banner: format, pixels, bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.lint.case import BANNER, LOGO
from engine.lint.pictures import other_kind, picture_in
from engine.lint.rule import Hit, error, warning
from engine.lint.sources import AWS, INFOBIP, ONBOARDING, OURS, SKILL, US_COMPLIANCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.lint.case import Address, Case
    from engine.lint.facts import Content
    from engine.lint.pictures import Picture

LOGO_PIXELS = (224, 224)
BANNER_PIXELS = (1440, 448)
BANNER_PIXELS_IN_TWILIOS_DOCS = (1140, 448)
# Twilio writes 50 kB and 200 kB; Infobip's description of the same limits has these numbers of bytes.
LOGO_BYTES = 51_200
BANNER_BYTES = 204_800


def picture_of(content: Content) -> Picture | None:
    return picture_in(content.body, is_whole=content.is_whole)


def _format(address: Address, content: Content) -> Iterator[Hit]:
    picture = picture_of(content)
    if picture is None:
        yield Hit(address.loc, f"is {other_kind(content.body)}, not a JPEG or PNG picture")
    elif not picture.is_allowed:
        yield Hit(address.loc, f"is a {picture.format} picture, not JPEG or PNG")


def _damage(address: Address, content: Content) -> Iterator[Hit]:
    picture = picture_of(content)
    if picture and picture.damage:
        yield Hit(address.loc, picture.damage)


def _pixels(
    address: Address, content: Content, wanted: tuple[int, int], *, apart_from: tuple[int, int] | None = None
) -> Iterator[Hit]:
    picture = picture_of(content)
    if picture and (picture.width, picture.height) not in (wanted, apart_from):
        yield Hit(address.loc, f"has {picture.width} x {picture.height} pixels, not {wanted[0]} x {wanted[1]}")


def _bytes(address: Address, content: Content, most: int) -> Iterator[Hit]:
    if content.size is None:
        yield Hit(address.loc, f"has more than {len(content.body):,} bytes, and at most {most:,} are allowed")
    elif content.size > most:
        yield Hit(address.loc, f"has {content.size:,} bytes, and at most {most:,} are allowed")


@error(
    "logo-format",
    "The logo is a JPEG or PNG picture",
    ONBOARDING,
    why="Twilio takes no other format. What counts are the bytes, not the name.",
    cure="save the picture anew as PNG or JPEG; renaming it changes nothing",
).contents(LOGO)
def logo_format(_: Case, address: Address, content: Content) -> Iterator[Hit]:
    return _format(address, content)


@error(
    "logo-damaged",
    "The logo can be shown",
    OURS,
    why="A picture that ends early shows grey or nothing on the handset.",
    cure="export the picture again and compare it after the upload",
).contents(LOGO)
def logo_damaged(_: Case, address: Address, content: Content) -> Iterator[Hit]:
    return _damage(address, content)


@error(
    "logo-pixels",
    "The logo has 224 x 224 pixels",
    ONBOARDING,
    INFOBIP,
    why="Twilio asks for exactly this size, and so do other providers.",
    cure="export it at 224 x 224 pixels",
).contents(LOGO)
def logo_pixels(_: Case, address: Address, content: Content) -> Iterator[Hit]:
    return _pixels(address, content, LOGO_PIXELS)


@error(
    "logo-bytes",
    "The logo has at most 50 kB",
    ONBOARDING,
    INFOBIP,
    why="Twilio writes 50 kB; another provider's description of the same limit says 51,200 bytes, which is what counts here.",
    cure="export it with fewer colours (PNG) or a lower quality (JPEG)",
).contents(LOGO)
def logo_bytes(_: Case, address: Address, content: Content) -> Iterator[Hit]:
    return _bytes(address, content, LOGO_BYTES)


@error(
    "banner-format",
    "The banner is a JPEG or PNG picture",
    ONBOARDING,
    why="Twilio takes no other format. What counts are the bytes, not the name.",
    cure="save the picture anew as PNG or JPEG; renaming it changes nothing",
).contents(BANNER)
def banner_format(_: Case, address: Address, content: Content) -> Iterator[Hit]:
    return _format(address, content)


@error(
    "banner-damaged",
    "The banner can be shown",
    OURS,
    why="A picture that ends early shows grey or nothing on the handset.",
    cure="export the picture again and compare it after the upload",
).contents(BANNER)
def banner_damaged(_: Case, address: Address, content: Content) -> Iterator[Hit]:
    return _damage(address, content)


@error(
    "banner-pixels",
    "The banner has 1440 x 448 pixels",
    US_COMPLIANCE,
    INFOBIP,
    AWS,
    why="Carriers get 1440 x 448 from every provider. For 1140 x 448 see `banner-1140`.",
    cure="export it at 1440 x 448 pixels",
).contents(BANNER)
def banner_pixels(_: Case, address: Address, content: Content) -> Iterator[Hit]:
    return _pixels(address, content, BANNER_PIXELS, apart_from=BANNER_PIXELS_IN_TWILIOS_DOCS)


@warning(
    "banner-1140",
    "The banner is not 1140 x 448, as one of Twilio's pages says",
    ONBOARDING,
    SKILL,
    US_COMPLIANCE,
    INFOBIP,
    why="Two of Twilio's documents say 1140 x 448, its US compliance guide and all other providers 1440 x 448. We take 1140 for a slip (inference).",
    cure="export it at 1440 x 448 pixels; should the Console insist on 1140, ignore this rule",
).contents(BANNER)
def banner_1140(_: Case, address: Address, content: Content) -> Iterator[Hit]:
    picture = picture_of(content)
    if picture and (picture.width, picture.height) == BANNER_PIXELS_IN_TWILIOS_DOCS:
        yield Hit(
            address.loc,
            "has 1140 x 448 pixels: the vendors' documents contradict each other, and 1440 x 448 is likelier right",
        )


@error(
    "banner-bytes",
    "The banner has at most 200 kB",
    ONBOARDING,
    INFOBIP,
    why="Twilio writes 200 kB; another provider's description of the same limit says 204,800 bytes, which is what counts here.",
    cure="export it with fewer colours (PNG) or a lower quality (JPEG)",
).contents(BANNER)
def banner_bytes(_: Case, address: Address, content: Content) -> Iterator[Hit]:
    return _bytes(address, content, BANNER_BYTES)
