"""Statistics in Dagster's runs: plotted, checked, and not published while they are wrong."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import psycopg
import pytest
from pydantic import SecretStr

from automation_pipelines.catalogue.statistics import CAMPAIGN_DAILY
from automation_pipelines.orchestration import rates
from automation_pipelines.orchestration.schedules import range_tags
from automation_pipelines.sqlfiles import SHIPPED
from automation_pipelines.stats.checks import CHECKS
from automation_pipelines.stats.tables import schema
from tests.test_orchestration import BIRTHDAY, TODAY, YESTERDAY, Stage
from tests.world import World, at


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A birthday to wish well on."""
    made = World.create(tmp_path, f"sqlite:///{tmp_path / 'a.db'}", f"sqlite:///{tmp_path / 'crm.db'}")
    made.add("tenants", id=1)
    made.add("customers", id=1, birthday="1990-03-10", first_name="Kim")
    made.apply(BIRTHDAY, start="2026-03-01T00:00")
    return made


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def lived(stage: Stage) -> Stage:
    """The day after the wish was sent."""
    stage.tick()
    stage.now = at("2026-03-10T09:01")
    stage.run("deliver")
    stage.now = at("2026-03-11T12:00")
    return stage


def plotted(stage: Stage, day: str) -> dict[str, object]:
    """Some numbers of the day's campaigns."""
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(["stats", "campaign_daily"]), asset_partitions=[day])
    event = stage.instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
    assert event
    names = ("dagster/row_count", "sent", "sent_rate %", "human_click_rate %")
    return {name: event.metadata[name].value for name in names if name in event.metadata}


def test_what_adds_up_is_plotted_published_and_copied_and_what_does_not_stays_back(
    world: World, instance: dg.DagsterInstance, postgres_url: str
) -> None:
    own = world.installation.settings.home / "own"
    (own / "stats").mkdir(parents=True)
    stage = lived(Stage(world, instance, sql_dir=own, stats_url=SecretStr(postgres_url)))
    two_days = range_tags(date.fromisoformat(YESTERDAY), date.fromisoformat(TODAY))
    looked = stage.run("daily", tags=two_days).get_asset_check_evaluations()
    sound = {(each.asset_key.path[-1], each.check_name): each.passed for each in looked}
    assert {(each.statistic, each.name) for each in CHECKS} <= sound.keys()
    assert all(sound[each.statistic, each.name] for each in CHECKS)
    assert plotted(stage, YESTERDAY) == {"dagster/row_count": 0, "sent": 0}
    told = {"dagster/row_count": 1, "sent": 1, "sent_rate %": 100.0, "human_click_rate %": 0.0}
    assert plotted(stage, TODAY) == told
    with psycopg.connect(postgres_url) as server:
        assert server.execute("SELECT sent FROM analytics.campaign_rates").fetchall() == [(1,)]
    assert stage.metadata("analytics_copy")["rows_written"] > 0

    before = world.installation.settings.analytics.read_bytes()
    shipped = (SHIPPED / "stats" / "campaign_daily.sql").read_text("utf-8")
    changed = shipped.replace("count(*) AS moments", "1 + count(*) AS moments")
    (own / "stats" / "campaign_daily.sql").write_text(changed, "utf-8")
    run = stage.run("daily", day=TODAY, raise_on_error=False)
    assert not run.success
    wrong = [each for each in run.get_asset_check_evaluations() if not each.passed]
    assert [each.check_name for each in wrong] == ["adds_up"]
    assert "campaign birthday" in str(wrong[0].metadata["rows"].value)
    assert world.installation.settings.analytics.read_bytes() == before


def test_the_best_and_the_worst_campaigns_are_named_once_they_sent_enough() -> None:
    rows = [
        {"tenant_id": 1, "campaign": f"c{n}", "sent": 200 if n else 19, "clicked": 2 * n, "moments": 1}
        for n in range(13)
    ]
    empty = pl.DataFrame(schema=schema(CAMPAIGN_DAILY))
    told = rates.of_rows(CAMPAIGN_DAILY, pl.concat([empty, pl.DataFrame(rows)], how="diagonal"))
    most, least = (str(told[f"campaigns_{which}_clicked"].value) for which in ("most", "least"))
    named = [[line.split("|")[1] for line in table.splitlines()[2:]] for table in (most, least)]
    assert named == [["c12", "c11", "c10", "c9", "c8"], ["c1", "c2", "c3", "c4", "c5"]]
    assert "|c12|1|200|12.0|" in most
    assert told["human_click_rate %"].value == round(100 * sum(2 * n for n in range(13)) / (12 * 200 + 19), 3)
