"""What a picture is, told from its bytes. Names and content types lie."""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image

# Pillow knows many more, some of which start other programs: strangers' bytes get these decoders only.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
# Pillow decodes into memory, some 4 bytes a pixel.
MOST_PIXELS = 20_000_000
BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


@dataclass(frozen=True, slots=True)
class Picture:
    format: str
    """``JPEG``, ``PNG``, ``GIF``, …"""
    width: int
    height: int
    frames: int
    damage: str
    """Why it cannot be shown; empty when it can."""

    @property
    def is_allowed(self) -> bool:
        return self.format in {"JPEG", "PNG"}


@lru_cache(maxsize=16)  # several rules ask about the same picture
def picture_in(body: bytes, *, is_whole: bool) -> Picture | None:
    """None when these bytes are no picture that Pillow knows.

    :param is_whole: False when only the beginning is here, which then is no damage.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(body), formats=FORMATS)
        except BROKEN:
            return None
        with image:
            # Some cameras append a second picture to a JPEG; every reader shows the first.
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            frames = 1 if kind == "JPEG" else int(getattr(image, "n_frames", 1))
            width, height = image.size
            return Picture(kind, width, height, frames, _damage(image) if is_whole else "")


def _damage(image: Image.Image) -> str:
    if image.width * image.height > MOST_PIXELS:
        return "has too many pixels to be looked at"
    try:
        image.load()
    except BROKEN:
        return "is damaged: it starts well and does not go on"
    return ""


def other_kind(body: bytes) -> str:
    """What bytes that are no picture are, for a sentence."""
    start = body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return "an SVG drawing"
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if start.startswith(b"%pdf"):
        return "a PDF"
    return "no picture that can be read" if start else "empty"


def is_video(body: bytes) -> bool:
    """MP4 and QuickTime, WebM and Matroska, AVI, MPEG."""
    return body[4:8] in {b"ftyp", b"moov"} or body[:4] in {
        b"\x1aE\xdf\xa3",
        b"RIFF",
        b"\x00\x00\x01\xba",
        b"\x00\x00\x01\xb3",
    }
