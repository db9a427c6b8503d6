"""`automation explain`, as it is typed about what was never decided."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from automation_pipelines.cli.front import Front
from automation_pipelines.cli.pipeline import explain, preview
from automation_pipelines.errors import RefusedError
from automation_pipelines.installation import Installation
from automation_pipelines.settings import Settings
from tests.world import World

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["1"], "no decision was ever made about '1'"),
        (["1", "--campaign", "birthdya"], "no campaign 'birthdya' was ever applied"),
    ],
)
def test_explain_tells_an_unknown_subject_from_an_unknown_campaign(
    tmp_path: Path, words: list[str], expected: str
) -> None:
    installation = Installation.open(Settings(home=tmp_path, crm_url=f"sqlite:///{tmp_path}/crm.db"))
    installation.initialise(NOW)
    result = CliRunner().invoke(explain, words, obj=Front(installation, NOW, "ann"))
    assert isinstance(result.exception, RefusedError)
    assert expected in str(result.exception)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("1", ["conditions do not hold", "segment            business", "country            missing"]),
        ("2", ["conditions hold: a step has yet to fall due", "segment            luxury"]),
        ("3", ["its audience customers does not return it now"]),
    ],
)
def test_explain_says_where_somebody_stands_with_a_campaign_that_left_them_out(
    world: World, subject: str, expected: list[str]
) -> None:
    world.add("tenants", id=1)
    world.add("customers", id=1, segment="business")
    world.add("customers", id=2, segment="luxury")
    world.apply(
        """
        id: offer
        title: Offer
        audience: customers
        conditions: {field: segment, operator: equals, value: luxury}
        schedule: {date: 2026-05-01, at: "10:00"}
        steps: [{id: letter, channel: email, template: t}]
        """,
        start="2026-03-01T00:00",
    )
    result = CliRunner().invoke(
        explain, [subject, "--campaign", "offer"], obj=Front(world.installation, NOW, "ann")
    )
    assert result.exit_code == 0
    for part in expected:
        assert part in result.output


@pytest.mark.parametrize("words", [["--to", "9999-01-01"], ["--from", "9999-12-31T23:59"]])
def test_a_preview_does_not_reach_for_ever(tmp_path: Path, words: list[str]) -> None:
    installation = Installation.open(Settings(home=tmp_path, crm_url=f"sqlite:///{tmp_path}/crm.db"))
    installation.initialise(NOW)
    result = CliRunner().invoke(preview, words, obj=Front(installation, NOW, "ann"))
    assert isinstance(result.exception, RefusedError)
    assert "a preview reaches 366 days ahead" in str(result.exception)
