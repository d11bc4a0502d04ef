"""Coverage-guided fuzzing of the gateway; see ``tests/fuzz/harness.py``."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["gateway", "providers.twilio.signature", "twilio.request_validator"]):
    from tests.fuzz.harness import Target


def main() -> None:
    logging.disable(logging.CRITICAL)
    target = Target(Path(tempfile.mkdtemp()))
    atheris.Setup(sys.argv, target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
