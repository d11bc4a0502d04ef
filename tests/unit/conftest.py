from __future__ import annotations

import pytest
from pytest_socket import disable_socket, enable_socket

from tests.unit.engine_world import EngineWorld


@pytest.fixture(autouse=True)
def _no_sockets():
    """A unit test that opens a connection is no unit test. Unix sockets stay: event loops need a pair."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture
def world() -> EngineWorld:
    return EngineWorld()
