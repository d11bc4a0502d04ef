"""The catalogue of operator tasks: complete, compiled, and true to its placeholders."""

from __future__ import annotations

import gettext
import re
from collections import defaultdict
from typing import get_args

import pytest
from babel.messages.pofile import read_po

from engine.texts import BRING_BACK, DOMAIN, LANGUAGES, LOCALE, PAGE, fill, language_of, words
from models.spec.ajo import SignIn
from settings import Settings
from tasks.steps import ajo_secrets, channel, credential, webhook
from tasks.steps.removal import in_ajo, sender
from tests.factories import make_spec, spec_data

OTHERS = [language for language in LANGUAGES if language != "en"]


class Ctx:
    """As much of a step's context as the declarations of AJO objects need."""

    settings = Settings(public_url="https://gateway.example.com")
    endpoint_token = "endpoint"
    name = "acme"

    def __init__(self, kind, **ajo):
        self.spec = make_spec(kind, ajo=spec_data(kind)["ajo"] | ajo)

    def external_id(self, kind):
        return f"id of {kind}"

    def secret(self, name):
        return f"secret {name}"

    def find_secret(self, name):
        return None


def all_objects():
    """Every AJO object that a step may ask a person for, with every optional field."""
    full = spec_data("rcs")["ajo"]["channel_configuration"] | {
        "subdomain": "s.example.com",
        "execution_field": "mobilePhone.number",
        "dataset": "Inbound",
        "marketing_actions": ["smsTargeting"],
    }
    named = spec_data("rcs")["ajo"]["credential"] | {"headers": [{"name": "X-Brand", "value": "acme"}]}
    rcs = Ctx("rcs", channel_configuration=full, credential=named)
    sms = Ctx(
        "sms", channel_configuration=spec_data("sms")["ajo"]["channel_configuration"] | {"message_type": "marketing"}
    )
    for ctx in (rcs, sms):
        yield credential.wanted_credential(ctx)
        yield channel.wanted_configuration(ctx)
    for way in get_args(SignIn):
        yield credential.wanted_credential(Ctx("rcs", credential=named | {"auth": way, "mtls": way == "none"}))
    for word in ("none", "ims"):
        guarded = spec_data("rcs")["ajo"]["webhooks"] | {"authentication": word}
        yield from webhook.wanted_webhooks(Ctx("rcs", webhooks=guarded))


def all_texts():
    texts = set(PAGE) | set(BRING_BACK.values())
    for each in all_objects():
        texts |= {each.title, each.place, *each.instructions}
        for field in each.fields:
            texts |= {field[part] for part in ("label", "choice", "note") if part in field}
    for by_hand in in_ajo.BY_HAND.values():
        texts |= {by_hand.title, by_hand.place, *by_hand.instructions}
    texts |= {sender.TITLE, sender.TITLE_CALLBACKS, sender.PLACE, *sender.INSTRUCTIONS, *sender.INSTRUCTIONS_CALLBACKS}
    texts |= {ajo_secrets.TITLE, *ajo_secrets.INSTRUCTIONS}
    return texts | {in_ajo.TITLE_URL, "another address than onboard's", *sender.CALLBACKS.values()}


def catalogue(language):
    with (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        return {message.id: message.string for message in read_po(file, locale=language) if message.id}


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_of_a_task_is_translated_and_none_is_superfluous(language):
    found = catalogue(language)
    assert set(found) == all_texts()
    assert all(found.values())


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalogue_is_that_of_the_source(language):
    compiled = gettext.translation(DOMAIN, LOCALE, languages=[language])
    shipped = {text: translation for text, translation in compiled._catalog.items() if text}
    assert shipped == catalogue(language), "run: pybabel compile -d engine/locale -D onboard"


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_placeholders_of_its_text(language):
    for text, translation in catalogue(language).items():
        assert sorted(re.findall(r"%\(\w+\)s", text)) == sorted(re.findall(r"%\(\w+\)s", translation))
        fill(translation, defaultdict(str, {"name": "x"}))


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("es_MX.UTF-8", "es"),
        ("es", "es"),
        ("ES-es", "es"),
        ("en_GB.UTF-8", "en"),
        ("fr_FR", "en"),
        ("C", "en"),
        (None, "en"),
    ],
)
def test_a_locale_we_do_not_speak_is_english(name, language):
    assert language_of(name) == language


def test_a_text_that_nobody_translated_is_shown_in_english():
    assert words("es")("A label of next year's") == "A label of next year's"


def test_a_text_without_parameters_may_hold_percent_signs():
    assert fill("100% sure", {}) == "100% sure"
