"""Each bad case is found by its own rule and by no other; a clean brand by none."""

from __future__ import annotations

import pytest

from engine.lint.facts import Facts
from engine.lint.pictures import picture_in
from engine.lint.rule import CATALOGUE, Severity
from engine.lint.run import choose, lint
from models.spec.load import load_spec
from providers.web.types import Answer, NoAnswer, Why
from tests.unit.lint_world import (
    BANNER,
    ENGLISH,
    GERMAN,
    LOGO,
    MP4,
    OPT_IN,
    PRIVACY,
    SITE,
    SPANISH,
    TERMS,
    VIDEO,
    answer,
    brand,
    page,
    picture,
    put,
    report,
    web,
    write,
)

PNG, JPEG, HTML = "image/png", "image/jpeg", "text/html; charset=utf-8"
GOOGLE, US, PROFILE = "rcs.registration.google.", "rcs.registration.us.", "rcs.profile."
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="224" height="224"/>'
LONG = 2 * 1024 * 1024


def cut(body: bytes) -> Answer:
    """The beginning of something longer than what is read."""
    return Answer(LOGO, 200, PNG, body.ljust(LONG, b"\0"), None)


def silent(why: Why) -> NoAnswer:
    return NoAnswer(why, "does something")


def pages(text: str, lang: str) -> dict[str, Answer]:
    return {url: answer(url, page(text, lang), HTML) for url in (SITE, PRIVACY, TERMS)}


