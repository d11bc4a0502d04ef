"""What a person confirmed before the start: items of the checklist that need not be asked for any more."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field

from models.spec.twilio import read_date
from models.spec.types import StrictModel, Text


class Declaration(StrictModel):
    """One item of the checklist that is settled already."""

    item: Annotated[Text, Field(examples=["rcs.policies"])]
    """Its key, as `onboard checklist NAME` shows it."""
    attested_by: Annotated[Text, Field(max_length=200, examples=["Maria Gomez"])]
    """Who says so."""
    attested_on: Annotated[date, BeforeValidator(read_date), Field(examples=["2026-11-02"])]
    """When: year-month-day."""
    evidence: Text | None = None
    """Where the proof is: a ticket, a document, a note."""
