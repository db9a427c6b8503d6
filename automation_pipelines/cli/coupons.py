"""Commands on pools of codes: fill them, look at them."""

from pathlib import Path

import click
from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from automation_pipelines.campaign.values import Slug
from automation_pipelines.cli.front import Front, lines_of
from automation_pipelines.cli.tables import counted, say
from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger import coupons as pools


@click.group()
def coupons() -> None:
    """Pools of codes that campaigns give out one by one."""


@coupons.command()
@click.argument("pool")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def add(front: Front, *, pool: str, file: Path) -> None:
    """Add the codes of FILE, one a line, to POOL; a code it had is not added again."""
    try:
        TypeAdapter(Slug).validate_python(pool)
    except ValidationError:
        msg = f"'{pool}' is no name of a pool: write lower-case letters, digits and hyphens, as campaigns do"
        raise RefusedError(msg) from None
    codes = lines_of(file)
    if not codes:
        msg = f"{file} holds no code: write one a line"
        raise RefusedError(msg)
    longest = max(codes, key=len)
    if len(longest) > pools.LONGEST:
        msg = f"{file}: '{longest[:20]}…' has {len(longest)} characters, a code has at most {pools.LONGEST}"
        raise RefusedError(msg)
    new = pools.add(front.ready.database, pool, codes)
    click.echo(f"{pool}: {counted(new, 'code')} added, {len(codes) - new:,} were there")


@coupons.command()
@click.pass_obj
def status(front: Front) -> None:
    """Say how many codes each pool has left."""
    found = pools.status(front.ready.database)
    if not found:
        click.echo("there are no codes: `automation coupons add POOL FILE`")
        return
    table = Table("pool", "codes", "given", "left")
    for pool in found:
        table.add_row(pool.pool, str(pool.codes), str(pool.given), str(pool.left))
    say(table)
