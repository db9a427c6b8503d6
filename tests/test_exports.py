"""The record as a file for other tools, and who did what."""

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from automation_pipelines import exports
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.errors import RefusedError
from automation_pipelines.exports import EXPORTS, Kind, Wanted
from automation_pipelines.ledger import suppressions
from automation_pipelines.ledger.suppressions import Suppression
from automation_pipelines.ledger.tables import events
from tests.past import NOON, plan, settle
from tests.world import World

DAY = timedelta(days=1)
ONE = "onboarding"
HELLO = """\
id: hello
title: Hello
audience: customers
schedule: {date: 2026-03-04, at: "09:00"}
steps:
  - {id: hello, channel: email, template: a/hello}
"""


@pytest.fixture
def record(world: World) -> World:
    """Three jobs on three days, an event, a suppression."""
    database = world.installation.database
    rows = [
        {"campaign": ONE, "step": "a", "subject_id": n, "subject_text": text, "due_at": NOON + n * DAY,
         "reason": "planned", "tenant_id": n % 2, "variant": text}
        for n, text in enumerate(("=1+1", " @sum", "plain;\n=2"))
    ]  # fmt: skip
    numbers = plan(database, *rows, run_id="run")
    settle(database, numbers[0], "completed", minutes=1)
    with database.begin() as connection:
        told = {"identity": "e", "type": "opened", "at": NOON, "received_at": NOON, "job_id": numbers[0]}
        connection.execute(events.insert().values(**told, detail='{"to": "kim@x.example"}'))
    suppressions.add(database, [Suppression(1, "email", "ab" * 32, "manual", NOON)])
    return world


def run(world: World, *arguments: str) -> Result:
    result = CliRunner().invoke(automation, list(arguments), obj=Front(world.installation, NOON, "ann"))
    if isinstance(result.exception, RefusedError):
        raise result.exception
    return result


def exported(world: World, kind: str, path: Path, *more: str) -> str:
    result = run(world, "export", kind, "--to", str(path), *more)
    assert result.exit_code == 0, result.output
    return result.output


def read(path: Path) -> list[dict[str, Any]]:
    match path.suffix:
        case ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                return list(csv.DictReader(file))
        case ".jsonl":
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return pl.read_parquet(path).to_dicts()


class TestFiles:
    @pytest.mark.parametrize("suffix", list(exports.FORMATS))
    def test_every_kind_has_its_declared_columns_and_nothing_personal(
        self, record: World, tmp_path: Path, suffix: str
    ) -> None:
        for kind, rows in ((Kind.JOBS, 3), (Kind.EVENTS, 1), (Kind.SUPPRESSIONS, 1), (Kind.DECISIONS, 0)):
            path = tmp_path / f"{kind}{suffix}"
            assert exported(record, str(kind), path) == f"{path}: {rows} row{'' if rows == 1 else 's'}\n"
            found = read(path)
            assert len(found) == rows
            assert path.stat().st_mode & 0o077 == 0
            for row in found:
                assert list(row) == [column.name for column in EXPORTS[kind] if not column.personal]
        assert read(tmp_path / f"events{suffix}")[0]["campaign"] == ONE

    def test_slices_make_the_same_file(self, record: World, tmp_path: Path) -> None:
        whole, sliced = tmp_path / "whole.csv", tmp_path / "sliced.csv"
        for path, size in ((whole, 100), (sliced, 1)):
            wanted = Wanted(kind=Kind.JOBS)
            assert exports.export(record.installation, wanted, path, by="ann", now=NOON, size=size) == 3
        assert whole.read_bytes() == sliced.read_bytes()

    def test_filters_restrict(self, record: World, tmp_path: Path) -> None:
        since = ("--since", (NOON + DAY).isoformat())
        for number, (more, rows) in enumerate(
            (((*since,), 2), ((*since, "--tenant", "1"), 1), (("--until", NOON.isoformat()), 0))
        ):
            assert f": {rows} row" in exported(record, "jobs", tmp_path / f"{number}.csv", *more)

    def test_a_spreadsheet_finds_no_formula(self, record: World, tmp_path: Path) -> None:
        path = tmp_path / "jobs.csv"
        exported(record, "jobs", path)
        found = sorted(read(path), key=lambda row: row["subject_id"])
        assert [row["variant"] for row in found] == ["'=1+1", "' @sum", "plain;\n=2"]
        assert f'"{ONE}"' in path.read_text(encoding="utf-8")  # quoted, whatever separates cells

    def test_personal_data_is_asked_for_and_audited(self, record: World, tmp_path: Path) -> None:
        path = tmp_path / "jobs.parquet"
        exported(record, "jobs", path, "--with-personal-data", "--tenant", "1")
        assert [row["subject_text"] for row in read(path)] == [" @sum"]
        (entry,) = [json.loads(line) for line in run(record, "audit", "--json").output.splitlines()]
        assert (entry["by"], entry["action"]) == ("ann", "export")
        assert entry["detail"] == {"kind": "jobs", "tenant": 1, "personal": True, "file": str(path)}

    def test_what_cannot_be_is_refused(self, record: World, tmp_path: Path) -> None:
        (tmp_path / "there.csv").touch()
        for file, told in (("jobs.xlsx", "let its name end in .csv"), ("there.csv", "exists already")):
            with pytest.raises(RefusedError, match=told):
                run(record, "export", "jobs", "--to", str(tmp_path / file))
        with pytest.raises(RefusedError, match="no campaign"):
            run(record, "export", "suppressions", "--to", str(tmp_path / "s.csv"), "--campaign", "x")
        assert [path.name for path in tmp_path.glob("*.csv")] == ["there.csv"]


def test_who_did_what_newest_first(world: World) -> None:
    world.apply(HELLO, start="2026-03-01T00:00")
    run(world, "campaign", "pause", "hello")
    run(world, "suppressions", "add", "kim@x.example", "--tenant", "1")

    def told(*more: str) -> list[str]:
        lines = run(world, "audit", "--json", *more).output.splitlines()
        return [json.loads(line)["action"] for line in lines]

    assert told() == ["suppression.add", "campaign.pause", "campaign.start", "campaign.apply"]
    assert told("--action", "campaign", "--by", "ann") == ["campaign.pause"]
    assert told("--since", NOON.isoformat(), "--limit", "1") == ["suppression.add"]
    assert told("--until", "2026-03-02") == ["campaign.start", "campaign.apply"]
    assert "kim@x.example" not in run(world, "audit").output
