"""What WhatsApp has approved, and how long an SMS may be: checked before anybody gets them."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from automation_pipelines.channels.outbox import OutboxChannel
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.templates import template
from automation_pipelines.errors import CampaignError, MessageError
from automation_pipelines.installation import Installation
from automation_pipelines.messages import MessageTemplate, TemplateSource
from automation_pipelines.model import ContentTemplate, Note
from automation_pipelines.settings import Settings
from automation_pipelines.validation import Known, load
from tests.mailroom import NOON

SID = "HX" + "0" * 32
APPROVED = '{"content_sid": "HX00", "variables": {"1": "{{ name }}"}}'.replace("HX00", SID)
CAMPAIGN = """\
id: hello
title: Hello
audience: bookings_confirmed
purpose: transactional
steps:
  - id: one
    channels: [whatsapp, sms]
    template: hello
"""


def approved(text: str, /, **variables: object) -> ContentTemplate | None:
    source = TemplateSource(notes={"approved": text})
    return MessageTemplate(source).render_note("whatsapp", variables).approved


@pytest.mark.parametrize(
    ("name", "filled"),
    [
        ("Ada", "Ada"),
        ('"}, "content_sid": "HX1', '"}, "content_sid": "HX1'),
        ("\\", "\\"),
        ("Zoë\n\t  Doe 😀", "Zoë Doe 😀"),
        ("{{ 7*7 }}", "{{ 7*7 }}"),
        (3, "3"),
    ],
)
def test_a_value_is_filled_in_as_it_is_on_one_line(name: object, filled: str) -> None:
    assert approved(APPROVED, name=name) == ContentTemplate(SID, {"1": filled})


def test_a_template_without_places_needs_no_variables() -> None:
    assert approved(f'{{"content_sid": "{SID}"}}') == ContentTemplate(SID, {})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "no JSON"),
        ("[]", "write {"),
        ('{"content_sid": "HX1"}', "content_sid: write the template's SID"),
        ('{"variables": {}}', "content_sid"),
        (f'{{"content_sid": "{SID}", "variable": {{}}}}', "write {"),
        (f'{{"content_sid": "{SID}", "variables": []}}', "variables: write {"),
        (f'{{"content_sid": "{SID}", "variables": {{"1": 2}}}}', "variables.1: must be a text"),
        (f'{{"content_sid": "{SID}", "variables": {{"1": " {{{{ name }}}} "}}}}', "variables.1: is empty"),
    ],
)
def test_what_whatsapp_would_refuse_is_refused(text: str, why: str) -> None:
    with pytest.raises(MessageError, match=r"whatsapp\.json: ") as refused:
        approved(text, name=None)
    assert why in str(refused.value)


def test_each_language_has_its_own_and_mails_are_not_taken_for_it() -> None:
    french = APPROVED.replace("HX0", "HX1")
    source = TemplateSource(
        html="<p>Long</p>", notes={"approved": APPROVED}, locales={"fr": {"approved": french}}
    )
    said = MessageTemplate(source).render_note("whatsapp", {"name": "Zoë", "recipient": {"locale": "fr"}})
    assert said.approved is not None
    assert said.approved.sid.startswith("HX1")
    assert said.text == ""
    assert MessageTemplate(source).render_note("sms", {"name": "Zoë"}).text == "Long"


def test_where_whatsapp_is_filed_the_file_has_both(tmp_path: Path) -> None:
    content = ContentTemplate(SID, {"1": "Zoë"})
    channel = OutboxChannel("whatsapp", Note, tmp_path)
    channel.send(
        [Note(1, 1, "1.test", "+15550100", "", "Any words", content), Note(2, 1, "2.test", "+1", "", "x")]
    )
    filed = [json.loads((tmp_path / f"{name}.test.json").read_text("utf-8")) for name in (1, 2)]
    assert filed[0]["content"] == {"sid": SID, "variables": {"1": "Zoë"}}
    assert "content" not in filed[1]


def problems(folder: Path, parts: dict[str, str], most: int = 10) -> str:
    (folder / "templates" / "hello").mkdir(parents=True)
    (folder / "hello.yaml").write_text(CAMPAIGN, "utf-8")
    for name, text in parts.items():
        (folder / "templates" / "hello" / name).write_text(text, "utf-8")
    known = Known(frozenset({"sms", "whatsapp"}), {}, sms_segments=most)
    try:
        load([folder], known)
    except CampaignError as error:
        return str(error)
    return ""


GOOD = APPROVED.replace("name", "first_name|default('there')")


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("whatsapp.json", GOOD, ""),
        ("whatsapp.fr.json", GOOD, ""),
        ("whatsapp.json", GOOD.replace("HX", "MG"), "content_sid: write the template's SID"),
        ("whatsapp.json", APPROVED, "whatsapp.json: unknown variable 'name'"),
        (
            "whatsapp.json",
            GOOD.replace("|default('there')", ""),
            "missing: whatsapp.json: variables.1: is empty",
        ),
        ("whatsapp.fr.json", "{", "whatsapp.json: no JSON"),
        ("sms.txt", "x" * 161, "its SMS takes 2 segments, and 1 are allowed: write"),
        ("sms.txt", "— " + "x" * 70, "its SMS takes 2 segments, and 1 are allowed, because of —: write"),
    ],
)
def test_a_campaign_whose_messages_cannot_go_is_refused(
    tmp_path: Path, file: str, text: str, why: str
) -> None:
    told = problems(tmp_path, {"sms.txt": "Hi", "whatsapp.json": GOOD, file: text}, most=1)
    assert why in told
    assert bool(told) == bool(why)


def test_the_example_of_the_docs_applies(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "channels.md").read_text("utf-8")
    section = page.partition("### WhatsApp")[2].partition("\n## ")[0]
    for name, text in re.findall(
        r"^`(campaigns/[^`]+)`:\n\n```\w+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    [draft] = load([tmp_path / "campaigns"], Known(frozenset({"whatsapp"}), {}))
    assert draft.templates["booked"].notes.keys() == {"approved"}


def test_a_preview_says_what_an_sms_costs_and_what_whatsapp_gets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    problems(tmp_path / "campaigns", {"sms.txt": "Hi — you", "whatsapp.json": GOOD})
    front = Front(Installation.open(Settings(home=tmp_path / "home")), NOON, "ann")
    result = CliRunner().invoke(template, ["preview", "hello"], obj=front)
    assert "one.sms.txt\n  1 SMS segment, because of —\n" in result.output
    shown = json.loads((tmp_path / "template-preview" / "one.whatsapp.json").read_text("utf-8"))
    assert shown == {"sid": SID, "variables": {"1": "Ada"}}
