"""A ledger with jobs to deliver, and ways to deliver them: at a given time, or in processes to be killed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from typing import Any

import polars as pl
import sqlalchemy as sa

from automation_pipelines.campaign import Campaign
from automation_pipelines.channels import Channel
from automation_pipelines.delivery import Delivered, deliver
from automation_pipelines.ledger import plans
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.plans import Tick
from automation_pipelines.ledger.suppressions import address_hash
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.messages import TemplateSource
from automation_pipelines.settings import Settings
from tests.delivery_process import deliver_all, hang_before
from tests.processes import PROCESSES

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
PROFILE: dict[str, Any] = {
    "id": 1,
    "name": "Acme Travel",
    "time_zone": "UTC",
    "sender_name": "Acme",
    "sender_email": "hello@acme.example.com",
    "reply_to": None,
    "postal_address": "1 Harbour Street, Port Example",
    "active": True,
}
LINKS: dict[str, Any] = {"public_url": "https://mail.acme.example.com", "link_secret": "s" * 32}
"""What an installation with a mail server must set before marketing may leave."""
TEMPLATE = TemplateSource(
    "Hello {{ recipient.name }}", "<p>{{ word }}</p>", "{{ word }} from {{ tenant.name }}"
)


@dataclass
class Mailroom:
    """One automation database with one campaign in it, `letters`."""

    database: Database
    settings: Settings
    purpose: str = "marketing"
    ticks: int = 0
    template: TemplateSource = TEMPLATE

    @property
    def campaigns(self) -> CampaignStore:
        return CampaignStore(self.database)

    def apply(self, **spec: Any) -> None:
        """Apply and start `letters`: a message step `letter` and an action step `level`."""
        document = {
            "id": "letters",
            "title": "Letters",
            "audience": "open_queries",
            "purpose": self.purpose,
            "steps": [
                {"id": "letter", "channel": "email", "template": "letter"},
                {"id": "level", "action": "raise_level"},
            ],
            **spec,
        }
        campaign, source = Campaign.model_validate(document), json.dumps(document, default=str)
        applied = self.campaigns.apply(campaign, source, {"letter": self.template}, "t", NOON)
        if applied.state == "draft":
            self.campaigns.start("letters", "t", NOON)

    def plan(
        self, count: int, *, step: str = "letter", tenant: int = 1, mode: str = "live", **row: Any
    ) -> list[int]:
        """Put jobs due at noon into the ledger and return their ids."""
        self.ticks += 1
        ids = plans.identify(self.database, [("letters", ""), ("letters", step)], mode)
        rows = [self._row(ids, step, tenant, number, row) for number in range(1, count + 1)]
        frame = pl.DataFrame(rows, schema=plans.PLAN_COLUMNS)
        profiles = pl.DataFrame({"tenant_id": [tenant], "profile": [json.dumps(PROFILE)]})
        tick = Tick(
            run_id=f"run-{self.ticks}",
            mode="live",
            as_of=NOON + timedelta(microseconds=self.ticks),
            planned_from=None,
            planned_to=NOON,
            moments=count,
        )
        before = set(self.jobs())
        plans.write_plan(self.database, tick, frame, profiles)
        return sorted(set(self.jobs()) - before)

    def _row(
        self,
        ids: Mapping[tuple[str, str], int],
        step: str,
        tenant: int,
        number: int,
        given: Mapping[str, Any],
    ) -> dict[str, Any]:
        channel = "crm" if step == "level" else "email"
        address = None if step == "level" else f"kim{number}@mail.example.com"
        variables = {"word": "Dear", "recipient": {"name": f"Kim {number}"}}
        return {
            "occurrence": self.ticks,
            "tenant_id": tenant,
            "campaign_id": ids["letters", ""],
            "step_id": ids["letters", step],
            "subject_id": 1 if step == "level" else number,
            "recipient_id": number,
            "reason": "planned",
            "purpose": self.purpose,
            "channel": channel,
            "campaign_version": 1,
            "priority": 5,
            "due_at": NOON,
            "expires_at": NOON + timedelta(days=1),
            "subject_text": str(number),
            "address": address,
            "address_hash": address_hash(self.database.salt, channel, address) if address else None,
            "variables": json.dumps(variables),
            **given,
        }

    def deliver(
        self, channels: Mapping[str, Channel], at: datetime = NOON, owner: str = "worker", **options: Any
    ) -> Delivered:
        """Run delivery at that time."""
        return deliver(
            self.database, channels, self.campaigns, self.settings, clock=lambda: at, owner=owner, **options
        )

    def jobs(self) -> dict[int, dict[str, Any]]:
        """The jobs with their last errors, by id."""
        rows = self.database.read(
            "SELECT j.id, j.state, j.reason, j.attempts, j.provider_id, p.error FROM jobs j "
            "LEFT JOIN job_payloads p ON p.job_id = j.id ORDER BY j.id"
        )
        return {row["id"]: row for row in rows.iter_rows(named=True)}

    def states(self) -> list[str]:
        """The states of all jobs in order of their ids."""
        return [job["state"] for job in self.jobs().values()]

    def available(self, job: int) -> datetime:
        """When a job can be claimed."""
        wanted = sa.select(jobs.c.available_at).where(jobs.c.id == job)
        with self.database.reading() as connection:
            moment: datetime | None = connection.scalar(wanted)
        assert moment is not None
        return moment

    def process(self, *, at: datetime = NOON) -> ForkServerProcess:
        """Start a process that delivers."""
        process = PROCESSES.Process(target=deliver_all, args=(self.settings, at))
        process.start()
        return process

    def hanging(self, step: str) -> ForkServerProcess:
        """A process that delivers, and stopped for ever before a step: `start_handoff`, `settle`."""
        reached = PROCESSES.Event()
        process = PROCESSES.Process(target=hang_before, args=(step, reached, self.settings, NOON))
        process.start()
        assert reached.wait(60)
        return process
