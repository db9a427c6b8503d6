"""The values of a write-back: the step's, filled in and checked once more, beside the keys of the row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from automation_pipelines.campaign import Step
from automation_pipelines.catalogue.actions import ASSIGNED, Action, undo
from automation_pipelines.errors import MessageError
from automation_pipelines.ledger.jobs import Job
from automation_pipelines.messages.values import fill_values
from automation_pipelines.model import Scalar

_UNDO = "/undo"
_ID_BITS = 62


@dataclass(frozen=True, slots=True)
class Instance:
    """The one time a write-back is done; dates such as `+3d` count from `today`."""

    identity: str
    now: datetime
    today: date

    def bound(self) -> dict[str, Scalar]:
        """What of it an action may use."""
        return {
            "new_id": int(self.identity[:16], 16) >> (64 - _ID_BITS),
            "now": f"{self.now:%Y-%m-%d %H:%M:%S}+00:00",
            "today": self.today.isoformat(),
        }


def bound_values(
    action: Action, step: Step, job: Job, variables: Mapping[str, Any], occasion: Instance
) -> dict[str, Scalar]:
    """Return everything the action binds; `MessageError` for a value it cannot take."""
    given: dict[str, Scalar] = {ASSIGNED: variables.get(ASSIGNED), **_declared(action, step)}
    values: dict[str, Scalar] = {}
    for name, parameter in action.parameters.items():
        value = parameter.resolved(fill_values(given.get(name), variables, name), occasion.today)
        objection = parameter.objection(value)
        if objection is not None:
            msg = f"action '{action.name}': {objection}"
            raise MessageError(msg)
        values[name] = value
    return {**values, **keys(job, variables, occasion)}


def keys(job: Job, variables: Mapping[str, Any], occasion: Instance) -> dict[str, Scalar]:
    """What every action may bind: whom and what it is about, and when."""
    return {**_keys(job, variables), **occasion.bound()}


def _declared(action: Action, step: Step) -> Mapping[str, Scalar]:
    if not step.id.endswith(_UNDO):
        return step.values
    back = undo(action, step.values)
    if back is None:
        msg = f"action '{action.name}' cannot be taken back"
        raise MessageError(msg)
    return back


def _keys(job: Job, variables: Mapping[str, Any]) -> dict[str, Scalar]:
    # Where the CRM's keys are text, ours are hashes of them: no row of the CRM has such a key.
    theirs = job.subject_text == str(job.subject_id)
    account = variables.get("account_id")
    return {
        "tenant_id": job.tenant_id,
        "subject_id": job.subject_id,
        "subject_text": job.subject_text,
        "customer_id": job.customer_id if theirs else None,
        "account_id": account if theirs and isinstance(account, int) else None,
    }
