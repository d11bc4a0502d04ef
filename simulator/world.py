"""The pretended world: everything that exists, and the accounts that are there from the start."""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

import httpx

from simulator.config import Config
from simulator.faults import Faults
from simulator.objects import (
    Account,
    AjoObject,
    Alert,
    ApiKey,
    Json,
    Message,
    Organization,
    PhoneNumber,
    Sender,
    Service,
    now,
)

ACCOUNT_SID = "AC5105a7e0000000000000000000000001"
AUTH_TOKEN = "5105a7e0c0ffee00c0ffee00c0ffee01"  # noqa: S105 - opens nothing but the simulator
NUMBERS = tuple(f"+141555501{index:02d}" for index in range(20))
ORGANIZATION_ID = "5105A7E0C0FFEE@AdobeOrg"
CLIENT_ID = "onboard-simulator"
CLIENT_SECRET = "p8e-simulated-client-secret-5105a7e0"  # noqa: S105 - opens nothing but the simulator
SANDBOXES = ("prod", "dev")


class World:
    """All state of one simulator; thrown away and made anew by a reset."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.faults = Faults()
        self.accounts: dict[str, Account] = {}
        self.numbers: dict[str, PhoneNumber] = {}
        self.services: dict[str, Service] = {}
        self.senders: dict[str, Sender] = {}
        self.keys: dict[str, ApiKey] = {}
        self.messages: dict[str, Message] = {}
        self.alerts: dict[str, Alert] = {}
        self.organizations: dict[str, Organization] = {}
        self.tokens: dict[str, tuple[str, datetime]] = {}
        self.ajo: dict[str, AjoObject] = {}
        self.testers: set[tuple[str, str]] = set()
        self.opt_outs: set[tuple[str, str]] = set()
        self.created: dict[str, Json] = {}
        self.calls: Counter[str] = Counter()
        self.callbacks: list[Json] = []
        self.events: list[Json] = []
        self._ids = random.Random(config.seed)  # noqa: S311 - repeatable on purpose
        self._work: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None
        self.add_account(Account(ACCOUNT_SID, AUTH_TOKEN), dict.fromkeys(NUMBERS))
        self.organizations[ORGANIZATION_ID] = Organization(ORGANIZATION_ID, CLIENT_ID, CLIENT_SECRET, list(SANDBOXES))

    def new_sid(self, prefix: str) -> str:
        """A fresh SID: the prefix and 32 lowercase hexadecimal digits."""
        return f"{prefix}{self._ids.getrandbits(128):032x}"

    def new_secret(self) -> str:
        """Something nobody can guess, even with the seed known."""
        return secrets.token_urlsafe(24)

    def add_account(self, account: Account, numbers: dict[str, dict[str, bool] | None]) -> None:
        """Register an account and the numbers it owns; None means SMS, MMS and voice."""
        self.accounts[account.sid] = account
        for phone_number, capabilities in numbers.items():
            able = {"voice": True, "sms": True, "mms": True, "fax": False} | (capabilities or {})
            number = PhoneNumber(self.new_sid("PN"), account.sid, phone_number, able)
            self.numbers[number.sid] = number

    def record(self, kind: str, object_id: str, name: str, owner: str) -> None:
        """Note in the ledger that a client created an object."""
        self.created[object_id] = {
            "kind": kind,
            "id": object_id,
            "name": name,
            "account_or_sandbox": owner,
            "created_at": now().isoformat(),
            "removed_at": None,
        }

    def record_removal(self, object_id: str) -> None:
        """Note in the ledger that an object is gone; what was there from the start is not listed."""
        if object_id in self.created:
            self.created[object_id]["removed_at"] = now().isoformat()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something happen in the background; a reset or the end of the process cancels it."""
        task = asyncio.get_running_loop().create_task(work)
        # The loop holds tasks weakly, so somebody has to hold them strongly.
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def http_client(self) -> httpx.AsyncClient:
        """The client for callbacks; made on first use, because it belongs to the running loop."""
        if self._client is None:
            self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False)
        return self._client

    async def close(self) -> None:
        """Stop all that happens in the background."""
        work = list(self._work)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None
