"""One notice to one receiver, by Apprise."""

from __future__ import annotations

import logging
import re
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote, urlsplit

from providers.redaction import register_secret

log = logging.getLogger(__name__)

# A token may stand anywhere in such a URL; plain words such as `services` are none.
LIKE_A_TOKEN = re.compile(r"(?=.*\d).{8,}|.{16,}")
# Elsewhere the host's place may hold one too, as in slack://TOKEN/TOKEN/TOKEN.
WITH_HOST = frozenset({"http", "https", "json", "jsons", "form", "forms", "xml", "xmls", "mailto", "mailtos"})


def send(url: str, *, title: str, text: str) -> str | None:
    """Hand one notice to the receiver behind ``url``; None when it took it, else why not, in words without secrets.

    Apprise does not tell a refused notice from one whose answer got lost, so nobody may send it again on its word.
    Its plugins wait 4 s for a connection and 4 s for an answer, unless the URL says otherwise (``cto``, ``rto``).
    """
    from apprise import Apprise, NotifyFormat, NotifyType

    _hide(url)
    # Its debug lines hold addresses and texts.
    logging.getLogger("apprise").setLevel(logging.WARNING)
    one = Apprise()
    try:
        if not one.add(url):
            return "no address that Apprise knows (a typing error?)"
        taken = one.notify(body=text, title=title, notify_type=NotifyType.WARNING, body_format=NotifyFormat.TEXT)
    except Exception as error:
        # A plugin's defect must not keep the notice from the other receivers.
        log.exception("a notice could not be handed to %s", kind_of(url))
        return f"internal error ({type(error).__name__}); see the worker's log"
    return None if taken else "not taken, or its answer got lost; the worker's log has more"


def kind_of(url: str) -> str:
    """What kind of receiver it is: all of the URL that is never a secret."""
    scheme = urlsplit(url).scheme
    return scheme if scheme.isalnum() and len(scheme) <= 12 else "unknown"


def _hide(url: str) -> None:
    """From now on neither the URL nor a token in it is logged."""
    parts = urlsplit(url)
    pieces = [url, parts.password or "", *parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
    if parts.scheme not in WITH_HOST:
        pieces.append(parts.netloc.rpartition("@")[2].partition(":")[0])
    for piece in pieces:
        for form in {piece, unquote(piece)}:
            if LIKE_A_TOKEN.search(form) and not _is_ip_address(form):
                register_secret(form)


def _is_ip_address(text: str) -> bool:
    """A mail server's, for example: as a secret it would blank out every line that names a machine."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
