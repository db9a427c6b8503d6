"""What starts a run early: jobs that are due, new rows in the CRM, new files of feedback, a failed run.

A sensor looks and asks for a run; it changes nothing. One that cannot look says so instead of raising,
because raising would lose its cursor.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import dagster as dg

from automation_pipelines import feedback
from automation_pipelines.errors import AutomationError
from automation_pipelines.extraction import watermarks
from automation_pipelines.ledger import holds
from automation_pipelines.ledger import jobs as ledger
from automation_pipelines.orchestration.jobs import DELIVER, FEEDBACK, TICK
from automation_pipelines.orchestration.notices import failure_mail
from automation_pipelines.orchestration.resources import Automation
from automation_pipelines.orchestration.schedules import request_tick
from automation_pipelines.orchestration.watching import watch_sensor

_RUNNING = dg.DefaultSensorStatus.RUNNING
_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
_PATIENCE = timedelta(minutes=5)

Asked = dg.RunRequest | dg.SkipReason | dg.SensorResult


def sensors() -> list[dg.SensorDefinition]:
    """Assemble the sensors."""
    return [_deliver_when_due(), _new_rows(), _new_event_files(), watch_sensor(), _run_failed()]


def _under_way(context: dg.SensorEvaluationContext, job: str) -> bool:
    return context.instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=_UNDER_WAY)) > 0


def _deliver_when_due() -> dg.SensorDefinition:
    @dg.sensor(
        name="deliver_when_due",
        job=DELIVER,
        minimum_interval_seconds=30,
        default_status=_RUNNING,
        description="Starts delivery when a job is due. One indexed query.",
    )
    def deliver_when_due(
        context: dg.SensorEvaluationContext, automation: dg.ResourceParam[Automation]
    ) -> Asked:
        try:
            automation.installation.database.require_current()
            hold = holds.current(automation.installation.database)
            due = ledger.next_due(automation.installation.database)
        except AutomationError as error:
            return dg.SkipReason(str(error))
        if hold is not None:
            return dg.SkipReason(str(hold))
        return _delivery(context, due, automation.clock())

    return deliver_when_due


def _delivery(context: dg.SensorEvaluationContext, due: datetime | None, now: datetime) -> Asked:
    if due is None:
        return dg.SkipReason("no job is waiting")
    if due > now:
        return dg.SkipReason(f"the next job is due at {due:%Y-%m-%d %H:%M:%S} UTC")
    if _under_way(context, DELIVER.name):
        return dg.SkipReason("delivery is under way")
    asked = json.loads(context.cursor or "{}")
    waited = now - datetime.fromisoformat(asked["at"]) if asked.get("due") == due.isoformat() else _PATIENCE
    if waited < _PATIENCE:
        return dg.SkipReason(
            f"the job due at {due:%Y-%m-%d %H:%M:%S} UTC was left by the last delivery: tried again every "
            f"{_PATIENCE // timedelta(minutes=1)} minutes, see the run's log"
        )
    cursor = json.dumps({"due": due.isoformat(), "at": now.isoformat()})
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=cursor)


def _new_rows() -> dg.SensorDefinition:
    @dg.sensor(
        name="new_rows",
        job=TICK,
        minimum_interval_seconds=60,
        default_status=_RUNNING,
        description="Starts a tick early when the CRM has new rows: asks for one greatest value per source.",
    )
    def new_rows(context: dg.SensorEvaluationContext, automation: dg.ResourceParam[Automation]) -> Asked:
        wanted = request_tick(automation)
        if isinstance(wanted, dg.SkipReason):
            return wanted
        if _under_way(context, TICK.name):
            return dg.SkipReason("a tick is under way; new rows are looked at after it")
        try:
            seen = watermarks(automation.installation.crm, automation.installation.sqlfiles)
        except AutomationError as error:
            return dg.SkipReason(f"the CRM cannot be asked: {error}")
        return _rows(context.cursor, seen, wanted)

    return new_rows


def _rows(cursor: str | None, seen: dict[str, str | None], wanted: dg.RunRequest) -> Asked:
    before = json.loads(cursor) if cursor else None
    if before == seen:
        return dg.SkipReason("no new rows")
    if before is None:
        return dg.SensorResult(
            skip_reason=dg.SkipReason("first look: noted where the CRM is"), cursor=json.dumps(seen)
        )
    moved = sorted(name for name, mark in seen.items() if before.get(name) != mark)
    request = wanted.with_replaced_attrs(tags={**wanted.tags, "automation/new_rows": ", ".join(moved)})
    return dg.SensorResult(run_requests=[request], cursor=json.dumps(seen))


def _new_event_files() -> dg.SensorDefinition:
    @dg.sensor(
        name="new_event_files",
        job=FEEDBACK,
        minimum_interval_seconds=60,
        default_status=_RUNNING,
        description="Reads feedback when a provider left a file, and looks into the mailbox every 5 minutes. "
        "One listing; opens no file.",
    )
    def new_event_files(
        context: dg.SensorEvaluationContext, automation: dg.ResourceParam[Automation]
    ) -> Asked:
        files, why = _waiting(automation)
        mailbox = automation.installation.settings.feedback_mailbox is not None
        wanted = _Reading.of(context.cursor).next(files, mailbox=mailbox, now=automation.clock())
        if wanted is None:
            return dg.SkipReason(why)
        if _under_way(context, FEEDBACK.name):
            return dg.SkipReason("feedback is being read")
        return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=wanted.cursor)

    return new_event_files


def _waiting(automation: Automation) -> tuple[list[feedback.Found], str]:
    """The files that wait, and why that is nothing to ask for a run for. The mailbox needs no inbox."""
    try:
        inbox = feedback.inbox_of(automation.installation.settings)
        files = feedback.waiting(inbox)
    except AutomationError as error:
        return [], str(error)
    return files, _LEFT if files else f"no file waits in {inbox}"


_LEFT = (
    "the same files were left by the last reading: tried again every "
    f"{_PATIENCE // timedelta(minutes=1)} minutes, see the run's log"
)


@dataclass(frozen=True)
class _Reading:
    """What was asked for last: when, and the files that waited then, as one digest of their listing."""

    at: datetime | None = None
    files: str = ""

    @classmethod
    def of(cls, cursor: str | None) -> "_Reading":
        moment, _, files = (cursor or "").partition(" ")
        return cls(datetime.fromisoformat(moment) if moment else None, files)

    @property
    def cursor(self) -> str:
        return f"{self.at.isoformat() if self.at else ''} {self.files}"

    def next(self, files: Sequence[feedback.Found], *, mailbox: bool, now: datetime) -> "_Reading | None":
        """What to ask for now; `None`: nothing is new, and it is too soon to look again."""
        digest = sha256("\n".join(f"{one.name} {one.version}" for one in files).encode()).hexdigest()
        patient = self.at is not None and now - self.at < _PATIENCE
        fresh = bool(files) and digest != self.files
        wanted = fresh or (not patient and (mailbox or bool(files)))
        return _Reading(now, digest) if wanted else None


def _run_failed() -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="run_failed",
        default_status=_RUNNING,
        description="Tells AUTOMATION_NOTIFY_EMAIL about a failed run, through the e-mail channel.",
    )
    def run_failed(
        context: dg.RunFailureSensorContext, automation: dg.ResourceParam[Automation]
    ) -> dg.SkipReason | None:
        recipient = automation.installation.settings.notify_email
        if recipient is None:
            return dg.SkipReason("nobody to tell: set AUTOMATION_NOTIFY_EMAIL")
        channel = automation.channels()["email"]
        try:
            (outcome,) = channel.send([failure_mail(context, recipient, automation.clock())])
        finally:
            channel.close()
        context.log.info("told %s about run %s: %s", recipient, context.dagster_run.run_id, outcome)
        return None

    return run_failed
