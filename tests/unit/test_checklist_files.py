"""The files of ``models/checklists``: sound, complete, and the only place that the steps' items come from."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from engine.checklist import COUNTRY
from models.checklists import catalogue
from models.checklists.catalogue import items_for, load_files, load_items
from models.checklists.item import Item
from models.spec.onboarding import spec_to_json
from models.spec.rcs import COUNTRIES_TWILIO_SENDS_TO
from tests.factories import make_spec, rcs_part, spec_data

ROOT = Path(__file__).parents[2]
FOR_ALL = {"account.active", "account.full", "service.ready", "us.10dlc"}
FOR_RCS = FOR_ALL | {
    *("rcs.profile_fields", "rcs.profile", "rcs.display_name", "rcs.assets", "rcs.policies", "rcs.opt_in"),
    *("rcs.registration.google", "rcs.video", "rcs.samples", "rcs.test_devices", "rcs.ticket", "rcs.google_email"),
    "rcs.opt_out",
}
FOR_US = {
    *("rcs.registration.us", "us.privacy_policy", "us.terms", "us.ctia", "us.samples", "us.legal_name"),
    *("us.use_case", "us.fees", "us.brand_vetting", "us.volume"),
}
BY_COUNTRY = {
    "US": FOR_US,
    "DE": {"de.brand_letter", "de.german_pages", "de.one_sender"},
    "BE": {"be.letter"},
    "IT": {"it.letter"},
    "NL": {"nl.letter"},
    "MX": {"mx.spanish"},
    "GB": {"gb.numbers", "gb.carrier_emails"},
    "PT": {"pt.after_spain"},
    "ES": {"es.ask_twilio"},
    "CA": {"ca.ask_twilio"},
    "BR": {"br.form", "br.alone", "br.maintenance"},
    "SG": {"sg.ssir", "sg.ask_twilio"},
}


def keys(channel, countries=(), **overrides):
    if countries:
        overrides["rcs"] = rcs_part(countries=countries)
    return {applied.key for applied in items_for(spec_to_json(make_spec(channel, **overrides)))}


@pytest.mark.parametrize(("channel", "number"), [("sms", "+14155550101"), ("mms", "+14155550102")])
def test_sms_and_mms_ask_for_account_service_and_numbers_only(channel, number):
    assert keys(channel) == FOR_ALL | {f"number.{number}"}


@pytest.mark.parametrize("country", sorted(COUNTRIES_TWILIO_SENDS_TO))
def test_each_country_adds_its_own_items(country):
    found = keys("rcs", (country,))
    assert found == FOR_RCS | BY_COUNTRY.get(country, set()) | {"number.+14155550100", f"rcs.country.{country}"}


def test_several_countries_add_up():
    found = keys("rcs", ("US", "DE", "MX"))
    assert FOR_US | BY_COUNTRY["DE"] | BY_COUNTRY["MX"] <= found
    assert {key for key in found if key.startswith("rcs.country.")} == {f"rcs.country.{c}" for c in ("US", "DE", "MX")}


def test_10dlc_is_asked_for_american_numbers_only():
    twilio = spec_data("sms")["twilio"] | {"numbers": ["+442079460000"], "a2p_10dlc": None}
    assert "us.10dlc" not in keys("sms", twilio=twilio)


def items_of_the_steps():
    """The ids that the steps' objects speak of (``Checked``): written out, or the one of each country."""
    used = set()
    for path in (ROOT / "tasks" / "steps").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Checked":
                (item,) = (keyword.value for keyword in node.keywords if keyword.arg == "item")
                is_written_out = isinstance(item, ast.Constant)
                assert is_written_out or ast.unparse(item) == "checklist.COUNTRY", f"{path.name}:{node.lineno}"
                used.add(item.value if is_written_out else COUNTRY)
    return used


def test_every_item_that_a_step_sets_stands_in_a_file():
    """An id that no file knows is a defect; it must not wait for the run that meets it."""
    used = items_of_the_steps()
    assert len(used) >= 5
    assert used <= set(load_items())


def test_items_that_only_the_program_can_set_are_set_by_a_step_or_by_the_spec():
    used = items_of_the_steps()
    for item in load_items().values():
        if item.who == "program":
            assert item.spec or item.id in used, item.id


def test_every_file_of_countries_is_named_after_them_and_every_path_leads_somewhere():
    full = spec_to_json(make_spec("rcs", rcs=rcs_part() | {"test_devices": ["+12125550123"]}))
    for name, file in load_files().items():
        if file.countries:
            assert name == f"rcs_{'_'.join(file.countries).lower()}.yaml"
        for item in file.items:
            for path in [*item.spec, *([item.when] if item.when else [])]:
                assert catalogue.pick(full, path) is not None, f"{item.id}: {path}"


ITEM = {
    "id": "x.y",
    "title": "T",
    "why": "w",
    "who": "person",
    "check": "c",
    "evidence": "e",
    "stage": "submission",
    "due_days": 3,
    "source": "s",
    "tag": "doc",
    "read_on": catalogue.load_items()["us.10dlc"].read_on,
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"due_days": None}, "needs due_days"),
        ({"tag": "inference"}, "because of an inference"),
        ({"each": "country"}, "must hold {country}"),
        ({"who": "somebody"}, "program"),
        ({"wy": "w"}, "wy"),
        ({"id": "X"}, "pattern"),
    ],
)
def test_a_file_that_is_not_sound_is_refused(changes, words):
    assert Item.model_validate(ITEM).id == "x.y"
    with pytest.raises(ValueError, match=words.replace("{", r"\{")):
        Item.model_validate(ITEM | changes)
