"""Pages of the documentation that are made from the catalogue."""

from pathlib import Path

import click

from automation_pipelines.dictionary import render


@click.group()
def docs() -> None:
    """Write the generated pages of the documentation."""


@docs.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; default: the terminal.",
)
def dictionary(output: Path | None) -> None:
    """Describe every table and column: sources, audiences, decisions, statistics."""
    if output is None:
        click.echo(render(), nl=False)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(render(), encoding="utf-8")
    click.echo(f"written: {output}")
