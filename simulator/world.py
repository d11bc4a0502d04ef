"""The pretended world: everything that exists, its clock, and the accounts that are there from the start."""

import asyncio
import contextlib
import hashlib
import logging
import secrets
import uuid
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

import httpx

from simulator.clock import Appointment, Clock
from simulator.config import Config
from simulator.state import Account, Json, Organization, PhoneNumber, State

ACCOUNT_SID = "AC5105a7e0000000000000000000000001"
AUTH_TOKEN = "5105a7e0c0ffee00c0ffee00c0ffee01"  # noqa: S105 - opens nothing but the simulator
USER_SID = "US5105a7e0000000000000000000000001"
NUMBERS = tuple(f"+141555501{index:02d}" for index in range(20))
ORGANIZATION_ID = "5105A7E0C0FFEE@AdobeOrg"
CLIENT_ID = "onboard-simulator"
CLIENT_SECRET = "p8e-simulated-client-secret-5105a7e0"  # noqa: S105 - opens nothing but the simulator
SANDBOXES = ("prod", "dev")
# Those that Adobe's samples for Experience Platform show (community).
SCOPES = ("openid", "AdobeID", "read_organizations", "additional_info.projectedProductContext", "session")
_CALLS_KEPT = 1000
_CALLBACKS_AT_ONCE = 64
_MONITOR_EVENTS_KEPT = 5000

Action = Callable[["World", Json], None]
_log = logging.getLogger(__name__)


class World(State):
    """The state of one simulator and what keeps it going; thrown away and made anew by a reset.

    :param actions: what can be an appointment, by name.
    :param state: what another run left behind; None for the first world.
    """

    def __init__(self, config: Config, actions: Mapping[str, Action], state: State | None = None) -> None:
        super().__init__(**(vars(state) if state else {}))
        self.recent_calls = deque(self.recent_calls, maxlen=_CALLS_KEPT)
        self.monitor_events = deque(self.monitor_events, maxlen=_MONITOR_EVENTS_KEPT)
        self.config = config
        self.actions = actions
        self.clock = Clock(config.speed, state.elapsed if state else None)
        self._callback_locks: dict[str, asyncio.Lock] = {}
        # The client's pool gets slower with every request that waits in it; so they wait before it, for their own host.
        self.callbacks_at_once: dict[str, asyncio.Semaphore] = defaultdict(
            partial(asyncio.Semaphore, _CALLBACKS_AT_ONCE)
        )
        self._work: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None
        # Access tokens of custom providers: until when (monotonic) and which, by address and client.
        self.provider_tokens: dict[tuple[str, str, str], tuple[float, str]] = {}
        if state:
            self.clock.restore(state.appointments)
            self.clock.skew_seconds = state.skew_seconds
            return
        self.seed = secrets.randbits(64) if config.seed is None else config.seed
        account = Account(ACCOUNT_SID, AUTH_TOKEN, self.clock.now())
        self.add_account(account, dict.fromkeys(NUMBERS))
        self.organizations[ORGANIZATION_ID] = Organization(
            ORGANIZATION_ID, CLIENT_ID, CLIENT_SECRET, list(SANDBOXES), list(SCOPES)
        )

    # -- ids ----------------------------------------------------------------------------------------------------
    def _digest(self, kind: str, number: int) -> str:
        return hashlib.sha256(f"{self.seed}:{kind}:{number}".encode()).hexdigest()

    def _new_digits(self) -> str:
        """32 hexadecimal digits that the seed and the count decide: repeatable, and kept by a snapshot."""
        self.last_id += 1
        return self._digest("id", self.last_id)[:32]

    def new_sid(self, prefix: str) -> str:
        """A fresh SID: the prefix and 32 lowercase hexadecimal digits."""
        return prefix + self._new_digits()

    def new_uuid(self) -> str:
        return str(uuid.UUID(self._new_digits()))

    def new_request_id(self) -> str:
        return f"RQ{secrets.token_hex(16)}"

    def new_secret(self) -> str:
        """Something nobody can guess, even with the seed known."""
        return secrets.token_urlsafe(24)

    def roll(self) -> float:
        """A number from 0 to 1 that the seed and the count of rolls decide."""
        self.last_roll += 1
        return int(self._digest("roll", self.last_roll)[:8], 16) / 0xFFFFFFFF

    # -- objects ------------------------------------------------------------------------------------------------
    def add_account(self, account: Account, numbers: Mapping[str, dict[str, bool] | None]) -> None:
        """Register an account and the numbers it owns; None means SMS, MMS and voice."""
        self.accounts[account.sid] = account
        for phone_number, capabilities in numbers.items():
            self.add_number(account.sid, phone_number, capabilities)

    def add_number(self, account_sid: str, phone_number: str, capabilities: dict[str, bool] | None) -> PhoneNumber:
        able = {"voice": True, "sms": True, "mms": True, "fax": False} | (capabilities or {})
        at = self.clock.now()
        number = PhoneNumber(self.new_sid("PN"), account_sid, phone_number, able, created_at=at, updated_at=at)
        self.numbers[number.sid] = number
        return number

    def record(self, kind: str, object_id: str, name: str, owner: str) -> None:
        """Note in the ledger that a client created an object."""
        self.created[object_id] = {
            "kind": kind,
            "id": object_id,
            "name": name,
            "account_or_sandbox": owner,
            "created_at": self.clock.now().isoformat(),
            "removed_at": None,
        }

    def record_removal(self, object_id: str) -> None:
        """Note in the ledger that an object is gone; what was there from the start is not listed."""
        if object_id in self.created:
            self.created[object_id]["removed_at"] = self.clock.now().isoformat()

    # -- time ---------------------------------------------------------------------------------------------------
    def perform(self, appointment: Appointment) -> None:
        """Let an appointment happen; one that fails is told on standard error and stops nothing else."""
        try:
            self.actions[appointment.action](self, appointment.subject)
        except Exception:
            _log.exception("%s failed on %s", appointment.action, appointment.subject)

    def start(self) -> None:
        """Let the clock run; call it inside the event loop."""
        self.spawn(self.clock.run(self.perform))

    async def advance(self, seconds: float, *, patience: float) -> int:
        """Step the clock, then wait until the callbacks of these steps are made; how many steps there were.

        :param patience: real seconds to wait at most.
        """
        before = set(self._work)
        count = self.clock.advance(seconds, self.perform)
        caused = self._work - before
        if caused:
            await asyncio.wait(caused, timeout=patience)
        return count

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something happen in the background; a reset or the end of the process cancels it."""
        task = asyncio.get_running_loop().create_task(work)
        # The loop holds tasks weakly, so somebody has to hold them strongly.
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    # -- calls of its own -----------------------------------------------------------------------------------------
    @contextlib.asynccontextmanager
    async def in_turn(self, name: str) -> AsyncIterator[None]:
        """Whoever asks first under a name goes first; the rest wait."""
        lock = self._callback_locks.setdefault(name, asyncio.Lock())
        async with lock:
            yield

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
