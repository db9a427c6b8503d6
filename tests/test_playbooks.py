"""The shipped campaigns: each passes here as it is, and its messages can be read everywhere."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from automation_pipelines.catalogue.actions import actions
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.messages import Content, MessageTemplate
from automation_pipelines.playbooks import FOLDER, TEMPLATES, template_names
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.validation import Draft, Known, load
from automation_pipelines.validation.rehearsal import sample

SQL = SqlFiles()
KNOWN = Known(frozenset({"email"}), actions(SQL))
DRAFTS = {draft.spec.id: draft for draft in load([FOLDER], KNOWN)}
MESSAGES = sorted({(draft.spec.audience, name) for draft in DRAFTS.values() for name in draft.templates})
VOID = {"meta", "img", "br", "hr", "link"}


def source(name: str) -> MessageTemplate:
    found = next(draft.templates[name] for draft in DRAFTS.values() if name in draft.templates)
    return MessageTemplate(found)


def rendered(audience: str, name: str, *, missing: bool = False, **changed: object) -> Content:
    return source(name).render({**sample(AUDIENCES[audience], missing=missing), **changed})


def steps(draft: Draft) -> list[tuple[str, str, object]]:
    return [
        (str(step.offset), step.action or str(step.template), step.values or step.recipient)
        for step in draft.spec.steps
    ]


def test_what_is_shipped() -> None:
    assert {name: draft.spec.audience for name, draft in DRAFTS.items()} == {
        "birthday": "birthdays",
        "family-early-booking": "customers",
        "quote-expired": "expiring_quotes",
        "quote-expiry-warning": "expiring_quotes",
        "quote-follow-up": "open_quotes",
        "re-engagement": "inactive_customers",
        "sla-escalation": "open_queries",
        "welcome": "new_customers",
    }


def test_the_sla_escalation_climbs_level_by_level() -> None:
    level = "set_query_escalation_level"
    assert steps(DRAFTS["sla-escalation"]) == [
        ("60 minutes", "sla/level-1", ("agent_manager",)),
        ("60 minutes", level, {"level": 1}),
        ("120 minutes", "sla/level-2", ("department_manager",)),
        ("120 minutes", level, {"level": 2}),
        ("240 minutes", "sla/level-3", ("senior_management",)),
        ("240 minutes", level, {"level": 3}),
        ("480 minutes", "sla/level-4", ("executives", "department_manager")),
        ("480 minutes", level, {"level": 4}),
    ]


def test_quotes_are_followed_up_warned_about_and_expired() -> None:
    assert [str(step.offset) for step in DRAFTS["quote-follow-up"].spec.steps] == [
        "3 days",
        "7 days",
        "14 days",
    ]
    assert steps(DRAFTS["quote-expiry-warning"]) == [("-1440 minutes", "quote/expires-soon", ("customer",))]
    assert steps(DRAFTS["quote-expired"]) == [
        ("at once", "quote/expired", ("agent",)),
        ("at once", "set_quote_status", {"status": "expired"}),
    ]


def test_every_shipped_template_is_used() -> None:
    assert {name for _, name in MESSAGES} == template_names([FOLDER / TEMPLATES])


class _Balance(HTMLParser):
    """Collects tags that are closed in the wrong place."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize(("audience", "name"), MESSAGES)
def test_a_message_is_complete(audience: str, name: str) -> None:
    content = rendered(audience, name)
    assert content.subject.strip() == content.subject != ""
    assert "\n" not in content.subject
    assert "{{" not in content.html + content.text
    assert content.text.count("\n\n\n") == 0
    assert "Example Travel" in content.text
    assert "1 Example Street" in content.html
    balance = _Balance()
    balance.feed(content.html)
    assert (balance.wrong, balance.open) == ([], [])


@pytest.mark.parametrize(("audience", "name"), MESSAGES)
def test_a_message_survives_mail_clients(audience: str, name: str) -> None:
    html = rendered(audience, name).html
    assert len(html.encode()) < 20_000  # Gmail clips above 102 KB
    assert "<script" not in html
    assert 'role="presentation"' in html
    assert "max-width: 480px" in html
    assert "prefers-color-scheme: dark" in html
    assert re.search(r'class="preheader"[^>]*display: ?none', html)
    assert re.search(r'class="body"[^>]*font-size: ?16px', html)  # inlined: some clients drop <style>
    assert all("alt=" in image for image in re.findall(r"<img[^>]*>", html))


@pytest.mark.parametrize(("audience", "name"), MESSAGES)
def test_a_message_reads_well_where_everything_optional_is_missing(audience: str, name: str) -> None:
    content = rendered(audience, name, missing=True)
    for text in (content.subject, content.text):
        assert "None" not in text
        assert not re.search(r" [,.!?]|\(\)|\w  \w|: *$", text, re.MULTILINE)


def test_the_brand_colour_decides_what_is_written_on_it() -> None:
    tenant = sample(AUDIENCES["birthdays"])["tenant"]
    for colour, on_it in (("#0b6e6e", "#ffffff"), ("#f2c230", "#1c2430"), (None, "#ffffff")):
        html = rendered("birthdays", "birthday", tenant={**tenant, "brand_color": colour}).html
        assert re.search(rf'class="link"[^>]*color: {on_it}', html)
        assert f"background-color: {colour or '#1f5f8b'}" in html


def test_a_hostile_name_stays_a_name() -> None:
    content = rendered("birthdays", "birthday", first_name="<b>{{ 7 * 7 }}</b>")
    assert "&lt;b&gt;{{ 7 * 7 }}&lt;/b&gt;" in content.html
    assert content.subject == "Happy birthday, <b>{{ 7 * 7 }}</b>!"


def test_a_playbook_can_be_copied_and_applied_from_anywhere(tmp_path: Path) -> None:
    copy = tmp_path / "promotion.yaml"
    text = (FOLDER / "promotion.yaml").read_text(encoding="utf-8")
    copy.write_text(re.sub(r"date: \S+", "date: 2026-05-31", text), encoding="utf-8")
    (draft,) = load([copy], KNOWN)
    assert draft.spec.schedule is not None
    assert f"{draft.spec.schedule.on_date}" == "2026-05-31"
