"""A rule as other tools write it - active flag, validity, executions, conditions - over loose records."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictFloat
from pydantic.alias_generators import to_camel

from automation_pipelines.conditions.reading import read_model
from automation_pipelines.conditions.records import Record, holding
from automation_pipelines.conditions.tree import Condition
from automation_pipelines.errors import ConditionError
from automation_pipelines.model import require_utc

_DAY = r"\d{4}-\d{2}-\d{2}"
# 24:00 is read by some Pythons only, and so by none here.
_MOMENT = rf"{_DAY}[Tt ](?!24)\d{{2}}:\d{{2}}(:\d{{2}}(\.\d+)?)?([Zz]|[+-]\d{{2}}(:?\d{{2}})?)"


def _instant(value: object) -> datetime:
    """Read an ISO date-time with its zone; a bare date is its midnight in UTC, as in JavaScript."""
    try:
        if isinstance(value, datetime):
            return require_utc(value)
        if isinstance(value, str) and re.fullmatch(_MOMENT, value, re.ASCII):
            return datetime.fromisoformat(value.upper())  # at the ends of time it has no UTC
        if isinstance(value, str) and re.fullmatch(_DAY, value, re.ASCII):
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        pass
    msg = f"{value!r} is no time with a zone such as '2026-05-31T09:00:00Z'"
    raise ValueError(msg)


_Instant = Annotated[datetime, BeforeValidator(_instant)] | None
_Count = Annotated[StrictFloat, Field(allow_inf_nan=False)]


class Rule(BaseModel):
    """A rule. What a document says beyond this (a name, actions) is left alone."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    is_active: StrictBool = True
    valid_from: _Instant = None
    valid_until: _Instant = None
    max_executions: Annotated[_Count, Field(ge=0)] | None = None
    execution_count: _Count | None = None
    conditions: tuple[Condition, ...] = ()

    def open_at(self, now: datetime) -> bool:
        """Say whether the rule may apply at all: active, valid at `now`, executions left."""
        if not self.is_active or (self.valid_from and now < self.valid_from):
            return False
        if self.valid_until and now > self.valid_until:
            return False
        return self.max_executions is None or (self.execution_count or 0) < self.max_executions


RULE_KEYS = frozenset(str(field.alias) for field in Rule.model_fields.values())
"""What tells a rule from conditions alone."""


def read_rule(data: object) -> Rule:
    """Read a rule; `ConditionError` names what is refused."""
    if not isinstance(data, Mapping):
        raise ConditionError([f"a rule is an object with conditions, not a {type(data).__name__}"])
    if isinstance(data.get("conditions"), Mapping):
        data = {**data, "conditions": [data["conditions"]]}  # one condition needs no list
    return read_model(Rule, data)


def rule_matches(rule: object, records: Iterable[Record], now: datetime | str) -> list[bool]:
    """Say of each record whether `rule` applies to it at `now`: active, valid, executions left, conditions.

    `rule` is `{isActive, validFrom, validUntil, maxExecutions, executionCount, conditions}`; both ends of
    its validity count. All of it is checked, whatever comes out.
    """
    read, moment = read_rule(rule), _instant(now)
    held = holding(Condition.model_validate({"all": read.conditions}), records)
    return held if read.open_at(moment) else [False] * len(held)
