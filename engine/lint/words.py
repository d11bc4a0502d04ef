"""Words of a text: whether it names the brand, says what it must, speaks of advertising."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.lint.case import Case

# What many names have: says nothing about whose name it is.
LEGAL_FORMS = frozenset(
    "the a an and of y e und et & inc incorporated llc llp ltd limited corp corporation co company plc gmbh ag kg se sa sas sl srl spa bv nv oy ab as aps lda ltda de cv rl group holding holdings".split()  # noqa: SIM905  a row of words
)

CONFIRMS_STOP = re.compile(
    r"no (more|further|longer)|not (get|receive)|won.t (get|receive)|unsubscribed|opted.out|opt.out (is|was)|stopped"
    r"|no (recibir|enviaremos|volver)|dado de baja|cancelad|keine (weiteren )?|abgemeldet|não receber|plus (de|aucun)|désinscri",
    re.IGNORECASE,
)
OPT_OUT = re.compile(r"\b(stop|unsubscribe|opt.out|cancel|quit|end|baja|parar|alto|abmelden|stopp)\b", re.IGNORECASE)
HELP = re.compile(r"\b(help|info|ayuda|hilfe|ajuda|aide)\b", re.IGNORECASE)
FREQUENCY = re.compile(
    r"frequen|per (day|week|month|order)|(a|each|every) (day|week|month|order)|daily|weekly|monthly|up to \d+|recurring|one.time"
    r"|frecuen|al (día|mes)|por (semana|mes|pedido)|häufig|pro (tag|woche|monat|bestellung)",
    re.IGNORECASE,
)
RATES = re.compile(r"rates?\b|charges?\b|free of charge|costs?\b|tarifa|cargos?\b|gebühr|kosten", re.IGNORECASE)
CONTACT = re.compile(
    r"\+?\d[\d ().-]{5,}\d|[^@\s]+@[^@\s]+\.\w|https?://|www\.|\b[\w-]+\.(com|org|net|io|[a-z]{2})\b", re.IGNORECASE
)
CODE_WORDS = re.compile(
    r"\b(otp|code|codes|passcode|one.time|verif\w+|log.?in|sign.?in|two.factor|2fa|authenticat\w+|código|anmeldung)\b",
    re.IGNORECASE,
)
PROMOTION = re.compile(
    # "No marketing" speaks of none.
    r"\b(?<!no )(?<!not )(?<!without )(?<!kein )(?<!keine )(?<!sin )(promo\w*|offer|offers|discounts?|sales?|coupons?|deals?|marketing|newsletters?|rewards?|loyalty|new products?"
    r"|oferta|ofertas|descuentos?|angebote?|rabatte?|werbung|gutscheine?)\b",
    re.IGNORECASE,
)
TRANSACTION = re.compile(
    r"\b(orders?|deliver\w*|shipp\w+|shipment|bookings?|appointments?|reminders?|receipts?|invoices?|payments?|confirm\w*|status|updates?|alerts?|account|tickets?"
    r"|pedidos?|entregas?|citas?|reservas?|bestellung\w*|lieferung\w*|termine?|rechnung\w*)\b",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Lower case, without accents, words divided by single blanks."""
    flat = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"[^\W_]+", "".join(sign for sign in flat if not unicodedata.combining(sign))))


def own_words(name: str) -> list[str]:
    """The words of a name without legal forms and articles; all of them when nothing else is left."""
    words = plain(name).split()
    return [word for word in words if word not in LEGAL_FORMS] or words


def share_a_word(one: str, other: str) -> bool:
    """Whether two names can belong to the same brand; ``AcmeCoffee`` and ``Acme Coffee`` can."""
    first, second = own_words(one), own_words(other)
    glued = "".join(first), "".join(second)
    return bool(set(first) & set(second)) or glued[0] in glued[1] or glued[1] in glued[0]


def names_brand(text: str, case: Case) -> bool:
    """Whether ``text`` holds the first own word of the brand's or of the sender's name."""
    names = [case.spec.brand, *([case.profile.display_name] if case.profile else [])]
    words, glued = set(plain(text).split()), plain(text).replace(" ", "")
    return any(own_words(name)[0] in words or "".join(own_words(name)) in glued for name in names if own_words(name))
