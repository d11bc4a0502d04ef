"""The Celery app. ``celery -A tasks worker|beat|flower`` finds it here; each setting says why."""

from __future__ import annotations

import threading
from typing import Any

from celery import Celery
from celery.signals import celeryd_after_setup, setup_logging, worker_process_init, worker_shutting_down
from kombu.entity import Exchange, Queue
from kombu.exceptions import OperationalError

from settings import VISIBILITY_SECONDS, get_settings
from tasks import broker_patch, names
from tasks.base import QuietTask
from tasks.broker import broker_url
from tasks.logs import configure_logging
from tasks.process import begin_no_calls, forget_workshop, use_threads

broker_patch.apply()

settings = get_settings()

app = Celery("onboard", broker=broker_url(settings), task_cls=QuietTask, set_as_current=False)

app.conf.update(
    imports=("tasks.chain", "tasks.clock", "tasks.inbox", "tasks.notices", "tasks.canary"),
    # Ids only, and JSON only: nothing in a message can run code or leak.
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    # The database is the truth. Results would grow in Redis and show in Flower.
    result_backend=None,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    # Redelivered when a worker dies; claims make the second delivery harmless.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    # A worker holds only what it works on.
    worker_prefetch_multiplier=1,
    # Threads: steps wait for vendors. One process of threads does more per MB than many of prefork.
    worker_pool="threads",
    worker_concurrency=settings.worker_concurrency,
    # Names that nobody declared are typing errors.
    task_create_missing_queues=False,
    # Each with its own exchange and key: queues that share the default key would all get every message.
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in names.QUEUES],
    task_default_queue=names.STEPS_QUEUE,
    task_routes=names.ROUTES,
    # Flower lives from events.
    worker_send_task_events=True,
    task_send_sent_event=False,
    worker_hijack_root_logger=False,
    enable_utc=True,
    timezone="UTC",
    # A broker that is away for an hour must not end the worker.
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_SECONDS,
        # Lost messages are looked for every 5 s; kombu's default comes to 100 s.
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        # A half-open connection, that swallows all and says nothing, is noticed instead of being waited on for ever: when
        # reading by two health checks, which kombu makes itself, when writing by the socket's timeout.
        "socket_timeout": settings.broker_stall_seconds,
        "socket_connect_timeout": min(settings.broker_stall_seconds, 5.0),
        "socket_keepalive": True,
        "health_check_interval": max(int(settings.broker_stall_seconds / 2), 1),
    },
    # A start command must not hang on a dead broker: the sweep sends what could not be sent.
    task_publish_retry_policy={"max_retries": 2, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 0.5},
    # Beat only ticks; everything about time is in the database. A tick that waited is worthless.
    beat_schedule={
        names.TICK: {
            "task": names.TICK,
            "schedule": settings.tick_seconds,
            "options": {"expires": max(settings.tick_seconds * 2, 5)},
        },
        names.SWEEP: {
            "task": names.SWEEP,
            "schedule": settings.sweep_seconds,
            "options": {"expires": max(settings.sweep_seconds * 2, 5)},
        },
        # One through each queue: what takes it shows that the queue is consumed from (tasks.canary).
        **{
            f"{names.CANARY}:{queue}": {
                "task": names.CANARY,
                "schedule": settings.sweep_seconds,
                "options": {"queue": queue, "expires": max(settings.sweep_seconds * 2, 5)},
            }
            for queue in names.QUEUES
        },
    },
    beat_max_loop_interval=min(settings.tick_seconds, 5.0),
)

# What sending raises while the broker is away: kombu translates most of it, but not all.
BROKER_ERRORS: tuple[type[Exception], ...] = (OperationalError, *app.connection_for_write().connection_errors)


@setup_logging.connect(weak=False)
def _logging(**_: object) -> None:
    configure_logging(settings)


@celeryd_after_setup.connect(weak=False)
def _on_setup(instance: Any, **_: object) -> None:
    # A process of the prefork pool runs one step at a time.
    use_threads(instance.concurrency if instance.pool_cls.__module__.endswith("thread") else 1)


@worker_shutting_down.connect(weak=False)
def _on_stop(**_: object) -> None:
    # Celery waits for the steps that run, however long. After a while they give themselves back before their next call, so
    # that what is left to wait for is one call.
    timer = threading.Timer(settings.stop_seconds, begin_no_calls)
    timer.daemon = True
    timer.start()


@worker_process_init.connect(weak=False)
def _after_fork(**_: object) -> None:
    # With `--pool prefork` a child must not share its parent's database connections.
    forget_workshop()
