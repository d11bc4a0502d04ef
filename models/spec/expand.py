"""A template and a CSV in, one checked spec for each row out. ``{{ column }}`` in a text of the template is filled from the row.

Filled after the YAML was read: a cell is text, whatever it holds, and can neither break the file nor add a key to it.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from models.spec.claims import Claimant, Claims
from models.spec.faults import SpecErrors, SpecFault, path_of
from models.spec.load import check
from models.spec.source import read, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from models.spec.onboarding import AnySpec
    from models.spec.refusal import Location
    from models.spec.source import Document

PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
DELIMITERS = ",;\t"
LARGEST_TABLE = 64 * 1024 * 1024
UNQUOTED = re.compile(r"(?:^|[:\-]\s+|[,\[]\s*)(\{\{)")
BARE = "a placeholder stands without quotes, which YAML takes for a mapping"
IN_QUOTES = 'put the whole text in quotes, for example name: "{{ key }}-sms"'


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV. Rows by their number as a spreadsheet counts them: the header is row 1."""

    file: str
    columns: list[str]
    rows: dict[int, dict[str, str]]

    def fault(self, row: int, column: str | None, problem: str, cure: str, *, path: str = "") -> SpecFault:
        place = self.columns.index(column) + 1 if column is not None else 1
        about = f"column {column}: " if column is not None else ""
        return SpecFault(self.file, row, place, path, about + problem, cure)


@dataclass(frozen=True, slots=True)
class Expansion:
    """One spec for each row, as plain data in the template's order, and the columns that no placeholder names."""

    specs: list[tuple[AnySpec, dict[str, Any]]]
    unused: list[str]


def read_table(path: Path) -> Table:
    """UTF-8, with or without BOM; the separator is a comma, a semicolon or a tab, as the header shows.

    :raises SpecErrors: with every row that has no cell for each column.
    """
    text = read_text(path, largest=LARGEST_TABLE)
    if isinstance(text, SpecFault):
        cure = "save it as CSV UTF-8" if "UTF-8" in text.problem else "check the name and the file's permissions"
        raise SpecErrors([replace(text, cure=cure)])
    lines: list[list[str]] = []
    try:
        delimiter = max(DELIMITERS, key=lambda each: _width(text, each))
        lines.extend(_lines(text, delimiter))
    except csv.Error as error:
        fault = SpecFault(
            str(path), len(lines) + 1, 1, "", f"is not CSV: {error}", "save it from the spreadsheet again"
        )
        raise SpecErrors([fault]) from None
    return _table(str(path), lines)


def _width(text: str, delimiter: str) -> int:
    """Columns of the header; with the wrong separator, what stands in quotes is not even CSV."""
    try:
        return len(next(_lines(text, delimiter), []))
    except csv.Error:
        return 0


def _lines(text: str, delimiter: str) -> Iterator[list[str]]:
    for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
        yield [cell.strip() for cell in cells]


def _table(file: str, lines: Sequence[list[str]]) -> Table:
    columns = lines[0] if lines else []
    while columns and not columns[-1]:
        columns = columns[:-1]
    table = Table(file, columns, {})
    faults = [
        SpecFault(file, 1, place, "", f"column {place} has no name", "name it in the first row, or remove it")
        for place, column in enumerate(columns, 1)
        if not column
    ]
    faults += [
        table.fault(1, column, f"stands {count} times in the first row", "give each column its own name")
        for column, count in Counter(columns).items()
        if column and count > 1
    ]
    for number, cells in enumerate(lines[1:], 2):
        if not any(cells):
            continue
        more = cells[len(columns) :]
        if len(cells) < len(columns) or any(more):
            problem = f"has {len(cells)} cells, the first row has {len(columns)}"
            faults.append(table.fault(number, None, problem, "put a cell that holds the separator in double quotes"))
        table.rows[number] = dict(zip(columns, cells, strict=False))
    if not table.rows:
        faults.append(SpecFault(file, 0, 0, "", "has no row below the column names", "write one row for each spec"))
    if faults:
        raise SpecErrors(faults)
    return table


def expand(template: Path, table: Table) -> Expansion:
    """:raises SpecErrors: with all faults of template and rows; what is wrong in every row alike stands once, in the template."""
    document = read(template)
    if document.faults:
        raise SpecErrors(list(dict.fromkeys(_hinted(document, fault) for fault in document.faults)))
    used = {loc: found for loc, text in _texts(document.data, ()) if (found := PLACEHOLDER.findall(text))}
    faults = list(_template_faults(document, table, used))
    named = {column for found in used.values() for column in found}
    faults += [
        table.fault(number, column, "is empty", "fill it, or remove the row")
        for number, cells in table.rows.items()
        for column in table.columns
        if column in named and not cells[column]
    ]
    if faults:
        raise SpecErrors(faults)
    return Expansion(_specs(document, table, used), [column for column in table.columns if column not in named])


