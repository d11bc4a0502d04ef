"""How many scheduled checks began in this hour, for each Twilio account and Adobe organisation."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from models.tables.base import UtcDateTime, metadata, primary_key

CheckBudget = Table(
    "check_budget",
    metadata,
    primary_key(),
    # Account SID, or id of the organisation.
    Column("account", String(64), unique=True, nullable=False),
    Column("hour", UtcDateTime, nullable=False),
    Column("checks", Integer, nullable=False),
)
