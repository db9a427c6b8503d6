"""What was handed over for a job, made once more while its payload is kept: what "view in browser" shows.

The same campaign version, variables, identity and tokens make the same bytes, apart from the Date. What is
not kept with a job is as it is now: the tenant's row, the product's own branding, where links lead and what
they are signed with, and what lies behind the addresses of pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from functools import cached_property
from typing import Any, assert_never

import sqlalchemy as sa

from automation_pipelines.delivery.checks import party_of
from automation_pipelines.delivery.composition import Composer, profiles_of
from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.conversations import open_among
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.jobs import Job, details
from automation_pipelines.ledger.tables import job_payloads, jobs
from automation_pipelines.messages.context import Branding
from automation_pipelines.messages.optout import Site
from automation_pipelines.model import Call, Command, Email, Handoff, Note, Wait, WriteBack
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles


@dataclass(frozen=True)
class Copy:
    """What was handed over at a time; an e-mail has parts, everything else is told as values."""

    handoff: Handoff
    at: datetime

    @cached_property
    def html(self) -> str | None:
        """The body of an e-mail as a page; `None`: it is none."""
        return self._part("html")

    @cached_property
    def text(self) -> str:
        """What there is to read of it."""
        match self.handoff:
            case Email():
                return self._part("plain") or ""
            case Note(title=title, text=text):
                return "\n\n".join(filter(None, (title, text)))
            case _:
                return "\n".join(f"{name}: {value}" for name, value in self.values.items())

    @property
    def values(self) -> Mapping[str, Any]:
        """What is in it, where it is no e-mail."""
        match self.handoff:
            case Email(sender=sender, recipient=recipient):
                return {"from": sender, "to": recipient}
            case Note(to=to, title=title, text=text):
                return {"to": to, "title": title, "text": text}
            case Call(method=method, url=url, body=body):
                return {"method": method, "url": url, "body": body}
            case Command(target=target, action=action, parameters=parameters):
                return {"target": target, "action": action, **parameters}
            case WriteBack(action=action, values=values):
                return {"action": action, **values}
            case Wait():
                return {}
            case never:
                assert_never(never)

    def _part(self, subtype: str) -> str | None:
        if not isinstance(self.handoff, Email):
            return None
        part = message_from_bytes(self.handoff.content, policy=policy.default).get_body((subtype,))
        return None if part is None else str(part.get_content())


def exact_copy(db: Database, campaigns: CampaignStore, settings: Settings, job_id: int) -> Copy:
    """Make the copy of what was handed over for a job; `RefusedError` when nothing was, or it is gone."""
    j, p = jobs.c, job_payloads.c
    asked = sa.select(j.state, j.handed_off_at, p.job_id.is_not(None).label("kept"))
    asked = asked.outerjoin(job_payloads, p.job_id == j.id).where(j.id == job_id)
    with db.reading() as connection:
        found = connection.execute(asked).one_or_none()
        row = connection.execute(details(db, [job_id])).mappings().one_or_none()
    if found is None or row is None:
        msg = f"there is no job {job_id}: `automation jobs list` shows the newest ones"
        raise RefusedError(msg)
    if found.handed_off_at is None:
        msg = f"job {job_id} is {found.state} and was never handed over: there is no copy of it"
        raise RefusedError(msg)
    if not found.kept:
        msg = (
            f"job {job_id} was sent at {found.handed_off_at:%Y-%m-%d %H:%M} UTC, but what was in it is gone: "
            "its retention time is over, or its customer was forgotten"
        )
        raise RefusedError(msg)
    return Copy(_made(db, campaigns, settings, Job(**row), found.handed_off_at), found.handed_off_at)


def _made(db: Database, campaigns: CampaignStore, settings: Settings, job: Job, at: datetime) -> Handoff:
    composer = Composer(
        campaigns, db.salt, SqlFiles(settings.sql_dir), Branding.of(settings), Site.of(settings)
    )
    conversing = party_of(job) in open_among(db, {party_of(job)}, at)
    return composer.compose(job, profiles_of(db)[job.tenant_id], at, conversing=conversing)
