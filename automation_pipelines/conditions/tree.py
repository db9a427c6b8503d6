"""The tree a campaign file declares: comparisons and groups of them, refused where they make no sense.

Knows no columns: what fits which column is `check`'s.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import (
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
_GROUPS = ("all", "any", "none")


class Condition(BaseModel):
    """A leaf or a group of conditions; exactly one of the four forms."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    field: str | None = None
    operator: Operator | None = None
    value: _Scalar | tuple[_Scalar, ...] = None
    all_of: tuple["Condition", ...] | None = Field(default=None, alias="all")
    any_of: tuple["Condition", ...] | None = Field(default=None, alias="any", min_length=1)
    none_of: tuple["Condition", ...] | None = Field(default=None, alias="none", min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        groups = [name for name in _GROUPS if name in data or f"{name}_of" in data]
        if len(groups) + bool(_LEAF & data.keys()) != 1:
            msg = "a condition is {field, operator, value} or one of {all: […]}, {any: […]}, {none: […]}"
            raise ValueError(msg)
        if not groups and not data.keys() >= _LEAF:
            msg = f"condition on '{data.get('field', '?')}': missing {', '.join(sorted(_LEAF - data.keys()))}"
            raise ValueError(msg)
        return data

    @model_validator(mode="after")
    def _value_fits_operator(self) -> "Condition":
        wrong = _misfit(self.operator, self.value) if self.operator else ""
        if wrong:
            msg = f"condition on '{self.field}': {self.operator} {wrong}"
            raise ValueError(msg)
        return self

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        if self.group is not None:
            return {self.group[0]: self.group[1]}
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
        """Every comparison of the tree, in the order written."""
        if self.group is None:
            yield self.leaf
        else:
            for member in self.group[1]:
                yield from member.leaves

    @property
    def leaf(self) -> "Leaf":
        """The comparison of a leaf; `TypeError` for a group."""
        if self.field is None or self.operator is None:
            msg = "a group of conditions is no comparison"
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
