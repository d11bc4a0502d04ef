"""AJO sends a message through a gateway that dies on the way, and asks again under the same reference until it is answered."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from engine import kinds
from engine.sign_in import TOKEN_HEADER
from models.db import reader
from models.tables import Onboarding
from settings import get_settings
from tasks.process import workshop
from tests.crash.lives import CLOCK, SIMULATOR, Birth, running_gateway
from tests.crash.seams import DEAD, Cell, Effect, Point
from tests.integration.services import fetch, free_port

# AJO's own patience between two tries; production's waits are twice the HTTP timeout and Twilio's listing delay.
PAUSE = timedelta(seconds=30)
MOST_TRIES = 10


def meet_ajo() -> dict[str, str]:
    """Address and token that AJO would have."""
    shop = workshop()
    with reader(shop.db).begin() as connection:
        row = connection.execute(select(Onboarding.c.id, Onboarding.c.endpoint_token)).one()
        token = shop.vault.read(connection, row.id, kinds.BRIDGE_TOKEN)
    assert token is not None
    url = f"http://127.0.0.1:{get_settings().gateway_port}/ajo/{row.endpoint_token}/messages"
    return {"url": url, "token": token}


def ask(ajo: dict[str, str], text: str) -> tuple[int, Any]:
    """One request of AJO's; status 0 when nobody answered."""
    body = json.dumps({"to": "+12125550123", "message": text, "reference": f"ref {text}"}).encode()
    headers = {"Content-Type": "application/json", TOKEN_HEADER: ajo["token"]}
    request = urllib.request.Request(ajo["url"], data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as answer:
        return answer.code, json.load(answer)
    except (urllib.error.URLError, ConnectionError):
        return 0, None


def bridge_effects(ajo: dict[str, str]) -> list[Effect]:
    """What the gateway does for one message."""
    with running_gateway() as gateway:
        status, answer = ask(ajo, "reference")
        assert status == 200, answer
    gateway.end()
    return [Effect(**effect) for effect in gateway.report]


def try_bridge(ajo: dict[str, str], cell: Cell, number: int) -> list[str]:
    """What is wrong after these deaths: one message at Twilio, and its SID in the answer that AJO got at last."""
    text = f"Hello {number}"
    for point in cell.deaths:
        if point.stops:
            return try_late(ajo, point, text)
        with running_gateway(point) as gateway:
            status, answer = until_decided(ajo, text)
        if gateway.end() != DEAD:
            return [f"not reached: AJO got {status} {answer}"]
    with running_gateway():
        status, answer = until_decided(ajo, text)
    return judge(text, status, answer)


def try_late(ajo: dict[str, str], point: Point, text: str) -> list[str]:
    """The gateway stops; AJO, which got no answer, asks another one, and then the first goes on."""
    port = free_port()
    late_url = ajo["url"].replace(f":{get_settings().gateway_port}/", f":{port}/")
    with running_gateway(point, port=port) as late, running_gateway():
        asked = Birth(lambda: ask(ajo | {"url": late_url}, text))
        if not late.has_stopped():
            return ["not reached"]
        status, answer = until_decided(ajo, text)
        os.kill(late.pid, signal.SIGCONT)
        asked.end()
    late_status, late_answer = asked.report
    problems = [] if late_status in (200, 503) else [f"AJO got {late_status} {late_answer} from the late one"]
    return problems + judge(text, status, answer)


def judge(text: str, status: int, answer: Any) -> list[str]:
    sids = [m["sid"] for m in fetch(f"{SIMULATOR}/_sim/ledger")["messages"] if m["body"] == text]
    problems = [] if status == 200 else [f"AJO got {status} {answer}"]
    if len(sids) != 1 or not answer or answer.get("sid") != sids[0]:
        problems.append(f"Twilio has {sids}, AJO got {answer}")
    return problems


def until_decided(ajo: dict[str, str], text: str) -> tuple[int, Any]:
    """AJO asks again as long as it is told to: until an answer that is final, or until nobody answers."""
    for _ in range(MOST_TRIES):
        status, answer = ask(ajo, text)
        if status not in (429, 503):
            return status, answer
        CLOCK.jump(PAUSE)
    return status, answer
