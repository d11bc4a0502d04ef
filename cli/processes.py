"""The processes of onboard, one command each: thin wrappers that bring the right settings. All end on SIGTERM."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from cli.exits import NOT_SET_UP, Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

# Flower is a window on the workers, not a history; the history is in the database.
FLOWER_MAX_TASKS = 10_000
LONGEST_HEADERS = 32 * 1024


def _run_celery(arguments: list[str]) -> int:
    """Run a subcommand of Celery in this process, on our app."""
    from tasks.celery import app

    return app.start(arguments) or 0


@click.command("worker")
@click.option("--concurrency", type=click.IntRange(1, 64), help="Threads. [default: ONBOARD_WORKER_CONCURRENCY]")
@click.option("--name", help="Name in Flower; unique among all workers. [default: worker-PID]")
def worker_command(concurrency: int | None, name: str | None) -> int:
    """Run a Celery worker: steps, forwards and the clock.

    \b
    Start as many as you like, on as many machines as you like:
      onboard worker --concurrency 16
      celery -A tasks worker --events        the same, with Celery's own options
    """
    from settings import get_settings
    from tasks.names import QUEUES

    settings = get_settings()
    node = name or f"worker-{os.getpid()}"
    return _run_celery(
        [
            *("worker", "--pool", "threads"),
            *("--concurrency", str(concurrency or settings.worker_concurrency)),
            *("--queues", ",".join(QUEUES)),
            *("--hostname", node if "@" in node else f"{node}@%h"),
            *("--loglevel", settings.log_level),
            # Workers have nothing to tell each other; events are for Flower.
            *("--without-gossip", "--without-mingle", "--task-events"),
        ]
    )


@click.command("beat")
def beat_command() -> int:
    """Run the scheduler, which only ticks: what is due is in the database.

    One is enough; a second one does no harm.
    """
    from settings import get_settings

    settings = get_settings()
    folder = settings.home / "beat"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return _run_celery(["beat", "--schedule", str(folder / "schedule"), "--loglevel", settings.log_level])


class _CeleryWake:
    """Implements ``gateway.app.Wake``: here the gateway, which knows no Celery, meets the tasks."""

    def __init__(self) -> None:
        # Now, and not with the first event: it takes a second, in which nothing would be answered.
        from tasks.celery import BROKER_ERRORS, app
        from tasks.inbox import send_forwards

        self._app, self._broker_errors, self._send = app, BROKER_ERRORS, send_forwards

    def forwards(self, due: Sequence[tuple[int, str]]) -> None:
        self._send(due)

    def is_reachable(self) -> bool:
        try:
            with self._app.connection_for_read() as connection:
                connection.ensure_connection(max_retries=1, timeout=1)
        except self._broker_errors:
            return False
        return True


@click.command("gateway")
def gateway_command() -> None:
    """Run the HTTP gateway that vendors call back.

    It listens on ONBOARD_GATEWAY_HOST and ONBOARD_GATEWAY_PORT. Vendors reach it under ONBOARD_PUBLIC_URL, and
    signatures are checked against that URL.
    """
    import uvicorn

    from engine.vault import Vault, load_keys
    from gateway.app import Gateway
    from models.db import make_engine
    from settings import get_settings
    from tasks.logs import configure_logging

    settings = get_settings()
    configure_logging(settings)
    app = Gateway(make_engine(settings.resolved_database_url), Vault(load_keys(settings)), settings, _CeleryWake())
    if settings.metrics_port is not None:
        app.metrics.serve(settings.metrics_host, settings.metrics_port)
    config = uvicorn.Config(
        app,
        host=settings.gateway_host,
        port=settings.gateway_port,
        http="h11",
        h11_max_incomplete_event_size=LONGEST_HEADERS,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        # Nothing here believes what a proxy says of the caller.
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    # uvicorn stops gracefully and then raises the signal again: that is a clean end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    _collect_seldom()
    uvicorn.Server(config).run()


def _collect_seldom() -> None:
    """What is loaded by now stays, so the collector need not go through it at every few hundred requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@click.command("flower")
