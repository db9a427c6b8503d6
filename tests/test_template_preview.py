"""`automation template`, as it is typed; and that what it shows is what is sent."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from automation_pipelines.campaign import Campaign
from automation_pipelines.channels import build_channels
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.templates import template
from automation_pipelines.errors import CampaignError, ConfigurationError
from automation_pipelines.installation import Installation
from automation_pipelines.messages import TemplateSource
from automation_pipelines.settings import Settings
from tests.mailroom import NOON, Mailroom

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
Run = Callable[..., Result]
CAMPAIGN = """\
id: hello
title: Hello
audience: expiring_quotes
utm: {}
variables: {days: 1}
variants: [{id: a}, {id: b}]
steps:
  - id: one
    channels: [email, sms]
    template: quote-ends
    variants: {b: {subject: "{{ custom.days|plural(one='# day', other='# days') }} left, {{ customerName }}"}}
  - {id: two, offset: 1 hour, channel: push, template: short}
"""
FILES = {
    "hello.yaml": CAMPAIGN,
    "templates/quote-ends/subject.txt": "Your quote {{ number }}",
    "templates/quote-ends/subject.fr.txt": "Votre devis {{ number }}",
    "templates/quote-ends/body.html": (
        '{% extends "letter.html" %}{% block content %}<p>{{ destination or "Your trip" }}: '
        '{{ amount|money(currency) if currency }} <a href="{{ tenant.website }}">see</a></p>{% endblock %}'
    ),
    "templates/quote-ends/sms.txt": "{{ recipient.name }}: {{ expires_at|local_time }} {{ nope.x }}",
    "templates/short/push.txt": "A title\nA text",
}


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Front:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        path = tmp_path / "campaigns" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Front(Installation.open(Settings(home=tmp_path / "home")), NOW, "ann")


@pytest.fixture
def run(front: Front) -> Run:
    def invoke(*words: object, fails: type[Exception] | None = None) -> Result:
        result = CliRunner().invoke(
            template, [str(word) for word in words], obj=front, env={"COLUMNS": "200"}
        )
        if fails is None:
            assert result.exit_code == 0, result.output
        else:
            assert isinstance(result.exception, fails), result.output
        return result

    return invoke


def written(folder: str = "template-preview") -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in Path(folder).iterdir()}


def test_every_message_of_a_campaign_file_is_written_to_be_looked_at(run: Run) -> None:
    said = run("preview", "campaigns/hello.yaml").output
    files = written()
    assert sorted(name for name in files if "optional-missing" not in name) == [
        *("one.b.html", "one.b.sms.txt", "one.b.txt", "one.html", "one.sms.txt", "one.txt", "two.push.txt"),
    ]
    assert all(f"template-preview/{name}" in said for name in files)
    assert files["one.txt"].startswith("Subject: Your quote Q-1042\n\nLisbon: €1,234.50 see (https://")
    assert files["one.b.txt"].startswith("Subject: 1 day left, Ada Example\n")
    assert "utm_content=one" in files["one.html"]
    assert "utm_content=b" in files["one.b.html"]
    assert files["two.push.txt"] == "A title\n\nA text\n"
    assert files["one.optional-missing.txt"].startswith("Subject: Your quote \n\nYour trip: ")


def test_what_is_missing_is_listed_and_shown_in_its_place(run: Run) -> None:
    assert "there is no 'nope'" in run("preview", "hello", "--step", "one").output
    assert written()["one.sms.txt"] == "Your quote Q-1042\n\nAda Example: 31 May 2026, 11:00 {{ nope }}\n"


def test_step_variant_language_and_sample_can_be_chosen(run: Run, tmp_path: Path) -> None:
    sample = tmp_path / "row.json"
    sample.write_text(
        '{"number": "N<1>", "recipient": {"name": "Zoë"}, "tenant": {"website": "https://t.example"}}'
    )
    options = ("--step", "one", "--variant", "", "--locale", "fr-CA", "--sample", sample, "--output", "here")
    run("preview", "hello", *options)
    assert {name.partition(".")[0] for name in written("here")} == {"one"}
    assert not [name for name in written("here") if ".b." in name]
    assert written("here")["one.txt"].startswith("Subject: Votre devis N<1>\n")
    assert "https://t.example?utm_" in written("here")["one.txt"]
    assert written("here")["one.sms.txt"].startswith("Votre devis N<1>\n\nZoë: ")


def test_a_template_can_be_named_itself(run: Run) -> None:
    run("preview", "short")
    assert set(written()) == {"two.push.txt", "two.optional-missing.push.txt"}
    run("preview", "birthday", "--output", "shipped")
    assert "Happy birthday, Ada!" in written("shipped")["greeting.html"]


def test_a_template_no_campaign_uses_is_shown_to_any_customer(run: Run) -> None:
    home = Path("campaigns/templates/mine")
    home.mkdir()
    (home / "subject.txt").write_text("Hi {{ firstName }}")
    (home / "body.html").write_text("<p>{{ company_name }}</p>")
    run("preview", "mine")
    assert written()["mine.txt"] == "Subject: Hi Ada\n\nExample & Sons\n"


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("nobody",), ConfigurationError, "there is no template 'nobody' in campaigns/templates, "),
        (
            ("hello", "--step", "three"),
            ConfigurationError,
            "'hello' has no message for this step and variant",
        ),
        (("hello", "--sample", "campaigns/hello.yaml"), ConfigurationError, "is no JSON file"),
        (("campaigns/broken.yaml",), CampaignError, "colour: unknown key 'colour'"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    run: Run, words: tuple[str, ...], error: type[Exception], message: str
) -> None:
    Path("campaigns/broken.yaml").write_text(CAMPAIGN.replace("id: hello", "id: broken") + "colour: red\n")
    assert message in str(run("preview", *words, fails=error).exception)


def test_a_tenant_no_tick_has_seen_is_refused(run: Run, front: Front) -> None:
    front.installation.initialise(NOW)
    refused = run("preview", "hello", "--tenant", 7, fails=ConfigurationError)
    assert str(refused.exception) == "no tick has seen tenant 7, known: none"


def test_templates_are_listed_with_their_languages(run: Run) -> None:
    lines = run("list").output.splitlines()
    (own,) = [line for line in lines if "quote-ends" in line]
    assert "html, sms, subject" in own
    assert "en-GB, fr" in own
    assert any("birthday" in line for line in lines)


@pytest.fixture
def sent(front: Front) -> Mailroom:
    """One mail of an applied campaign, delivered into the outbox."""
    front.installation.initialise(NOW)
    room = Mailroom(front.installation.database, front.settings)
    spec = Campaign.model_validate(
        {
            "id": "letters",
            "title": "Letters",
            "audience": "birthdays",
            "utm": {},
            "variables": {"offer": "10 %"},
            "steps": [
                {
                    "id": "letter",
                    "channel": "email",
                    "template": "t",
                    "subject": "{{ custom.offer }} {{firstName}}",
                }
            ],
        }
    )
    html = '<p>{{ customerName }} {{ message.locale }} <a href="https://x.example/?a#b">x</a></p>'
    source = TemplateSource(
        "own", html, layouts={}, locales={"de": {"subject": "eigen", "text": "{{ 5|money('EUR') }}"}}
    )
    room.campaigns.apply(spec, "", {"t": source}, "ann", NOON)
    room.campaigns.start("letters", "ann", NOON)
    return room


@pytest.mark.parametrize("locale", ["en-US", "de"])
def test_what_is_shown_is_what_is_sent(
    run: Run, front: Front, sent: Mailroom, tmp_path: Path, locale: str
) -> None:
    row = {
        "first_name": "<Zoë>",
        "customer_name": "Zoë L",
        "recipient": {"name": "Zoë & Co", "locale": locale},
    }
    sent.plan(1, variables=json.dumps(row))
    sent.deliver(build_channels(front.settings))
    (file,) = (front.settings.outbox / "new").iterdir()
    mail = message_from_bytes(file.read_bytes(), policy=default)
    parts = {kind: mail.get_body((kind,)) for kind in ("html", "plain")}
    sample = tmp_path / "row.json"
    sample.write_text(json.dumps(row))
    run("preview", "letters", "--sample", sample, "--tenant", 1)
    html, text = (part.get_content() for part in parts.values() if part is not None)
    assert written()["letter.html"].strip() == html.strip().replace("&#235;", "ë")
    assert written()["letter.txt"].strip() == f"Subject: {mail['subject']}\n\n{text}".strip()
    assert mail["subject"] == "10 % <Zoë>"
    assert "utm_source=acme-travel" in html


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id: [", "no YAML"),
        (CAMPAIGN.replace("expiring_quotes", "expired_quotes"), "3: unknown audience 'expired_quotes'"),
        (CAMPAIGN + "colour: red\n", "13: colour: unknown key"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_its_line(front: Front, text: str, why: str) -> None:
    path = Path("campaigns/hello.yaml")
    path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(template, ["preview", str(path)], obj=front)
    assert isinstance(result.exception, CampaignError)
    assert why in str(result.exception)


def test_a_sample_of_a_recipient_is_an_object(front: Front) -> None:
    Path("row.json").write_text('{"recipient": "Ada"}', encoding="utf-8")
    result = CliRunner().invoke(template, ["preview", "hello", "--sample", "row.json"], obj=front)
    assert isinstance(result.exception, ConfigurationError)
