"""The vendors' habits on the wire: forms, dates, error bodies and pages."""

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse

from simulator.state import Json
from simulator.world import World

FORM = "application/x-www-form-urlencoded"
PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 1000

Form = dict[str, list[str]]


class HasSid(Protocol):
    @property
    def sid(self) -> str: ...


Item = TypeVar("Item", bound=HasSid)


class TwilioError(Exception):
    """Ends a Twilio call with Twilio's error body."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class ProblemError(Exception):
    """Ends an Adobe or automation call with a JSON problem body.

    :param more: further fields of the body.
    """

    def __init__(self, status: int, title: str, kind: str = "about:blank", more: Json | None = None) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.kind = kind
        self.more = more or {}

    def answer(self, media_type: str) -> JSONResponse:
        return problem(self.status, self.title, self.kind, self.more, media_type=media_type)


def world_of(request: Request) -> World:
    """The world that the request happens in."""
    world = request.app.state.world
    assert isinstance(world, World)  # noqa: S101 - tells the type checker what create_app has put there
    return world


def twilio_error(status: int, code: int, message: str) -> JSONResponse:
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": more_info, "status": status}
    # Clients that wait for the challenge before they send credentials need it, and its very words.
    challenge = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if status == 401 else None
    return JSONResponse(body, status, challenge)


def problem(
    status: int,
    title: str,
    kind: str = "about:blank",
    more: Json | None = None,
    *,
    media_type: str = "application/problem+json",
) -> JSONResponse:
    return JSONResponse({"type": kind, "title": title, "status": status} | (more or {}), status, media_type=media_type)


def not_found(path: str) -> TwilioError:
    return TwilioError(404, 20404, f"The requested resource {path} was not found")


async def read_form(request: Request) -> Form:
    """The form fields of a request; anything that is not a form has none, exactly as Twilio sees it."""
    if content_type(request) != FORM:
        return {}
    return parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)


def one(form: Form, name: str) -> str | None:
    """The last value of a field; None when absent or empty."""
    return (form.get(name) or [""])[-1] or None


def content_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _refuse_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def parse_json(text: str) -> Any:
    """As `json.loads`, without what no JSON can carry on: NaN, infinity, half characters, depth without end.

    :raises ValueError: it is none.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_number, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def whole_number(text: str | None, low: int, high: int) -> int | None:
    """The number that a text is, within these bounds; None when it is none."""
    if not text or not (text.isascii() and text.isdigit()) or len(text) > len(str(high)):
        return None
    return int(text) if low <= int(text) <= high else None


async def read_json(request: Request) -> Json:
    """The body as a JSON object.

    :raises ValueError: it is none; the text says why.
    """
    try:
        body = parse_json((await request.body()).decode())
    except ValueError:
        raise ValueError("The body is not valid JSON") from None
    if not isinstance(body, dict):
        raise ValueError("The body must be a JSON object")  # noqa: TRY004 - about the body, not the code
    return body


def rfc2822(moment: datetime | None) -> str | None:
    return format_datetime(moment) if moment else None


def iso8601(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def read_bound(text: str) -> date:
    """What a list is filtered by: a day or, where a time of day is given, a moment.

    :raises TwilioError: it is no date; code and words were met by others (community).
    """
    try:
        if len(text) == len("2026-11-25"):
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise TwilioError(400, 20001, f"Invalid date value: {text}") from None


def day_of(bound: date) -> date:
    return bound.date() if isinstance(bound, datetime) else bound


def as_exact_as(bound: date, moment: datetime) -> Any:
    """The moment as it compares with a bound: its day, or itself to the second."""
    return moment.replace(microsecond=0) if isinstance(bound, datetime) else moment.date()


def is_url(url: str) -> bool:
    """Whether this is an http or https address with a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def is_callable_url(url: str) -> bool:
    """Whether Twilio could call this address; it refuses host names with an underscore."""
    return is_url(url) and "_" not in str(urlsplit(url).hostname)


def require_url(form: Form, *names: str) -> None:
    """Refuse a form in which one of these fields is filled with something that is not a URL."""
    for name in names:
        value = one(form, name)
        if value and not is_callable_url(value):
            raise TwilioError(400, 20001, f"{name} is not a valid URL")


def snake(name: str) -> str:
    """Form spelling to JSON spelling: `InboundRequestUrl` is `inbound_request_url` in the answer."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def vendor_base(request: Request) -> str:
    """The absolute address of the vendor host that was called, prefix included."""
    return f"{str(request.base_url).rstrip('/')}/{request.url.path.split('/')[1]}"


def _page_of(request: Request, items: Sequence[Item]) -> tuple[Sequence[Item], int, int, bool]:
    """One page, its number, the page size, and whether there are more.

    The token names the last item seen: pages stay whole while new items arrive at the head of the list.
    """
    query = request.query_params
    try:
        size = min(max(int(query.get("PageSize", PAGE_SIZE_DEFAULT)), 1), PAGE_SIZE_MAX)
        page = max(int(query.get("Page", 0)), 0)
    except ValueError:
        raise TwilioError(400, 20001, "PageSize and Page must be numbers") from None
    start = page * size
    token = query.get("PageToken", "").removeprefix("PA")
    if token:
        start = next((index + 1 for index, item in enumerate(items) if item.sid == token), start)
    return items[start : start + size], page, size, len(items) > start + size


def _page_query(request: Request, page: int, size: int, token: str | None) -> str:
    kept = [
        (key, value)
        for key, value in request.query_params.multi_items()
        if key not in ("PageSize", "Page", "PageToken")
    ]
    kept += [("PageSize", str(size)), ("Page", str(page))]
    return urlencode([*kept, ("PageToken", token)] if token else kept)


def page_v2010(request: Request, key: str, items: Sequence[Item], show: Callable[[Item], Json]) -> JSONResponse:
    """A page in the style of the 2010 API: flat, with addresses relative to the vendor host."""
    shown, page, size, more = _page_of(request, items)
    path = "/" + request.url.path.split("/", 2)[2]
    token = f"PA{shown[-1].sid}" if more else None
    body: Json = {
        key: [show(item) for item in shown],
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(len(shown) - 1, 0),
        "uri": f"{path}?{_page_query(request, page, size, None)}",
        "first_page_uri": f"{path}?{_page_query(request, 0, size, None)}",
        "next_page_uri": f"{path}?{_page_query(request, page + 1, size, token)}" if more else None,
        "previous_page_uri": f"{path}?{_page_query(request, page - 1, size, None)}" if page else None,
    }
    return JSONResponse(body)


def page_v1(request: Request, key: str, items: Sequence[Item], show: Callable[[Item], Json]) -> JSONResponse:
    """A page in the style of the newer APIs: a `meta` object with absolute addresses."""
    shown, page, size, more = _page_of(request, items)
    path = f"{str(request.base_url).rstrip('/')}{request.url.path}"
    token = f"PA{shown[-1].sid}" if more else None
    meta: Json = {
        "key": key,
        "page": page,
        "page_size": size,
        "url": f"{path}?{_page_query(request, page, size, None)}",
        "first_page_url": f"{path}?{_page_query(request, 0, size, None)}",
        "next_page_url": f"{path}?{_page_query(request, page + 1, size, token)}" if more else None,
        "previous_page_url": f"{path}?{_page_query(request, page - 1, size, None)}" if page else None,
    }
    return JSONResponse({key: [show(item) for item in shown], "meta": meta})
