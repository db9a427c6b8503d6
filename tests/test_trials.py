"""Experiments and holdouts: a published test comes out as published; what spoils a comparison is left out."""

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
import yaml

from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.statistics import HOLDOUT_LIFT, VARIANT_RESULTS
from automation_pipelines.engine import open_engine
from automation_pipelines.experiments import Amounts, mean_difference
from automation_pipelines.files import FileStore
from automation_pipelines.ledger import daily
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import promotions
from automation_pipelines.settings.returns import Attribution
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats import compute_day, publish, restate, trials
from automation_pipelines.stats.attribution import Terms
from automation_pipelines.stats.tables import run
from tests import hillstrom
from tests.bought import conversions
from tests.past import MIGRATED, NOON, plan, settle, tell

SQL = SqlFiles()
PAGE = Path(__file__).parent.parent / "docs" / "experiments.md"
Tables = dict[str, list[dict[str, Any]]]
LATER = NOON + timedelta(days=9)
_DAY = timedelta(days=1)


def declared() -> Campaign:
    """The campaign of the page."""
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return Campaign.model_validate(yaml.safe_load(text))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """What the published test of 64,000 customers comes to: restated, published, and read as analysts do."""
    home = tmp_path_factory.mktemp("hillstrom")
    db, files, as_of = (
        Database.open(f"sqlite:///{home / 'ledger.db'}"),
        FileStore(home / "files"),
        NOON + 15 * _DAY,
    )
    db.migrate(MIGRATED)
    CampaignStore(db).apply(declared(), "", {}, "ann", MIGRATED)
    sources, terms = hillstrom.load(db), Terms(Attribution(days=14))
    days = [NOON.date(), *sources["conversions"]["converted_at"].dt.date().unique()]
    restate(db, files, SQL, days, as_of=as_of, sources=sources, terms=terms)
    publish(db, files, SQL, home / "analytics.duckdb", as_of=as_of, terms=terms)
    db.close()
    names = ("variant_results", "holdout_lift", "campaign_returns", "attribution_daily")
    with duckdb.connect(str(home / "analytics.duckdb"), read_only=True) as connection:
        return {name: connection.sql(f"FROM {name}").pl().to_dicts() for name in names}


def of_metric(tables: Tables, metric: str) -> dict[str, dict[str, Any]]:
    return {row["variant"]: row for row in tables["variant_results"] if row["metric"] == metric}


def test_the_published_counts_and_figures_come_out(tables: Tables) -> None:
    visits, bought, spent = (of_metric(tables, name) for name in ("clicked", "converted", "revenue"))
    for group in (hillstrom.MENS, hillstrom.WOMENS):
        name = str(group.name)
        assert (visits[name]["subjects"], visits[name]["successes"]) == (group.customers, group.visits)
        assert (bought[name]["successes"], spent[name]["total"]) == (group.purchases, group.spent)
    assert [round(rows["mens"]["rate"], 4) for rows in (visits, bought)] == [0.1828, 0.0125]
    assert [round(rows["womens"]["rate"], 4) for rows in (visits, bought)] == [0.1514, 0.0088]
    assert [round(spent[name]["rate"] / 100, 6) for name in ("mens", "womens")] == [1.422617, 1.077202]
    assert bought["mens"]["difference"] == pytest.approx(267 / 21307 - 189 / 21387)


def test_the_declared_metric_is_judged_and_the_others_are_told(
    tables: Tables,
) -> None:
    bought = of_metric(tables, "converted")
    assert {(row["winner"], row["verdict"]) for row in bought.values()} == {
        (True, "mens wins"),
        (False, "mens wins"),
    }
    assert bought["mens"]["winner"]
    assert bought["womens"]["control"]
    assert bought["mens"]["p_value"] == pytest.approx(2.05e-4, rel=0.01)
    assert bought["mens"]["sample_ratio_p"] == pytest.approx(0.6987, abs=1e-3)
    others = [row for row in tables["variant_results"] if row["metric"] != "converted"]
    assert {row["verdict"] for row in others} == {"not judged: the experiment is decided by `converted`"}
    assert not any(row["winner"] or row["declared"] for row in others)
    assert {row["metric"] for row in others} == {"clicked", "replied", "revenue"}  # opens only where declared


