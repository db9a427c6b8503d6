"""`automation crm`: whether the CRM keeps what the sources promise."""

import click
from rich.table import Table
from rich.text import Text

from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.tables import counted, say
from automation_pipelines.errors import SourceError
from automation_pipelines.extraction import Report, Severity, SourceReport, check
from automation_pipelines.selection import prepare


@click.group()
def crm() -> None:
    """Look at the CRM the system reads."""


@crm.command("check")
@click.pass_obj
def check_command(front: Front) -> None:
    """Read every source whole, prepare every audience, and list what is wrong; exit status 1 then."""
    prepare(front.sqlfiles)
    source = front.installation.crm
    report = check(source, front.sqlfiles)
    _print(report, source.place)
    for path in front.sqlfiles.idle():
        click.secho(
            f"warning {path} replaces no shipped file, so nothing reads it: check folder and name",
            fg="yellow",
        )
    if report.broken:
        errors = sum(violation.severity is Severity.ERROR for violation in report.violations)
        msg = f"{counted(errors, 'violation')}: nothing is sent until the sources hold"
        raise SourceError(msg)


def _print(report: Report, place: str) -> None:
    table = Table("source", "what a row is", "rows", "read by", "state", title=f"CRM {place}")
    table.columns[2].justify = "right"
    for one in (source for source in report.sources if not source.absent):
        rows = "-" if one.rows is None else f"{one.rows:,}"
        table.add_row(one.source, SOURCES[one.source].row, rows, str(one.file.path), _state(one))
    say(table)
    absent = ", ".join(source.source for source in report.sources if source.absent)
    if absent:
        say(
            f"Not in this CRM: {absent}. Campaigns about them find nobody; "
            "where one is kept under another name, `sources/<name>.sql` in AUTOMATION_SQL_DIR says so."
        )
    for violation in report.violations:
        colour = "red" if violation.severity is Severity.ERROR else "yellow"
        say(Text.assemble((str(violation.severity), colour), f" {violation}"))


def _state(report: SourceReport) -> Text:
    severities = {violation.severity for violation in report.violations}
    if Severity.ERROR in severities:
        return Text("broken", "red")
    return Text("warnings", "yellow") if severities else Text("holds", "green")
