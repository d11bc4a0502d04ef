"""What is known of the addresses: answers from the web, or local files in their place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from engine.lint.case import FILES, VIDEO
from providers.web.types import Answer, NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from engine.lint.case import Address

# Ten times the largest picture that is allowed; a page longer than this has shown its language.
MOST_BYTES = 2 * 1024 * 1024
# Enough to tell a video from a page.
MOST_VIDEO_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """What is behind an address."""

    body: bytes = field(repr=False)
    size: int | None
    """Bytes in all; None when it is longer than ``body`` and nobody said by how much."""
    content_type: str
    """As the server said; empty for a local file."""

    @property
    def is_whole(self) -> bool:
        return len(self.body) == self.size


@dataclass(frozen=True, slots=True)
class Facts:
    answers: Mapping[str, Answer | NoAnswer] = field(default_factory=dict)
    files: Mapping[str, Content] = field(default_factory=dict)
    """By address, what a local file says in its place."""

    def content(self, url: str) -> Content | None:
        """None when nothing was read, or when an error page came instead."""
        if url in self.files:
            return self.files[url]
        answer = self.answers.get(url)
        if not isinstance(answer, Answer) or answer.status != 200:
            return None
        return Content(answer.body, answer.size, answer.content_type)

    def knows(self, url: str) -> bool:
        return url in self.files or url in self.answers


def local_files(addresses: Iterable[Address], folder: Path) -> dict[str, Content]:
    """Files of ``folder`` that are called as the addresses of pictures and video end.

    :raises OSError: a file cannot be read.
    """
    found = {}
    for address in addresses:
        name = unquote(address.file_name)
        # Neither a name (`..%2F`) nor a link may lead out of the folder.
        if address.kind in FILES and "\0" not in name:
            file = (folder / name).resolve()
            if file.parent == folder.resolve() and file.is_file():
                found[address.url] = _read(file)
    return found


def gather(
    addresses: Iterable[Address],
    *,
    folder: Path | None,
    fetch_all: Callable[[Mapping[str, int]], Mapping[str, Answer | NoAnswer]] | None,
) -> Facts:
    """Each address once: from ``folder`` when a file there has its name, else from the web.

    :param fetch_all: addresses with the bytes to read at most; None stays off the network.
    :raises OSError: a local file cannot be read.
    """
    addresses = list(addresses)
    files = local_files(addresses, folder) if folder else {}
    wanted = {
        address.url: MOST_VIDEO_BYTES if address.kind == VIDEO else MOST_BYTES
        for address in addresses
        if address.url not in files and not address.is_placeholder
    }
    return Facts(fetch_all(wanted) if fetch_all and wanted else {}, files)


def _read(path: Path) -> Content:
    with path.open("rb") as file:
        return Content(file.read(MOST_BYTES), path.stat().st_size, "")
