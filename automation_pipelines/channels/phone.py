"""Calls to be made by a person: each becomes a task in the CRM, by a write-back, exactly once."""

from collections.abc import Sequence

from automation_pipelines.channels.crm import CrmChannel
from automation_pipelines.channels.providers import PROVIDERS
from automation_pipelines.model import Handoff, Note, Outcome, Reject, WriteBack
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles


def build(name: str, settings: Settings) -> "PhoneChannel":
    """The channel over the CRM; connects to nothing yet."""
    return PhoneChannel(
        name, str(PROVIDERS[name].action), CrmChannel(settings.crm, SqlFiles(settings.sql_dir))
    )


class PhoneChannel:
    """Channel `phone`."""

    repeatable = True

    def __init__(self, name: str, action: str, crm: CrmChannel) -> None:
        """Remember what writes tasks, and where."""
        self.name = name
        self._action = action
        self._crm = crm

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Add the tasks, all in one transaction where that goes well."""
        tasks = [self._task(one) for one in handoffs if isinstance(one, Note)]
        answers = iter(self._crm.send(tasks) if tasks else [])
        return [
            next(answers) if isinstance(one, Note) else Reject(f"{type(one).__name__} is no call to be made")
            for one in handoffs
        ]

    def close(self) -> None:
        """Give back the connections."""
        self._crm.close()

    def _task(self, note: Note) -> WriteBack:
        words = {"title": note.title or f"Call {note.to}", "description": f"{note.to}: {note.text}"}
        return WriteBack(note.job_id, note.tenant_id, note.identity, self._action, {**note.keys, **words})
