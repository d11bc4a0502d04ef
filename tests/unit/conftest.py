from __future__ import annotations

import pytest
from pytest_socket import disable_socket, enable_socket

from providers import redaction
from tests.unit.engine_world import EngineWorld


@pytest.fixture(autouse=True)
def _no_sockets():
    """A unit test that opens a connection is no unit test. Unix sockets stay: event loops need a pair."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(autouse=True)
def _no_secrets_of_others():
    """What another test of this process registered as a secret would be blanked out of this one's texts."""
    redaction._by_start.clear()


@pytest.fixture
def world() -> EngineWorld:
    return EngineWorld()
