from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from engine.vault import Vault, load_keys, new_key
from models.tables import Secret
from providers.errors import Misconfigured
from providers.redaction import redact
from settings import Settings


def test_a_secret_comes_back_and_is_not_stored_in_clear(world):
    world.start(token="very-s3cret-token")
    onboarding_id = world.onboarding().id
    with world.db.begin() as connection:
        assert world.vault.read(connection, onboarding_id, "twilio.auth_token") == "very-s3cret-token"
        stored = connection.execute(select(Secret.c.ciphertext)).scalars().all()
    assert all(b"very-s3cret-token" not in ciphertext for ciphertext in stored)


def test_a_secret_that_was_read_is_blanked_out_of_every_text(world):
    world.start(token="other-s3cret-token")
    with world.db.begin() as connection:
        world.vault.read(connection, world.onboarding_id(connection), "twilio.auth_token")
    assert redact("oops: other-s3cret-token!") == "oops: [redacted]!"


def test_a_rotated_secret_is_readable_by_the_new_key_alone(world):
    old, new = new_key(), new_key()
    world.vault = Vault([old])
    world.start()
    with world.db.begin() as connection:
        assert Vault([new, old]).rotate(connection) == 2
        read = Vault([new]).read(connection, world.onboarding_id(connection), "twilio.auth_token")
    assert read == "t0ken"


def test_a_missing_key_is_a_setting_to_mend(world):
    world.start()
    with world.db.begin() as connection, pytest.raises(Misconfigured, match="ONBOARD_SECRET_KEYS"):
        Vault([new_key()]).read(connection, world.onboarding_id(connection), "twilio.auth_token")


def test_a_value_that_is_no_key_is_a_setting_to_mend():
    with pytest.raises(Misconfigured, match="new-key"):
        Vault(["password"])


def test_embedded_mode_makes_its_key_once_readable_by_its_owner_only(tmp_path):
    settings = Settings(home=tmp_path / "home")
    first = load_keys(settings)
    assert load_keys(settings) == first
    assert stat.S_IMODE((tmp_path / "home" / "secret.key").stat().st_mode) == 0o600


def test_processes_that_start_together_get_the_same_key(tmp_path):
    settings = Settings(home=tmp_path / "home")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: tuple(load_keys(settings)), range(40)))
    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret.key"]


def test_a_shared_database_needs_the_key_in_the_settings(tmp_path):
    settings = Settings(home=tmp_path, database_url="postgresql+psycopg://db/onboard")
    with pytest.raises(Misconfigured, match="every process needs the same key"):
        load_keys(settings)
