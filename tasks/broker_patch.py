"""Keeps a worker alive when its broker goes away (celery 5.7.0 with kombu 5.7.0, Redis transport).

On a lost connection Celery closes the old channel after its transport is gone. If the worker still holds an
unacknowledged message (a retry countdown, or any running ``acks_late`` task), closing tries to give it back through
that dead channel and dies of an ``AttributeError``, and the worker process with it; a late acknowledgement fails the
same way. The broker gives such messages out again by itself after the visibility timeout, and claims make the second
delivery harmless, so a channel that is gone may simply forget them.

``tests/crash`` kills a broker under a busy worker; when that test passes without this file, delete the file.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis as kombu_redis
from kombu.transport import virtual


class ForgivingQoS(kombu_redis.QoS):
    """Redis bookkeeping of unacknowledged messages that tolerates a closed channel."""

    def _is_gone(self) -> bool:
        connection = self.channel.connection
        return bool(self.channel.closed or connection is None or connection.client is None)

    def restore_unacked(self, client: Any = None) -> None:  # noqa: ARG002  kombu's signature
        if self._is_gone():
            self._delivered.clear()
            return
        try:
            super().restore_unacked()
        except self.channel.connection_errors:
            self._delivered.clear()

    def ack(self, delivery_tag: Any) -> None:
        if self._is_gone():
            virtual.QoS.ack(self, delivery_tag)
        else:
            super().ack(delivery_tag)

    def reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        if self._is_gone():
            virtual.QoS.ack(self, delivery_tag)
        else:
            super().reject(delivery_tag, requeue=requeue)


def apply() -> None:
    kombu_redis.Channel.QoS = ForgivingQoS
