"""A thousand rules over every customer: which rule holds for which row. Two fifths are of 50 tenants' own."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from automation_pipelines.catalogue.types import Type
from automation_pipelines.conditions import Condition, compile_condition
from automation_pipelines.conditions.many import Rule, belonging
from automation_pipelines.engine import Engine, open_engine
from benchmarks.harness import Measured, Setting, Stage, Way, stopwatch

_RULES, _TENANTS = 1_000, 50
_SAMPLE = 1_000  # rows
_SEGMENTS = ("family", "solo", "luxury", "business", "senior")
_STATES = ("lead", "active", "past", "lost")
_TYPES = {
    "segment": Type.TEXT,
    "status": Type.TEXT,
    "country": Type.TEXT,
    "worth": Type.MONEY,
    "age": Type.INTEGER,
    "score": Type.NUMBER,
    "vip": Type.BOOLEAN,
}
_ROWS = f"""
SELECT
    id AS row_id,
    CAST(hash(id, 1) % {_TENANTS} AS BIGINT) AS tenant_id,
    {list(_SEGMENTS)}[CAST(hash(id, 2) % 5 AS BIGINT) + 1] AS segment,
    {list(_STATES)}[CAST(hash(id, 3) % 4 AS BIGINT) + 1] AS status,
    'C' || CAST(hash(id, 4) % 60 AS VARCHAR) AS country,
    CAST(hash(id, 5) % 1000000 AS BIGINT) AS worth,
    CAST(18 + hash(id, 6) % 70 AS BIGINT) AS age,
    (hash(id, 7) % 100000) / 1000 AS score,
    hash(id, 8) % 10 = 0 AS vip
FROM range($customers) AS r (id)
"""


def _leaf(draw: random.Random) -> dict[str, Any]:
    """One comparison: some are found in many rules, every third has a number of its own."""

    def ask(field: str, operator: str, value: object) -> dict[str, Any]:
        return {"field": field, "operator": operator, "value": value}

    return draw.choice(
        [
            ask("segment", draw.choice(["equals", "not_equals"]), draw.choice(_SEGMENTS)),
            ask("status", "in", sorted(draw.sample(_STATES, 2))),
            ask("country", "in", sorted(f"C{draw.randrange(60)}" for _ in range(3))),
            ask("worth", "greater_than", draw.randrange(1_000_000)),
            ask("age", draw.choice(["greater_than", "less_than"]), draw.randrange(20, 80, 5)),
            ask("score", "less_than", draw.random() * 100),
            ask("vip", "equals", value=True),
        ]
    )


def _rules() -> list[Rule]:
    draw = random.Random(7)
    rules = []
    for number in range(_RULES):
        leaves = [_leaf(draw) for _ in range(draw.randint(3, 5))]
        tree = {"all": [*leaves[:2], {draw.choice(["all", "any", "none"]): leaves[2:]}]}
        own = (draw.randrange(_TENANTS),) if number % 5 < 2 else None
        rules.append(Rule(number, Condition.model_validate(tree), own))
    return rules


def _fill(engine: Engine, setting: Setting) -> None:
    engine.keep("customers", _ROWS, {"customers": setting.customers})


def each_comparison_once(setting: Setting) -> Measured:
    rules = _rules()
    with open_engine() as engine:
        _fill(engine, setting)
        with stopwatch() as watch:
            belonging(engine, "customers", rules, _TYPES)
        return Measured(watch, setting.customers, found=engine.count("belonging"))


def a_query_for_each(setting: Setting) -> Measured:
    rules = _rules()
    with open_engine() as engine:
        _fill(engine, setting)
        engine.keep("belonging", "SELECT CAST(row_id AS BIGINT) AS rule, row_id FROM customers WHERE false")
        with stopwatch() as watch:
            for rule in rules:
                _insert(engine, rule)
        return Measured(watch, setting.customers, found=engine.count("belonging"))


def _insert(engine: Engine, rule: Rule) -> None:
    assert rule.condition is not None
    predicate = compile_condition(rule.condition, _TYPES)
    own = "" if rule.tenants is None else " AND list_contains($own, tenant_id)"
    values = dict(predicate.parameters) | ({"own": list(rule.tenants)} if rule.tenants else {})
    engine.connection.execute(
        f"INSERT INTO belonging SELECT {rule.number}, row_id FROM customers WHERE {predicate.sql}{own}",
        values,
    )


def python_loop(setting: Setting) -> Measured:
    """One row after the other, one rule after the other; of each rule no more than must be asked."""
    rules = [(rule.number, rule.tenants, _asked(rule.condition)) for rule in _rules() if rule.condition]
    with open_engine() as engine:
        _fill(engine, setting)
        limit = min(_SAMPLE, setting.customers)
        rows = engine.query("SELECT * FROM customers ORDER BY row_id LIMIT $n", {"n": limit}).to_dicts()
    held = []
    with stopwatch() as watch:
        for row in rows:
            for number, own, holds in rules:
                if (own is None or row["tenant_id"] in own) and holds(row):
                    held.append((number, row["row_id"]))
    return Measured(watch, limit, of=setting.customers, found=len(held))


Holds = Callable[[Mapping[str, Any]], bool]


def _asked(condition: Condition) -> Holds:
    if condition.group is not None:
        word, members = condition.group
        asked = [_asked(member) for member in members]
        if word == "all":
            return lambda row: all(holds(row) for holds in asked)
        return lambda row: any(holds(row) for holds in asked) is (word == "any")
    name, value = condition.leaf.field, condition.leaf.value
    comparisons: dict[str, Holds] = {
        "equals": lambda row: row[name] == value,
        "not_equals": lambda row: row[name] != value,
        "in": lambda row: row[name] in value,
        "greater_than": lambda row: row[name] > value,
        "less_than": lambda row: row[name] < value,
    }
    return comparisons[condition.leaf.operator]


STAGES = (
    Stage(
        "1,000 rules over every customer",
        (
            Way("each comparison once, combined", each_comparison_once),
            Way("a query for each rule", a_query_for_each),
            Way("per-row Python loop", python_loop),
        ),
    ),
)