# rule, what the addresses answer instead
ON_THE_WEB = [
    ("logo-format", {LOGO: answer(LOGO, picture(224, 224, "GIF"), PNG)}),
    ("logo-format", {LOGO: answer(LOGO, SVG, PNG)}),
    ("logo-format", {LOGO: answer(LOGO, page("Please log in"), PNG)}),
    ("logo-damaged", {LOGO: answer(LOGO, picture(224, 224, noise=True)[:20_000], PNG)}),
    ("logo-pixels", {LOGO: answer(LOGO, picture(225, 224), PNG)}),
    ("logo-bytes", {LOGO: answer(LOGO, picture(224, 224) + bytes(51_200), PNG)}),
    ("logo-bytes", {LOGO: cut(picture(224, 224))}),
    ("banner-format", {BANNER: answer(BANNER, picture(1440, 448, "WEBP"), PNG)}),
    ("banner-damaged", {BANNER: answer(BANNER, picture(1440, 448, noise=True)[:100_000], PNG)}),
    ("banner-pixels", {BANNER: answer(BANNER, picture(1440, 449), PNG)}),
    ("banner-1140", {BANNER: answer(BANNER, picture(1140, 448), PNG)}),
    ("banner-bytes", {BANNER: answer(BANNER, picture(1440, 448, noise=True), PNG)}),
    ("picture-extension", {LOGO: answer(LOGO, picture(224, 224, "JPEG"), JPEG)}),
    ("picture-moves", {LOGO: answer(LOGO, picture(224, 224, frames=2), PNG)}),
    ("picture-content-type", {LOGO: answer(LOGO, picture(224, 224), "application/octet-stream")}),
    ("opt-in-picture-type", {OPT_IN: answer(OPT_IN, page("Our form"), HTML)}),
    ("video-type", {VIDEO: answer(VIDEO, page("Watch it here"), HTML)}),
    ("video-type", {VIDEO: answer(VIDEO, picture(40, 30, "WEBP"), "image/webp")}),
    ("url-not-public", {PRIVACY: silent(Why.FORBIDDEN)}),
    ("url-host", {PRIVACY: silent(Why.UNKNOWN_HOST)}),
    ("url-silent", {TERMS: silent(Why.UNREACHABLE)}),
    ("url-certificate", {VIDEO: silent(Why.CERTIFICATE)}),
    ("url-redirects", {OPT_IN: silent(Why.REDIRECTS)}),
    ("url-status", {PRIVACY: answer(PRIVACY, b"gone", HTML, status=404)}),
    ("url-status", {LOGO: answer(LOGO, page("gone"), HTML, status=404)}),
    ("url-shut", {TERMS: answer(TERMS, b"no robots", HTML, status=403)}),
    ("url-leaves-domain", {PRIVACY: answer(PRIVACY, page(ENGLISH), HTML, ends_at="https://acme.policies.net/p")}),
    ("url-downgrade", {PRIVACY: answer(PRIVACY, page(ENGLISH), HTML, ends_at="http://www.acmecoffee.com/p")}),
    ("page-type", {PRIVACY: answer(PRIVACY, picture(9, 9), PNG)}),
    ("page-empty", {TERMS: answer(TERMS, b" \n", HTML)}),
    ("policy-is-home-page", {TERMS: answer(TERMS, page(ENGLISH), HTML, ends_at=SITE + "/")}),
]
# rule, place in the spec, value there
IN_THE_SPEC = [
    ("url-placeholder", PROFILE + "terms_url", "https://www.example.com/terms"),
    ("url-https", PROFILE + "privacy_url", "http://www.acmecoffee.com/privacy"),
    ("url-port", PROFILE + "terms_url", "https://www.acmecoffee.com:8443/terms"),
    ("policy-is-home-page", PROFILE + "privacy_url", SITE + "/"),
    ("policies-are-one", PROFILE + "terms_url", PRIVACY),
    ("logo-is-banner", PROFILE + "banner_url", LOGO),
    ("display-name-generic", PROFILE + "display_name", "Customer Service"),
    ("display-name-trial", PROFILE + "display_name", "Acme Coffee Test"),
    ("display-name-markup", PROFILE + "display_name", "Acme &amp; Coffee"),
    ("display-name-brand", PROFILE + "display_name", "Bistro Lune"),
    ("legal-name-brand", US + "legal_name", "Northwind Holdings LLC"),
    ("email-placeholder", GOOGLE + "notification_email", "rcs@brand.example"),
    ("email-free", GOOGLE + "representative.email", "jo.doe@gmail.com"),
    ("email-domain", PROFILE + "email.email", "care@mailhost.net"),
    ("policy-domain", PROFILE + "privacy_url", "https://policies.net/acme"),
    ("business-website-domain", GOOGLE + "representative.business_website", "https://www.northwind.net"),
    ("description-escape", PROFILE + "description", "Coffee%20and cake since 1999"),
    ("description-escape", PROFILE + "description", "Coffee &amp; cake since 1999"),
    ("description-command", PROFILE + "description", "Coffee && cake since 1999"),
    ("description-path", PROFILE + "description", "Coffee from /usr/local since 1999"),
    ("description-template", PROFILE + "description", "Coffee for [[first_name]] since 1999"),
    ("text-placeholder", GOOGLE + "access_instructions", "TODO, ask Maria how a reviewer gets to see the messages"),
    ("text-short", GOOGLE + "use_case_description", "Order news and rewards"),
    ("text-copied", GOOGLE + "use_case_description", "An order is placed, roasted or delivered; a reward is earned."),
    ("opt-in-brand", GOOGLE + "opt_in_description", "A separate, unticked box at checkout: I want messages."),
    ("message-flow-brand", US + "message_flow", "Get up to 4 messages per month, rates may apply, HELP for help, STOP to end."),
    ("message-flow-stop", US + "message_flow", "Get up to 4 messages of Acme per month, rates may apply, HELP for help."),
    ("message-flow-help", US + "message_flow", "Get up to 4 messages of Acme per month, rates may apply, STOP to end."),
    ("message-flow-frequency", US + "message_flow", "Get messages of Acme, rates may apply, HELP for help, STOP to end."),
    ("message-flow-rates", US + "message_flow", "Get up to 4 messages of Acme per month, HELP for help, STOP to end."),
    ("help-sample-brand", US + "help_sample", "Call +1 415 555 0188 or reply STOP to end."),
    ("help-sample-contact", US + "help_sample", "Acme Coffee: ask in the shop or reply STOP to end."),
    ("help-sample-stop", US + "help_sample", "Acme Coffee: call +1 415 555 0188."),
    ("stop-sample-brand", US + "stop_sample", "You will get no further messages."),
    ("stop-sample-confirms", US + "stop_sample", "Acme Coffee: thank you for your message."),
    ("opt-out-message-brand", GOOGLE + "opt_out_message", "You are unsubscribed and will receive no more messages."),
    ("opt-out-message-confirms", GOOGLE + "opt_out_message", "Acme Coffee: thank you for your message, STOP was read."),
    ("opt-out-keywords", "ajo.webhooks.keywords", {"opt_out": ["STOP", "END"]}),
    ("test-message-stop", "verification.message", "Acme Coffee: this channel is being verified."),
    ("use-case-otp", PROFILE + "use_case", "OTP"),
    ("use-case-transactional", PROFILE + "use_case", "TRANSACTIONAL"),
    ("service-type", US + "service_type", "Promotional marketing"),
    ("us-volume", US + "expected_monthly_volume", 9_000),
    ("us-contact-phone", US + "contact_phone", "+4915112345678"),
    ("profile-phone-country", PROFILE + "phone", {"phone_number": "+4915112345678"}),
    ("fallback-country", "twilio.numbers", ["+4915112345678"]),
    ("test-device-country", "rcs.test_devices", ["+4915112345678"]),
    ("pt-needs-es", "rcs.countries", ["US", "PT"]),
    ("br-alone", "rcs.countries", ["US", "BR"]),
    ("not-self-serve", "rcs.countries", ["US", "ES"]),
    ("country-letter", "rcs.countries", ["US", "NL"]),
    ("sg-ssir", "rcs.countries", ["US", "SG"]),
]  # fmt: skip
# What such a case breaks besides, and rightly.
BESIDES = {
    "display-name-generic": {"display-name-brand"},
    "br-alone": {"not-self-serve"},
    "sg-ssir": {"not-self-serve"},
    "service-type": {"use-case-transactional"},
    "logo-is-banner": {"banner-pixels"},
}
CHANGED_WITH = {"service-type": {PROFILE + "use_case": "TRANSACTIONAL"}}
ALWAYS = {"third-party-sharing"}


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return load_spec(write(tmp_path_factory.mktemp("clean"), brand()))


