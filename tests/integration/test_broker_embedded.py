from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
import redis

from cli.exits import Exit
from cli.stack.broker import EmbeddedBroker, Server, _carried_program, find_server
from cli.stack.ports import Ports
from cli.stack.supervisor import Supervisor
from settings import Settings, child_environment
from tasks.broker import NOT_RUNNING, address_file, broker_url
from tests.integration.simulator_fixture import until

HOST = "127.0.0.1"


def servers() -> list[Server]:
    """The one this machine would use and the one that the package carries; often the same."""
    carried = _carried_program()
    both = [find_server()] + ([Server(carried, (9, 1))] if carried is not None else [])
    return list({server.program: server for server in both}.values())


@pytest.fixture(params=servers(), ids=lambda server: server.program.name)
def broker(request, tmp_path):
    ports = Ports()
    port = ports.reserve(HOST, 0, purpose="broker", may_differ=True)
    settings = Settings(home=tmp_path / "a folder")
    made = EmbeddedBroker(settings, request.param, port)
    made.supervisor = Supervisor(tmp_path / "logs", restarts=True, say=print, first_delay=0.01)
    made.home = settings.home
    made.supervisor.start(made.program(child_environment({})))
    made.supervisor.wait_until(made.answers, what="the broker", seconds=10)
    made.publish_address()
    yield made
    made.supervisor.stop()
    ports.free()


def test_every_command_of_this_user_finds_it_and_nobody_else_reads_the_address(broker):
    settings = Settings(home=broker.home)
    assert broker_url(settings) == broker.url
    for file in (address_file(settings), broker.home / "broker" / "server.conf"):
        assert file.stat().st_mode & 0o777 == 0o600
    broker.withdraw_address()
    assert broker_url(settings) == NOT_RUNNING


def test_it_wants_a_password_that_is_not_on_its_command_line(broker):
    with redis.Redis.from_url(broker.url) as client:
        password = client.connection_pool.connection_kwargs["password"]
        pid = client.info("server")["process_id"]
        port = client.connection_pool.connection_kwargs["port"]
    with redis.Redis(HOST, port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    assert password not in Path(f"/proc/{pid}/cmdline").read_text()


def test_it_never_drops_messages_to_make_room(broker):
    with redis.Redis.from_url(broker.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("bind")["bind"] == HOST


def test_a_killed_server_comes_back_on_its_address_with_what_it_held(broker):
    with redis.Redis.from_url(broker.url) as client:
        client.lpush("steps", "a message")
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
    child = broker.supervisor.child("broker")
    until(lambda: not child.is_running)
    until(lambda: broker.supervisor.check() or broker.answers())
    with redis.Redis.from_url(broker.url) as client:
        assert client.lrange("steps", 0, -1) == [b"a message"]


def test_a_taken_port_is_replaced_by_a_free_one_or_refused(tmp_path):
    with socket.create_server((HOST, 0)) as other:
        taken = other.getsockname()[1]
        ports = Ports()
        assert ports.reserve(HOST, taken, purpose="gateway", may_differ=True) != taken
        with pytest.raises(
            Exit, match=rf"{HOST}:{taken}, meant for the gateway, is taken by another program.*ONBOARD_GATEWAY_PORT"
        ):
            ports.reserve(HOST, taken, purpose="gateway", may_differ=False)
        ports.free()


def test_a_reserved_port_can_be_listened_on_by_the_process_it_is_meant_for():
    ports = Ports()
    port = ports.reserve(HOST, 0, purpose="gateway", may_differ=True)
    with socket.create_server((HOST, port)) as listener:
        assert listener.getsockname()[1] == port
    ports.free()


def test_reserved_ports_are_never_given_out_twice():
    ports = Ports()
    found = [ports.reserve(HOST, 0, purpose="gateway", may_differ=True) for _ in range(50)]
    assert len(set(found)) == 50
    ports.free()
