"""Each audience against its cases in `cases/audiences/`: given rows and a clock, expected rows."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.types import Type
from automation_pipelines.engine import open_engine
from automation_pipelines.selection import Need, demands, merge, select
from automation_pipelines.tick import read_frames
from tests.world import World, at

CASES = Path(__file__).parent / "cases" / "audiences"


def _cases() -> list[Any]:
    return [
        pytest.param(path.stem, case, id=f"{path.stem}: {case['case']}")
        for path in sorted(CASES.glob("*.yaml"))
        for case in yaml.safe_load(path.read_text())
    ]


def test_every_audience_has_cases() -> None:
    assert {path.stem for path in CASES.glob("*.yaml")} == set(AUDIENCES)


def _moment(value: Any) -> datetime | None:
    return None if value is None else at(value if isinstance(value, str) else value.isoformat())


def _wanted(audience: str, name: str, value: Any) -> Any:
    types = {column.name: column.type for column in AUDIENCES[audience].columns}
    if isinstance(value, str) and (types.get(name) is Type.INSTANT or name == "anchor"):
        return at(value)
    return value


@pytest.mark.parametrize(("audience", "case"), _cases())
def test_the_audience_returns_what_its_case_expects(
    world: World, audience: str, case: dict[str, Any]
) -> None:
    for source, rows in {"tenants": [{"id": 1}], **case["given"]}.items():
        for row in rows:
            world.add(source, **row)
    ranges = merge((_moment(lo), _moment(hi)) for lo, hi in case["ranges"])
    need = Need(audience, ranges)
    installation = world.installation
    frames = read_frames(installation, demands([need]))
    with open_engine() as engine:
        engine.add(**frames)
        table, _ = select(
            engine,
            installation.sqlfiles,
            need,
            as_of=_moment(case["as_of"]),
            leap_day=case.get("leap_day", "02-28"),
        )
        rows = (
            engine.query(f"SELECT * FROM {table} ORDER BY subject_id, anchor")
            if _anchored(audience)
            else (engine.query(f"SELECT * FROM {table} ORDER BY subject_id"))
        )
    assert len(rows) == len(case["expect"])
    for row, expected in zip(rows.iter_rows(named=True), case["expect"], strict=True):
        assert {name: row[name] for name in expected} == {
            name: _wanted(audience, name, value) for name, value in expected.items()
        }
        assert row["subject_text"] == str(row["subject_id"])


def _anchored(audience: str) -> bool:
    return AUDIENCES[audience].anchor != "schedule"
