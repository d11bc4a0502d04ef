"""Fails when the tables and the migrations disagree: ``python -m models.migrations.check``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.util import CommandError

from models.db import make_engine
from models.migrations import make_config, upgrade


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{Path(folder) / 'check.sqlite3'}")
        upgrade(engine)
        try:
            command.check(make_config(engine))
        except CommandError as error:
            sys.stderr.write(
                f"tables and migrations disagree: {error}\nmake a revision under models/migrations/versions\n"
            )
            return 1
        finally:
            engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
