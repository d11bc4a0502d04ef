from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Exit
from cli.stack.child import Program
from cli.stack.supervisor import Supervisor
from settings import child_environment

ROOT = Path(__file__).parents[2]
SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def until(probe: Any, seconds: float = 15.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.02)
    return answer


def program(name: str, code: str, *, stage: int = 1, stop_seconds: float = 10.0) -> Program:
    return Program(name, [sys.executable, "-S", "-c", code], child_environment({}), stage, stop_seconds)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def said():
    return []


@pytest.fixture
def make(tmp_path, said):
    made: list[Supervisor] = []

    def build(*, restarts: bool = True) -> Supervisor:
        made.append(Supervisor(tmp_path / "logs", restarts=restarts, say=said.append, first_delay=0.01))
        return made[-1]

    yield build
    for supervisor in made:
        supervisor.stop()


def test_what_a_child_says_is_in_a_log_that_only_its_owner_reads(make):
    child = make().start(program("worker", "print('hello'); import sys; print('trouble', file=sys.stderr)"))
    until(lambda: child.exit_code is not None)
    assert child.log_file.name == "worker.log"
    assert sorted(child.log_tail().splitlines()) == ["hello", "trouble"]
    assert child.log_file.stat().st_mode & 0o777 == 0o600


def test_a_child_that_dies_is_started_again(make, said):
    supervisor = make()
    child = supervisor.start(program("worker", SLEEPER))
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.check() or (child.is_running and child.process.pid != first))
    assert "worker was ended by signal 9" in said[0]


def test_a_child_that_dies_again_and_again_is_started_more_and_more_slowly(make, said):
    supervisor = make()
    supervisor.start(program("worker", "raise SystemExit(3)"))
    until(lambda: supervisor.check() or len(said) >= 3)
    delays = [float(text.rpartition("again in ")[2].removesuffix(" s.")) for text in said[:3]]
    assert delays == sorted(delays)
    assert "worker ended with exit code 3" in said[0]


def test_without_restarts_a_dead_child_is_an_error_with_its_last_words(make):
    supervisor = make(restarts=False)
    supervisor.start(program("beat", "print('no such schedule'); raise SystemExit(1)"))
    with pytest.raises(Exit, match=r"(?s)beat ended with exit code 1.*no such schedule"):
        until(supervisor.check)


def test_waiting_for_readiness_ends_with_a_sentence_when_the_time_is_over(make, tmp_path):
    supervisor = make()
    with pytest.raises(Exit, match=f"the gateway was not ready after 0 s; its log is in {tmp_path}"):
        supervisor.wait_until(lambda: False, what="the gateway", seconds=0.05)


def test_stop_ends_later_stages_first(make, tmp_path):
    note = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        f"def end(*_):\n  open({str(note)!r}, 'a').write(sys.argv[1] + ' '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(60)"
    )
    supervisor = make()
    for name, stage in (("broker", 0), ("beat", 3), ("worker", 2)):
        ordered = Program(name, [sys.executable, "-S", "-c", code, name], child_environment({}), stage)
        child = supervisor.start(ordered)
        until(child.log_tail)
    supervisor.stop()
    assert note.read_text().split() == ["beat", "worker", "broker"]


def test_a_child_that_ignores_the_request_to_stop_is_killed(make, said):
    supervisor = make()
    child = supervisor.start(program("worker", STUBBORN, stop_seconds=0.1))
    until(child.log_tail)
    supervisor.stop()
    assert child.process.returncode == -signal.SIGKILL
    assert said == ["worker did not stop in time and was killed"]


def test_stop_also_ends_what_a_child_has_started(make, tmp_path):
    code = f"import subprocess, sys, time; print(subprocess.Popen([sys.executable, '-S', '-c', {STUBBORN!r}]).pid, flush=True); time.sleep(60)"
    supervisor = make()
    child = supervisor.start(program("worker", code))
    grandchild = int(until(lambda: [line for line in child.log_tail().splitlines() if line.isdigit()])[0])
    supervisor.stop()
    until(lambda: not is_alive(grandchild))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_supervisor_that_is_killed_leaves_no_child(tmp_path):
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from cli.stack.child import Program\n"
        "from cli.stack.supervisor import Supervisor\n"
        f"s = Supervisor(Path({str(tmp_path)!r}), restarts=True, say=print)\n"
        f"c = s.start(Program('w', [sys.executable, '-S', '-c', {STUBBORN!r}], dict(os.environ), 1))\n"
        "print(c.process.pid, flush=True)\n"
        "s.pause(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.stdout.close()
    assert is_alive(pid)
    parent.kill()
    parent.wait()
    until(lambda: not is_alive(pid))


def test_a_log_that_has_grown_too_large_is_set_aside_at_the_next_start(make, tmp_path, monkeypatch):
    monkeypatch.setattr("cli.stack.child.LARGEST_LOG", 10)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker.log").write_text("x" * 11)
    child = make().start(program("worker", "print('new')"))
    until(lambda: child.exit_code is not None)
    assert (tmp_path / "logs" / "worker.log.1").read_text() == "x" * 11
    assert child.log_tail() == "new"
