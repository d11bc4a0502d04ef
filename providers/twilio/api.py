"""The four Twilio hosts of one account, and their two ways of paging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from providers.answers import read_answer
from providers.errors import CallContext, NeedsPerson, Retryable
from providers.http import SAFE_METHODS, Http
from providers.twilio.errors import classify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from providers.limits import Limit
    from settings import Settings

T = TypeVar("T")

# Twilio allows 1 to 1000; 50 is its default.
# The most that Twilio gives. Between two pages somebody may delete something, and the second one skip a row for it.
PAGE_SIZE = 1000
MOST_PAGES = 500


class TwilioApi:
    """Connections to Twilio as one user. Every call may raise what :meth:`providers.http.Http.request` raises.

    :param username: the account SID (password: its auth token) or an API key's SID (password: its secret).
    :param read_only: whoever asks for a change is refused before a call.
    :param limit: what the account takes; asked before each call.
    :param client: only tests give one.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        account_sid: str,
        username: str,
        password: str,
        read_only: bool = False,
        limit: Limit | None = None,
        client: httpx.Client | None = None,
    ) -> None:
        self.account_sid = account_sid

        def host(url: str) -> Http:
            return Http(
                "Twilio",
                url,
                timeout_seconds=settings.http_timeout_seconds,
                auth=(username, password),
                classify=classify,
                read_only=read_only,
                limit=limit,
                client=client,
            )

        self.core = host(settings.twilio_api_url)
        self.messaging = host(settings.twilio_messaging_url)
        self.iam = host(settings.twilio_iam_url)
        self.monitor = host(settings.twilio_monitor_url)

    @property
    def account_path(self) -> str:
        return f"/2010-04-01/Accounts/{self.account_sid}"

    def call(
        self, http: Http, method: str, path: str, read: Callable[[Any], T], *, operation: str, **content: Any
    ) -> T:
        """One call, its answer read; ``content`` is ``form``, ``json`` or ``params``."""
        body = http.request(method, path, operation=operation, **content)
        return read_answer(read, body, vendor="Twilio", operation=operation, is_write=method not in SAFE_METHODS)

    def list_all(
        self,
        http: Http,
        path: str,
        key: str,
        read: Callable[[Any], T],
        *,
        operation: str,
        params: Mapping[str, Any] | None = None,
    ) -> list[T]:
        """Every item of a list, over all its pages."""
        return [
            read_answer(read, item, vendor="Twilio", operation=operation)
            for items in self._pages(http, path, key, operation=operation, params=params)
            for item in items
        ]

    def _pages(
        self, http: Http, path: str, key: str, *, operation: str, params: Mapping[str, Any] | None
    ) -> Iterator[list[Any]]:
        """The items of each page. The next page's address is taken as it comes; one that repeats ends the list.

        The 2010 API gives it relative to its host, the newer ones in full: those must lie on the same host, for the
        credentials go along. A page without the list is no empty list: what is there would be made once more.
        """

        def read_page(page: dict[str, Any]) -> tuple[list[Any], str | None]:
            following = page.get("next_page_uri") or (page.get("meta") or {}).get("next_page_url")
            if following:
                httpx.URL(following)  # raises when it is none
            return list(page[key]), following or None

        query: dict[str, Any] | None = {"PageSize": PAGE_SIZE, **(params or {})}
        seen: set[str] = set()
        url: str | None = path
        while url is not None and url not in seen:
            if len(seen) == MOST_PAGES:
                msg = f"Twilio's list does not end to {operation}"
                raise Retryable(msg, context=CallContext("Twilio", operation))
            if not url.startswith("/") and not http.owns(url):
                msg = f"Twilio's list goes on at another host than {http.base_url} to {operation}"
                cure = "set the ONBOARD_TWILIO_*_URL to the addresses under which Twilio speaks of itself"
                raise NeedsPerson(msg, cure=cure, context=CallContext("Twilio", operation))
            seen.add(url)
            page = http.request("GET", url, operation=operation, params=query)
            query = None
            items, url = read_answer(read_page, page, vendor="Twilio", operation=operation)
            yield items
