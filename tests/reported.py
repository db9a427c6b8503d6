"""A published file of statistics with something of everything in it, for reports to be made of.

Two months of a tenant with three campaigns, one of them with an experiment and a holdout. Made through the
real publication; what is derived from a whole ledger there is written into its tables here.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import polars as pl

from automation_pipelines import experiments
from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.statistics import STATISTICS
from automation_pipelines.catalogue.types import Type
from automation_pipelines.experiments import Arm
from automation_pipelines.files import FileStore
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats import dataset, publish
from automation_pipelines.stats.tables import schema

FIRST, LAST = date(2026, 3, 1), date(2026, 4, 30)
TENANT = 7
_ZERO = {
    Type.ID: 0,
    Type.INTEGER: 0,
    Type.MONEY: 0,
    Type.NUMBER: 0.0,
    Type.TEXT: "",
    Type.BOOLEAN: False,
    Type.DATE: LAST,
    Type.INSTANT: datetime(2026, 4, 30, tzinfo=UTC),
}
_STEPS = {
    "spring-offer": ("offer", "reminder"),
    "welcome": ("day-1", "day-3", "day-7"),
    "birthday": ("wish",),
}
_SIZES = {"spring-offer": 190, "welcome": 60, "birthday": 25}
_PROVIDERS = {"gmail": 0.5, "outlook": 0.25, "yahoo": 0.15, "other": 0.1}


def published(db: Database, directory: Path, tenant_name: str) -> Path:
    """Publish it."""
    files, target = FileStore(directory / "files"), directory / "analytics.duckdb"
    for name, rows in _daily(Random(7)).items():
        statistic = STATISTICS[name]
        by_day = frame(name, rows).partition_by("day", as_dict=True)
        for (day,), part in by_day.items():
            files.publish(dataset(statistic), part, day=day, run="sample")
    _start_campaigns(db)
    publish(db, files, SqlFiles(), target, as_of=datetime(2026, 5, 1, 6, tzinfo=UTC))
    with duckdb.connect(str(target)) as connection:
        for name, rows in _derived(Random(8), tenant_name).items():
            connection.register("rows", frame(name, rows))
            connection.execute(f"INSERT INTO {name} BY NAME FROM rows")
    return target


def _start_campaigns(db: Database) -> None:
    for campaign, steps in _STEPS.items():
        written = [
            {
                "id": step,
                "title": _title(step),
                "channel": "email",
                "template": "hello",
                "offset": f"{place} days",
            }
            for place, step in enumerate(steps)
        ]
        declared = {"id": campaign, "title": _title(campaign), "audience": "new_customers", "steps": written}
        CampaignStore(db).apply(Campaign.model_validate(declared), "", {}, "ann", _ZERO[Type.INSTANT])
        CampaignStore(db).start(campaign, "ann", _ZERO[Type.INSTANT])


def _title(name: str) -> str:
    return name.replace("-", " ").capitalize()


def frame(name: str, rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Rows of a statistic; what is not given is zero, or null where that is allowed."""
    columns = STATISTICS[name].columns
    usual = {column.name: _ZERO[column.type] if column.required else None for column in columns}
    return pl.DataFrame([{**usual, **row} for row in rows], schema=schema(STATISTICS[name]))


def _daily(chance: Random) -> dict[str, list[dict[str, Any]]]:
    daily = (
        "campaign_daily",
        "step_funnel",
        "attribution_daily",
        "spend_daily",
        "deliverability_daily",
        "sla_daily",
    )
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in daily}
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=number)
        whose = {"day": day, "tenant_id": TENANT}
        sent = 0
        for campaign, steps in _STEPS.items():
            for place, step in enumerate(steps):
                of = {**whose, "campaign": campaign, "step": step, "channel": "email"}
                stages = _stages(chance, _SIZES[campaign], day, place)
                found["campaign_daily"].append({**of, **_counts(chance, stages)})
                found["step_funnel"].append({**of, **stages})
                found["spend_daily"].append({**of, "sent": stages["sent"], "cost": stages["sent"] * 0.4})
                sent += stages["sent"]
            credit = chance.randint(0, 4)
            money = {
                "model": "last",
                "campaign": campaign,
                "step": steps[0],
                "currency": "EUR",
                "channel": "email",
            }
            earned = {"conversions": float(credit), "revenue": credit * chance.randint(8_000, 90_000)}
            found["attribution_daily"].append({**whose, **money, **earned})
        found["deliverability_daily"] += [{**whose, **row} for row in _arrived(chance, sent)]
        found["sla_daily"].append({**whose, **_answered(chance)})
    return found


def _stages(chance: Random, size: int, day: date, place: int) -> dict[str, int]:
    planned = int(size * chance.uniform(0.7, 1.1) * (0.5 if day.weekday() > 4 else 1) * 0.7**place)
    shares = {"sent": 0.985, "delivered": 0.97, "opened": 0.44, "clicked": 0.24, "converted": 0.12}
    found, number = {"planned": planned}, planned
    for stage, of in shares.items():
        number = int(number * of * chance.uniform(0.92, 1.02) + chance.random()) if number else 0
        found[stage] = number = min(number, *found.values())
    return found


