"""The base of every task: ids in, nothing out, no secret anywhere a monitor can see."""

from __future__ import annotations

from typing import Any

from celery import Task
from celery.worker.request import Request

REDACTED = "<redacted>"


class QuietRequest(Request):
    """Tells Flower and ``inspect`` names and states, never arguments, results or tracebacks."""

    def info(self, safe: bool = False) -> Any:  # noqa: ARG002  celery's signature
        return super().info(safe=True)

    def send_event(self, type: str, **fields: Any) -> None:
        for key in ("result", "traceback"):
            if key in fields:
                fields[key] = REDACTED
        if "exception" in fields:
            # The class name is enough for a monitor; the message may quote a vendor.
            fields["exception"] = str(fields["exception"]).split("(", maxsplit=1)[0].split(":", maxsplit=1)[0]
        super().send_event(type, **fields)


class QuietTask(Task):
    """A task whose shown arguments are what the sender chose to show: the onboarding's name."""

    abstract = True
    Request = QuietRequest
    ignore_result = True
    resultrepr_maxsize = 0

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        options.setdefault("argsrepr", "")
        options.setdefault("kwargsrepr", "")
        return super().apply_async(args, kwargs, **options)

    def signature_from_request(self, request: Any = None, *args: Any, **kwargs: Any) -> Any:
        signature = super().signature_from_request(request, *args, **kwargs)
        # A retry keeps the name it was shown under.
        shown = (request or self.request).argsrepr
        return signature.set(argsrepr=shown or "")
