"""`automation campaign test`, as it is typed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from automation_pipelines.cli.front import Front
from automation_pipelines.cli.testing import test as command
from automation_pipelines.errors import CampaignError
from automation_pipelines.installation import Installation
from automation_pipelines.settings import Settings

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
RECORDS = (
    {"segment": "family", "worth": 5},
    {"segment": "solo"},
    {"worth": "7", "über\u2028all": "\U0001f600"},
)
Ask = Callable[..., list[str]]

CAMPAIGN = """\
id: spring
audience: customers
conditions:
  any:
    - {field: segment, operator: equals, value: family}
    - {field: worth, operator: greater_than, value: 6}
steps: []
"""


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    installation = Installation.open(Settings(home=tmp_path / "home", crm_url=f"sqlite:///{tmp_path}/crm.db"))
    front = Front(installation, NOW, "ann")

    def invoke(text: str, *, name: str = "asked.yaml", lines: str | None = None) -> list[str]:
        data, file = tmp_path / "records.jsonl", tmp_path / name
        file.write_text(text, encoding="utf-8")
        written = "\n\n".join(json.dumps(record, ensure_ascii=False) for record in RECORDS)
        data.write_text(written if lines is None else lines, encoding="utf-8")
        result = CliRunner().invoke(command, [str(file), "--data", str(data)], obj=front)
        if result.exception:
            raise result.exception
        return [line.removeprefix(f"{data}:") for line in result.output.splitlines()]

    return invoke


def test_each_record_is_answered_for_with_its_line_and_counted(ask: Ask) -> None:
    assert ask(CAMPAIGN) == ["1: yes", "3: no", "5: yes", "2 of 3 records match"]
    assert ask("id: all\naudience: customers\nsteps: []\n")[-1] == "3 of 3 records match"


@pytest.mark.parametrize(
    ("data", "counted"),
    [
        ({"isActive": True, "conditions": []}, "3 of 3"),
        ({"isActive": True}, "3 of 3"),
        ({"id": "r1", "name": "a rule has an id too", "isActive": False, "conditions": []}, "0 of 3"),
        ({"id": "r1", "conditions": [{"field": "worth", "operator": "equals", "value": 5}]}, "1 of 3"),
        ({"isActive": False, "conditions": []}, "0 of 3"),
        ({"validUntil": "2026-03-02T08:59:59Z", "conditions": []}, "0 of 3"),
        ([{"field": "über\u2028all", "operator": "equals", "value": "\U0001f600"}], "1 of 3"),
        ({"field": "worth", "operator": "contains", "value": 7}, "1 of 3"),
        ({"none": [{"field": "worth", "operator": "contains", "value": 7}]}, "2 of 3"),
    ],
)
def test_a_rule_or_conditions_alone_will_do(ask: Ask, data: Any, counted: str) -> None:
    assert ask(json.dumps(data), name="asked.json")[-1] == f"{counted} records match"


@pytest.mark.parametrize("name", ["asked.json", "asked.yaml"])
def test_a_byte_order_mark_in_front_is_nothing(ask: Ask, name: str) -> None:
    asked = '\ufeff[{"field": "f", "operator": "equals", "value": 1}]'
    assert ask(asked, name=name, lines='\ufeff{"f": 1}\r\n{"f": 2}\r\n')[:2] == ["1: yes", "2: no"]


@pytest.mark.parametrize(
    ("text", "name", "lines", "problem"),
    [
        (
            CAMPAIGN.replace("greater_than", "in"),
            "c.yaml",
            None,
            "c.yaml:6: conditions.any[1]: condition on 'worth'",
        ),
        (
            "- {field: b, operator: equals, value: 1}\n- {field: a, operator: equals}\n",
            "c.yaml",
            None,
            "c.yaml:2: conditions[1]: condition on 'a': missing value",
        ),
        ("field: a\noperator: like\nvalue: 1\n", "c.yaml", None, "c.yaml:2: operator on 'a'"),
        ('{\n"isActive": 1, "conditions": []}', "c.json", None, "c.json:2: isActive"),
        ('{"conditions":\nnone}', "c.json", None, "c.json:2: no JSON"),
        ("a: [", "c.yaml", None, "c.yaml:1: no YAML"),
        ("just words", "c.yaml", None, "c.yaml:1: conditions: a list of conditions is needed"),
        ("[]", "c.json", "{}\n\n[1]\n{", "records.jsonl:3: a record is an object"),
        ("[]", "c.json", "{}\n\n[1]\n{", "records.jsonl:4: no JSON"),
        ("[]", "c.json", "{}\n" + "[" * 100_000, "records.jsonl:2: no JSON: nested too deeply"),
        ("[" * 100_000, "c.json", None, "c.json:1: no JSON: nested too deeply"),
        ("9" * 5000, "c.json", None, "c.json:1: no JSON: nested too deeply, or a number too long"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(
    ask: Ask, text: str, name: str, lines: str | None, problem: str
) -> None:
    with pytest.raises(CampaignError) as refused:
        ask(text, name=name, lines=lines)
    assert problem in str(refused.value)