def found(result):
    return {finding.rule for finding in result.findings} - ALWAYS


def test_a_clean_brand_has_nothing_but_the_note_on_the_vendors_contradiction(tmp_path):
    result = report(tmp_path, brand(), Facts(web()))
    assert [(one.rule, one.severity) for one in result.findings] == [("third-party-sharing", Severity.NOTE)]
    assert len(result.findings[0].sources) == 2
    assert result.not_run == []


@pytest.mark.parametrize(("rule", "answers"), ON_THE_WEB, ids=[case[0] for case in ON_THE_WEB])
def test_what_an_address_answers_is_found_by_its_own_rule(clean, rule, answers):
    result = lint(clean, Facts(web() | answers), choose())
    assert found(result) == {rule}
    places = {finding.fault.path for finding in result.findings if finding.rule == rule}
    assert len(places) == 1
    assert all(finding.fault.cure and finding.sources for finding in result.findings)


@pytest.mark.parametrize(("rule", "path", "value"), IN_THE_SPEC, ids=[case[0] for case in IN_THE_SPEC])
def test_what_the_spec_says_is_found_by_its_own_rule(tmp_path, rule, path, value):
    data = brand()
    for other, its_value in CHANGED_WITH.get(rule, {}).items():
        put(data, other, its_value)
    put(data, path, value)
    result = report(tmp_path, data, Facts(web()))
    assert found(result) == {rule} | BESIDES.get(rule, set())
    finding = next(one for one in result.findings if one.rule == rule)
    assert finding.fault.path.startswith(path.removesuffix(".keywords"))
    assert finding.fault.line > 1
    assert finding.fault.cure


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("use-case-promotional", {"use_case": "PROMOTIONAL"}),
        ("use-case-multi", {"use_case": "MULTI_USE"}),
    ],
)
def test_a_use_case_of_which_no_text_speaks_is_doubted(tmp_path, rule, changes):
    data = brand()
    data["rcs"]["profile"] |= changes
    data["rcs"]["registration"]["google"] |= {
        "message_triggers": "An order is placed, roasted or delivered to the door.",
        "use_case_description": "Order updates for customers of the web shop in the city.",
    }
    data["rcs"]["registration"]["us"]["campaign_description"] = "Order updates for customers who opted in at checkout."
    assert found(report(tmp_path, data, Facts(web()))) - {"service-type"} == {rule}


@pytest.mark.parametrize(("country", "text", "lang"), [("MX", SPANISH, "es"), ("DE", GERMAN, "de")])
def test_countries_with_a_language_of_their_own_want_pages_in_it(tmp_path, country, text, lang):
    rule = {"MX": "mx-pages-spanish", "DE": "de-pages-german"}[country]
    data = brand()
    data["rcs"]["countries"] = ["US", country]
    # The text counts, not what a template declares.
    foreign = report(tmp_path, data, Facts(web() | pages(ENGLISH, lang)))
    assert [one.fault.path for one in foreign.findings if one.rule == rule] == [
        "rcs.profile.website.website",
        "rcs.profile.privacy_url",
        "rcs.profile.terms_url",
    ]
    native = report(tmp_path, data, Facts(web() | pages(text, "en")))
    assert rule not in found(native)
    filled_by_script = report(tmp_path, data, Facts(web() | pages("", "xx")))
    assert rule not in found(filled_by_script)


