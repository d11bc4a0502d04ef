"""A brand without a fault, its pictures and pages, and ways to spoil single parts of it."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from engine.lint.facts import Facts
from engine.lint.run import Report, choose, lint
from models.spec.load import load_spec
from providers.web.types import Answer, NoAnswer
from tests.factories import rcs_part, spec_data

SITE = "https://www.acmecoffee.com"
LOGO, BANNER = f"{SITE}/logo.png", f"{SITE}/banner.png"
PRIVACY, TERMS = f"{SITE}/privacy", f"{SITE}/terms"
OPT_IN, VIDEO = f"{SITE}/opt-in.png", f"{SITE}/video.mp4"
MP4 = b"\0\0\0\x20ftypisom" + bytes(100)

ENGLISH = "We keep what you tell us and use it for the delivery of your orders, and we do not share it with others."
GERMAN = (
    "Wir speichern die Daten, die Sie uns geben, und nutzen sie für die Lieferung der Bestellung und nicht zu anderem."
)
SPANISH = "Guardamos los datos que nos das para la entrega de tus pedidos y no los damos a otros por ningún motivo, ni en la red."


@cache
def picture(width: int, height: int, form: str = "PNG", *, noise: bool = False, frames: int = 1) -> bytes:
    """:param noise: makes it large, for nothing repeats in it."""
    image = Image.effect_noise((width, height), 90) if noise else Image.new("RGB", (width, height), "#6b3e1d")
    file = io.BytesIO()
    others = [Image.new("RGB", (width, height), "#ffffff")] * (frames - 1)
    image.save(file, form, **({"save_all": True, "append_images": others} if others else {}))
    return file.getvalue()


def page(text: str, lang: str = "en") -> bytes:
    return f"<!doctype html><html lang={lang}><script>for of the and</script><p>{text}</p></html>".encode()


def brand() -> dict[str, Any]:
    """Plain data of a spec to which no rule objects."""
    data = spec_data("rcs", "acme-rcs", rcs=rcs_part("acme_coffee"))
    data = _moved(data)
    rcs, google, us = data["rcs"], data["rcs"]["registration"]["google"], data["rcs"]["registration"]["us"]
    rcs["profile"]["use_case"] = "MULTI_USE"
    google |= {
        "access_instructions": "Order any coffee on the web shop and tick the box for messages at checkout.",
        "opt_in_description": "A separate, unticked box at checkout: I want messages from Acme Coffee.",
        "opt_out_message": "Acme Coffee: you are unsubscribed and will receive no more messages.",
        "message_triggers": "An order is placed, roasted or delivered; a reward is earned.",
        "use_case_description": "Order updates and rewards for customers of the web shop.",
    }
    us |= {
        "campaign_description": "Order updates and offers for customers who opted in at checkout.",
        "message_flow": "At checkout: get messages from Acme Coffee, up to 4 per month, message and data rates may apply, "
        "reply HELP for help or STOP to end.",
        "help_sample": "Acme Coffee: call +1 415 555 0188 or reply STOP to end.",
        "stop_sample": "Acme Coffee: you will get no further messages.",
    }
    data["verification"]["message"] = "Acme Coffee: this channel is being verified. Reply STOP to opt out."
    return data


def _moved(value: Any) -> Any:
    """From the factories' example.com to a name that somebody could own."""
    if isinstance(value, dict):
        return {key: _moved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item) for item in value]
    return value.replace("example.com", "acmecoffee.com") if isinstance(value, str) else value


def answer(url: str, body: bytes, content_type: str, *, status: int = 200, ends_at: str = "") -> Answer:
    return Answer(ends_at or url, status, content_type, body, len(body))


def web() -> dict[str, Answer | NoAnswer]:
    """What the clean brand's addresses answer."""
    html = "text/html; charset=utf-8"
    return {
        LOGO: answer(LOGO, picture(224, 224), "image/png"),
        BANNER: answer(BANNER, picture(1440, 448), "image/png"),
        OPT_IN: answer(OPT_IN, picture(400, 800), "image/png"),
        VIDEO: answer(VIDEO, MP4, "video/mp4"),
        **{url: answer(url, page(ENGLISH), html) for url in (SITE, PRIVACY, TERMS)},
    }


def write(folder: Path, data: dict[str, Any], name: str = "acme.yaml") -> Path:
    file = folder / name
    file.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
    return file


def report(folder: Path, data: dict[str, Any], facts: Facts) -> Report:
    return lint(load_spec(write(folder, data)), facts, choose())


def put(data: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at ``rcs.profile.logo_url``; None removes it."""
    *way, last = path.split(".")
    for key in way:
        data = data[key]
    if value is None:
        del data[last]
    else:
        data[last] = value
