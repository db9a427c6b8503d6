"""`automation explain`, as it is typed about what does not exist."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from automation_pipelines.cli.front import Front
from automation_pipelines.cli.pipeline import explain
from automation_pipelines.errors import RefusedError
from automation_pipelines.installation import Installation
from automation_pipelines.settings import Settings

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
