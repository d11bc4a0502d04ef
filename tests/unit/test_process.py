"""What a process that runs steps is called."""

from __future__ import annotations

import os
import socket

import pytest

from tasks.process import forget_workshop, workshop
from tests.unit.cli_world import make_world


@pytest.fixture(autouse=True)
def installed(tmp_path, monkeypatch):
    forget_workshop()
    make_world(tmp_path, monkeypatch).migrate()
    yield
    forget_workshop()


def test_a_worker_that_starts_anew_under_its_old_name_and_number_is_another():
    first = workshop().worker
    forget_workshop()
    second = workshop().worker
    assert first != second
    assert all(name.startswith(f"{socket.gethostname()}:{os.getpid()}:") for name in (first, second))
