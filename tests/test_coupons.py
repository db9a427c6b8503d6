"""Codes of a pool: each is given once, in order, and belongs to its message for ever."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.ledger import coupons
from tests.world import World, at

LONG_AGO = "2026-01-01T00:00"
GIFT = """
id: gift
title: Gift
audience: birthdays
coupons: spring
steps: [{id: mail, channel: email, template: t}]
"""


@pytest.fixture
def shop(world: World) -> World:
    world.add("tenants", id=1)
    for number in (3, 1, 2):
        world.add("customers", id=number, birthday="1990-03-10")
    return world


def codes(shop: World) -> dict[str, str | None]:
    rows = shop.installation.database.read("SELECT subject_text, variables FROM job_payloads")
    return {subject: json.loads(text).get("coupon") for subject, text in rows.iter_rows()}


def left(shop: World) -> int:
    (pool,) = coupons.status(shop.installation.database)
    return pool.left


def test_codes_go_out_in_order_and_what_comes_too_late_is_limited(shop: World) -> None:
    assert coupons.add(shop.installation.database, "spring", ["B", "A", "B"]) == 2
    shop.apply(GIFT, start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    assert codes(shop) == {"1": "B", "2": "A"}
    assert shop.skipped() == [("mail", 3, "limited")]
    assert shop.decisions().filter(reason="limited")["limited_by"].to_list() == [
        "no code left in pool spring"
    ]
    assert left(shop) == 0


def test_a_tick_that_is_repeated_gives_nothing_away(shop: World) -> None:
    coupons.add(shop.installation.database, "spring", ["A", "B", "C", "D"])
    shop.apply(GIFT, start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    shop.tick("2026-03-10T09:30")
    given = shop.installation.database.read(
        "SELECT p.subject_text, c.code FROM coupons AS c JOIN job_payloads AS p ON p.job_id = c.job_id "
        "ORDER BY c.code"
    )
    assert given.rows() == [("1", "A"), ("2", "B"), ("3", "C")]
    assert left(shop) == 1


def test_a_test_gives_no_code_away(shop: World) -> None:
    coupons.add(shop.installation.database, "spring", ["A", "B", "C"])
    shop.apply(GIFT, start=LONG_AGO)
    shop.tick("2026-03-10T09:00", mode="test")
    assert left(shop) == 3


def test_pools_are_filled_and_looked_at_from_the_command_line(shop: World, tmp_path: Path) -> None:
    file = tmp_path / "codes.txt"
    file.write_text("A\n\n B \nA\n")
    front = Front(shop.installation, at(LONG_AGO), "test")
    added = CliRunner().invoke(automation, ["coupons", "add", "spring", str(file)], obj=front)
    assert added.output == "spring: 2 codes added, 1 were there\n"
    refused = CliRunner().invoke(automation, ["coupons", "add", "Spring sale", str(file)], obj=front)
    assert "'Spring sale' is no name of a pool" in str(refused.exception)
    file.write_bytes(b"A\n\xff\n")
    refused = CliRunner().invoke(automation, ["coupons", "add", "spring", str(file)], obj=front)
    assert "is no text in UTF-8" in str(refused.exception)
    told = CliRunner().invoke(automation, ["coupons", "status"], obj=front)
    assert "spring" in told.output
