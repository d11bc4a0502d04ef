"""The part of ``docs/lint.md`` below its marker: ``python -m engine.lint.page`` writes it anew from the catalogue."""

from __future__ import annotations

from pathlib import Path

from engine.lint.rule import CATALOGUE
from engine.lint.rules import FILES

MARKER = "<!-- below: python -m engine.lint.page -->\n"
NEEDS = {
    "nothing": "",
    "answers": " Needs the network.",
    "contents": " Needs the network, or the file in `--assets`.",
}
PAGE = Path(__file__).parents[2] / "docs" / "lint.md"


def rules_as_markdown() -> str:
    """Every rule under the subject of its file."""
    lines: list[str] = []
    subjects = {file.__name__: (file.__doc__ or "").strip().rstrip(".") for file in FILES}
    for name, subject in subjects.items():
        lines += ["", f"## {subject}"]
        for rule in CATALOGUE.values():
            if rule.file != name:
                continue
            lines += [
                "",
                f"### `{rule.id}`",
                f"**{rule.severity.value}** · {rule.title}." + NEEDS[rule.needs],
                "",
                f"- why: {rule.why}",
                f"- cure: {rule.cure}",
                *(f"- {source}" for source in rule.sources),
            ]
    return "\n".join(lines) + "\n"


def main() -> None:
    head, _, _ = PAGE.read_text(encoding="utf-8").partition(MARKER)
    PAGE.write_text(head + MARKER + rules_as_markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
