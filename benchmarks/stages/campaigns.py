"""The same customers due, shared by ten campaigns and by a thousand: what a campaign costs by itself."""

from typing import Any

from automation_pipelines.tick import run_tick
from benchmarks.harness import AS_OF, Measured, Setting, Stage, Way, stopwatch
from benchmarks.programme import install, installation

_FEW, _MANY = 10, 1_000
_MOST = 10_000_000  # minor units; nobody is worth more, so that every customer belongs to one campaign


def _campaigns(number: int) -> tuple[dict[str, Any], ...]:
    """So many campaigns of two steps, each for the customers worth between two amounts."""
    return tuple(
        _campaign(place, place * _MOST // number, (place + 1) * _MOST // number) for place in range(number)
    )


def _campaign(place: int, least: int, below: int) -> dict[str, Any]:
    message = {"channel": "email", "template": "letter"}
    return {
        "id": f"worth-{place}",
        "title": f"Worth {least} to {below}",
        "audience": "new_customers",
        "conditions": {
            "all": [
                {"field": "lifetime_value", "operator": "greater_than", "value": least - 1},
                {"field": "lifetime_value", "operator": "less_than", "value": below},
            ]
        },
        "policy": {"backlog": "all", "max_lateness": "60 days", "guard": {"at_least": _MOST}},
        "steps": [{"id": "one", **message}, {"id": "two", "offset": "3 days", **message}],
    }


def _ticked(setting: Setting, name: str) -> Measured:
    opened = installation(setting, name)
    with stopwatch() as watch:
        result = run_tick(opened, as_of=AS_OF, run_id="one")
    return Measured(watch, setting.customers, found=len(result.plan.rows))


def many(setting: Setting) -> Measured:
    return _ticked(setting, "many_campaigns")


def few(setting: Setting) -> Measured:
    return _ticked(setting, "few_campaigns")


def prepare(setting: Setting) -> None:
    install(setting, "many_campaigns", _campaigns(_MANY))
    install(setting, "few_campaigns", _campaigns(_FEW))


STAGES = (
    Stage(
        "tick: the same moments of many campaigns",
        (Way("1,000 campaigns", many), Way("10 campaigns", few)),
        prepare,
    ),
)
