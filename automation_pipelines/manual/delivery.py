"""The end of a test: its jobs are delivered at once, to nobody. No planning."""

from collections.abc import Callable, Sequence
from datetime import datetime

from automation_pipelines.channels import build_test_channels, closing
from automation_pipelines.delivery import Delivered, deliver
from automation_pipelines.installation import Installation
from automation_pipelines.tick import TickResult


def deliver_test(
    installation: Installation,
    done: TickResult,
    *,
    clock: Callable[[], datetime],
    owner: str,
    proofs_to: Sequence[str] = (),
) -> Delivered:
    """Deliver the jobs of one test, and no others: into files, or its e-mails as proofs."""
    channels = build_test_channels(installation.settings, proofs_to)
    with closing(channels):
        return deliver(
            installation.database,
            channels,
            installation.campaigns,
            installation.settings,
            clock=clock,
            owner=owner,
            mode="test",
            tick_id=done.tick_id,
        )
