"""What the page on templates says is so: its examples apply, its tables are complete."""

import re
from pathlib import Path

import pytest

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.messages import FILES, MessageTemplate
from automation_pipelines.messages.filters import FILTERS
from automation_pipelines.messages.source import NOTES
from automation_pipelines.playbooks import FOLDER, LAYOUTS, TEMPLATES
from automation_pipelines.validation import Draft, Known, load
from automation_pipelines.validation.rehearsal import sample, variables

PAGE = (Path(__file__).parent.parent / "docs" / "templates.md").read_text(encoding="utf-8")
_FILE = re.compile(r"`(campaigns/[\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOLD = set(re.findall(r"`([^`\n]+)`", PAGE))


@pytest.fixture
def drafts(tmp_path: Path) -> dict[str, Draft]:
    """The campaigns of the page, applied with the templates it tells to write."""
    for name, text in _FILE.findall(PAGE):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    known = Known(frozenset({"email", *NOTES}), {})
    return {draft.spec.id: draft for draft in load([tmp_path / "campaigns"], known)}


def test_the_examples_apply_and_say_what_the_page_says(drafts: dict[str, Draft]) -> None:
    assert set(drafts) == {"spring-offer", "check-in"}
    spring = drafts["spring-offer"]
    template = MessageTemplate(spring.templates["spring"])
    row = sample(AUDIENCES["customers"], campaign=spring.spec, step=spring.spec.steps[0])
    content = template.render({**row, "segment": "family"})
    assert content.subject == "10% off, Ada"
    assert "Children under twelve" in content.html
    assert "For 7 days only." in content.html
    assert "For 7 days only." not in content.text
    assert "utm_campaign=spring" in content.text
    assert template.render_note("sms", row).text.startswith("Example Travel: 10% off this week. https://")
    french = template.render({**row, "recipient": {**row["recipient"], "locale": "fr-FR"}})
    assert french.subject == "10 % de remise, Ada"
    assert "Bonjour Ada," in french.text


@pytest.mark.parametrize("audience", ["birthdays", "accounts"])
def test_every_variable_is_told(audience: str) -> None:
    groups = ("account.", "contact.", "engagement.", "goals.", "setting.")
    spaced = {name for name in variables(AUDIENCES[audience]) if "." in name and not name.startswith(groups)}
    assert sorted(spaced - TOLD) == []


def test_every_filter_part_and_layout_is_told() -> None:
    words = {word.partition("(")[0] for word in TOLD}
    assert sorted(FILTERS.keys() - words) == []
    assert sorted(set(FILES.values()) - TOLD) == []
    layouts = {path.name for path in (FOLDER / TEMPLATES / LAYOUTS).iterdir() if path.name.count(".") == 1}
    assert sorted(layouts - TOLD) == []
