"""Country by carrier as people read it, and how long reviews took here. Plain SQL, as in ``engine.queries``."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.reading import Fetch, Record

# Ours, in small letters: the vendor named it once and does not any more.
NOT_LISTED = "not listed"
NOT_SUBMITTED = "not submitted"
APPROVED = frozenset({"ONLINE", "ONLINE:UPDATING", "APPROVED"})
REFUSED = frozenset({"OFFLINE", "REJECTED", "SUSPENDED", NOT_LISTED})
# Twilio's OpenAPI descriptions, messaging v2; other words are shown as they come, with a mark.
UNDECIDED = frozenset(
    "CREATING PENDING_VERIFICATION VERIFYING TWILIO_REVIEW DRAFT STUBBED UNKNOWN UNLAUNCHED CARRIER_REVIEW".split()  # noqa: SIM905
) | {NOT_SUBMITTED}


def is_known(status: str) -> bool:
    return status in APPROVED | REFUSED | UNDECIDED


def is_decided(status: str) -> bool:
    return status in APPROVED | REFUSED


@dataclass(frozen=True, slots=True)
class Typical:
    """How long reviews took: the median of ``count`` of them."""

    duration: timedelta
    count: int

    def __str__(self) -> str:
        hours = self.duration.total_seconds() / 3600
        took = f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours" if hours >= 2 else "under 2 hours"
        return f"{took} (median of {self.count} here)"


@dataclass(frozen=True, slots=True)
class Cell:
    """One word of the vendor, and since when. ``carrier`` is None for the country as a whole."""

    carrier: str | None
    status: str
    since: datetime | None
    is_known: bool


@dataclass(frozen=True, slots=True)
class CountryRow:
    country: str
    status: str
    since: datetime | None
    is_known: bool
    is_usable: bool
    """The first approved carrier makes it so."""
    is_declared: bool
    """The spec sends there; Twilio may list more."""
    typical_days: float | None
    typical_count: int
    carriers: list[Cell]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Where one sender is approved, and since when."""

    onboarding: str
    sender: Cell
    countries: list[CountryRow]


def read_matrix(fetch: Fetch, name: str | None = None) -> list[Matrix]:
    """The matrix of one RCS onboarding, or of all that are not removed, by name."""
    where = "o.name = :name" if name else "o.status <> 'removed'"
    params = {"name": name} if name else {}
    found = fetch(
        f"SELECT o.id, o.name, o.spec FROM onboarding o WHERE o.channel = 'rcs' AND {where} ORDER BY o.name",  # noqa: S608  our words
        params,
    )
    words: dict[int, dict[tuple[str, str], Record]] = defaultdict(dict)
    history = fetch(
        "SELECT r.onboarding_id, r.country, r.carrier, r.status, r.changed_at FROM review_status r"  # noqa: S608  our words
        f" JOIN onboarding o ON o.id = r.onboarding_id WHERE {where} ORDER BY r.id",
        params,
    )
    for row in history:
        # The last row of each place is the one that holds.
        words[row["onboarding_id"]][row["country"], row["carrier"]] = row
    typical = typical_reviews(fetch)
    return [_matrix(one["name"], one["spec"]["rcs"]["countries"], words[one["id"]], typical) for one in found]


def _matrix(
    name: str, declared: Sequence[str], words: dict[tuple[str, str], Record], typical: dict[str, Typical]
) -> Matrix:
    listed = sorted({country for country, _ in words if country} - set(declared))
    rows = []
    for country in (*declared, *listed):
        whole = _cell(words.get((country, "")), None)
        carriers = [_cell(row, place[1]) for place, row in words.items() if place[0] == country and place[1]]
        usual = typical.get(country)
        rows.append(
            CountryRow(
                country,
                whole.status,
                whole.since,
                whole.is_known,
                is_usable=any(cell.status in APPROVED for cell in (whole, *carriers)),
                is_declared=country in declared,
                typical_days=round(usual.duration / timedelta(days=1), 2) if usual else None,
                typical_count=usual.count if usual else 0,
                carriers=sorted(carriers, key=lambda cell: cell.carrier or ""),
            )
        )
    return Matrix(name, _cell(words.get(("", "")), None), rows)


def _cell(row: Record | None, carrier: str | None) -> Cell:
    if row is None:
        return Cell(carrier, NOT_SUBMITTED, None, is_known=True)
    return Cell(carrier, row["status"], row["changed_at"], is_known(row["status"]))


def typical_reviews(fetch: Fetch) -> dict[str, Typical]:
    """By country: from the first word about it to the first approval, the median of all that were seen whole."""
    rows = fetch(
        "SELECT country, min(changed_at) AS began_at,"  # noqa: S608  our words
        f" min(CASE WHEN status IN ({_quoted(APPROVED)}) THEN changed_at END) AS approved_at"
        " FROM review_status WHERE country <> '' GROUP BY onboarding_id, country",
        {},
    )
    took: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        # One that was approved when we first looked says nothing about time.
        if row["approved_at"] is not None and row["approved_at"] > row["began_at"]:
            took[row["country"]].append((row["approved_at"] - row["began_at"]).total_seconds())
    return {country: Typical(timedelta(seconds=median(each)), len(each)) for country, each in took.items()}


def _quoted(words: Any) -> str:
    return ", ".join(f"'{word}'" for word in sorted(words))
