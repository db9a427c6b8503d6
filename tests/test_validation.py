"""Campaign files: every problem of every file at once, each with its line and what is allowed."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from automation_pipelines.catalogue.actions import Action, action
from automation_pipelines.errors import CampaignError
from automation_pipelines.sqlfiles import SqlFile, SqlFiles
from automation_pipelines.validation import Draft, Known, load
from automation_pipelines.validation.documents import DocumentError, parse

ARCHIVE = "-- Archives a quote.\nUPDATE quotes SET archived = 1 WHERE id = :subject_id"
KNOWN = Known(
    frozenset({"email"}),
    {
        **{name: action(SqlFiles(), name) for name in ("set_quote_status", "create_task", "assign_query")},
        **{name: action(SqlFiles(), name) for name in ("adjust_health_score", "set_account_status")},
        "archive": Action("archive", SqlFile(Path("archive.sql"), ARCHIVE)),
    },
)
GOOD = """\
id: care
title: Care
audience: birthdays
steps:
  - id: one
    channel: email
    template: birthday
"""
HEAD = "id: care\ntitle: Care\n"
STEPS = "steps:\n  - id: one\n    channel: email\n    template: birthday\n"


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def loaded(folder: Path, files: Mapping[str, str], known: Known = KNOWN) -> list[Draft]:
    write(folder, files)
    return load([folder], known)


def problems(folder: Path, files: Mapping[str, str], known: Known = KNOWN) -> list[str]:
    with pytest.raises(CampaignError) as refused:
        loaded(folder, files, known)
    return [problem.removeprefix(f"{folder}/") for problem in refused.value.problems]


def test_a_good_file_becomes_a_draft_with_its_templates(tmp_path: Path) -> None:
    (draft,) = loaded(tmp_path, {"care.yaml": GOOD, "notes.txt": "not a campaign"})
    assert (draft.path, draft.text, draft.spec.id) == (tmp_path / "care.yaml", GOOD, "care")
    pieces = {
        f"{name}.{kind}"
        for name in ("base", "greeting", "optout", "reason", "regards")
        for kind in ("html", "txt")
    }
    assert draft.templates["birthday"].layouts.keys() == pieces | {"button.html"}


def test_a_single_file_may_be_given(tmp_path: Path) -> None:
    write(tmp_path, {"care.yaml": GOOD, "broken.yaml": "id: ["})
    assert len(load([tmp_path / "care.yaml"], KNOWN)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            GOOD.replace("audience: birthdays", "audience: birthday"),
            "3: unknown audience 'birthday' (did you mean",
        ),
        (GOOD + "colour: red\n", "8: colour: unknown key 'colour', allowed: audience, conditions, coupons"),
        (
            GOOD + "    chanel: email\n",
            "8: steps.0.chanel: unknown key 'chanel' (did you mean 'channel'?), allowed:",
        ),
        (
            GOOD + "sender: {email: ada}\n",
            "8: sender.email: 'ada' is not allowed: write an e-mail address such as",
        ),
        (
            GOOD.replace("channel: email", "channel: webhook").replace(
                "template: birthday", "request: {url: x}"
            ),
            "7: steps.0.request.url: 'x' is not allowed: write a URL that begins with",
        ),
        (
            GOOD + "sender: {nam: Ada}\n",
            "8: sender.nam: unknown key 'nam' (did you mean 'name'?), allowed: email, name, reply_to",
        ),
        (
            GOOD + "policy: {guard: {fctor: 2}}\n",
            "8: policy.guard.fctor: unknown key 'fctor' (did you mean 'factor'?), allowed: at_least, cap",
        ),
        (
            GOOD + "    variants: {b: {templat: x}}\n",
            "8: steps.0.variants.b.templat: unknown key 'templat' (did you mean 'template'?), allowed: at",
        ),
        (GOOD + 'window: {zone: "{birthday_time_zone}"}\n', "8: window.zone must be 'tenant'"),
        (GOOD + "title: Again\n", "8: the key 'title' is given twice"),
        (GOOD.replace("title: Care\n", ""), "1: title: must be given"),
        (GOOD.replace("channel: email", "channel: pigeon"), "6: unknown channel 'pigeon', allowed: email"),
        (
            GOOD.replace("template: birthday", "template: brithday"),
            "7: unknown template 'brithday' (did you mean",
        ),
        (
            GOOD + "    offset: 3 hours\n",
            "8: offset '180 minutes' needs an instant anchor, and audience 'birthdays'",
        ),
        (GOOD + "    offset: 3 dayz\n", "8: steps.0.offset: '3 dayz' is no length of time"),
        (
            GOOD + '    offset: "{age} days"\n',
            "8: offset: unknown setting that counts 'age'",
        ),
        (GOOD + "zone: Europe/Pariss\n", "8: zone: 'Europe/Pariss' is no zone"),
        (GOOD + "schedule: {date: 2026-05-31, at: 10:00}\n", "8: audience 'birthdays' brings its own anchor"),
        (GOOD.replace("birthdays", "customers"), "3: audience 'customers' is a segment: a schedule"),
        (GOOD + "purpose: internal\n", "5: a message of purpose internal skips the customer's consent"),
        (GOOD + "policy:\n  max_lateness: '{age} days'\n", "9: max_lateness must be a fixed length"),
        (
            GOOD + "policy:\n  repeat_after: '{age} days'\n",
            "9: repeat_after: unknown setting that counts 'age'",
        ),
        (
            GOOD + "conditions:\n  all:\n    - {field: segment, operator: equals, value: x}\n"
            "    - any:\n        - {field: segmnt, operator: equals, value: x}\n",
            "12: unknown column 'segmnt' (did you mean 'segment'?), allowed: age, company_name",
        ),
        (
            GOOD + "conditions: {field: age, operator: in, value: 3}\n",
            "8: conditions: condition on 'age': in needs a list",
        ),
        (
            GOOD + "    when: {field: age, operator: greater_than, value: old}\n",
            "8: greater_than over column 'age' (integer) can never hold for 'old'",
        ),
        (
            HEAD + "audience: open_quotes\nsteps:\n  - id: a\n    action: set_quote_statu\n",
            "6: unknown action",
        ),
        (
            HEAD + "audience: open_quotes\nsteps:\n  - id: a\n    action: set_quote_status\n",
            "5: with: action 'set_quote_status' needs 'status', allowed: status",
        ),
        (
            HEAD + "audience: open_quotes\nsteps:\n  - id: a\n    action: archive\n    with:\n      why: x\n",
            "8: unknown value of action 'archive' 'why', allowed: none",
        ),
        (
            GOOD + "  - id: one\n    channel: email\n    template: birthday\n",
            "8: steps.1.id: two steps have the id",
        ),
        ("", "1: the file is empty"),
        ("- 1\n", "1: a campaign file is a mapping"),
        ("id: [\n", "2: no YAML: while parsing a flow node"),
        ("id: &a care\ntitle: *a\n", "2: no YAML: aliases are not allowed"),
        ("id: !!python/object:os.system care\n", "1: the tag"),
        ("id: a\x01\n", "1: no YAML: the character '\\x01'"),
        ("id: a\n---\nid: b\n", "2: no YAML: expected a single document"),
        ("[" * 5000, "1: no YAML: nested too deeply"),
        ("? [a]\n: 1\n", "1: a key must be a word"),
    ],
)
def test_each_problem_names_its_line_and_what_is_allowed(tmp_path: Path, text: str, expected: str) -> None:
    (problem,) = problems(tmp_path, {"care.yaml": text})
    assert problem.startswith(f"care.yaml:{expected}")


def test_all_problems_of_all_files_are_reported_together(tmp_path: Path) -> None:
    bad = GOOD.replace("birthdays", "birthday").replace("channel: email", "channel: fax") + "colour: red\n"
    twice = (
        GOOD + "    offset: 5 fortnights\n  - id: one\n    channel: email\n    template: nowhere\nzone: X\n"
    )
    found = problems(tmp_path, {"a.yaml": bad, "b.yaml": twice, "c.yaml": "id: ["})
    starts = [problem.split(" ")[0] for problem in found]
    assert starts == [
        "c.yaml:1:",
        "b.yaml:1:",  # the same campaign id as in a.yaml
        "a.yaml:3:",
        "a.yaml:6:",
        "a.yaml:8:",
        "b.yaml:8:",
        "b.yaml:11:",
        "b.yaml:12:",
    ]


def test_two_files_must_not_declare_one_campaign(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, {"a.yaml": GOOD, "b.yaml": GOOD})
    assert problem == f"b.yaml:1: id: the campaign 'care' is already declared in {tmp_path / 'a.yaml'}"


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "latin.yaml").write_bytes("title: Café".encode("latin-1"))
    with pytest.raises(CampaignError) as refused:
        load([tmp_path / "nope.yaml", tmp_path / "empty", tmp_path / "latin.yaml"], KNOWN)
    assert [problem.removeprefix(str(tmp_path)) for problem in refused.value.problems] == [
        "/nope.yaml: there is no such file or folder",
        "/empty: the folder has no campaign files (*.yaml)",
        "/latin.yaml: cannot be read as a text file in UTF-8",
    ]


def test_without_a_writable_crm_actions_are_refused(tmp_path: Path) -> None:
    text = HEAD + "audience: open_quotes\nsteps:\n  - id: a\n    action: archive\n"
    (problem,) = problems(tmp_path, {"care.yaml": text}, Known(frozenset({"email"}), {}))
    wanted = "this CRM cannot be written: actions need one in SQLite or PostgreSQL"
    assert problem == f"care.yaml:6: {wanted}"


TEMPLATE = {
    "templates/own/subject.txt": "Hi",
    "templates/own/body.html": "<p>{{ first_name }}</p>",
    "templates/own/body.txt": "{{ first_name }}",
}
OWN = GOOD.replace("template: birthday", "template: own").replace("steps:", "purpose: transactional\nsteps:")


def test_own_templates_and_layouts_take_precedence_over_the_shipped_ones(tmp_path: Path) -> None:
    files = {
        **TEMPLATE,
        "templates/own/body.txt": '{% include "greeting.txt" %}',
        "templates/_layouts/greeting.txt": "Namaste {{ first_name }}",
    }
    (draft,) = loaded(tmp_path, {"care.yaml": OWN, **files})
    assert draft.templates["own"].layouts == {"greeting.txt": "Namaste {{ first_name }}"}


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        (
            "own/subject.txt",
            "Hi {{ frist_name }}",
            "own/subject.txt: unknown variable 'frist_name' (did you mean 'first_name' or ",
        ),
        (
            "own/body.html",
            "{{ tenant.smtp_password }}",
            "own/body.html: unknown variable 'tenant.smtp_password'",
        ),
        (
            "own/body.txt",
            "{{ number }}",
            "own/body.txt: unknown variable 'number': a template knows its audience's columns",
        ),
        ("own/body.html", "<p>{{ first_name </p>", "own: html, line 1: "),
        ("own/body.txt", "{{ first_name|shout }}", "own: text, line 1: No filter named 'shout'"),
        ("own/body.html", '{% extends "bass.html" %}', "own: html: there is no layout 'bass.html'"),
        ("own/body.txt", '{% include "../../secrets" %}', "own: text: there is no layout '../../secrets'"),
        ("own/body.txt", "{{ lifetime_value / 0 }}", "own fails: text: ZeroDivisionError"),
        (
            "own/body.txt",
            "{{ lifetime_value + 1 }}",
            "own fails when all optional values are missing: text: TypeError",
        ),
    ],
)
def test_templates_are_rehearsed(tmp_path: Path, file: str, text: str, expected: str) -> None:
    found = problems(tmp_path, {"care.yaml": OWN, **TEMPLATE, f"templates/{file}": text})
    assert [problem for problem in found if f"/{expected}" in problem] == found
    assert all(problem.startswith("care.yaml:8: template ") for problem in found)


def test_a_template_without_all_its_parts_names_the_missing_file(tmp_path: Path) -> None:
    files = {name: text for name, text in TEMPLATE.items() if not name.endswith("body.html")}
    (problem,) = problems(tmp_path, {"care.yaml": OWN, **files})
    assert f"{tmp_path}/templates/own fails: the template has no body.html" in problem


def test_an_unknown_template_says_where_it_was_looked_for(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, {"care.yaml": OWN})
    assert str(tmp_path / "templates") in problem
    assert "allowed: anniversary, birthday" in problem


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("09:00", "09:00"),
        ("2026-05-31", "2026-05-31"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("12", 12),
        ("-1.5", -1.5),
        ("1e3", 1000.0),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        (".", "."),
        ("-", "-"),
        ("'12'", "12"),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("1" * 31, "1" * 31),
    ],
)
def test_scalars_are_read_as_people_mean_them(written: str, meant: object) -> None:
    data = parse(f"value: {written}").data if written != "-" else {"value": "-"}
    assert data == {"value": meant}
    assert type(data["value"]) is type(meant)


def test_a_document_that_cannot_be_read_says_every_line() -> None:
    with pytest.raises(DocumentError) as refused:
        parse("a: 1\na: 2\nb: !x 1\n")
    assert [line for line, _ in refused.value.problems] == [2, 3]