def test_mail_against_none(tables: Tables) -> None:
    (row,) = tables["holdout_lift"]
    assert (row["treated"], row["treated_converted"]) == (42_694, 456)
    assert (row["held_out"], row["held_out_converted"]) == (21_306, 122)
    assert row["incremental_conversions"] == pytest.approx(456 - 42_694 * 122 / 21_306)
    assert row["incremental_revenue"] == pytest.approx(5_334_980 - 42_694 * 1_390_833 / 21_306)
    assert 0 < row["incremental_revenue_low"] < row["incremental_revenue"] < row["incremental_revenue_high"]
    assert row["verdict"].startswith("212 conversions more than without it (95 %: ")
    (returned,) = tables["campaign_returns"]
    assert (returned["conversions"], returned["revenue"]) == (456, 5_334_980)
    assert returned["incremental_conversions"] == row["incremental_conversions"]
    last = [each for each in tables["attribution_daily"] if each["model"] == "last"]
    assert (
        sum(each["revenue"] for each in last) == 6_725_813
    )  # the CRM's sum: what nobody is credited with included
    assert sum(each["conversions"] for each in last if each["campaign"] is None) == 122


def test_the_published_comparison_of_spending_comes_out() -> None:
    frame = hillstrom._moments().filter("bought")
    arms = [
        Amounts(group.customers, of["amount"].sum(), float((of["amount"].cast(pl.Float64) ** 2).sum()))
        for group in (hillstrom.MENS, hillstrom.NONE)
        for of in [frame.filter(pl.col("variant").eq_missing(group.name))]
    ]
    difference, p = mean_difference(*arms)
    assert difference.value == pytest.approx(76.9827156)
    assert p == pytest.approx(1.1632e-07, rel=0.05)


def written(name: str, rows: list[dict[str, Any]]) -> list[str]:
    """The rows of a table as the page has them."""
    columns = COLUMNS[name]
    body = [f"| {' | '.join(_cell(row, each) for each in columns)} |" for row in rows]
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *body]


COLUMNS = {
    "variant_results": (
        "metric",
        "variant",
        "subjects",
        "successes",
        "rate",
        "difference",
        "p_value",
        "winner",
    ),
    "holdout_lift": (
        "treated",
        "treated_converted",
        "held_out",
        "held_out_converted",
        "difference",
        "incremental_conversions",
        "incremental_revenue",
    ),
    "campaign_returns": (
        "currency",
        "incremental_conversions",
        "incremental_revenue",
        "sent",
        "model",
        "conversions",
        "revenue",
    ),
}


