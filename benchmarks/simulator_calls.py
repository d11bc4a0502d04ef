"""How long simple calls to the simulator take, in an empty world and among thousands of objects.

    python benchmarks/simulator_calls.py [--objects 5000]

Prints the median and the 95th percentile of each call over one kept connection, and the ratio to the cheapest call
there is (the health check of the same process), so that machines can be compared.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
ACCOUNT = "AC5105a7e0000000000000000000000001"
TOKEN = "5105a7e0c0ffee00c0ffee00c0ffee01"
API = f"/api.twilio.com/2010-04-01/Accounts/{ACCOUNT}"
SERVICES = "/messaging.twilio.com/v1/Services"
SENDERS = "/messaging.twilio.com/v2/Channels/Senders"
REPEATS = 200
TO = "+14155551234"


def measure(call: Callable[[], httpx.Response]) -> list[float]:
    """Sorted milliseconds of each of many calls."""
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        response = call()
        times.append((time.perf_counter() - begun) * 1000)
        assert response.status_code < 300, response.text
    return sorted(times)


def fill(http: httpx.Client, count: int) -> None:
    for index in range(count):
        http.post(SERVICES, data={"FriendlyName": f"Brand {index}"})
        http.post(SENDERS, json={"sender_id": f"rcs:brand_{index}_agent"})
        http.post(f"{API}/Messages.json", data={"To": f"+1415{index:07d}", "From": "+14155550100", "Body": "x"})


def run(http: httpx.Client, title: str) -> None:
    service = http.post(SERVICES, data={"FriendlyName": "Measured"}).json()["sid"]
    sender = http.get(SENDERS, params={"Channel": "rcs", "PageSize": 1}).json()["senders"]
    sid = sender[0]["sid"] if sender else http.post(SENDERS, json={"sender_id": "rcs:measured"}).json()["sid"]
    message = {"To": TO, "From": "+14155550100", "Body": "x"}
    calls: dict[str, Callable[[], httpx.Response]] = {
        "health check (baseline)": lambda: http.get("/_sim/healthz"),
        "fetch account": lambda: http.get(f"{API}.json"),
        "fetch service": lambda: http.get(f"{SERVICES}/{service}"),
        "fetch sender": lambda: http.get(f"{SENDERS}/{sid}"),
        "create message": lambda: http.post(f"{API}/Messages.json", data=message),
        "list senders, 50 a page": lambda: http.get(SENDERS, params={"Channel": "rcs"}),
        "list messages by To, 1 a page": lambda: http.get(f"{API}/Messages.json", params={"To": TO, "PageSize": 1}),
    }
    print(f"\n{title}\n{'':<32}{'median':>10}{'95 %':>10}{'ratio':>8}")
    baseline = 0.0
    for name, call in calls.items():
        times = measure(call)
        median = statistics.median(times)
        baseline = baseline or median
        late = times[int(len(times) * 0.95)]
        print(f"{name:<32}{median:>7.2f} ms{late:>7.2f} ms{median / baseline:>8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=5000)
    count = parser.parse_args().objects
    command = [sys.executable, "-m", "simulator", "--port", "0", "--review", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        try:
            with httpx.Client(base_url=url, auth=(ACCOUNT, TOKEN), trust_env=False, timeout=60) as http:
                run(http, "Empty world")
                begun = time.perf_counter()
                fill(http, count)
                seconds = time.perf_counter() - begun
                print(f"\n{3 * count:,} objects made in {seconds:.1f} s ({3 * count / seconds:,.0f} a second)")
                run(http, f"{count:,} services, senders and messages each")
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