def _counts(chance: Random, stages: dict[str, int]) -> dict[str, int]:
    planned = stages["planned"]
    held = {
        "skipped_holdout": int(planned * 0.1),
        "skipped_suppressed": int(planned * chance.uniform(0.03, 0.06)),
        "skipped_capped": int(planned * 0.02),
        "skipped_no_recipient": int(planned * 0.012),
        "skipped_condition": int(planned * 0.05),
    }
    back = {
        "unsubscribed": chance.choice((0, 0, 1)),
        "complained": int(chance.random() < 0.04),
        "bounced": stages["sent"] - stages["delivered"],
        "failed": planned - stages["sent"],
    }
    return {**stages, **held, **back, "moments": planned + sum(held.values())}


def _arrived(chance: Random, sent: int) -> list[dict[str, Any]]:
    rows = []
    for provider, part in _PROVIDERS.items():
        of = int(sent * part)
        soft, hard = int(of * 0.01), int(of * 0.004 + chance.random() * 0.5)
        spam = {"yahoo": 0.11, "outlook": 0.1}.get(provider, 0.02)
        rows.append(
            {
                "mailbox": provider,
                "sender_domain": "news.example.com",
                "sent": of,
                "delivered": of - soft - hard,
                "bounced": soft + hard,
                "bounced_hard": hard,
                "bounced_soft": soft,
                "complained": int(chance.random() < spam),
            }
        )
    return rows


def _answered(chance: Random) -> dict[str, int]:
    due, late = chance.randint(4, 14), chance.choice((0, 0, 0, 1, 2))
    return {"deadlines": due, "resolved_in_time": due - late, "breaches": late, "escalated_1": late}


def _derived(chance: Random, tenant_name: str) -> dict[str, list[dict[str, Any]]]:
    return {
        "tenants": [
            {"tenant_id": TENANT, "name": tenant_name, "time_zone": "Europe/Berlin", "currency": "EUR"}
        ],
        "holdout_lift": [_lift()],
        "variant_results": list(_variants()),
        "send_time_totals": list(_hours(chance)),
        "cohort_retention": list(_cohorts(chance)),
    }


def _lift() -> dict[str, Any]:
    treated, held = Arm("treated", 9_420, 417), Arm("held_out", 1_046, 28)
    (found,) = experiments.compare(held, [treated])
    between, people = found.difference, treated.subjects
    extra = {
        f"incremental_{what}{end}": (value or 0) * people * worth
        for what, worth in (("conversions", 1), ("revenue", 31_500))
        for end, value in (("", between.value), ("_low", between.low), ("_high", between.high))
    }
    return {
        "tenant_id": TENANT,
        "campaign": "spring-offer",
        "currency": "EUR",
        **extra,
        "days": 14,
        "treated": treated.subjects,
        "treated_converted": treated.successes,
        "held_out": held.subjects,
        "held_out_converted": held.successes,
        "waiting": 310,
        **_estimate("treated_rate", experiments.rate(treated.successes, treated.subjects)),
        **_estimate("held_out_rate", experiments.rate(held.successes, held.subjects)),
        **_estimate("difference", between),
        "p_value": found.p_value,
        "verdict": "165 conversions more than without it (95 %: 49 to 252)",
    }


def _estimate(name: str, found: experiments.Interval) -> dict[str, float | None]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _variants() -> Iterable[dict[str, Any]]:
    arms = [Arm("plain", 3_140, 298), Arm("picture", 3_121, 377), Arm("short", 3_159, 312)]
    told = {one.arm: one for one in experiments.compare(arms[0], arms[1:])}
    verdict = experiments.judge(arms, effect=0.02, minimum=1_000)
    for place, arm in enumerate(arms):
        against = told.get(arm.id)
        of = {"tenant_id": TENANT, "campaign": "spring-offer", "variant": arm.id, "subjects": arm.subjects}
        of |= {"control": place == 0, "weight": 1.0, "declared": False}
        yield {**of, "metric": "revenue", "currency": "EUR", "rate": 900.0 + 130 * place}
        yield {**of, "metric": "converted", "successes": 90, **_estimate("rate", experiments.rate(90, 3_000))}
        yield {
            **of,
            "metric": "clicked",
            "declared": True,
            "successes": arm.successes,
            **_estimate("rate", experiments.rate(arm.successes, arm.subjects)),
            **_estimate("difference", against.difference if against else experiments.Interval()),
            "p_value": against.p_value if against else None,
            "winner": verdict.winner == arm.id,
            "verdict": verdict.words,
        }


def _hours(chance: Random) -> Iterable[dict[str, Any]]:
    for weekday in range(1, 8):
        for hour in range(7, 22):
            sent = int(chance.uniform(10, 260))
            good = 0.05 + 0.09 * max(0.0, 1 - abs(hour - 17 + weekday / 3) / 6)
            yield {
                "tenant_id": TENANT,
                "channel": "email",
                "weekday": weekday,
                "hour": hour,
                "sent": sent,
                "clicked": int(sent * good * chance.uniform(0.8, 1.2)),
            }


def _cohorts(chance: Random) -> Iterable[dict[str, Any]]:
    for number in range(9):
        cohort = date(2025 + (8 + number) // 12, (8 + number) % 12 + 1, 1)
        customers = chance.randint(80, 160)
        for since in range(9 - number):
            part = 1.0 if not since else 0.34 * 0.86**since * chance.uniform(0.85, 1.15)
            active = int(customers * part)
            whose = {"tenant_id": TENANT, "cohort": cohort, "months_since": since, "currency": "EUR"}
            yield {**whose, "customers": customers, "active": active, "complete": since < 8 - number}
