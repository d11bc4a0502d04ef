"""``evidence``: all that proves an onboarding, in one file that anybody can check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.exits import FAILED, USAGE, Exit
from cli.params import NAME, json_option

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class ByName(click.Group):
    """``evidence NAME`` is ``evidence write NAME``; an onboarding that is called ``check`` needs the longer form."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, args if args[0] in self.commands else ["write", *args])


@click.group(
    "evidence",
    cls=ByName,
    subcommand_metavar="NAME -o FILE.zip | COMMAND ...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
def evidence_command() -> None:
    """Write the evidence pack of an onboarding, or check one that somebody wrote (docs/guided.md).

    \b
    Options of writing:
      -o, --output FILE  The ZIP to write. [required]
      --force            Overwrite the pack that is there; no other file.
      --sign KEY.pem     Sign with this Ed25519 private key.

    \b
    Examples:  onboard evidence acme-rcs -o acme.zip
               onboard evidence check acme.zip
    """


@evidence_command.command("write", short_help="Write the pack of NAME; the word may be left out.")
@NAME
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="The ZIP to write.",
)
@click.option("--force", is_flag=True, help="Overwrite the pack that is there; no other file.")
@click.option("--sign", "key_file", type=A_FILE, metavar="KEY.pem", help="Sign with this Ed25519 private key.")
def write_pack(name: str, output: Path, force: bool, key_file: Path | None) -> None:
    """Write all that is known of an onboarding, without secrets and handsets' numbers. The same state, the same bytes.

    \b
    Exit codes: 0 written, 2 the key cannot be used or FILE is there already, 4 no such onboarding.
    Example:    onboard evidence acme-rcs -o acme.zip
    """
    from cli.state import reading, unknown_name
    from engine.evidence_check import check
    from engine.evidence_pack import make_pack

    key = _private_key(key_file) if key_file else None
    _refuse_to_overwrite(output, may_replace=force)
    with reading() as fetch:
        made = make_pack(fetch, name, key=key)
        if made is None:
            raise unknown_name(fetch, [name])
    data, about = made
    try:
        output.write_bytes(data)
    except OSError as error:
        raise Exit(f"{output} cannot be written: {error.strerror}", USAGE) from None
    report = check(data, key=key.public_key() if key else None)
    click.echo(f"{name}: {output}, {report.files} files, {report.events} events, state of {about['state_at']}")
    click.echo(f"Digest: {report.digest}\nKept elsewhere, it proves that the file is the one written now.")


@evidence_command.command("check", short_help="Check a pack, offline.")
@click.argument("file", type=A_FILE)
@click.option(
    "--against", type=A_FILE, metavar="EARLIER.zip", help="An older pack, whose log this one must go on from."
)
@click.option("--key", "key_file", type=A_FILE, metavar="PUBLIC.pem", help="The signer's Ed25519 public key.")
@json_option()
def check_pack(file: Path, against: Path | None, key_file: Path | None, as_json: bool) -> int:
    """Check a pack, without database or network: the archive, the manifest, every hash, the chain, the signature.

    \b
    Exit codes: 0 all of it fits, 1 something does not (each thing is named),
                2 there is no such file or key.
    Examples:   onboard evidence check acme.zip
                onboard evidence check acme.zip --against may.zip --key public.pem
    """
    from dataclasses import asdict

    from cli.params import echo_json
    from engine.evidence_check import check

    report = check(
        file.read_bytes(),
        key=_public_key(key_file) if key_file else None,
        earlier=against.read_bytes() if against else None,
    )
    if as_json:
        echo_json(asdict(report))
        return FAILED if report.problems else 0
    for problem in report.problems:
        click.echo(f"  {_printable(problem)}")
    if report.problems:
        count = len(report.problems)
        click.echo(f"{file}: does NOT fit, {count} problem{'' if count == 1 else 's'}")
        return FAILED
    signature = "signed, and the signature is right" if report.signature_checked else "not signed"
    if report.is_signed and not report.signature_checked:
        signature = "signed, which was not checked: give the signer's --key"
    follows = f"; its log goes on from {against}" if against else ""
    click.echo(
        f"{file}: all fits: {_printable(report.onboarding or '')}, {report.files} files, {report.events} events{follows}; {signature}"
    )
    click.echo(f"Digest: {report.digest}")
    return 0


def _refuse_to_overwrite(output: Path, *, may_replace: bool) -> None:
    """:raises Exit: a file is there already; also with ``may_replace`` when it is no evidence pack."""
    from engine.evidence_check import check

    try:
        if not output.is_file():
            return
        is_pack = check(output.read_bytes()).digest is not None
    except OSError as error:
        raise Exit(f"{output} cannot be read: {error.strerror}", USAGE) from None
    if not is_pack:
        raise Exit(f"{output} exists and is no evidence pack; name another file, or remove it first", USAGE)
    if not may_replace:
        raise Exit(f"{output} exists already; --force overwrites it", USAGE)


def _printable(text: str) -> str:
    """A stranger's file must not steer the terminal of who checks it."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def _private_key(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, OSError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Exit(f"{path} is no Ed25519 private key in PEM without a password; {_HOW}", USAGE)
    return key


def _public_key(path: Path) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, TypeError, OSError):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise Exit(f"{path} is no Ed25519 public key in PEM; {_HOW}", USAGE)
    return key


_HOW = "make one: openssl genpkey -algorithm ed25519 -out key.pem; openssl pkey -in key.pem -pubout -out public.pem"
