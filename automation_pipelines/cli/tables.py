"""How the command line lays out what it says: tables, JSON Lines, counts, times. Knows no stage."""

import sys
from datetime import datetime

import click
import polars as pl
from rich.console import Console, RenderableType
from rich.table import Table

_UNCUT = 10_000
"""Columns of a screen that is none: what goes into a file or another program is as wide as it is."""


def say(*things: RenderableType) -> None:
    """Print tables and words, nothing cut off. None of it is markup: titles and errors hold [brackets]."""
    width = None if sys.stdout.isatty() else _UNCUT
    console = Console(width=width, markup=False, highlight=False)
    for thing in things:
        if isinstance(thing, Table):
            for column in thing.columns:
                column.overflow = "fold"
        console.print(thing, soft_wrap=not isinstance(thing, Table))


def table_of(frame: pl.DataFrame, title: str) -> Table:
    """A frame as a table for the terminal."""
    table = Table(title=title, title_justify="left")
    for name in frame.columns:
        table.add_column(name, justify="right" if frame[name].dtype.is_numeric() else "left")
    for row in frame.iter_rows():
        table.add_row(*map(_cell, row))
    return table


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return "" if value is None else str(value)


def say_json(frame: pl.DataFrame) -> None:
    """Print a frame as JSON Lines."""
    click.echo(frame.write_ndjson(), nl=False)


def when(moment: datetime | None) -> str:
    """A moment in words."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def counted(number: int, thing: str) -> str:
    """How many of a thing: `1 line`, `1,200 lines`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
