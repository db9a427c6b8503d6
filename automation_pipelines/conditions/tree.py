"""The tree a campaign file declares: comparisons and groups of them, refused where they make no sense.

Knows no columns: what fits which column is `check`'s.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_serializer,
    model_validator,
)

from automation_pipelines.model import Scalar

Operator = Literal[
    "equals", "not_equals", "contains", "not_contains", "greater_than", "less_than", "in", "not_in"
]
ORDERED = ("greater_than", "less_than")

_Scalar = StrictBool | StrictInt | StrictFloat | StrictStr | None
_LEAF = frozenset({"field", "operator", "value"})
_EVENT = frozenset({"event", "within", "at_least", "campaign", "step", "where"})
_GROUPS = ("all", "any", "none")
FORMS = (
    "a condition is {field, operator, value}, {event, within, at_least, campaign, step, where} "
    "or one of {all: […]}, {any: […]}, {none: […]}"
)

_MINUTES = {"minute": 1, "hour": 60, "day": 1440, "week": 10080}
_WITHIN = re.compile(r"(\d{1,6}) +(minute|hour|day|week)s?")


def _length(text: str) -> str:
    if not minutes_of(text):
        msg = f"'{text}' is no length of time: write '48 hours' or '30 days', more than none"
        raise ValueError(msg)
    return text


def minutes_of(text: str) -> int:
    """Return how many minutes `48 hours` or `30 days` are; a day here is 24 hours. 0: it says no length."""
    found = _WITHIN.fullmatch(text)
    return int(found[1]) * _MINUTES[found[2]] if found else 0


_Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=60)]


class Condition(BaseModel):
    """A comparison, a behaviour (an event that happened so often) or a group; exactly one of the forms."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    field: str | None = None
    operator: Operator | None = None
    value: _Scalar | tuple[_Scalar, ...] = None
    event: str | None = Field(default=None, description="What happened, for example email_opened.")
    within: Annotated[str, AfterValidator(_length)] | None = Field(
        default=None, description="So long before, 48 hours or 30 days; left out: since the anchor."
    )
    at_least: int = Field(default=1, ge=1, strict=True, description="How often; for never write `none`.")
    campaign: _Slug | None = Field(default=None, description="Of messages: this campaign, any, or its id.")
    step: _Slug | None = Field(default=None, description="Of messages: the id of a step.")
    where: "Condition | None" = Field(default=None, description="What the event itself must be like.")
    all_of: tuple["Condition", ...] | None = Field(default=None, alias="all")
    any_of: tuple["Condition", ...] | None = Field(default=None, alias="any", min_length=1)
    none_of: tuple["Condition", ...] | None = Field(default=None, alias="none", min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        groups = [name for name in _GROUPS if name in data or f"{name}_of" in data]
        if len(groups) + bool(_LEAF & data.keys()) + bool(_EVENT & data.keys()) != 1:
            raise ValueError(FORMS)
        if _EVENT & data.keys() and data.get("event") is None:
            msg = "condition on what happened: missing event"
            raise ValueError(msg)
        if _LEAF & data.keys() and not data.keys() >= _LEAF:
            msg = f"condition on '{data.get('field', '?')}': missing {', '.join(sorted(_LEAF - data.keys()))}"
            raise ValueError(msg)
        return data

    @model_validator(mode="after")
    def _value_fits_operator(self) -> "Condition":
        if self.group is not None or self.event is not None:
            return self
        if self.field is None or self.operator is None:
            raise ValueError(FORMS)
        wrong = _misfit(self.operator, self.value)
        if wrong:
            msg = f"condition on '{self.field}': {self.operator} {wrong}"
            raise ValueError(msg)
        return self

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        if self.group is not None:
            return {self.group[0]: self.group[1]}
        if self.event is not None:
            written = {name: getattr(self, name) for name in sorted(_EVENT - {"event"})}
            said = {name: value for name, value in written.items() if value not in (None, 1)}
            return {"event": self.event, **said}
        return {"field": self.field, "operator": self.operator, "value": self.value}

    @property
    def group(self) -> tuple[str, tuple["Condition", ...]] | None:
        """The group's word and members; `None` for a leaf."""
        for name, members in zip(_GROUPS, (self.all_of, self.any_of, self.none_of), strict=True):
            if members is not None:
                return name, members
        return None

    @property
    def leaves(self) -> Iterator["Leaf"]:
        """Every comparison of the tree, in the order written; not those within an event."""
        return (node.leaf for node in self._nodes() if node.event is None)

    @property
    def happenings(self) -> Iterator["Happening"]:
        """Every behaviour the tree asks about, in the order written."""
        return (node.happening for node in self._nodes() if node.event is not None)

    def _nodes(self) -> Iterator["Condition"]:
        """Every node that is no group."""
        if self.group is None:
            yield self
        else:
            for member in self.group[1]:
                yield from member._nodes()  # noqa: SLF001 - our own

    @property
    def happening(self) -> "Happening":
        """What must be counted for an event; `TypeError` for another form."""
        if self.event is None:
            msg = "this condition is about no event"
            raise TypeError(msg)
        minutes = minutes_of(self.within) if self.within else None
        campaign = self.campaign or ("this" if self.step else "any")
        return Happening(self.event, minutes, campaign, self.step, self.where)

    @property
    def leaf(self) -> "Leaf":
        """The comparison of a leaf; `TypeError` for a group."""
        if self.field is None or self.operator is None:
            msg = "a group of conditions or an event is no comparison"
            raise TypeError(msg)
        return Leaf(self.field, self.operator, self.value)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison of a column with a value, or with a list of values."""

    field: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...]

    @property
    def items(self) -> tuple[Scalar, ...]:
        """The value as a list."""
        return self.value if isinstance(self.value, tuple) else (self.value,)


@dataclass(frozen=True, slots=True)
class Happening:
    """What is counted of one customer or account: an event in the `minutes` before, or since the anchor.

    `campaign` is `any`, `this` or an id. Equal ones are told by `column`: to Python 1 and true are equal.
    """

    event: str
    minutes: int | None = None
    campaign: str = "any"
    step: str | None = None
    where: Condition | None = None

    @property
    def column(self) -> str:
        """The column that holds the count, named the same for the same question wherever it is asked."""
        asked = (self.event, self.minutes, self.campaign, self.step, self.where)
        return f"happening_{sha256(repr(asked).encode()).hexdigest()[:16]}"


def _misfit(operator: Operator, value: object) -> str:
    """Say what is wrong with the value whatever the column; empty when nothing is."""
    if operator in ("in", "not_in"):
        return "" if isinstance(value, tuple) else "needs a list of values"
    if isinstance(value, tuple):
        return "needs a single value, not a list"
    if operator in ("contains", "not_contains") and (value is None or isinstance(value, bool)):
        return "needs a text or a number"
    if operator in ORDERED and (value is None or isinstance(value, bool)):
        return "needs a number, a text or a date"
    return ""