def _hinted(document: Document, fault: SpecFault) -> SpecFault:
    """YAML complains of a placeholder without quotes where its text goes on, which may be a line further down."""
    lines = document.text.splitlines()
    for number in range(fault.line, max(fault.line - 2, 0), -1):
        found = UNQUOTED.search(lines[number - 1]) if number <= len(lines) else None
        if found is not None:
            here = replace(fault, path="", line=number, column=found.start(1) + 1, problem=BARE, cure=IN_QUOTES)
            return replace(here, excerpt=document.excerpt(number))
    return fault


def _template_faults(document: Document, table: Table, used: Mapping[Location, Sequence[str]]) -> Iterator[SpecFault]:
    for loc, text in _texts(document.data, ()):
        if "{{" in PLACEHOLDER.sub("", text):
            yield document.fault(loc, "a placeholder is not closed", "write {{ column }}")
        for column in used.get(loc, ()):
            if column not in table.columns:
                close = get_close_matches(column, table.columns, 1)
                cure = f"did you mean {close[0]}?" if close else f"its columns are: {', '.join(table.columns)}"
                yield document.fault(loc, f"there is no column {column!r} in {table.file}", cure)
    if len(table.rows) > 1 and ("name",) not in used:
        problem = f"the name is the same for all {len(table.rows)} rows"
        yield document.fault(("name",), problem, "put a placeholder into it: a name stands for one onboarding")


def _specs(
    template: Document, table: Table, used: Mapping[Location, Sequence[str]]
) -> list[tuple[AnySpec, dict[str, Any]]]:
    made: dict[int, tuple[AnySpec, dict[str, Any]]] = {}
    found: dict[SpecFault, list[int]] = {}
    rows: dict[str, int] = {}
    faults: list[SpecFault] = []
    columns = {path_of(loc): columns for loc, columns in used.items()}
    for number, cells in table.rows.items():
        document = replace(
            template,
            data=_filled(template.data, cells),
            spelling={loc: _filled(text, cells) for loc, text in template.spelling.items()},
            faults=[],
            hidden=set(template.hidden),
        )
        spec = check(document)
        for fault in document.faults:
            named = _columns_of(fault.path, columns)
            if named:
                faults.append(table.fault(number, named[0], fault.problem, fault.cure, path=fault.path))
            else:
                found.setdefault(fault, []).append(number)
        if spec is None:
            continue
        first = rows.setdefault(spec.name, number)
        if first != number:
            problem = f"the name {spec.name!r} is taken by row {first}"
            cure = "choose another: a name stands for one onboarding"
            faults.append(table.fault(number, _columns_of("name", columns)[0], problem, cure, path="name"))
        made[number] = (spec, document.data)
    for fault, numbers in found.items():
        if len(numbers) == len(table.rows):
            faults.append(fault)
        else:
            faults += (table.fault(number, None, fault.problem, fault.cure, path=fault.path) for number in numbers)
    faults += dict.fromkeys(_same_things(template, table, columns, made))
    if faults:
        raise SpecErrors(sorted(faults, key=lambda fault: (fault.file == table.file, fault.line, fault.column)))
    return list(made.values())


def _same_things(
    template: Document,
    table: Table,
    columns: Mapping[str, Sequence[str]],
    made: Mapping[int, tuple[AnySpec, dict[str, Any]]],
) -> Iterator[SpecFault]:
    """What two rows take for themselves, though it can belong to one channel only."""
    claims = Claims()
    rows: dict[str, int] = {}
    for number, (spec, data) in made.items():
        if spec.name in rows:
            continue
        rows[spec.name] = number
        # Each row makes a service of its own, unless its SID stands there.
        claimant = Claimant(spec.name, data, spec.twilio.messaging_service.sid or f"that of {spec.name}")
        for claim, owner in claims.clashes(claimant):
            path = path_of(claim.loc)
            named = _columns_of(path, columns)
            if named:
                problem = f"{claim.words} is in row {rows[owner.name]} too, and {claim.why}"
                yield table.fault(number, named[0], problem, claim.cure, path=path)
            else:
                problem = f"{claim.words} is the same for all rows, and {claim.why}"
                yield template.fault(claim.loc, problem, "put a placeholder into it")
        claims.add(claimant)


def _columns_of(path: str, columns: Mapping[str, Sequence[str]]) -> list[str]:
    """The columns that fill what stands at a path, or below it."""
    return [
        each for place, found in columns.items() if re.match(rf"{re.escape(path)}($|[.\[])", place) for each in found
    ]


def _texts(value: Any, loc: Location) -> Iterator[tuple[Location, str]]:
    match value:
        case str():
            yield loc, value
        case dict():
            for key, item in value.items():
                yield from _texts(item, (*loc, key))
        case list():
            for index, item in enumerate(value):
                yield from _texts(item, (*loc, index))


def _filled(value: Any, cells: Mapping[str, str]) -> Any:
    match value:
        case str():
            return PLACEHOLDER.sub(lambda match: cells[match[1]], value)
        case dict():
            return {key: _filled(item, cells) for key, item in value.items()}
        case list():
            return [_filled(item, cells) for item in value]
    return value
