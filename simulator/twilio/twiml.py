"""What a webhook answers to an inbound message: replies in TwiML, or plain text."""

from xml.etree import ElementTree

_XML = ("text/xml", "application/xml")


class BadAnswer(Exception):
    """Twilio would raise an alert with this code."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def read_replies(content_type: str, body: bytes) -> list[str]:
    """The texts that Twilio would send back; empty where none are asked for.

    :raises BadAnswer: 12100 for what is no XML, 12300 for another content type.
    """
    kind = content_type.split(";", maxsplit=1)[0].strip().lower()
    if not body.strip():
        return []
    if kind in ("text/plain", "text/html"):
        return [body.decode("utf-8", "replace")] if kind == "text/plain" else []
    if kind not in _XML:
        raise BadAnswer("12300", f"Invalid Content-Type {kind or 'none'}")
    try:
        # Only local webhooks under test are read here, and expat refuses what would blow up.
        root = ElementTree.fromstring(body)  # noqa: S314
    except ElementTree.ParseError as error:
        raise BadAnswer("12100", f"Document parse failure: {error}") from None
    if root.tag != "Response":
        raise BadAnswer("12100", "Document parse failure: the root is not Response")
    texts = [
        "".join(verb.itertext()) if verb.find("Body") is None else (verb.findtext("Body") or "")
        for verb in root
        if verb.tag in ("Message", "Sms")
    ]
    return [text.strip() for text in texts if text.strip()]
