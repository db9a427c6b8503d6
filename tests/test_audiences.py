"""Each audience against its cases in `cases/audiences/`: given rows and a clock, expected rows."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Anchor, Keeper, Type
from automation_pipelines.engine import open_engine
from automation_pipelines.ledger.tables import metadata
from automation_pipelines.selection import Need, demands, merge, select
from automation_pipelines.tick import known, read_frames
from tests.happened import happen
from tests.world import World, at

pytestmark = pytest.mark.planner
CASES = Path(__file__).parent / "cases" / "audiences"


def _cases() -> list[Any]:
    return [
        pytest.param(path.stem, case, id=f"{path.stem}: {case['case']}")
        for path in sorted(CASES.glob("*.yaml"))
        for case in yaml.safe_load(path.read_text())
    ]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One company for all cases, whose books `world` empties: making the tables takes longer than a case."""
    home = tmp_path_factory.mktemp("company")
    if request.param == "sqlite":
        urls = f"sqlite:///{home / 'ledger.db'}", f"sqlite:///{home / 'crm.db'}"
    else:
        new_postgres: Callable[..., str] = request.getfixturevalue("new_postgres")
        urls = new_postgres(request.getfixturevalue("migrated_template")), new_postgres()
    made = World.create(home, *urls)
    yield made
    made.close()


@pytest.fixture
def world(company: World) -> World:
    with company.crm.begin() as connection:
        for table in company.tables.values():
            connection.execute(table.delete())
    with company.installation.database.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name not in {"installation", "ticks"}:
                connection.execute(table.delete())
    return company


def test_every_audience_has_cases() -> None:
    assert {path.stem for path in CASES.glob("*.yaml")} == set(AUDIENCES)


def _moment(value: Any) -> datetime:
    return at(value if isinstance(value, str) else value.isoformat())


def _wanted(audience: str, name: str, value: Any) -> Any:
    types = {column.name: column.type for column in AUDIENCES[audience].columns}
    if isinstance(value, str) and (types.get(name) is Type.INSTANT or name == "anchor"):
        return at(value)
    return value


@pytest.mark.parametrize(("audience", "case"), _cases())
def test_the_audience_returns_what_its_case_expects(
    world: World, audience: str, case: dict[str, Any]
) -> None:
    _given(world, case["given"])
    ranges = merge((None if lo is None else _moment(lo), _moment(hi)) for lo, hi in case["ranges"])
    rows = _selected(world, Need(audience, ranges), _moment(case["as_of"]), case.get("leap_day", "02-28"))
    found = [{name: row[name] for name in wanted} for row, wanted in zip(rows, case["expect"], strict=False)]
    expected = [
        {name: _wanted(audience, name, value) for name, value in wanted.items()} for wanted in case["expect"]
    ]
    assert found == expected
    assert len(rows) == len(expected)
    assert all(row["subject_text"] == str(row["subject_id"]) for row in rows)


def _given(world: World, given: dict[str, list[dict[str, Any]]]) -> None:
    for source, rows in {"tenants": [{"id": 1}], **given}.items():
        for row in rows:
            if SOURCES[source].origin is Keeper.LEDGER:
                happen(world.installation.database, source, row)
            else:
                world.add(source, **row)


def _selected(world: World, need: Need, as_of: datetime, leap_day: str) -> list[dict[str, Any]]:
    installation = world.installation
    with open_engine() as engine:
        engine.add(**known(installation, read_frames(installation, demands([need]))))
        table, _ = select(engine, installation.sqlfiles, need, as_of=as_of, leap_day=leap_day)
        anchor = "" if need.entry.anchor is Anchor.SCHEDULE else ", anchor"
        return engine.query(f"SELECT * FROM {table} ORDER BY subject_id{anchor}").to_dicts()
