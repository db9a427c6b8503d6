"""What a write-back can do: the head of `sql/actions/<name>.sql`, read as an entry of the catalogue.

The comment lines at the top of such a file say what it does, then what campaigns must know:

    -- subject: queries              the audience's subjects must be rows of this source
    -- requires: account_id          the audience must have this column
    -- optional: due_on, priority    null where a campaign gives no value
    -- types: due_on date            text, integer, number, boolean or date; any without it
    -- allows priority: low, high    nothing else
    -- undo: points                  the negative of this number takes the action back
    -- before: another_action        done first, in the same transaction; it may find nothing to do

Running actions is the `crm` channel's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Literal, get_args

import sqlalchemy as sa

from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Scalar
from automation_pipelines.sqlfiles import SqlFile, SqlFiles

ALWAYS_BOUND: Mapping[str, str] = {
    "subject_id": "key of the subject",
    "subject_text": "the same as the CRM writes it: for keys that are text",
    "tenant_id": "key of the tenant",
    "customer_id": "key of the customer it concerns, or null",
    "account_id": "key of the account it concerns, or null",
    "new_id": "a number of this write-back's own: the key of a row it adds",
    "now": "the instant of delivery, UTC",
    "today": "the tenant's day on which the step was due",
}
"""What every action may use without the campaign giving it a value."""
ASSIGNED = "assignee_id"
"""The parameter that a step's `assign` gives."""

ValueType = Literal["any", "text", "integer", "number", "boolean", "date"]
_TYPES: Mapping[ValueType, type | tuple[type, ...]] = {
    "any": (str, int, float, bool),
    "text": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "date": str,
}
_DAYS = re.compile(r"([+-]\d{1,4})([dw])")
_COMMENT = re.compile(r"--[^\n]*")
_DIRECTIVE = re.compile(r"--\s*(?:subject|requires|optional|types|allows \w+|undo|before)\s*:")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value that a campaign gives to an action."""

    name: str
    type: ValueType = "any"
    values: tuple[str, ...] = ()
    """The only ones allowed; none: all are."""
    optional: bool = False

    def resolved(self, value: Scalar, day: date) -> Scalar:
        """Return the value itself, but for a date such as `+3d` or `-1w`: that counts from `day`."""
        found = _DAYS.fullmatch(value) if self.type == "date" and isinstance(value, str) else None
        if found is None:
            return value
        days = int(found[1]) * (7 if found[2] == "w" else 1)
        return (day + timedelta(days=days)).isoformat()

    def objection(self, value: Scalar) -> str | None:
        """Say why the action cannot take this value; `None` when it can."""
        if value is None:
            return None if self.optional else f"'{self.name}' must not be null"
        wrong = not isinstance(value, _TYPES[self.type])
        if wrong or (isinstance(value, bool) and self.type not in ("any", "boolean")):
            return f"'{self.name}' must be of type {self.type}, not {value!r}"
        if self.type == "date" and not _is_date(str(value)):
            return f"'{self.name}' must be a date such as 2026-05-31 or +3d, not {value!r}"
        if self.values and str(value) not in self.values:
            return f"'{self.name}' must not be {value!r}, allowed: {', '.join(self.values)}"
        return None


@dataclass(frozen=True)
class Action:
    """One write-back: `sql/actions/<name>.sql`."""

    name: str
    file: SqlFile
    before: "Action | None" = None
    """The action that is done first, with the same values."""

    @property
    def doc(self) -> str:
        """What it does."""
        lines = [line for line in self.file.text.splitlines() if line.startswith("--")]
        prose = [line.removeprefix("--").strip() for line in lines if not _DIRECTIVE.match(line)]
        return " ".join(prose)

    @cached_property
    def statement(self) -> sa.TextClause:
        """The statement with its `:names`; a colon in a comment is no parameter."""
        return sa.text(_COMMENT.sub("", self.file.text))

    @property
    def subject(self) -> str | None:
        """The source whose row the subject must be; `None`: any."""
        return next(iter(self.file.directive("subject")), None)

    @property
    def requires(self) -> tuple[str, ...]:
        """Columns that the audience must have."""
        return self.file.directive("requires")

    @property
    def undo(self) -> str | None:
        """The number whose negative takes it back; `None`: it cannot be taken back."""
        return next(iter(self.file.directive("undo")), None)

    @property
    def line(self) -> tuple["Action", ...]:
        """What is done, in order."""
        return (*(self.before.line if self.before else ()), self)

    @cached_property
    def bound(self) -> frozenset[str]:
        """Everything its statement binds."""
        return frozenset(self.statement.compile().params)

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """What a campaign gives to it and to the one before it, by name."""
        return {**(self.before.parameters if self.before else {}), **self._own}

    @cached_property
    def _own(self) -> Mapping[str, Parameter]:
        types = dict(pair.split(None, 1) for pair in self.file.directive("types"))
        optional = self.file.directive("optional")
        return {
            name: Parameter(
                name,
                self._type(types.get(name, "any")),
                self.file.directive(f"allows {name}"),
                name in optional,
            )
            for name in self.statement.compile().params
            if name not in ALWAYS_BOUND
        }

    @property
    def needed(self) -> frozenset[str]:
        """The values a campaign cannot leave out."""
        return frozenset(name for name, one in self.parameters.items() if not one.optional)

    def _type(self, word: str) -> ValueType:
        for known in get_args(ValueType):
            if word == known:
                return known  # type: ignore[no-any-return]
        msg = f"{self.file.path}: unknown type '{word}', allowed: {', '.join(get_args(ValueType))}"
        raise ConfigurationError(msg)


def action(sqlfiles: SqlFiles, name: str) -> Action:
    """Read one action; `ConfigurationError` naming the places looked at when there is no such file."""
    file = sqlfiles.find("actions", name)
    before = next(iter(file.directive("before")), None)
    return Action(name, file, action(sqlfiles, before) if before else None)


def actions(sqlfiles: SqlFiles) -> dict[str, Action]:
    """Read all actions there are, own and shipped."""
    return {name: action(sqlfiles, name) for name in sqlfiles.names("actions")}


def undo(action: Action, values: Mapping[str, Scalar]) -> dict[str, Scalar] | None:
    """Return the values with which the action takes itself back; `None` where it cannot.

    They may still be templates: of a text that holds one, the negative is another template.
    """
    if action.undo is None:
        return None
    value = values.get(action.undo)
    if isinstance(value, int | float):
        return {**values, action.undo: -value}
    if isinstance(value, str) and (found := re.fullmatch(r"\s*\{\{(.+)\}\}\s*", value, re.DOTALL)):
        return {**values, action.undo: f"{{{{ -({found[1].strip()}) }}}}"}
    return None


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
