"""Names and domains that have to agree with each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from engine.lint.case import GOOGLE, POLICIES, PROFILE, US, domain_of, is_reserved
from engine.lint.rule import Hit, error, warning
from engine.lint.sources import AWS_OPT_IN, LAUNCH_GUIDE, ONBOARDING, OURS, SKILL, WEBEX
from engine.lint.words import own_words, plain, share_a_word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.lint.case import Case
    from models.spec.refusal import Location

GENERIC = frozenset(
    "agent alert alerts app assistant bot brand business care chat client customer customers desk help helpdesk hotline info information message messages messaging mobile news notice notification notifications notify office official online rcs reminder sales sender service services shop sms store support team update updates verify".split()  # noqa: SIM905  a row of words
)
TRIAL = frozenset("test tests testing demo dev staging sandbox sample qa uat prueba".split())  # noqa: SIM905  a row of words
FREE_MAIL = frozenset(
    "gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com ymail.com icloud.com me.com aol.com gmx.de gmx.net gmx.com web.de proton.me protonmail.com mail.com yandex.com qq.com 163.com t-online.de libero.it orange.fr free.fr".split()  # noqa: SIM905  a row of names
)


def _mails(case: Case) -> list[tuple[Location, str]]:
    mails: list[tuple[Location, str]] = []
    if case.profile and case.profile.email:
        mails.append(((*PROFILE, "email", "email"), case.profile.email.email))
    if case.google:
        mails.append(((*GOOGLE, "representative", "email"), case.google.representative.email))
        mails.append(((*GOOGLE, "notification_email"), case.google.notification_email))
    return mails


def _mail_domain(mail: str) -> str:
    return domain_of(mail.rpartition("@")[2])


def _site(case: Case) -> str:
    """Domain of the brand's website."""
    return domain_of(urlsplit(case.profile.website.website).hostname or "") if case.profile else ""


@warning(
    "display-name-generic",
    "The display name says whose it is",
    WEBEX,
    SKILL,
    why="Generic names are often refused: the name must tell brands apart.",
    cure="write the brand's name, for example `Acme Coffee` instead of `Customer Service`",
).spec
def display_name_generic(case: Case) -> Iterator[Hit]:
    if case.profile and all(word in GENERIC for word in own_words(case.profile.display_name)):
        yield Hit((*PROFILE, "display_name"), "is a generic name")


@warning(
    "display-name-trial",
    "The display name is not that of a trial",
    OURS,
    why="It is what customers see, and it is reviewed; a change after approval is reviewed anew (doc: Twilio, agent skill rcs-messaging).",
    cure="write the name that customers shall see",
).spec
def display_name_trial(case: Case) -> Iterator[Hit]:
    words = set(plain(case.profile.display_name).split()) if case.profile else set()
    for word in sorted(words & TRIAL - set(plain(case.spec.brand).split()))[:1]:
        yield Hit((*PROFILE, "display_name"), f"holds the word {word!r}")


@error(
    "display-name-markup",
    "The display name is plain text",
    ONBOARDING,
    OURS,
    why="Twilio forbids markup in the description; that the name has the same rule is our inference.",
    cure="write plain words",
).spec
def display_name_markup(case: Case) -> Iterator[Hit]:
    found = re.search(r"[<>{}\\|`]|&\w+;|%[0-9A-Fa-f]{2}", case.profile.display_name) if case.profile else None
    if found:
        yield Hit((*PROFILE, "display_name"), f"holds {found[0]!r}")


@warning(
    "display-name-brand",
    "Display name and brand belong together",
    LAUNCH_GUIDE,
    SKILL,
    why="Inconsistent data about the brand is the most common delay.",
    cure="use the brand's name in both, or explain the difference in the use case's description",
).spec
def display_name_brand(case: Case) -> Iterator[Hit]:
    if case.profile and not share_a_word(case.profile.display_name, case.spec.brand):
        yield Hit((*PROFILE, "display_name"), f"has no word in common with the brand {case.spec.brand!r}")


@warning(
    "legal-name-brand",
    "Legal name and brand belong together",
    SKILL,
    LAUNCH_GUIDE,
    why="A mismatch of names is among the common reasons for rejection. A brand that trades under another name has to show the link.",
    cure="check it against the tax authority's letter; name the link (doing business as) in the campaign's description",
).spec
def legal_name_brand(case: Case) -> Iterator[Hit]:
    if case.us and not share_a_word(case.us.legal_name, case.spec.brand):
        texts = plain(f"{case.us.campaign_description} {case.us.message_flow}")
        if plain(case.us.legal_name) not in texts and not re.search(r"\b(dba|doing business as|trading as)\b", texts):
            yield Hit((*US, "legal_name"), f"has no word in common with the brand {case.spec.brand!r}")


@error(
    "email-placeholder",
    "No e-mail address is a placeholder",
    OURS,
    why="Google and the brand vetting write to these addresses, and nothing goes on before somebody answers.",
    cure="write an address that somebody reads",
).spec
def email_placeholder(case: Case) -> Iterator[Hit]:
    for loc, mail in _mails(case):
        host = mail.rpartition("@")[2]
        if is_reserved(host):
            yield Hit(loc, f"is at {host}, a name that is reserved for examples and tests")


@warning(
    "email-free",
    "E-mail addresses are not those of free mail services",
    LAUNCH_GUIDE,
    OURS,
    why="The vetting writes to the brand at its own domain; an address anybody can get proves nothing.",
    cure="use an address at the brand's own domain",
).spec
def email_free(case: Case) -> Iterator[Hit]:
    for loc, mail in _mails(case):
        if _mail_domain(mail) in FREE_MAIL:
            yield Hit(loc, f"is at {_mail_domain(mail)}, a free mail service")


@warning(
    "email-domain",
    "E-mail addresses are at the website's domain",
    LAUNCH_GUIDE,
    OURS,
    why="Reviewers compare the two; inconsistent data is the most common delay.",
    cure="use an address at the website's domain",
).spec
def email_domain(case: Case) -> Iterator[Hit]:
    for loc, mail in _mails(case):
        domain = _mail_domain(mail)
        if domain != _site(case) and domain not in FREE_MAIL and not is_reserved(domain):
            yield Hit(loc, f"is at {domain}, but the website is at {_site(case)}")


@warning(
    "policy-domain",
    "Policies are at the website's domain",
    AWS_OPT_IN,
    SKILL,
    why="Reviewers want public pages at the brand's own domain.",
    cure="publish the policy at the brand's own domain",
).spec
def policy_domain(case: Case) -> Iterator[Hit]:
    for address in case.fetched(*POLICIES):
        if domain_of(address.host) != _site(case):
            yield Hit(address.loc, f"is at {domain_of(address.host)}, but the website is at {_site(case)}")


@warning(
    "business-website-domain",
    "Profile and registration name the same website",
    LAUNCH_GUIDE,
    SKILL,
    why="Inconsistent data about the brand is the most common delay.",
    cure="write the same website in both",
).spec
def business_website_domain(case: Case) -> Iterator[Hit]:
    if case.google:
        domain = domain_of(urlsplit(case.google.representative.business_website).hostname or "")
        if domain != _site(case):
            yield Hit(
                (*GOOGLE, "representative", "business_website"),
                f"is at {domain}, but the profile's website is at {_site(case)}",
            )
