"""The JSON Schema of campaign files agrees with what `apply` accepts."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from automation_pipelines.campaign import CALL_CHANNELS, MESSAGE_CHANNELS
from automation_pipelines.catalogue.actions import actions
from automation_pipelines.playbooks import FOLDER
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.validation import Known, campaign_schema
from automation_pipelines.validation.documents import parse

KNOWN = Known(frozenset((*MESSAGE_CHANNELS, *CALL_CHANNELS, "wait")), actions(SqlFiles()))
VALIDATOR = jsonschema.Draft202012Validator(campaign_schema(KNOWN))
GOOD: dict[str, Any] = {
    "id": "a",
    "title": "A",
    "audience": "open_quotes",
    "steps": [{"id": "one", "offset": "3 days", "at": "10:00", "channel": "email", "template": "hello"}],
}


def test_it_is_a_schema() -> None:
    VALIDATOR.check_schema(VALIDATOR.schema)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_playbook_fits(path: Path) -> None:
    document = parse(path.read_text(encoding="utf-8")).data
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@pytest.mark.parametrize(
    "changed",
    [
        {"audience": "open_qoutes"},
        {"kind": "follow-up"},
        {"titel": "A"},
        {"steps": []},
        {"steps": [{**GOOD["steps"][0], "offset": "three days"}]},
        {"steps": [{**GOOD["steps"][0], "at": "25:00"}]},
        {"steps": [{**GOOD["steps"][0], "channel": "pigeon"}]},
        {"steps": [{**GOOD["steps"][0], "recipient": "boss"}]},
        {"conditions": {"field": "amount", "operator": "above", "value": 3}},
    ],
    ids=str,
)
def test_what_apply_refuses_for_its_form_an_editor_marks(changed: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(GOOD)
    assert not VALIDATOR.is_valid({**GOOD, **changed})


def test_the_command_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner  # noqa: PLC0415

    from automation_pipelines.cli.main import automation  # noqa: PLC0415

    monkeypatch.setenv("AUTOMATION_HOME", str(tmp_path))
    written = tmp_path / "campaign.schema.json"
    result = CliRunner().invoke(automation, ["campaign", "schema", "--output", str(written)])
    assert result.exit_code == 0, result.output
    schema = json.loads(written.read_text(encoding="utf-8"))
    assert "open_quotes" in schema["properties"]["audience"]["enum"]
    assert yaml.safe_load(written.read_text(encoding="utf-8"))["$schema"].endswith("2020-12/schema")
