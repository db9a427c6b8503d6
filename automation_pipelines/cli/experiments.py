"""`automation campaign experiment`: how the variants do, and what the rest of the audience gets."""

from datetime import UTC, datetime

import click
from rich.table import Table

from automation_pipelines.cli.front import Front
from automation_pipelines.cli.tables import say, when
from automation_pipelines.decisions import LedgerRecord
from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.promotion import overview

_MINUTE = 60


@click.command()
@click.argument("name", metavar="CAMPAIGN")
@click.pass_obj
def experiment(front: Front, *, name: str) -> None:
    """Show how an experiment stands whose winner goes to the rest: each variant's counts, and the verdicts.

    Counted are those who had their time to act; a verdict that is not decided is what could be said now.
    """
    active = _running(front, name)
    ready = front.ready
    rows = overview(LedgerRecord(ready.database, ready.files, writes=False), active, front.now)
    if rows.is_empty():
        click.echo(f"{name}: nothing of it was planned yet")
        return
    metric = active.spec.experiment.metric if active.spec.experiment else ""
    table = Table("tenant", "slot", "variant", "subjects", metric, "rate", "verdict", "decided")
    for tenant, slot, variant, subjects, successes, words, decided in rows.iter_rows():
        rate = f"{successes / subjects:.1%}" if subjects else ""
        counts = (variant, f"{subjects:,}", f"{successes:,}", rate)
        table.add_row(str(tenant), _slot(slot), *counts, words, when(decided))
    say(table)


def _running(front: Front, name: str) -> ActiveCampaign:
    spec = front.ready.campaigns.show(name).spec  # refuses one that does not exist
    if spec.experiment is None or spec.experiment.promote is None:
        msg = f"campaign '{name}' promotes no winner: see `automation stats show variant_results`"
        raise RefusedError(msg)
    found = next((one for one in front.ready.campaigns.running() if one.spec.id == name), None)
    if found is None:
        msg = f"campaign '{name}' is not started: there is nothing to count"
        raise RefusedError(msg)
    return found


def _slot(occurrence: int) -> str:
    """When by the clocks of the tenant; nothing where all of a campaign is one experiment."""
    return f"{datetime.fromtimestamp(occurrence * _MINUTE, UTC):%Y-%m-%d %H:%M}" if occurrence else ""
