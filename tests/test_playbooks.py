"""The shipped campaigns: each passes here as it is, and its messages can be read everywhere.

Whom they reach, and when, is told by `cases/playbooks/`.
"""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from automation_pipelines.campaign import CALL_CHANNELS, MESSAGE_CHANNELS, Kind
from automation_pipelines.catalogue.actions import actions
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.messages import Content, MessageTemplate, NoteContent
from automation_pipelines.playbooks import FOLDER, TEMPLATES, template_names
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.validation import Draft, Known, load
from automation_pipelines.validation.rehearsal import sample, tenant
from automation_pipelines.validation.specimens import Reader, Wording, specimens, wordings

KNOWN = Known(frozenset({*MESSAGE_CHANNELS, *CALL_CHANNELS, "wait"}), actions(SqlFiles()))
DRAFTS = {draft.spec.id: draft for draft in load([FOLDER], KNOWN)}
WORDINGS = [one for draft in DRAFTS.values() for one in wordings(draft.spec, draft.templates)]
VOID = {"meta", "img", "br", "hr", "link"}
INTERNAL = "An internal message of Example Travel"


def _name(wording: Wording) -> str:
    return " ".join(filter(None, [wording.campaign.id, wording.step.id, wording.variant]))


every_message = pytest.mark.parametrize("wording", WORDINGS, ids=_name)


@cache
def _said(name: str) -> list[tuple[str, bool, Content | NoteContent]]:
    """Each channel, whether optional values were missing, and what it says."""
    (wording,) = (one for one in WORDINGS if _name(one) == name)
    told = []
    for one in specimens(wording, Reader()):
        assert (one.trial.missing, one.trial.problems) == ((), ())
        told.append((one.channel, one.missing, one.trial.said[one.channel]))
    return told


def mails(wording: Wording) -> list[tuple[bool, Content]]:
    return [(missing, said) for _, missing, said in _said(_name(wording)) if isinstance(said, Content)]


def texts(said: Content | NoteContent) -> tuple[str, str]:
    return (said.subject if isinstance(said, Content) else said.title or ""), said.text


def steps(draft: Draft) -> list[tuple[str, str, object]]:
    return [
        (str(step.offset), step.action or str(step.template), step.values or step.recipient)
        for step in draft.spec.steps
    ]


def test_every_audience_has_a_playbook() -> None:
    used = {draft.spec.audience for draft in DRAFTS.values()}
    assert used == AUDIENCES.keys()


def test_every_kind_of_campaign_has_a_playbook() -> None:
    assert {draft.spec.kind for draft in DRAFTS.values()} == set(Kind.__args__)  # type: ignore[attr-defined]


def test_a_file_is_called_like_its_campaign_or_says_why_not() -> None:
    named = {draft.path.stem: draft.spec.id for draft in DRAFTS.values()}
    other = {"promotion": "family-early-booking", "seasonal": "seasonal-escapes"}
    assert {stem: name for stem, name in named.items() if stem != name} == other


@pytest.mark.parametrize("draft", DRAFTS.values(), ids=DRAFTS)
def test_a_playbook_begins_with_what_it_is_for(draft: Draft) -> None:
    assert draft.text.startswith("# ")


def test_the_sla_escalation_climbs_level_by_level_as_each_tenant_says() -> None:
    expected: list[tuple[str, str, object]] = []
    for level in (1, 2, 3, 4):
        late = f"{{sla_level_{level}_minutes}} minutes"
        expected += [
            (late, f"sla/level-{level}", f"{{sla_level_{level}_escalate_to}}"),
            (late, "escalate_query", {"level": level}),
        ]
    assert steps(DRAFTS["sla-escalation"]) == expected


def test_quotes_are_followed_up_warned_about_and_expired() -> None:
    follow_up = DRAFTS["quote-follow-up"].spec.steps
    assert [str(step.offset) for step in follow_up] == [
        f"{{quote_followup_day_{place}}} days" for place in (1, 2, 3)
    ]
    warning = [("-{quote_expiry_warning_hours} hours", "quote/expires-soon", ("customer",))]
    assert steps(DRAFTS["quote-expiry-warning"]) == warning
    assert steps(DRAFTS["quote-expired"]) == [
        ("at once", "quote/expired", ("agent",)),
        ("at once", "set_quote_status", {"status": "expired"}),
    ]


