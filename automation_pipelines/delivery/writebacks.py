"""The values of a write-back: the step's, filled in and checked once more, beside the keys of the row."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from automation_pipelines.campaign import Step
from automation_pipelines.catalogue.actions import ASSIGNED, Action, undo
from automation_pipelines.errors import MessageError
from automation_pipelines.ledger.jobs import Job
from automation_pipelines.messages.values import fill_values
from automation_pipelines.model import Scalar

_UNDO = "/undo"
_ID_BITS = 62


def bound_values(
    action: Action, step: Step, job: Job, *, identity: str, variables: Mapping[str, Any], today: date
) -> dict[str, Scalar]:
    """Return everything the action binds; `MessageError` for a value it cannot take.

    `today` is what dates such as `+3d` count from.
    """
    given: dict[str, Scalar] = {ASSIGNED: variables.get(ASSIGNED), **_declared(action, step)}
    values: dict[str, Scalar] = {}
    for name, parameter in action.parameters.items():
        value = parameter.resolved(fill_values(given.get(name), variables, name), today)
        objection = parameter.objection(value)
        if objection is not None:
            msg = f"action '{action.name}': {objection}"
            raise MessageError(msg)
        values[name] = value
    return {**values, **_keys(job, identity, variables)}


def _declared(action: Action, step: Step) -> Mapping[str, Scalar]:
    if not step.id.endswith(_UNDO):
        return step.values
    back = undo(action, step.values)
    if back is None:
        msg = f"action '{action.name}' cannot be taken back"
        raise MessageError(msg)
    return back


def _keys(job: Job, identity: str, variables: Mapping[str, Any]) -> dict[str, Scalar]:
    # Where the CRM's keys are text, ours are hashes of them: no row of the CRM has such a key.
    theirs = job.subject_text == str(job.subject_id)
    account = variables.get("account_id")
    return {
        "tenant_id": job.tenant_id,
        "subject_id": job.subject_id,
        "subject_text": job.subject_text,
        "customer_id": job.customer_id if theirs else None,
        "account_id": account if theirs and isinstance(account, int) else None,
        "new_id": int(identity[:16], 16) >> (64 - _ID_BITS),
    }
