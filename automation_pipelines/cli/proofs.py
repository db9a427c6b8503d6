"""The end of every test on the command line: delivered at once, and said where to look."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from automation_pipelines.cli.front import Front, worker
from automation_pipelines.ledger import operations
from automation_pipelines.ledger.operations import DEAD_LETTERS, JobFilter
from automation_pipelines.manual import deliver_test
from automation_pipelines.tick import TickResult

_TOLD = 20


def deliver_and_tell(front: Front, done: TickResult, proofs_to: Sequence[str]) -> None:
    """Deliver the jobs of a test; what could not be made or handed over is said with its error."""
    delivered = deliver_test(
        front.installation, done, clock=lambda: datetime.now(UTC), owner=worker(), proofs_to=proofs_to
    )
    whom = f", e-mails to {', '.join(proofs_to)}" if proofs_to else ""
    where = f"{front.settings.home / 'test-outbox'}{whom}"
    click.echo(f"test: {str(delivered) or 'nothing to deliver'}; nothing left, see {where}", err=True)
    failed = JobFilter(tick_id=done.tick_id, tests=True, states=DEAD_LETTERS)
    for job in operations.find(front.database, failed, _TOLD).iter_rows(named=True):
        click.secho(f"{job['campaign']} / {job['step']}, {job['subject_text']}: {job['error']}", fg="red")
