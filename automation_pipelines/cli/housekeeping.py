"""Letting go of what is over its time: how much it is, and doing it."""

from dataclasses import astuple

import click

from automation_pipelines import housekeeping
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.tables import counted
from automation_pipelines.housekeeping import Housekept


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.pass_obj
def housekeep(front: Front, *, dry_run: bool) -> None:
    """Drop payloads, notifications and files of tests that are over their time. Keys are kept for ever."""
    installation = front.ready
    found = housekeeping.overdue(installation, front.now)
    click.echo(f"over their time: {_told(found)}")
    if dry_run or not any(astuple(found)):
        return
    done = housekeeping.housekeep(installation, now=front.now, by=front.user)
    kept = "payloads are in files/payloads" if front.settings.payload_archive else "payloads in no archive"
    click.echo(f"dropped: {_told(done)}" + (f"; {kept}" if done.payloads or done.failures else ""))


def _told(some: Housekept) -> str:
    days = (
        (some.payloads, "payload"),
        (some.failures, "payload of dead and unknown jobs"),
        (some.notifications, "notification"),
        (some.conversations, "conversation"),
        (some.test_files, "file of tests"),
        (some.archive_files, "file of the archive"),
    )
    return ", ".join(_counted(number, what) for number, what in days if number) or "nothing"


def _counted(number: int, what: str) -> str:
    thing, of, rest = what.partition(" of ")
    return counted(number, thing) + of + rest
