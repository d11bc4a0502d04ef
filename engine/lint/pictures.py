"""What a picture is, told from its bytes. Names and content types lie."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image

# Pillow knows many more, some of which start other programs: strangers' bytes get these decoders only.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
# Pillow decodes into memory, some 4 bytes a pixel.
MOST_PIXELS = 20_000_000


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
        except Exception:  # Pillow meets strangers' bytes with whatever its decoders raise
            return None
        with image:
            # Some cameras append a second picture to a JPEG; every reader shows the first.
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            width, height = image.size
            damage = _damage(image) if is_whole else ""
            return Picture(kind, width, height, 1 if damage or kind == "JPEG" else _frames(image), damage)


def _frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:
        return 1


def _damage(image: Image.Image) -> str:
    if image.width * image.height > MOST_PIXELS:
        return "has too many pixels to be looked at"
    try:
        image.load()
    except Exception:
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
    is_avi = body[:4] == b"RIFF" and body[8:12] == b"AVI "
    is_mpeg = body[:4] in {b"\0\0\x01\xba", b"\0\0\x01\xb3"}
    return body[4:8] in {b"ftyp", b"moov"} or body[:4] == b"\x1aE\xdf\xa3" or is_avi or is_mpeg
