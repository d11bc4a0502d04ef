"""The demo's last act: a marketer made a campaign, so the RCS brand is verified once more, with a proof of AJO's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cli.stack.stack import Stack

TEXT = "Acme Coffee Roasters: your beans are on their way. ({{context.onboard_reference}})"
TEST_PROFILE = "ann@example.com"


def show_loop(stack: Stack, specs: Path, run_onboard: Callable[[Sequence[str]], int]) -> bool:
    """Name a campaign in the RCS brand's spec, update, and print the hops. False when the round trip was not proved.

    :param specs: folder with the demo's spec files; that of the RCS brand is changed.
    :param run_onboard: runs one command of ours and returns its exit code.
    """
    name, configuration = _rcs_channel(stack)
    click.echo("")
    click.secho("The whole loop: a marketer publishes a campaign on the RCS channel, and the spec names it", bold=True)
    campaign = _publish_campaign(stack, configuration)
    line = f"  ajo_proof: {{campaign_id: {campaign}, user_id: {TEST_PROFILE}}}"
    spec = specs / f"{name}.yaml"
    # The examples end with their `verification`.
    spec.write_text(f"{spec.read_text().rstrip()}\n{line}\n")
    click.echo(f"  verification:\n  {line}\n$ onboard start specs/{spec.name} --update")
    if run_onboard(["start", str(spec), "--update"]) != 0:
        return False
    run_onboard(["watch", name])
    return _print_proof(stack, name)


def _rcs_channel(stack: Stack) -> tuple[str, str]:
    """Name and channel configuration of the demo's RCS brand."""
    from sqlalchemy import select

    from cli.stack.report import reading
    from models.tables import Onboarding

    with reading(stack.settings) as connection:
        row = connection.execute(select(Onboarding).where(Onboarding.c.channel == "rcs")).one()
    return row.name, row.spec["ajo"]["channel_configuration"]["name"]


def _publish_campaign(stack: Stack, configuration: str) -> str:
    """Play the marketer: Adobe has no public API that makes campaigns."""
    import httpx

    body = {"name": "Beans on their way", "channel_configuration": configuration, "text": TEXT}
    answer = httpx.post(f"{stack.simulator_url}/_sim/campaigns", json=body, timeout=10, trust_env=False)
    return str(answer.raise_for_status().json()["campaign_id"])


def _print_proof(stack: Stack, name: str) -> bool:
    """The hops as `onboard show` prints them. True when the newest verification passed and AJO was asked in it."""
    from cli.hops import last_trip, print_hops
    from cli.render import make_console
    from engine.queries import read_onboarding
    from engine.reading import open_source

    source = open_source(stack.settings.resolved_database_url)
    try:
        with source.snapshot() as fetch:
            detail = read_onboarding(fetch, name)
    finally:
        source.close()
    assert detail is not None  # noqa: S101  it was started a moment ago
    hops = last_trip(detail.verifications)
    click.echo(f"The hops, as `onboard show {name}` keeps them:")
    print_hops(make_console(), hops)
    has_passed = detail.verifications[-1]["state"] == "passed" and detail.summary.status == "active"
    return has_passed and any(hop["way"] == "AJO -> bridge" and hop["state"] == "seen" for hop in hops)
