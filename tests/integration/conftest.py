from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from models.tables import Onboarding
from tests.integration.house import House
from tests.integration.services import PostgresServer, RedisServer, Simulator

# pytest shares a fixture of the session among modules only from here.
from tests.integration.simulator_fixture import shared_simulator as shared_simulator  # noqa: PLC0414
from tests.integration.simulator_fixture import sim as sim  # noqa: PLC0414
from tests.integration.stack import Stack


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder)
    yield server
    server.stop()


@pytest.fixture
def simulator(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Simulator]:
    """``@pytest.mark.simulator("--option", ...)`` sets it up otherwise."""
    marker = request.node.get_closest_marker("simulator")
    process = Simulator(tmp_path, *(marker.args if marker else ()))
    yield process
    process.stop()


@pytest.fixture
def house(tmp_path: Path, simulator: Simulator) -> Iterator[House]:
    built = House(tmp_path, simulator)
    yield built
    built.close()


@pytest.fixture(scope="session")
def standing_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    process = Simulator(folder)
    built = House(folder, process)
    yield built
    built.close()
    process.stop()


@pytest.fixture
def empty_house(standing_house: House) -> House:
    """A house that others have used, with an empty world and an empty database: it starts no process."""
    standing_house.simulator.post("reset", {})
    with standing_house.db.begin() as connection:
        connection.execute(delete(Onboarding))
    return standing_house


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """None means SQLite in the state folder."""
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database(f"onboard_{uuid.uuid4().hex[:10]}")


@pytest.fixture
def stack(tmp_path: Path, simulator: Simulator, redis: RedisServer, database_url: str | None) -> Iterator[Stack]:
    built = Stack(tmp_path, simulator, redis, database_url)
    yield built
    built.close()
