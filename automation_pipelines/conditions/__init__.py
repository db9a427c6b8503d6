"""Conditions: a small tree of comparisons, checked against column types and compiled to SQL.

A condition is a leaf (`field`, `operator`, `value`), a behaviour (`event` with `within`, `at_least` and
so on: counted by planning, compared here) or a group (`all`, `any`, `none`). A missing value fails every
positive operator and passes every negated one. What columns an audience has is the caller's to say.
`matches` and `rule_matches` put conditions to loose records.
"""

from automation_pipelines.conditions.check import Finding, check_condition, findings, unknown
from automation_pipelines.conditions.reading import read_conditions
from automation_pipelines.conditions.records import holding, matches
from automation_pipelines.conditions.rules import read_rule, rule_matches
from automation_pipelines.conditions.sql import Predicate, compile_condition
from automation_pipelines.conditions.tree import Condition, Happening, Leaf

__all__ = [
    "Condition",
    "Finding",
    "Happening",
    "Leaf",
    "Predicate",
    "check_condition",
    "compile_condition",
    "findings",
    "holding",
    "matches",
    "read_conditions",
    "read_rule",
    "rule_matches",
    "unknown",
]
