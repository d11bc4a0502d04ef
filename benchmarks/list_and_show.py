"""How long ``onboard list`` and ``onboard show`` take with 10,000 onboardings in SQLite, start of Python included.

Runs the real commands as processes and prints medians, beside the time of ``python -c pass`` in the same run, for
machines differ: ``python -m benchmarks.list_and_show``. Exits with 1 when one takes half a second or longer.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from models.db import make_engine
from models.migrations import upgrade
from models.states import OnboardingState, StepState
from models.tables import Event, Onboarding, Step

COUNT = 10_000
RUNS = 9
LIMIT_SECONDS = 0.5
ROOT = Path(__file__).parent.parent
STEPS = ("registration", "webhook", "credential", "channel", "verification")
# Of twenty onboardings: how far they are, and how the step that is on stands.
SITUATIONS = (
    *([(OnboardingState.ACTIVE, 5, None)] * 14),
    *([(OnboardingState.WAITING, 0, StepState.WAITING_VENDOR)] * 3),
    (OnboardingState.WAITING, 2, StepState.WAITING_PERSON),
    (OnboardingState.RUNNING, 3, StepState.RUNNING),
    (OnboardingState.FAILED, 4, StepState.FAILED),
)


def fill(path: Path) -> None:
    """10,000 onboardings with five steps and ten events each."""
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    now = datetime.now(UTC)
    onboardings: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for number in range(1, COUNT + 1):
        status, done, state = SITUATIONS[number % len(SITUATIONS)]
        begun = now - timedelta(hours=number % 1000)
        onboardings.append(
            {
                "id": number,
                "name": f"brand-{number:05d}",
                "channel": ("rcs", "sms", "mms")[number % 3],
                "brand": f"Brand {number} of the World",
                "organization_id": "0123456789ABCDEF01234567@AdobeOrg",
                "sandbox": ("prod", "stage")[number % 2],
                "status": status,
                "mark": f"onb-{number:010d}",
                "endpoint_token": f"token-{number}",
                # About as long as the spec of an RCS channel.
                "spec": {"filler": "x" * 4000},
                "spec_digest": "0" * 64,
                "reason": None if state is None else "review of rcs:brand_agent is IN_REVIEW; US: PENDING",
                "created_at": begun,
                "updated_at": begun,
                "activated_at": begun if state is None else None,
            }
        )
        for position, name in enumerate(STEPS):
            step_state = StepState.SUCCEEDED if position < done else StepState.PENDING
            if position == done and state is not None:
                step_state = state
            steps.append(
                {
                    "onboarding_id": number,
                    "name": name,
                    "position": position,
                    "state": step_state,
                    "inputs_digest": "0" * 64,
                    "attempt": 1,
                    "started_at": begun,
                }
            )
        for event in range(10):
            text = f"something happened, number {event}"
            row = {"onboarding_id": number, "at": begun, "kind": "step:succeeded", "step": STEPS[event % 5]}
            events.append(row | {"text": text, "details": {}})
    with engine.begin() as connection:
        connection.execute(insert(Onboarding), onboardings)
        connection.execute(insert(Step), steps)
        connection.execute(insert(Event), events)
    engine.dispose()


def median_seconds(command: list[str], environment: dict[str, str]) -> float:
    """Wall time of a process; the first run, which compiles and fills caches, does not count."""
    times = []
    for _ in range(RUNS + 1):
        begun = time.perf_counter()
        subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        fill(home / "onboard.sqlite3")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ONBOARD_")}
        # Compiled files as an installation has them, without leaving any in the checkout.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment |= {"ONBOARD_HOME": str(home), "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
        nothing = median_seconds([sys.executable, "-c", "pass"], environment)
        print(f"{COUNT} onboardings, median of {RUNS} runs; python -c pass takes {nothing * 1000:.0f} ms")
        worst = 0.0
        for arguments in (
            ["list"],
            ["list", "--waiting", "person"],
            ["list", "--waiting", "vendor", "--overdue", "--name", "brand-0*"],
            ["list", "--step", "credential"],
            ["explain", "brand-05000"],
            ["list", "--status", "active", "--after", "brand-09000", "--json"],
            ["show", "brand-05000"],
            ["show", "brand-05000", "--json"],
        ):
            seconds = median_seconds([sys.executable, "-m", "cli.main", *arguments], environment)
            worst = max(worst, seconds)
            print(f"  onboard {' '.join(arguments):<55} {seconds * 1000:5.0f} ms  {seconds / nothing:5.1f} x python")
    print(f"limit {LIMIT_SECONDS * 1000:.0f} ms: {'kept' if worst < LIMIT_SECONDS else 'EXCEEDED'}")
    return 0 if worst < LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
