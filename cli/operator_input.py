"""What people hand in with a command about their work: words, values, evidence. Refused before anything is recorded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.exits import USAGE, Exit

if TYPE_CHECKING:
    from engine.evidence import Exhibit
    from engine.reading import Record
    from engine.vault import Vault

LONGEST_WORD = 200
LONGEST_REASON = 500


class Words(click.ParamType[str]):
    """Some words on one line, at most ``limit`` characters."""

    name = "text"

    def __init__(self, limit: int = LONGEST_WORD) -> None:
        self.limit = limit

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = " ".join(str(value).split())
        if not text or len(text) > self.limit or not text.isprintable():
            self.fail(f"write 1 to {self.limit} printable characters.", param, ctx)
        return text


def find_item(name: str, key: str, language: str = "en") -> Record:
    """The item; whether it is of use is decided by the command, under the onboarding's lock."""
    from cli.state import reading, unknown_name
    from engine import operator_items
    from engine.queries import find_onboardings

    with reading() as fetch:
        if not find_onboardings(fetch, [name]):
            raise unknown_name(fetch, [name])
        found = operator_items.find_item(fetch, name, key, language=language)
        if found is None:
            keys = [item["key"] for item in operator_items.read_items(fetch, name)]
            there = f"there are: {', '.join(keys)}" if keys else "nothing waits for a person there"
            raise Exit(f"{name} has no item {key!r}; {there}.", USAGE)
    return found


def check_values(item: Record, given: dict[str, str]) -> None:
    """Refuse what cannot be right before anything is recorded; warn of what is odd."""
    from cli.state import reading
    from engine.operator_checks import check_url, urls_of_others
    from providers.ajo.webhook import look
    from settings import get_settings

    key, wanted = item["key"], item.get("bring_back", [])
    if item["kind"] == "item":
        raise Exit(f"{key} is an item of the checklist; confirm it with: {item['command']}", USAGE)
    if item["kind"] == "failed":
        raise Exit(f"{item['step']} has failed: mend what it says, then `onboard retry {item['onboarding']}`", USAGE)
    surplus = [value for value in given if value not in wanted]
    if surplus:
        raise Exit(f"{key} does not ask for {', '.join(surplus)}; it asks for {', '.join(wanted) or 'nothing'}.", USAGE)
    if "url" not in given:
        return
    settings = get_settings()
    with reading() as fetch:
        taken = urls_of_others(fetch, item["onboarding"], key)
    verdict = check_url(
        given["url"],
        taken=taken,
        own_url=settings.resolved_public_url,
        vendor_urls=(settings.adobe_platform_url, settings.ajo_automation_url),
        look=lambda url: look(url, settings),
    )
    if verdict.refusals:
        raise Exit("\n".join(verdict.refusals), USAGE)
    for warning in verdict.warnings:
        click.echo(f"Warning: {warning}; it is recorded as you gave it.", err=True)


def read_exhibit(text: str) -> Exhibit:
    """The file of this name, or the words themselves. What looks like a file that is not there is a mistake."""
    from engine.evidence import LARGEST_BYTES, Exhibit

    path = Path(text)
    try:
        if path.is_file():
            with path.open("rb") as file:
                return Exhibit(path.name, file.read(LARGEST_BYTES + 1))
    except OSError as error:
        if error.filename is not None and path.exists():
            raise Exit(f"{text} cannot be read: {error.strerror}", USAGE) from None
    if not re.search(r"\s|://", text) and re.search(r"[/\\]|\.\w{1,5}$", text):
        raise Exit(f"there is no file {text}; if it is meant as a note, write a sentence.", USAGE)
    if not text.strip():
        raise Exit("--evidence is empty: name a file, or write a sentence.", USAGE)
    return Exhibit("note.txt", text.encode())


def vault_if_any() -> Vault | None:
    """To find secrets in what was handed in. A machine without the key knows no secret, and may confirm all the same."""
    from engine.vault import Vault, load_keys
    from providers.errors import Misconfigured
    from settings import get_settings

    try:
        return Vault(load_keys(get_settings()))
    except Misconfigured:
        return None


def reveal_secrets(task: Record, by: str) -> None:
    """Put the secrets in the clear into ``task``, once it is recorded that somebody looks."""
    from cli.state import open_writable
    from engine.clock import now
    from engine.commands import NotPossible
    from engine.operator_commands import reveal
    from engine.vault import Vault, load_keys
    from settings import get_settings

    vault = Vault(load_keys(get_settings()))
    with open_writable() as db:
        try:
            with db.begin() as connection:
                secrets = reveal(connection, vault, task["onboarding"], task["key"], by=by, at=now())
        except NotPossible as error:
            raise Exit(str(error), USAGE) from None
    for field in task["fields"]:
        if "secret" in field:
            field["value"] = secrets[field["secret"]]
