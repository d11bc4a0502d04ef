"""How long ``onboard list`` and ``show`` take with many onboardings in SQLite; run by hand.

    python benchmarks/list_and_show.py [ONBOARDINGS]

Prints medians of whole processes, interpreter start included, and their ratio to an empty Python process of this run.
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

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from sqlalchemy import insert  # noqa: E402

from engine.context import digest  # noqa: E402
from models.db import make_engine  # noqa: E402
from models.migrations import upgrade  # noqa: E402
from models.spec.onboarding import spec_to_json  # noqa: E402
from models.states import OnboardingState, StepState  # noqa: E402
from models.tables import Event, Onboarding, Step  # noqa: E402
from tasks.steps import CATALOGUE  # noqa: E402
from tests.factories import make_spec  # noqa: E402

ROUNDS = 9
KINDS = [
    (OnboardingState.ACTIVE, [StepState.SUCCEEDED] * 5),
    (OnboardingState.WAITING, [StepState.WAITING_VENDOR, *[StepState.PENDING] * 4]),
    (OnboardingState.FAILED, [StepState.SUCCEEDED, StepState.FAILED, *[StepState.PENDING] * 3]),
    (OnboardingState.RUNNING, [StepState.SUCCEEDED, StepState.SUCCEEDED, StepState.RUNNING, *[StepState.PENDING] * 2]),
]


def fill(home: Path, count: int) -> None:
    engine = make_engine(f"sqlite:///{home / 'onboard.sqlite3'}")
    upgrade(engine)
    at = datetime.now(UTC) - timedelta(days=3)
    stored = spec_to_json(make_spec("rcs", "brand"))
    onboardings, steps, events = [], [], []
    for number in range(1, count + 1):
        status, states = KINDS[number % len(KINDS)]
        onboardings.append(
            {
                "id": number,
                "name": f"brand-{number:06d}",
                "channel": "rcs",
                "brand": f"Brand {number}",
                "organization_id": "X@AdobeOrg",
                "sandbox": "prod",
                "status": status,
                "mark": f"onb-{number}",
                "endpoint_token": f"token-{number}",
                "spec": stored,
                "spec_digest": digest(stored),
                "created_at": at,
                "updated_at": at,
                "reason": "review is under way",
            }
        )
        for position, (step, state) in enumerate(zip(CATALOGUE.names, states, strict=True)):
            steps.append(
                {
                    "onboarding_id": number,
                    "name": step,
                    "position": position,
                    "state": state,
                    "attempt": 1,
                    "failures": 0,
                    "lost_leases": 0,
                    "is_signalled": False,
                    "inputs_digest": "0",
                    "due_at": at,
                }
            )
        events += [
            {"onboarding_id": number, "at": at, "kind": "step:running", "text": f"event {index}", "details": {}}
            for index in range(20)
        ]
    with engine.begin() as connection:
        for table, rows in ((Onboarding, onboardings), (Step, steps), (Event, events)):
            connection.execute(insert(table), rows)
    engine.dispose()


def measure(command: list[str], environment: dict[str, str]) -> float:
    """Median seconds of the whole process."""
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), count)
        environment = {**os.environ, "ONBOARD_HOME": folder, "PYTHONPATH": str(ROOT)}
        onboard = [sys.executable, "-m", "cli.main"]
        baseline = measure([sys.executable, "-c", "pass"], environment)
        print(f"{count} onboardings, {count * 5} steps, {count * 20} events; medians of {ROUNDS}")
        print(f"{'python -c pass':<42} {baseline * 1000:7.0f} ms")
        for arguments in (
            ["--help"],
            ["list"],
            ["list", "--status", "failed"],
            ["list", "--waiting", "vendor", "--after", f"brand-{count // 2:06d}"],
            ["show", f"brand-{count // 2:06d}"],
            ["events", f"brand-{count // 2:06d}"],
        ):
            seconds = measure([*onboard, *arguments], environment)
            print(f"{'onboard ' + ' '.join(arguments):<42} {seconds * 1000:7.0f} ms   {seconds / baseline:5.1f} x")


if __name__ == "__main__":
    main()
