"""The way back: an older version finds its rows, and nothing that was told to a vendor as stored is lost."""

from __future__ import annotations

from alembic import command
from sqlalchemy import text

from models.db import make_engine
from models.migrations import make_config, upgrade

AT = "2026-11-25 12:00:00"
ROWS = (
    (
        "INSERT INTO onboarding (id, name, channel, brand, organization_id, sandbox, status, mark, endpoint_token, spec,"
        f" spec_digest, created_at, updated_at) VALUES (1, 'acme', 'rcs', 'Acme', 'o', 's', 'active', 'm', 't', '{{}}', 'd', '{AT}', '{AT}')"
    ),
    (
        "INSERT INTO step (id, onboarding_id, name, position, state, attempt, failures, lost_leases, is_signalled, inputs_digest)"
        " VALUES (1, 1, 'registration', 0, 'succeeded', 1, 0, 0, 0, 'd')"
    ),
    f"INSERT INTO attempt (step_id, number, worker, started_at) VALUES (1, 1, 'w', '{AT}')",
    (
        "INSERT INTO verification (id, onboarding_id, trigger, sends_message, state, requested_at, findings)"
        f" VALUES (1, 1, 'first', 1, 'passed', '{AT}', '[]')"
    ),
    (
        "INSERT INTO message (onboarding_id, verification_id, client_reference, recipient, body, status, created_at, updated_at)"
        f" VALUES (1, 1, 'r', '+1', 'b', 'read', '{AT}', '{AT}')"
    ),
    (
        "INSERT INTO webhook_event (onboarding_id, kind, message_sid, dedupe_key, payload, received_at, forward_state,"
        f" forward_due_at, forward_tries) VALUES (1, 'status', 'SM1', 'k', '{{}}', '{AT}', 'arrived', '{AT}', 0)"
    ),
)


def test_down_and_up_again_keeps_every_row(tmp_path):
    db = make_engine(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    upgrade(db)
    with db.begin() as connection:
        for row in ROWS:
            connection.execute(text(row))
    command.downgrade(make_config(db), "0003")
    with db.begin() as connection:
        for table in ("attempt", "message", "verification", "step"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 1, table
        assert connection.execute(text("SELECT forward_state FROM webhook_event")).scalar_one() == "pending"
    upgrade(db)
    with db.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM message")).scalar_one() == 1
    db.dispose()