def flower_command() -> None:
    """Run Flower, the web page that shows workers and tasks. Read-only.

    It listens on ONBOARD_FLOWER_HOST and ONBOARD_FLOWER_PORT; beyond this machine only with ONBOARD_FLOWER_BASIC_AUTH.
    """
    from cli.stack.programs import ROOT, python_command
    from settings import child_environment, get_settings

    settings = get_settings()
    refuse_open_flower(settings.flower_host, has_password=settings.flower_basic_auth is not None)
    if settings.flower_basic_auth is not None:
        # By the environment: everybody on the machine can read a command line.
        environment = {"FLOWER_BASIC_AUTH": settings.flower_basic_auth.get_secret_value()}
    else:
        environment = {"FLOWER_UNAUTHENTICATED_API": "true"}
    command = [
        # Celery looks for the app in the working directory first, so that has to be ours.
        *python_command("celery", "--workdir", str(ROOT), "-A", "tasks", "flower"),
        f"--address={settings.flower_host}",
        f"--port={settings.flower_port}",
        "--read_only=True",
        "--persistent=False",
        f"--max_tasks={FLOWER_MAX_TASKS}",
        # The argument is the onboarding's name; there are no results.
        "--tasks_columns=name,args,state,received,started,runtime,worker,uuid",
    ]
    # The settings of this process were read before the working directory changes.
    environment["ONBOARD_HOME"] = str(settings.home.absolute())
    os.execve(sys.executable, command, child_environment(environment))  # noqa: S606  our own program


def refuse_open_flower(host: str, *, has_password: bool) -> None:
    """:raises Exit: Flower would show every onboarding's name and state to the network without a password."""
    from cli.stack.programs import is_loopback

    if not is_loopback(host) and not has_password:
        msg = (
            f"Flower would listen on {host} without a password. Set ONBOARD_FLOWER_BASIC_AUTH=user:password, "
            "or leave ONBOARD_FLOWER_HOST at 127.0.0.1."
        )
        raise Exit(msg, NOT_SET_UP)


@click.command("migrate")
def migrate_command() -> None:
    """Bring the database to the current version, and onboardings of an older step graph to the present one.

    Safe to repeat, and from several machines at once. Run it once more after the last old worker has ended: what one of
    them is at just now is left as it is.

    \b
    Exit codes: 0; 2 when some onboardings could not be brought over yet.
    """
    from sqlalchemy.engine import make_url

    from models.db import make_engine
    from models.migrations import is_current, upgrade
    from settings import get_settings

    url = get_settings().resolved_database_url
    engine = make_engine(url)
    try:
        if is_current(engine):
            click.echo(f"{make_url(url).render_as_string()} is at the current version already.")
        else:
            upgrade(engine)
            click.echo(f"{make_url(url).render_as_string()} is at the current version now.")
        _take_over(engine)
    finally:
        engine.dispose()


def _take_over(engine: Engine) -> None:
    from engine.clock import now
    from engine.take_over import take_over_all
    from settings import get_settings
    from tasks.steps import CATALOGUE

    grace_seconds = get_settings().wake_grace_seconds
    taken = take_over_all(engine, CATALOGUE, at=now(), grace_seconds=grace_seconds)
    if taken.done:
        click.echo(f"{_shown(taken.done)} brought over to step graph {CATALOGUE.version}; they go on within a minute.")
    if taken.busy:
        click.echo(
            f"{_shown(taken.busy)} not brought over yet: a worker is at work there. Run `onboard migrate` again."
        )
    if taken.newer:
        text = (
            f"{_shown(taken.newer)} left alone: a newer version of onboard made the steps, and only that one can go on."
        )
        click.echo(text, err=True)


def _shown(names: list[str]) -> str:
    """``acme and 11 more were``."""
    few = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{few} {'was' if len(names) == 1 else 'were'}"
