"""One spec file as text with places: plain data, and for each value the line and column where it stands.

Built on the nodes that ruamel.yaml composes (YAML 1.2: ``NO`` is Norway), not on its constructors: so all duplicate
keys are found at once, aliases cannot explode, and the spelling of each scalar is at hand for cures.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from models.spec.faults import SpecFault, path_of
from models.spec.refusal import Location, shown
from models.spec.syntax import explain_syntax
from models.spec.types import SECRET_REFERENCE

LARGEST_FILE = 256 * 1024
DEEPEST = 32
# Far above any spec; reached only by aliases that multiply each other.
MOST_NODES = 20_000

LINE_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
SENSITIVE = re.compile(r"token|secre?t|passw|pwd|passphrase|api_?key|private|auth|bearer|^value$", re.IGNORECASE)
# Runs of this form are blacked out of excerpts, wherever they stand; SIDs of accounts and services are no secrets.
LONG_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])(?!AC|MG)(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{24,}")
TAG = "tag:yaml.org,2002:"
SCALAR_TAGS = frozenset(TAG + kind for kind in ("str", "int", "float", "bool", "null", "timestamp"))

Place = tuple[int, int]


class TooMuch(Exception):
    """The file is deeper or larger than any spec; building stops."""


@dataclass
class Document:
    """A file that was read. ``data`` is None when nothing could be made of it; ``faults`` then says why."""

    file: str
    text: str = ""
    data: Any = None
    keys: dict[Location, Place] = field(default_factory=dict)
    values: dict[Location, Place] = field(default_factory=dict)
    spelling: dict[Location, str] = field(default_factory=dict)
    """Scalars as they are written, where that may be repeated."""
    faults: list[SpecFault] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)
    """Lines that must not be shown."""

    def fault(self, loc: Location, problem: str, cure: str, *, at_key: bool = False) -> SpecFault:
        """A fault at the value of ``loc``, at its key, or at what it is missing in."""
        line, column = self._place(loc, at_key=at_key)
        excerpt = self._key_excerpt(line, column, loc) if at_key else self.excerpt(line)
        return SpecFault(self.file, line, column, path_of(loc), problem, cure, excerpt)

    def _place(self, loc: Location, *, at_key: bool) -> Place:
        places = self.keys if at_key else self.values
        if loc in places:
            return places[loc]
        while loc:
            loc = loc[:-1]
            # Of the mapping in which something is missing, the key is what a person looks for.
            if loc in self.keys:
                return self.keys[loc]
            if loc in self.values:
                return self.values[loc]
        return (1, 1)

    def excerpt(self, line: int) -> str:
        lines = LINE_BREAK.split(self.text)
        if line in self.hidden or not 1 <= line <= len(lines):
            return ""
        return LONG_TOKEN.sub(lambda match: "*" * len(match[0]), lines[line - 1])

    def _key_excerpt(self, line: int, column: int, loc: Location) -> str:
        """Only the key: the value of a key nobody knows may be anything, also a secret under a misspelt name."""
        before = LINE_BREAK.split(self.text)[line - 1][: column - 1]
        return f"{before}{loc[-1]}: …" if not before.strip(" -") else ""


def read(path: Path) -> Document:
    """Read a spec file. Never raises: what is wrong is in ``faults`` of the document."""
    document = Document(str(path))
    text = read_text(path, largest=LARGEST_FILE)
    if isinstance(text, SpecFault):
        document.faults.append(text)
        return document
    document.text = text
    node = _compose(document)
    if node is not None:
        builder = _Builder(document)
        try:
            document.data = builder.build(node, ())
        except TooMuch as error:
            document.faults.append(
                SpecFault(document.file, 1, 1, "", str(error), "write the values out; a spec has some 100 lines")
            )
    return document


def read_text(path: Path, *, largest: int) -> str | SpecFault:
    """The text of a file without its BOM, or why there is none."""

    def refuse(problem: str, cure: str, line: int = 0) -> SpecFault:
        return SpecFault(str(path), line, min(line, 1), "", problem, cure)

    try:
        if path.is_dir():
            return refuse("is a folder", f"name the spec files in it, for example {path / '*.yaml'}")
        with path.open("rb") as file:
            raw = file.read(largest + 1)
    except FileNotFoundError:
        return refuse("there is no such file", "check the name, or write a template with `onboard init`")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name is not valid"
        return refuse(f"cannot be read: {reason.lower()}", "check the name and the file's permissions")
    if len(raw) > largest:
        return refuse(f"is larger than {largest // 1024} kB", "check that it is a spec: those have some 100 lines")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        return refuse("is not UTF-8", "save the file as UTF-8 (plain YAML, no office document)", line)


def _compose(document: Document) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            node: Node | None = yaml.compose(document.text)
    except Exception as error:  # ruamel.yaml meets odd input with whatever its internals raise
        line, column, problem, cure = explain_syntax(error, document.text)
        lines = LINE_BREAK.split(document.text)
        # Without nodes nobody knows which value is whose: a line near a secret's key is not shown.
        is_near_secret = any(SENSITIVE.search(text) for text in lines[max(0, line - 3) : line])
        if is_near_secret:
            document.hidden.add(line)
        document.faults.append(SpecFault(document.file, line, column, "", problem, cure, document.excerpt(line)))
        return None
    if node is None:
        document.faults.append(SpecFault(document.file, 1, 1, "", "is empty", "write a template with `onboard init`"))
    return node


class _Builder:
    """Turns nodes into plain data and notes where everything stands."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.constructor = YAML(typ="safe", pure=True).constructor
        self.count = 0

    def build(self, node: Node, loc: Location, depth: int = 0) -> Any:
        self._count(depth)
        # ruamel.yaml puts a value that is not there where the next line begins; its key says where it is missing.
        is_absent = node.start_mark.index == node.end_mark.index and loc in self.document.keys
        self.document.values[loc] = self.document.keys[loc] if is_absent else _start(node)
        if isinstance(node, ScalarNode):
            return self._scalar(node, loc)
        if node.tag not in (TAG + "map", TAG + "seq"):
            self._refuse_tag(loc)
        if isinstance(node, SequenceNode):
            return [self.build(item, (*loc, index), depth + 1) for index, item in enumerate(node.value)]
        assert isinstance(node, MappingNode)  # noqa: S101  composed nodes are of these three kinds
        return self._mapping(node, loc, depth)

    def _count(self, depth: int) -> None:
        self.count += 1
        if depth > DEEPEST:
            raise TooMuch(f"is nested deeper than {DEEPEST} levels")
        if self.count > MOST_NODES:
            raise TooMuch(f"holds more than {MOST_NODES} values, counting what aliases repeat")

    def _scalar(self, node: ScalarNode, loc: Location) -> Any:
        name = next((part for part in reversed(loc) if isinstance(part, str)), "")
        if SENSITIVE.search(name) and not SECRET_REFERENCE.match(node.value):
            self.document.hidden.update(range(node.start_mark.line + 1, node.end_mark.line + 2))
        else:
            self.document.spelling[loc] = node.value
        if node.tag not in SCALAR_TAGS:
            self._refuse_tag(loc)
            return node.value
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self.constructor.construct_object(node)
        except (ValueError, OverflowError):
            # Looks like a date or a number and is none (month 13): the text itself, for the models to judge.
            return node.value

    def _mapping(self, node: MappingNode, loc: Location, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: list[tuple[Node, Node]] = []
        for key, value in node.value:
            if key.tag == TAG + "merge":
                merged += self._merged(value, loc, depth + 1)
            elif not isinstance(key, ScalarNode):
                self._refuse(key, loc, "a key is a list or a mapping", "write a word and a colon")
            elif key.value in data:
                first = self.document.keys[*loc, key.value][0]
                self._refuse(
                    key,
                    (*loc, key.value),
                    f"{shown(key.value)} is written twice, first in line {first}",
                    "keep one of them",
                )
            else:
                self._entry(data, key, value, loc, depth)
        for key, value in merged:
            if isinstance(key, ScalarNode) and key.value not in data:
                self._entry(data, key, value, loc, depth)
        return data

    def _entry(self, data: dict[str, Any], key: ScalarNode, value: Node, loc: Location, depth: int) -> None:
        place = (*loc, key.value)
        self.document.keys[place] = _start(key)
        data[key.value] = self.build(value, place, depth + 1)

    def _merged(self, node: Node, loc: Location, depth: int) -> list[tuple[Node, Node]]:
        """The entries that ``<<`` brings in, the nearest first."""
        self._count(depth)
        if isinstance(node, SequenceNode):
            return [pair for item in node.value for pair in self._merged(item, loc, depth + 1)]
        if not isinstance(node, MappingNode):
            self._refuse(node, loc, "<< stands before something that is no mapping", "write <<: *name-of-an-anchor")
            return []
        own = [(key, value) for key, value in node.value if key.tag != TAG + "merge"]
        for key, value in node.value:
            if key.tag == TAG + "merge":
                own += self._merged(value, loc, depth + 1)
        return own

    def _refuse_tag(self, loc: Location) -> None:
        # The tag is not repeated: a secret that starts with an exclamation mark reads as one.
        self.document.hidden.add(self.document.values[loc][0])
        self.document.faults.append(
            self.document.fault(
                loc, "has a tag (a word that starts with !)", "remove the tag, or put the value in quotes"
            )
        )

    def _refuse(self, node: Node, loc: Location, problem: str, cure: str) -> None:
        line, column = _start(node)
        self.document.hidden.add(line)
        self.document.faults.append(SpecFault(self.document.file, line, column, path_of(loc), problem, cure))


def _start(node: Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1
