"""The four Twilio hosts of one account, and their two ways of paging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from providers.errors import Retryable
from providers.http import Http
from providers.twilio.errors import classify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from settings import Settings

PAGE_SIZE = 200
MOST_PAGES = 500


class TwilioApi:
    """Connections to Twilio as one user.

    :param client: only tests give one.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        account_sid: str,
        username: str,
        password: str,
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
                client=client,
            )

        self.core = host(settings.twilio_api_url)
        self.messaging = host(settings.twilio_messaging_url)
        self.iam = host(settings.twilio_iam_url)
        self.monitor = host(settings.twilio_monitor_url)

    @property
    def account_path(self) -> str:
        return f"/2010-04-01/Accounts/{self.account_sid}"

    def pages(
        self, http: Http, path: str, key: str, *, operation: str, params: Mapping[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Every item of a list. The next page's address is taken as it comes; one that repeats ends the list.

        The 2010 API gives it relative to its host, the newer ones in full.
        """
        query: dict[str, Any] | None = {"PageSize": PAGE_SIZE, **(params or {})}
        seen: set[str] = set()
        url: str | None = path
        while url is not None and url not in seen and len(seen) < MOST_PAGES:
            seen.add(url)
            page = http.request("GET", url, operation=operation, params=query) or {}
            query = None
            yield from page.get(key) or []
            url = page.get("next_page_uri") or (page.get("meta") or {}).get("next_page_url")
            if url is not None and not url.startswith(("/", http.base_url)):
                msg = f"Twilio's list points to another host to {operation}; check the URLs in the settings"
                raise Retryable(msg)
