"""YAML's own complaints in the project's words. Parts of the text are not repeated: they may belong to a secret."""

from __future__ import annotations

from typing import Any

from ruamel.yaml.reader import ReaderError

LIKELY = "check indentation, quotes and colons in this line and the one above"

# Part of ruamel.yaml's sentence -> what is wrong, what to do. The first that fits counts.
SENTENCES: tuple[tuple[str, str, str], ...] = (
    ("'\\t'", "a tab stands where YAML wants blanks", "indent with blanks; most editors can convert tabs"),
    (
        "mapping values are not allowed",
        "a colon stands where no key can be",
        'put a text that holds ": " in quotes, and a blank after the colon of a key; check the indentation',
    ),
    ("found unexpected end of stream", "a quotation mark is never closed", "close it with the same mark"),
    (
        "could not find expected ':'",
        "a line is no `key: value`",
        "add the colon, or indent the line if it continues a text",
    ),
    ("cannot start any token", "a text starts with a character that YAML keeps for itself", "put the text in quotes"),
    (
        "undefined alias",
        "* refers to an anchor that does not exist",
        "define it before with &, or put the text in quotes",
    ),
    ("but found another document", "a second document starts here (---)", "write one file per channel"),
    (
        "expected ',' or ']'",
        "a list in [ ] is not closed, or a comma is missing",
        "close it with ], with commas between",
    ),
    (
        "expected ',' or '}'",
        "a mapping in { } is not closed, or a comma is missing",
        "close it with }, with commas between",
    ),
    ("unknown escape", 'a backslash in "…" starts an unknown escape', "write \\\\, or use '…' instead"),
    ("chomping or indentation", "a text follows | or > on the same line", "start the text on the next line, indented"),
    ("tag", "a text starts with !, which makes it a tag", "put the text in quotes"),
    ("expected <block end>", "the indentation does not fit what stands above", "indent entries of one mapping alike"),
    ("duplicate anchor", "an anchor (&) is defined twice", "give each anchor its own name"),
)


def explain_syntax(error: Exception, text: str) -> tuple[int, int, str, str]:
    """Line, column, problem and cure of what ruamel.yaml raised for ``text``."""
    if isinstance(error, RecursionError):
        return 1, 1, "is nested too deeply", "write plain YAML: a spec has five levels"
    if isinstance(error, ReaderError):
        before = text[: error.position]
        column = len(before) - (before.rfind("\n") + 1) + 1
        return before.count("\n") + 1, column, "holds a control character", "remove it; save the file as plain text"
    sentence = str(getattr(error, "problem", None) or "")
    context = str(getattr(error, "context", None) or "")
    mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem, cure = next(
        ((problem, cure) for part, problem, cure in SENTENCES if part in sentence), ("is not YAML", LIKELY)
    )
    if "quoted scalar" in context and "end of stream" in sentence and getattr(error, "context_mark", None):
        # The end of the file says nothing; where the quotation begins does.
        mark = error.context_mark  # type: ignore[attr-defined]
    if mark is None:
        return 1, 1, problem, cure
    return mark.line + 1, mark.column + 1, problem, cure
