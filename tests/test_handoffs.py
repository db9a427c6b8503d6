"""What steps hand over, checked when a campaign is applied: channels, calls, actions and their values."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from automation_pipelines.campaign import Step
from automation_pipelines.catalogue.actions import actions
from automation_pipelines.channels import build_channels, url_refusal
from automation_pipelines.cli.docs import with_tables
from automation_pipelines.errors import CampaignError
from automation_pipelines.settings import Settings
from automation_pipelines.settings.providers import Webhook
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.validation import Known, load

KNOWN = Known(frozenset(build_channels(Settings(home=Path("nowhere")))), actions(SqlFiles()))
PAGE = Path(__file__).parent.parent / "docs" / "channels.md"


def campaign(audience: str, step: str, *, purpose: str = "transactional") -> str:
    """A campaign file with one step, given as YAML in one line."""
    head = f"id: care\ntitle: Care\naudience: {audience}\npurpose: {purpose}\n"
    return f"{head}steps:\n  - {{id: one, {step}}}\n"


def problems(folder: Path, text: str, known: Known = KNOWN) -> list[str]:
    """What is said about a campaign file."""
    path = folder / "care.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load([path], known)
    except CampaignError as error:
        return [problem.removeprefix(f"{path}:") for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("audience", "step"),
    [
        ("new_customers", "channel: sms, template: birthday"),
        ("new_customers", "channels: [wallet, email, sms], template: birthday"),
        ("new_customers", "channels: [email, push], send: all, template: birthday"),
        ("new_customers", "channel: wait"),
        ("new_customers", 'request: {url: "https://x.example.com/{{ customer_name }}", body: {a: 1}}'),
        (
            "new_customers",
            "integration: {target: slack, action: post-message, parameters: {text: '{{ first_name }}'}}",
        ),
        (
            "new_customers",
            "integration: {target: hubspot, action: create_task, parameters: {title: Call, due_on: +3d}}",
        ),
        (
            "accounts_created",
            "integration: {target: hubspot, action: update-company, parameters: {id: 5, fields: {x: '{{ account.size }}'}}}",  # noqa: E501
        ),
        ("open_queries", "action: set_query_status, with: {status: in_progress}"),
        ("open_queries", "action: assign_query, assign: {strategy: round_robin}"),
        ("open_queries", "action: assign_query, with: {assignee_id: 3}"),
        ("open_queries", "action: escalate_query, with: {level: 2}"),
        ("new_customers", "action: create_task, with: {title: 'Call {{ customer_name }}', due_on: +3d}"),
        ("new_customers", "action: create_lead"),
        ("accounts_created", "action: adjust_health_score, with: {points: 5}, undo_after: 14 days"),
        (
            "accounts_created",
            "action: adjust_health_score, with: {points: '{{ custom.p }}'}, variables: {p: 5}, undo_after: 1 day",  # noqa: E501,
        ),
    ],
)
def test_what_can_be_handed_over_is_accepted(tmp_path: Path, audience: str, step: str) -> None:
    assert problems(tmp_path, campaign(audience, step)) == []


@pytest.mark.parametrize(
    ("audience", "step", "problem"),
    [
        (
            "new_customers",
            "channel: pigeon, template: birthday",
            "unknown channel 'pigeon', allowed: chat, email",
        ),
        (
            "new_customers",
            "channels: [email, smss], template: birthday",
            "unknown channel 'smss' (did you mean 'sms'",
        ),
        (
            "new_customers",
            "channel: webhook, template: birthday",
            "channel 'webhook' carries no message: declare",
        ),
        ("new_customers", "channel: crm, template: birthday", "unknown channel 'crm'"),
        ("new_customers", "request: {url: 'https://x/{{ name_ }}'}", "url: unknown variable 'name_'"),
        (
            "new_customers",
            "request: {url: 'https://{{ segment }}.example.com'}",
            "url: write the host out, or",
        ),
        ("new_customers", "request: {url: 'https://x.{{ segment }}/y'}", "url: write the host out, or"),
        (
            "new_customers",
            "request: {url: 'https://x', body: {a: ['{{ first_nme }}']}}",
            "body.a.0: unknown variable 'first_nme' (did you mean 'first_name'",
        ),
        ("new_customers", "request: {url: 'https://x', body: {a: '{{ b'}}", "body.a, line 1: "),
        (
            "new_customers",
            "integration: {target: slack, action: post-message, parameters: {text: '{{ lifetime_value + 1 }}'}}",  # noqa: E501
            "parameters.text: TypeError: unsupported operand type(s) for +: 'NoneType' and 'int' when all",
        ),
        (
            "new_customers",
            "integration: {target: hubspot, action: create-dael, parameters: {title: x}}",
            "unknown action of hubspot 'create-dael' (did you mean 'create-deal'?), allowed: create-deal",
        ),
        (
            "new_customers",
            "integration: {target: salesforce, action: create-lead, parameters: {last_name: Doe}}",
            "action 'create-lead' of salesforce: needs 'company'",
        ),
        (
            "new_customers",
            "integration: {target: hubspot, action: create-deal, parameters: {title: x, amuont: 1}}",
            "action 'create-deal' of hubspot: takes no 'amuont', allowed: title, stage",
        ),
        (
            "new_customers",
            "integration: {target: hubspot, action: create-task, parameters: {title: x, due_on: soon}}",
            "action 'create-task' of hubspot: 'due_on' must be a date such as",
        ),
        (
            "new_customers",
            "integration: {target: salesforce, action: update-contact, parameters: {status: new}}",
            "action 'update-contact' of salesforce: needs one of email, id",
        ),
        (
            "new_customers",
            "integration: {target: hubspot, action: create-note, parameters: {text: x, fields: [a]}}",
            "action 'create-note' of hubspot: 'fields' must list fields by the product's own names",
        ),
        (
            "open_queries",
            "action: set_query_status, with: {status: done}",
            "action 'set_query_status': 'status' must not be 'done', allowed: open, in_progress",
        ),
        (
            "open_queries",
            "action: set_query_status",
            "with: action 'set_query_status' needs 'status', allowed: status",
        ),
        (
            "open_quotes",
            "action: set_query_status, with: {status: open}",
            "action 'set_query_status' changes queries, and audience 'open_quotes' has quotes",
        ),
        (
            "open_quotes",
            "action: adjust_health_score, with: {points: 1}",
            "action 'adjust_health_score' needs an audience with account_id, 'open_quotes' has none",
        ),
        ("open_queries", "action: assign_query", "with: action 'assign_query' needs 'assignee_id'"),
        (
            "open_queries",
            "action: escalate_query, with: {level: 1}, assign: {strategy: round_robin}",
            "action 'escalate_query' assigns nobody: it takes no assignee_id",
        ),
        (
            "open_queries",
            "action: escalate_query, with: {level: high}",
            "action 'escalate_query': 'level' must be of type integer, not 'high'",
        ),
        (
            "new_customers",
            "action: create_task, with: {title: x, due_on: soon}",
            "action 'create_task': 'due_on' must be a date such as 2026-05-31 or +3d, not 'soon'",
        ),
        (
            "new_customers",
            "action: create_task, with: {title: x, color: red}",
            "unknown value of action 'create_task'",
        ),
        (
            "new_customers",
            "action: create_task, with: {title: '{{ recipient.name }}'}",
            "title: unknown variable 'recipient.name'",
        ),
        ("new_customers", "action: create_task, with: {title: '{{ nme }}'}", "title: unknown variable 'nme'"),
        (
            "new_customers",
            "action: update_customer_field, with: {field: email_opt_out, value: x}",
            "action 'update_customer_field': 'field' must not be 'email_opt_out', allowed: name, first_name",
        ),
        (
            "open_queries",
            "action: set_query_status, with: {status: open}, undo_after: 3 days",
            "action 'set_query_status' can be taken back by nothing",
        ),
    ],
)
def test_what_cannot_be_handed_over_is_refused_with_the_reason(
    tmp_path: Path, audience: str, step: str, problem: str
) -> None:
    found = problems(tmp_path, campaign(audience, step))
    assert len(found) == 1
    assert found[0].partition(": ")[2].startswith(problem), found[0]


@pytest.mark.parametrize(
    ("declared", "ways"),
    [
        ({"request": {"url": "https://x.example.com"}}, ("webhook",)),
        ({"integration": {"target": "slack", "action": "post"}}, ("slack",)),
        ({"channels": ["wallet", "sms"], "template": "birthday"}, ("wallet", "sms")),
        ({"channel": "wait"}, ("wait",)),
    ],
)
def test_a_step_knows_the_channels_it_may_take(declared: dict[str, object], ways: tuple[str, ...]) -> None:
    assert Step.model_validate({"id": "one", **declared}).ways == ways


def test_an_action_that_the_crm_would_refuse_is_refused_when_it_is_used(tmp_path: Path) -> None:
    asked: list[str] = []

    def refusal(name: str) -> str | None:
        asked.append(name)
        return "permission denied" if name == "escalate_query" else None

    known = Known(KNOWN.channels, KNOWN.actions, refusal=refusal)
    assert problems(
        tmp_path, campaign("open_queries", "action: escalate_query, with: {level: 1}"), known
    ) == ["6: action 'escalate_query' would fail: permission denied"]
    assert problems(tmp_path, campaign("new_customers", "action: create_lead"), known) == []
    assert asked == ["escalate_query", "create_lead"]


def test_calls_that_the_crm_takes_no_tasks_for_are_refused_when_applied(tmp_path: Path) -> None:
    known = Known(
        KNOWN.channels, KNOWN.actions, written={"phone": "create_call"}, refusal=lambda _: "no tasks"
    )
    [problem] = problems(tmp_path, campaign("new_customers", "channel: phone, template: birthday"), known)
    assert "channel 'phone' would fail: no tasks; name it in AUTOMATION_FILED_CHANNELS" in problem


def test_the_page_of_channels_lists_every_action_and_its_examples_apply(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert with_tables(text) == text, "run: automation docs tables docs/channels.md"
    examples = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    alone = [example for example in examples if "template:" not in example]
    assert len(alone) == 2
    assert [problems(tmp_path, example) for example in alone] == [[], []]
    for name in KNOWN.channels:
        assert f"`{name}`" in text


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("https://hooks.example.com/{{ customer_name | urlencode }}", None),
        ("https://{{ tenant.name }}.example.com/", None),
        ("https://10.0.0.1/{{ customer_name | urlencode }}", "10.0.0.1 is refused"),
        ("https://hooks.example.com:25/", "port 25"),
        ("http://hooks.example.com/", "write https://"),
    ],
)
def test_a_host_that_is_written_out_and_would_not_be_called_is_refused(
    tmp_path: Path, url: str, refused: str | None
) -> None:
    settings = Settings(home=tmp_path, webhook=Webhook())
    known = replace(KNOWN, url_refusal=partial(url_refusal, settings))
    found = problems(tmp_path, campaign("new_customers", f'request: {{url: "{url}"}}'), known)
    assert len(found) == (0 if refused is None else 1)
    assert (refused or "") in "".join(found)


def test_where_calls_become_files_their_addresses_are_for_others_to_judge(tmp_path: Path) -> None:
    assert url_refusal(Settings(home=tmp_path), "http://10.0.0.1/") is None