def test_mexico_wants_the_texts_in_spanish_too(tmp_path):
    data = brand()
    data["rcs"]["countries"] = ["MX"]
    data["rcs"]["registration"]["us"] = None
    english = report(tmp_path, data, Facts(web() | pages(SPANISH, "es")))
    assert "rcs.profile.description" in {one.fault.path for one in english.findings if one.rule == "mx-texts-spanish"}
    data["rcs"]["profile"]["description"] = "El café y los pedidos de la casa"
    spanish = report(tmp_path, data, Facts(web() | pages(SPANISH, "es")))
    assert "rcs.profile.description" not in {one.fault.path for one in spanish.findings}


def test_every_rule_has_a_case_here():
    special = {"use-case-promotional", "use-case-multi", "mx-pages-spanish", "de-pages-german", "mx-texts-spanish"}
    tabled = {case[0] for case in (*ON_THE_WEB, *IN_THE_SPEC)}
    assert tabled | special | ALWAYS == set(CATALOGUE)
    assert len(tabled) >= 25


def test_every_rule_says_why_and_where_it_is_from():
    for rule in choose():
        assert rule.why.endswith("."), rule.id
        assert rule.cure, rule.id
        assert not rule.cure.endswith("."), rule.id
        assert rule.sources, rule.id


def test_a_video_is_known_by_its_first_bytes(tmp_path):
    result = report(tmp_path, brand(), Facts(web() | {VIDEO: answer(VIDEO, MP4, "application/octet-stream")}))
    assert found(result) == set()


def test_an_mms_picture_must_be_there(tmp_path):
    from tests.factories import spec_data

    data = spec_data("mms")
    url = "https://www.acmecoffee.com/cup.png"
    data["verification"] |= {"media_url": url, "message": "Acme: a cup. Reply STOP to end."}
    result = report(tmp_path, data, Facts({url: answer(url, b"", HTML, status=404)}))
    assert found(result) == {"url-status"}


@pytest.mark.parametrize(
    "description",
    [
        "Todo el café, 20%de descuento",
        "For your cat and/or dog",
        "At home/office, 10% off, 20% less",
        "Fish & chips; R&D; A$AP",
    ],
)
def test_plain_words_are_no_markup(tmp_path, description):
    data = brand()
    data["rcs"]["profile"]["description"] = description
    assert found(report(tmp_path, data, Facts(web()))) == set()


@pytest.mark.parametrize(
    ("name", "display_name", "legal_name"),
    [
        ("Café Lune", "Cafe Lune", "Lune SARL"),
        ("H&M", "H&M", "H & M Hennes & Mauritz AB"),
        ("The Home Depot", "HomeDepot", "Home Depot, Inc."),
        ("Test Kitchen", "Test Kitchen", "Test Kitchen LLC"),
        ("大阪珈琲", "大阪珈琲", "大阪珈琲 Ltd"),
    ],
)
def test_spellings_of_one_name_belong_together(tmp_path, name, display_name, legal_name):
    data = brand()
    data["brand"] = name
    data["rcs"]["profile"]["display_name"] = display_name
    data["rcs"]["registration"]["us"]["legal_name"] = legal_name
    names = {"display-name-brand", "legal-name-brand", "display-name-generic", "display-name-trial"}
    assert not found(report(tmp_path, data, Facts(web()))) & names


def test_texts_that_rule_advertising_out_do_not_speak_of_it(tmp_path):
    data = brand()
    data["rcs"]["profile"]["use_case"] = "TRANSACTIONAL"
    for form, name in (
        ("google", "message_triggers"),
        ("google", "use_case_description"),
        ("us", "campaign_description"),
    ):
        data["rcs"]["registration"][form][name] = f"Updates of orders in the {name} way, without offers, no marketing."
    assert found(report(tmp_path, data, Facts(web()))) == set()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
@pytest.mark.parametrize("is_whole", [True, False])
def test_no_bytes_make_looking_at_a_picture_fail(form, is_whole):
    body = picture(40, 30, form, frames=1 if form in ("JPEG", "BMP") else 3)
    for end in range(0, len(body), max(1, len(body) // 40)):
        picture_in(body[:end], is_whole=is_whole)
        picture_in(body[:end] + b"\xff\x00" + body[end + 2 :], is_whole=is_whole)
    whole = picture_in(body, is_whole=True)
    assert (whole.format, whole.width, whole.height, whole.damage) == (form, 40, 30, "")


def test_one_domain_in_two_spellings_is_one(tmp_path):
    data = brand()
    data["rcs"]["profile"]["privacy_url"] = url = "https://www.café-acme.com/privacy"
    stays = answer(url, page(ENGLISH), HTML, ends_at="https://xn--caf-acme-d1a.com/privacy")
    assert "café-acme".encode("idna").decode() == "xn--caf-acme-d1a"
    assert "url-leaves-domain" not in found(report(tmp_path, data, Facts(web() | {url: stays})))
