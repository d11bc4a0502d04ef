"""Secrets at rest: Fernet encryption and the rows that hold the ciphertext. The only place that decrypts."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import delete, select, update

from engine.upsert import upsert
from models.tables import Secret
from providers.errors import Misconfigured
from providers.redaction import register_secret

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from settings import Settings

KEY_FILE = "secret.key"


def new_key() -> str:
    """A fresh key in the form ``ONBOARD_SECRET_KEYS`` takes."""
    return Fernet.generate_key().decode()


def load_keys(settings: Settings) -> list[str]:
    """The keys from the settings, or the key file of embedded mode, made on first use.

    :raises Misconfigured: with a shared database each machine would otherwise make a key of its own.
    """
    if settings.secret_keys:
        return [key.get_secret_value() for key in settings.secret_keys]
    if not settings.is_sqlite:
        msg = (
            "ONBOARD_SECRET_KEYS is not set: with a shared database every process needs the same key. "
            "Run `onboard secrets new-key` once and set it everywhere."
        )
        raise Misconfigured(msg)
    return [_key_file(settings.home / KEY_FILE)]


def _key_file(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        # Written whole before it has its name: another process may read it at any moment. The first one wins.
        draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new_key())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()


class Vault:
    """Encrypts with the first key, decrypts with any."""

    def __init__(self, keys: list[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            msg = "ONBOARD_SECRET_KEYS holds a value that is not a Fernet key. Make one by `onboard secrets new-key`."
            raise Misconfigured(msg) from None

    def write(self, connection: Connection, onboarding_id: int, name: str, value: str, *, at: datetime) -> None:
        upsert(
            connection,
            Secret,
            key={"onboarding_id": onboarding_id, "name": name},
            values={"ciphertext": self._fernet.encrypt(value.encode()), "updated_at": at},
        )

    def read(
        self, connection: Connection, onboarding_id: int, name: str, *, since: datetime | None = None
    ) -> str | None:
        """The secret in clear, or None when there is none. Registers it for redaction.

        :param since: only if it was written after this.
        :raises Misconfigured: no key fits.
        """
        wanted = [Secret.c.onboarding_id == onboarding_id, Secret.c.name == name]
        if since is not None:
            wanted.append(Secret.c.updated_at > since)
        ciphertext = connection.execute(select(Secret.c.ciphertext).where(*wanted)).scalar_one_or_none()
        if ciphertext is None:
            return None
        value = self._decrypt(ciphertext)
        register_secret(value)
        return value

    def check(self, connection: Connection) -> None:
        """:raises Misconfigured: no key fits the secret that was written last."""
        newest = select(Secret.c.ciphertext).order_by(Secret.c.updated_at.desc()).limit(1)
        ciphertext = connection.execute(newest).scalar_one_or_none()
        if ciphertext is not None:
            self._decrypt(ciphertext)

    def _decrypt(self, ciphertext: bytes) -> str:
        try:
            return self._fernet.decrypt(ciphertext).decode()
        except InvalidToken:
            msg = "a stored secret cannot be decrypted: ONBOARD_SECRET_KEYS lacks the key it was written with."
            raise Misconfigured(msg) from None

    def move(self, connection: Connection, onboarding_id: int, name: str, to: str, *, at: datetime) -> None:
        """Give a stored secret another name; one that has that name already is replaced."""
        self.forget(connection, onboarding_id, to)
        mine = update(Secret).where(Secret.c.onboarding_id == onboarding_id, Secret.c.name == name)
        connection.execute(mine.values(name=to, updated_at=at))

    def forget(self, connection: Connection, onboarding_id: int, *names: str) -> None:
        """Delete stored secrets; those that are not there are no fault."""
        connection.execute(delete(Secret).where(Secret.c.onboarding_id == onboarding_id, Secret.c.name.in_(names)))

    def rotate(self, connection: Connection) -> int:
        """Encrypt every stored secret anew with the first key; the number of rows."""
        rows = connection.execute(select(Secret.c.id, Secret.c.ciphertext)).all()
        for row in rows:
            # What was written meanwhile is newer, and encrypted with the first key already.
            unchanged = (Secret.c.id == row.id, Secret.c.ciphertext == row.ciphertext)
            connection.execute(update(Secret).where(*unchanged).values(ciphertext=self._fernet.rotate(row.ciphertext)))
        return len(rows)