def test_every_shipped_template_is_used() -> None:
    used = {one.step.template for one in WORDINGS}
    assert used == template_names([FOLDER / TEMPLATES])


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


@every_message
def test_a_mail_is_complete(wording: Wording) -> None:
    for missing, content in mails(wording):
        assert content.subject.strip() == content.subject != ""
        assert "\n" not in content.subject
        assert "Example Travel" in content.text
        assert missing or "1 Example Street" in content.html
        balance = _Balance()
        balance.feed(content.html)
        assert (balance.wrong, balance.open) == ([], [])


@every_message
def test_a_mail_survives_mail_clients(wording: Wording) -> None:
    for _, content in mails(wording):
        html = content.html
        assert len(html.encode()) < 20_000  # Gmail clips above 102 KB
        assert "<script" not in html
        assert 'role="presentation"' in html
        assert "max-width: 480px" in html
        assert "prefers-color-scheme: dark" in html
        assert re.search(r'class="preheader"[^>]*display: ?none', html)
        assert re.search(r'class="body"[^>]*font-size: ?16px', html)  # inlined: some clients drop <style>
        assert all("alt=" in image for image in re.findall(r"<img[^>]*>", html))


@every_message
def test_a_message_reads_well_on_every_channel_also_where_everything_optional_is_missing(
    wording: Wording,
) -> None:
    for channel, missing, said in _said(_name(wording)):
        title, text = texts(said)
        assert text.strip(), channel
        for one in (title, text):
            assert "None" not in one
            assert "{{" not in one
            assert missing or one.count("\n\n\n") == 0
            assert not re.search(
                r" [,.!?:;](?!\w)|\(\)|\w  \w|,,|\.\.(?!\.)|: *$(?!\n\n- )", one, re.MULTILINE
            ), one


@every_message
def test_a_text_message_is_short(wording: Wording) -> None:
    for channel, _, said in _said(_name(wording)):
        if channel in {"sms", "whatsapp", "push", "wallet"}:
            assert len(texts(said)[1]) <= 320, channel  # two parts of an SMS


@every_message
def test_only_staff_gets_what_is_said_to_be_internal(wording: Wording) -> None:
    customers = bool({"customer", "contacts"} & set(wording.step.recipient))
    for _, content in mails(wording):
        assert (INTERNAL in content.text) == (not customers), wording.step.recipient


def _rendered(**changed: Any) -> Content:
    found = next(one for one in WORDINGS if one.step.template == "birthday")
    return MessageTemplate(found.source).render({**sample(AUDIENCES["birthdays"]), **changed})


def test_the_brand_colour_decides_what_is_written_on_it() -> None:
    for colour, on_it in (("#0b6e6e", "#ffffff"), ("#f2c230", "#1c2430"), (None, "#ffffff")):
        html = _rendered(tenant={**tenant(), "brand_color": colour}).html
        assert re.search(rf'class="link"[^>]*color: {on_it}', html)
        assert f"background-color: {colour or '#1f5f8b'}" in html


def test_a_hostile_name_stays_a_name() -> None:
    content = _rendered(first_name="<b>{{ 7 * 7 }}</b>")
    assert "&lt;b&gt;{{ 7 * 7 }}&lt;/b&gt;" in content.html
    assert content.subject == "Happy birthday, <b>{{ 7 * 7 }}</b>!"


def test_a_playbook_can_be_copied_and_applied_from_anywhere(tmp_path: Path) -> None:
    copy = tmp_path / "promotion.yaml"
    text = (FOLDER / "promotion.yaml").read_text(encoding="utf-8")
    copy.write_text(re.sub(r"date: \S+", "date: 2026-05-31", text), encoding="utf-8")
    (draft,) = load([copy], KNOWN)
    assert draft.spec.schedule is not None
    assert f"{draft.spec.schedule.on_date}" == "2026-05-31"
