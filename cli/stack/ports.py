"""Picks ports, and keeps them from other programs until the process they are meant for listens."""

from __future__ import annotations

import errno
import socket
import sys

from cli.exits import NOT_SET_UP, Exit


class Ports:
    """Ports reserved for the processes of one stack."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def reserve(self, host: str, wanted: int, *, purpose: str, may_differ: bool) -> int:
        """``wanted``, or a free port when that is taken and ``may_differ``. 0 asks for any.

        :raises Exit: it is taken, or the address is not ours to listen on.
        """
        try:
            return self._bind(host, wanted)
        except OSError as error:
            is_taken = error.errno in {errno.EADDRINUSE, errno.EACCES}
            if is_taken and may_differ:
                return self._bind(host, 0)
            why = "is taken by another program" if is_taken else f"cannot be used ({error.strerror})"
            msg = f"{host}:{wanted}, meant for the {purpose}, {why}. Free it, or set another in ONBOARD_{purpose.upper()}_PORT or _HOST."
            raise Exit(msg, NOT_SET_UP) from None

    def _bind(self, host: str, port: int) -> int:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Whether something listens there shows only without SO_REUSEADDR on some systems, so ask both ways.
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
            chosen: int = probe.getsockname()[1]
        if sys.platform == "linux":
            # Bound but not listening: a process that sets SO_REUSEADDR, as all of ours do, may take it over,
            # and nobody else is given it as a free port meanwhile. Other systems do not allow the take-over.
            held = socket.socket(family, socket.SOCK_STREAM)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind((host, chosen))
            self._held.append(held)
        return chosen

    def free(self) -> None:
        while self._held:
            self._held.pop().close()