def _cell(row: dict[str, Any], name: str) -> str:
    value = row[name]
    if value is None:
        return ""
    if f"{name}_low" in row and row[f"{name}_low"] is not None:
        return f"{_number(value)} ({_number(row[f'{name}_low'])} to {_number(row[f'{name}_high'])})"
    if isinstance(value, bool):
        return "yes" if value else ""
    return _number(value) if isinstance(value, int | float) else str(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


@pytest.mark.parametrize("name", COLUMNS)
def test_the_page_shows_these_rows(tables: Tables, name: str) -> None:
    block = "\n".join([f"<!-- rows: {name} -->", *written(name, tables[name])])
    assert block in PAGE.read_text("utf-8"), f"docs/experiments.md must show:\n{block}"


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def apply(db: Database, *, weights: str = "11", **experiment: Any) -> None:
    """A campaign with variants a, b and so on of these weights, as it is declared now."""
    document = {
        "id": "birthday",
        "title": "Birthday",
        "audience": "birthdays",
        "variants": [
            {"id": name, "weight": int(weight)} for name, weight in zip("abc", weights, strict=False)
        ],
        "experiment": {"effect": 0.3, **experiment},
        "steps": [{"id": "wish", "channel": "email", "template": "birthday"}],
    }
    CampaignStore(db).apply(Campaign.model_validate(document), "", {}, "ann", MIGRATED)


def draw(db: Database, a: int, b: int, *clicks: int, first: int = 1, **values: Any) -> list[int]:
    """So many subjects of each variant, the messages to them handed off; those at these places clicked."""
    arms = ["a"] * a + ["b"] * b
    moments = (
        {"subject_id": first + n, "customer_id": first + n, "variant": arm, **values}
        for n, arm in enumerate(arms)
    )
    work = plan(db, *moments, run_id=f"draw-{first}-{values.get('step')}")
    for job in work if values.get("reason", "planned") == "planned" else ():
        settle(db, job, "completed")
    if clicks:
        tell(db, *((f"click-{first}-{place}", "clicked", work[place]) for place in clicks))
    return work


def results(tables: Tables, metric: str = "clicked") -> dict[str, tuple[Any, ...]]:
    """Subjects and successes by variant."""
    return {name: (row["subjects"], row["successes"]) for name, row in of_metric(tables, metric).items()}


def verdict(tables: Tables, metric: str = "clicked") -> str:
    (words,) = {row["verdict"] for row in of_metric(tables, metric).values()}
    return str(words)


NOBODY = conversions()
"""Who bought."""


def concluded(
    db: Database, files: FileStore, sources: dict[str, pl.DataFrame], as_of: datetime, *days: date
) -> Tables:
    """Both tables, from the facts of the day of the messages (and these days)."""
    made = [compute_day(db, files, SQL, day, as_of=as_of, sources=sources) for day in (NOON.date(), *days)]
    bought = sources["conversions"].rename({"id": "conversion_id"})
    with open_engine() as engine:
        facts = pl.concat(each["message_facts"] for each in made)
        engine.add(message_facts=facts, conversion_facts=bought, profiles=daily.profiles(db))
        trials.add(engine, SQL, db, 7, as_of)
        shown = (VARIANT_RESULTS, HOLDOUT_LIFT)
        return {each.name: run(engine, SQL, each, as_of=as_of).to_dicts() for each in shown}


@pytest.mark.planner
def test_a_subject_counts_once_and_for_the_variant_it_began_with(
    database: Database, files: FileStore
) -> None:
    apply(database)
    first = draw(database, 3, 3, 0, 3)
    # A second message, clicked by the same; a hand-off that failed; somebody held out, and somebody capped.
    draw(database, 3, 3, 0, 4, step="again", due_at=NOON + timedelta(hours=1))
    settle(database, first[1], "dead")
    draw(database, 1, 0, first=50, reason="holdout")
    draw(database, 1, 0, first=60, reason="capped")
    tables = concluded(database, files, NOBODY, LATER)
    assert results(tables) == {"a": (4, 1), "b": (3, 2)}
    assert [row["control"] for row in of_metric(tables, "clicked").values()] == [True, False]


@pytest.mark.planner
def test_the_verdict_waits_for_number_and_time(database: Database, files: FileStore) -> None:
    apply(database, minimum=20, horizon="2 days")
    draw(database, 40, 40, *range(4), *range(40, 70))
    early = concluded(database, files, NOBODY, NOON + 2 * _DAY)
    assert results(early) == {"a": (0, 0), "b": (0, 0)}
    assert {row["waiting"] for row in early["variant_results"]} == {40}
    assert verdict(early) == "no winner yet: the time to act on the last message is not up"
    assert verdict(concluded(database, files, NOBODY, NOON + 3 * _DAY)) == "b wins"
    # What is declared when all is sent changes nothing; what was declared before does.
    apply(database, minimum=100, horizon="2 days")
    assert verdict(concluded(database, files, NOBODY, LATER)) == "b wins"
    draw(database, 1, 1, first=100, campaign_version=2)
    late = concluded(database, files, NOBODY, LATER)
    assert verdict(late) == "no winner yet: needs 59 more per arm"
    assert {row["more_per_arm"] for row in of_metric(late, "clicked").values()} == {59}


@pytest.mark.planner
def test_what_is_done_after_the_time_to_act_does_not_count(database: Database, files: FileStore) -> None:
    apply(database, horizon="2 days", metric="converted")
    draw(database, 2, 2)
    bought = conversions(
        {"customer_id": 1, "converted_at": NOON + 2 * _DAY},
        {"customer_id": 2, "converted_at": NOON + 2 * _DAY + timedelta(seconds=1)},
        {"customer_id": 3, "converted_at": NOON + _DAY, "cancelled_at": LATER},
        {"customer_id": 4, "converted_at": NOON + _DAY, "currency": "USD", "amount": 7},
        {"customer_id": 4, "converted_at": NOON - _DAY},
    )
    tables = concluded(database, files, bought, LATER)
    assert results(tables, "converted") == {"a": (2, 1), "b": (2, 1)}
    assert [row["total"] for row in of_metric(tables, "revenue").values()] == [10_000, 0]


@pytest.mark.planner
def test_changed_weights_leave_sizes_unchecked_and_unchanged_ones_do_not(
    database: Database, files: FileStore
) -> None:
    apply(database, effect=0.5)
    draw(database, 30, 30, *range(4), *range(30, 55))
    assert verdict(concluded(database, files, NOBODY, LATER)) == "b wins"
    draw(database, 0, 90, *range(75), first=100)
    assert "the arms are not the size" in verdict(concluded(database, files, NOBODY, LATER))
    apply(database, effect=0.5, weights="19")
    draw(database, 1, 9, first=300, campaign_version=2)
    words = verdict(concluded(database, files, NOBODY, LATER))
    assert words == "b wins (the weights were changed meanwhile, so the sizes of the arms are not checked)"


@pytest.mark.planner
def test_a_variant_that_draws_nobody_anymore_cannot_hold_up_the_others(
    database: Database, files: FileStore
) -> None:
    apply(database, weights="110")
    draw(database, 40, 40, *range(40, 75))
    plan(database, {"subject_id": 90, "variant": "c"}, run_id="retired")
    tables = concluded(database, files, NOBODY, LATER)
    assert results(tables) == {"a": (40, 0), "b": (40, 35), "c": (1, 0)}
    assert verdict(tables) == "b wins"
    assert of_metric(tables, "clicked")["a"]["more_per_arm"] == 0


@pytest.mark.planner
def test_the_rest_that_gets_the_winner_is_in_no_arm(database: Database, files: FileStore) -> None:
    apply(database)
    draw(database, 2, 2)
    decided = {"campaign": "birthday", "tenant_id": 1, "occurrence": 1000, "winner": "b", "words": "b wins"}
    with database.begin() as connection:
        row = {**decided, "numbers": "{}", "campaign_version": 1, "decided_at": NOON + timedelta(hours=2)}
        connection.execute(sa.insert(promotions).values(**row))
    draw(database, 0, 50, first=10, due_at=NOON + timedelta(hours=4))
    draw(database, 1, 1, first=200, due_at=NOON + timedelta(hours=4), occurrence=2000)
    assert results(concluded(database, files, NOBODY, LATER)) == {"a": (3, 0), "b": (3, 0)}


@pytest.mark.planner
def test_the_rest_without_a_winner_is_drawn_like_the_others(database: Database, files: FileStore) -> None:
    apply(database)
    draw(database, 2, 2)
    decided = {"campaign": "birthday", "tenant_id": 1, "occurrence": 1000, "words": "no winner yet"}
    with database.begin() as connection:
        row = {**decided, "numbers": "{}", "campaign_version": 1, "decided_at": NOON + timedelta(hours=2)}
        connection.execute(sa.insert(promotions).values(**row))
    draw(database, 5, 7, 0, first=10, due_at=NOON + timedelta(hours=4))
    assert results(concluded(database, files, NOBODY, LATER)) == {"a": (7, 1), "b": (9, 0)}


@pytest.mark.planner
def test_what_staff_do_with_their_copy_is_not_the_customers_doing(
    database: Database, files: FileStore
) -> None:
    apply(database)
    draw(database, 3, 3, 0)
    draw(database, 3, 3, *range(6), recipient_id=1001, step="copy")
    assert results(concluded(database, files, NOBODY, LATER)) == {"a": (3, 1), "b": (3, 0)}


@pytest.mark.planner
def test_without_its_control_a_variant_is_compared_with_nobody(database: Database, files: FileStore) -> None:
    apply(database, minimum=5)
    draw(database, 0, 3, 0)
    (row,) = of_metric(concluded(database, files, NOBODY, LATER), "clicked").values()
    assert (row["variant"], row["control"], row["difference"], row["p_value"]) == ("b", False, None, None)
    assert row["verdict"].startswith("no winner yet: needs ")


@pytest.mark.planner
def test_without_a_declaration_clicks_decide_and_opens_are_not_shown(
    database: Database, files: FileStore
) -> None:
    draw(database, 2, 2)
    tables = concluded(database, files, NOBODY, LATER)
    assert {row["metric"] for row in tables["variant_results"] if row["declared"]} == {"clicked"}
    assert "opened" not in {row["metric"] for row in tables["variant_results"]}


def hold_out(db: Database, treated: int, held_out: int, *, first: int = 1, **values: Any) -> None:
    draw(db, treated, 0, first=first, variant=None, **values)
    draw(db, held_out, 0, first=first + treated, variant=None, reason="holdout", **values)


@pytest.mark.planner
def test_all_whom_only_the_draw_kept_apart_are_compared(database: Database, files: FileStore) -> None:
    hold_out(database, 10, 10)
    # They reached the draw, whatever became of it; the last two did not.
    reached = (("capped", None), ("limited", None), ("merged", None), ("stale", "guarded"))
    for number, (reason, held_by) in enumerate((*reached, ("condition", None), ("stale", None)), start=100):
        moment = {"subject_id": number, "customer_id": number, "reason": reason, "held_by": held_by}
        plan(database, moment, run_id=f"r{number}")
    bought = conversions(
        *({"customer_id": number, "amount": 100} for number in range(1, 9)),
        {"customer_id": 8, "currency": "USD"},
        {"customer_id": 11, "amount": 50},
        {"customer_id": 12, "converted_at": NOON + 8 * _DAY},
    )
    (row,) = concluded(database, files, bought, NOON + 20 * _DAY)["holdout_lift"]
    assert (row["treated"], row["treated_converted"], row["treated_revenue"]) == (14, 8, 800)
    assert (row["held_out"], row["held_out_converted"], row["held_out_revenue"]) == (10, 1, 50)
    assert row["relative_lift"] == pytest.approx((8 / 14 - 0.1) / 0.1)
    assert row["incremental_conversions"] == pytest.approx(8 - 1.4)
    assert (row["other_currencies"], row["currency"], row["days"]) == (1, "NPR", 7)


@pytest.mark.planner
def test_what_a_customer_of_several_subjects_buys_counts_once(database: Database, files: FileStore) -> None:
    moments = (
        {"subject_id": 10, "customer_id": 1, "variant": "a"},
        {"subject_id": 11, "customer_id": 1, "variant": "a", "due_at": NOON + timedelta(hours=1)},
        {"subject_id": 12, "customer_id": 1, "variant": "b", "due_at": NOON + timedelta(hours=2)},
        {"subject_id": 13, "customer_id": 2, "reason": "holdout"},
    )
    for number, moment in enumerate(moments):
        plan(database, moment, run_id=f"quote-{number}")
    soon = {"converted_at": NOON + timedelta(minutes=90), "amount": 700}
    tables = concluded(database, files, conversions({"amount": 100}, soon), LATER)
    (row,) = tables["holdout_lift"]
    assert (row["treated"], row["treated_converted"], row["treated_revenue"]) == (3, 2, 800)
    assert results(tables, "converted") == {"a": (2, 1), "b": (1, 1)}
    assert {name: row["total"] for name, row in of_metric(tables, "revenue").items()} == {"a": 700, "b": 100}


@pytest.mark.planner
def test_whoever_was_reached_before_anybody_was_held_out_is_compared_with_nobody(
    database: Database, files: FileStore
) -> None:
    draw(database, 5, 0, variant=None)
    later = {"due_at": NOON + _DAY}
    hold_out(database, 2, 2, first=10, **later)
    draw(database, 5, 0, variant=None, step="again", **later)
    tables = concluded(database, files, NOBODY, LATER + _DAY, NOON.date() + _DAY)
    (row,) = tables["holdout_lift"]
    assert (row["treated"], row["held_out"]) == (2, 2)
    assert row["verdict"] == "no effect that chance does not explain"


@pytest.mark.planner
def test_a_lift_waits_until_the_time_to_buy_is_up(database: Database, files: FileStore) -> None:
    hold_out(database, 3, 3)
    (row,) = concluded(database, files, NOBODY, NOON + 7 * _DAY)["holdout_lift"]
    assert (row["treated"], row["held_out"], row["waiting"]) == (0, 0, 6)
    assert row["incremental_conversions"] is None
    assert row["verdict"] == "nothing to compare yet: on one side nobody's time is up"
