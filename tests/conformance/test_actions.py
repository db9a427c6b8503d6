"""The shipped write-backs, each over the demo's tables: what it changes, what it leaves, what it needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation_pipelines.catalogue.actions import ALWAYS_BOUND, Parameter, ValueType, action, actions, undo
from automation_pipelines.channels.crm import CrmChannel
from automation_pipelines.demo.storage import schema
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Reject, Scalar, Sent, WriteBack
from automation_pipelines.sqlfiles import SqlFiles

LONG_AGO = "2020-01-01 00:00:00"
TIMES = {"now": "2026-03-04 12:00:00+00:00", "today": "2026-03-05"}
USER = {"tenant_id": 1, "name": "Ada", "role": "agent", "active": True}
CUSTOMER = {
    "id": 7,
    "tenant_id": 1,
    "name": "Kim Doe",
    "email": "kim@mail.example.com",
    "email_opt_out": False,
    "created_at": LONG_AGO,
    "last_activity_at": LONG_AGO,
    "updated_at": LONG_AGO,
}
QUERY = {"id": 5, "tenant_id": 1, "customer_id": 7, "created_at": LONG_AGO, "updated_at": LONG_AGO}
QUOTE = {
    "id": 5,
    "tenant_id": 1,
    "customer_id": 7,
    "number": "Q-5",
    "currency": "EUR",
    "created_at": LONG_AGO,
    "updated_at": LONG_AGO,
}
BOOKING = {
    "id": 5,
    "tenant_id": 1,
    "customer_id": 7,
    "reference": "B-5",
    "currency": "EUR",
    "booked_at": LONG_AGO,
    "updated_at": LONG_AGO,
}
ACCOUNT = {
    "id": 9,
    "tenant_id": 1,
    "name": "Globex",
    "status": "active",
    "health_score": 50,
    "owner_id": 1,
    "csm_id": 2,
    "customer_id": 7,
    "created_at": LONG_AGO,
    "updated_at": LONG_AGO,
}


@dataclass
class Company:
    """A CRM with the demo's tables, and the channel that writes to it."""

    engine: sa.Engine
    channel: CrmChannel

    def put(self, table: str, **row: Any) -> None:
        """Add a row."""
        names = ", ".join(f":{name}" for name in row)
        with self.engine.begin() as connection:
            connection.execute(sa.text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({names})"), row)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table by their keys."""
        with self.engine.connect() as connection:
            found = connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY id")).mappings()
            return [dict(row) for row in found]

    def run(self, name: str, job: int = 1, /, *, tenant: int = 1, **values: Scalar) -> object:
        """Run an action on row 5, customer 7 and account 9."""
        keys: dict[str, Scalar] = {"subject_id": 5, "subject_text": "5", "customer_id": 7, "account_id": 9}
        bound = {**keys, "tenant_id": tenant, "new_id": 10**17 + job, **TIMES, **values}
        return self.channel.send([WriteBack(job, tenant, f"{job}.test", name, bound)])[0]

    def done(self, name: str, job: int = 1, /, **values: Scalar) -> None:
        """Run an action twice, as after a crash: it must succeed."""
        assert self.run(name, job, **values) == Sent()
        assert self.run(name, job, **values) == Sent()


@pytest.fixture
def company(database_url: str, tmp_path: Path) -> Iterator[Company]:
    """A company with two members of staff, one more at another tenant, and one customer."""
    (tmp_path / "automation.db").touch()
    engine = sa.create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for statement in schema(engine.dialect.name):
            connection.execute(sa.text(statement))
    made = Company(engine, CrmChannel(database_url, SqlFiles()))
    for number in (1, 2):
        made.put("users", id=number, **USER)
    made.put("users", id=3, **{**USER, "tenant_id": 2})
    made.put("customers", **CUSTOMER)
    yield made
    made.channel.close()
    engine.dispose()


def moved(row: dict[str, Any]) -> bool:
    """Whether the row says that it was written."""
    return str(row["updated_at"])[:4] != "2020"


@pytest.mark.parametrize(("before", "after"), [(None, 2), (0, 2), (2, 2), (3, 3)])
def test_an_escalation_level_is_raised_and_never_lowered(
    company: Company, before: int | None, after: int
) -> None:
    company.put("queries", **QUERY, status="open", escalation_level=before)
    company.put("queries", **{**QUERY, "id": 6, "tenant_id": 2}, status="open", escalation_level=0)
    company.done("set_query_escalation_level", level=2)
    [mine, other] = company.rows("queries")
    assert (mine["escalation_level"], moved(mine)) == (after, before != after)
    assert (other["escalation_level"], moved(other)) == (0, False)


@pytest.mark.parametrize(
    ("level", "status", "priority", "expected"),
    [
        (1, "open", "low", "high"),
        (2, "in_progress", "urgent", "urgent"),
        (3, "open", None, "urgent"),
        (4, "resolved", "low", "low"),
    ],
)
def test_an_escalated_query_gets_a_higher_priority_while_it_is_unresolved(
    company: Company, level: int, status: str, priority: str | None, expected: str | None
) -> None:
    company.put("queries", **QUERY, status=status, priority=priority)
    company.done("escalate_query", level=level)
    [query] = company.rows("queries")
    assert (query["escalation_level"], query["priority"]) == (level, expected)


@pytest.mark.parametrize(
    ("before", "after"),
    [("sent", "expired"), ("viewed", "expired"), ("accepted", "accepted"), ("rejected", "rejected")],
)
def test_a_quote_expires_only_while_it_is_open(company: Company, before: str, after: str) -> None:
    company.put("quotes", **QUOTE, status=before)
    company.done("set_quote_status", status="expired")
    [quote] = company.rows("quotes")
    assert (quote["status"], moved(quote)) == (after, before != after)


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [("confirmed", "completed", "completed"), ("cancelled", "completed", "cancelled")],
)
def test_a_booking_that_is_over_stays_so(company: Company, before: str, wanted: str, after: str) -> None:
    company.put("bookings", **BOOKING, status=before)
    company.done("set_booking_status", status=wanted)
    assert company.rows("bookings")[0]["status"] == after


@pytest.mark.parametrize(
    ("before", "wanted", "after", "resolved"),
    [
        ("open", "in_progress", "in_progress", False),
        ("open", "resolved", "resolved", True),
        ("resolved", "in_progress", "resolved", True),
        ("closed", "open", "open", False),
    ],
)
def test_a_query_knows_when_it_was_resolved_and_is_only_reopened_by_name(
    company: Company, before: str, wanted: str, after: str, *, resolved: bool
) -> None:
    was = LONG_AGO if before in ("resolved", "closed") else None
    company.put("queries", **QUERY, status=before, resolved_at=was)
    company.done("set_query_status", status=wanted)
    [query] = company.rows("queries")
    assert (query["status"], query["resolved_at"] is not None) == (after, resolved)


def test_a_query_is_given_to_staff_of_its_own_tenant_only(company: Company) -> None:
    company.put("queries", **QUERY, status="open")
    company.done("assign_query", assignee_id=2)
    assert company.rows("queries")[0]["agent_id"] == 2
    refused = company.run("assign_query", 2, assignee_id=3)
    assert isinstance(refused, Reject)
    assert "assignee is gone" in refused.error
    assert company.rows("queries")[0]["agent_id"] == 2


def test_a_task_is_added_once_with_everything_it_was_given(company: Company) -> None:
    company.put("accounts", **ACCOUNT)
    given = {
        "title": "Call'); DROP TABLE tasks; --",
        "description": None,
        "assignee_id": 2,
        "due_on": "2026-03-05",
        "priority": "high",
    }
    company.done("create_task", **given)
    company.done("create_task", 2, **{**given, "assignee_id": 3, "due_on": None, "priority": None})
    first, second = company.rows("tasks")
    assert str(first["created_at"]).startswith("2026-03-04 12:00:00")
    assert {name: str(value) for name, value in first.items() if name != "created_at"} == {
        "id": str(10**17 + 1),
        "tenant_id": "1",
        "customer_id": "7",
        "account_id": "9",
        "status": "open",
        **{name: str(value) for name, value in given.items()},
    }
    other = {"assignee_id": None, "due_on": None, "priority": "medium"}
    assert {name: second[name] for name in other} == other


def test_a_call_is_a_task_of_that_day_for_the_customers_agent(company: Company) -> None:
    company.done("create_call", title="Call Kim", description=None)
    with company.engine.begin() as connection:
        connection.execute(sa.text("UPDATE customers SET agent_id = 3 WHERE id = 7"))
    company.done("create_call", 2, title="Call Kim", description="+15550100: hello")
    assert [
        (row["title"], row["description"], row["assignee_id"], row["customer_id"], str(row["due_on"]))
        for row in company.rows("tasks")
    ] == [
        ("Call Kim", None, None, 7, "2026-03-05"),
        ("Call Kim", "+15550100: hello", 3, 7, "2026-03-05"),
    ]


def test_a_lead_is_who_it_says_or_the_customer_it_is_about(company: Company) -> None:
    company.done("create_lead", name="Pat", email=None, origin="webinar")
    company.done("create_lead", 2, name=None, email="pat@mail.example.com", origin=None)
    wanted = ("customer_id", "name", "email", "origin", "status")
    assert [tuple(row[name] for name in wanted) for row in company.rows("leads")] == [
        (7, "Pat", "kim@mail.example.com", "webinar", "new"),
        (7, "Kim Doe", "pat@mail.example.com", "automation", "new"),
    ]


def test_one_field_of_a_customer_changes_and_nothing_else(company: Company) -> None:
    company.done("update_customer_field", field="pipeline_stage", value="won")
    company.done("update_customer_field", 2, field="segment", value="vip")
    company.done("update_customer_field", 3, field="name", value="")
    [customer] = company.rows("customers")
    entered = customer.pop("stage_entered_at")
    assert entered is not None
    assert moved(customer)
    expected = {**CUSTOMER, "pipeline_stage": "won", "segment": "vip", "name": None}
    same = expected.keys() - {"updated_at", "created_at", "last_activity_at"}
    assert {name: customer[name] for name in same} == {name: expected[name] for name in same}
    company.done("update_customer_field", 4, field="pipeline_stage", value="won")
    assert company.rows("customers")[0]["stage_entered_at"] == entered


def test_a_change_of_an_accounts_status_tells_its_team_why(company: Company) -> None:
    company.put("accounts", **ACCOUNT)
    company.done("set_account_status", status="at_risk", reason="Nobody came to two meetings")
    company.done("set_account_status", 2, status="at_risk", reason="Again")
    [account], [task] = company.rows("accounts"), company.rows("tasks")
    assert (account["status"], moved(account)) == ("at_risk", True)
    expected = {
        "title": "Account Globex goes from active to at_risk",
        "description": "Nobody came to two meetings",
        "assignee_id": 2,
        "account_id": 9,
        "due_on": "2026-03-05",
    }
    assert {
        name: task[name] if isinstance(task[name], int) else str(task[name]) for name in expected
    } == expected


@pytest.mark.parametrize(
    ("before", "points", "after"), [(50, 10, 60), (50, -20, 30), (95, 10, 100), (5, -10, 0), (None, 10, None)]
)
def test_a_health_score_moves_within_its_bounds(
    company: Company, before: int | None, points: int, after: int | None
) -> None:
    company.put("accounts", **{**ACCOUNT, "health_score": before})
    company.done("adjust_health_score", points=points)
    assert company.rows("accounts")[0]["health_score"] == after


def test_what_was_added_to_a_health_score_can_be_taken_back(company: Company) -> None:
    company.put("accounts", **ACCOUNT)
    adjust = action(SqlFiles(), "adjust_health_score")
    back = undo(adjust, {"points": 15})
    assert back == {"points": -15}
    company.done("adjust_health_score", points=15)
    company.done("adjust_health_score", 2, **back)
    assert company.rows("accounts")[0]["health_score"] == 50


def test_only_what_a_file_says_can_be_undone() -> None:
    shipped = actions(SqlFiles())
    assert [name for name, one in shipped.items() if one.undo] == ["adjust_health_score"]
    assert undo(shipped["create_task"], {"title": "x"}) is None
    assert undo(shipped["adjust_health_score"], {"points": "{{ custom.points }}"}) == {
        "points": "{{ -(custom.points) }}"
    }
    assert undo(shipped["adjust_health_score"], {"points": "ten"}) is None


@pytest.mark.parametrize("name", SqlFiles().names("actions"))
def test_no_action_touches_a_row_of_another_tenant(company: Company, name: str) -> None:
    company.put("queries", **QUERY, status="open")
    company.put("quotes", **QUOTE, status="sent")
    company.put("bookings", **BOOKING, status="confirmed")
    company.put("accounts", **ACCOUNT)
    tables = ("users", "customers", "queries", "quotes", "bookings", "accounts")
    before = [company.rows(table) for table in tables]
    samples: dict[str, Scalar] = {
        "integer": 1,
        "text": "x",
        "date": "2026-01-01",
        "any": 3,
    }
    one = action(SqlFiles(), name)
    values = {key: p.values[0] if p.values else samples[p.type] for key, p in one.parameters.items()}
    if "level" in values:
        values["level"] = 4
    company.run(name, tenant=2, **values)
    assert [company.rows(table) for table in tables] == before
    assert [row["tenant_id"] for row in company.rows("tasks") + company.rows("leads")] in ([], [2])


def test_the_head_of_a_file_says_what_campaigns_must_give(tmp_path: Path) -> None:
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "own.sql").write_text(
        "-- Sets a: note, :this is no parameter.\n-- A second line.\n-- subject: queries\n-- optional: b\n"
        "-- types: c number\n-- allows d: x, y\n"
        "UPDATE t SET a = :a, b = :b, c = :c, d = :d, e = '2026-01-01'::date WHERE k = :subject_text"
    )
    own = action(SqlFiles(tmp_path), "own")
    assert own.doc == "Sets a: note, :this is no parameter. A second line."
    assert (own.subject, own.requires, own.before) == ("queries", (), None)
    assert own.parameters == {
        "a": Parameter("a"),
        "b": Parameter("b", optional=True),
        "c": Parameter("c", type="number"),
        "d": Parameter("d", values=("x", "y")),
    }
    assert own.needed == {"a", "c", "d"}
    (tmp_path / "actions" / "own.sql").write_text("-- Sets a.\n-- types: a colour\nUPDATE t SET a = :a")
    with pytest.raises(ConfigurationError, match=r"own\.sql: unknown type 'colour', allowed: any, text"):
        _ = action(SqlFiles(tmp_path), "own").parameters


@pytest.mark.parametrize(
    ("parameter", "value", "objection"),
    [
        (Parameter("a"), 1.5, None),
        (Parameter("a"), None, "'a' must not be null"),
        (Parameter("a", optional=True), None, None),
        (Parameter("a", "integer"), "1", "'a' must be of type integer, not '1'"),
        (Parameter("a", "integer"), True, "'a' must be of type integer, not True"),
        (Parameter("a", "number"), 1, None),
        (Parameter("a", "boolean"), True, None),
        (Parameter("a", "date"), "2026-02-28", None),
        (
            Parameter("a", "date"),
            "2026-02-30",
            "'a' must be a date such as 2026-05-31 or +3d, not '2026-02-30'",
        ),
        (Parameter("a", values=("1", "2")), 2, None),
        (Parameter("a", values=("x", "y")), "z", "'a' must not be 'z', allowed: x, y"),
    ],
)
def test_a_value_that_an_action_cannot_take_is_refused_with_the_reason(
    parameter: Parameter, value: Scalar, objection: str | None
) -> None:
    assert parameter.objection(value) == objection


@pytest.mark.parametrize(
    ("kind", "value", "resolved"),
    [
        ("date", "+3d", "2026-03-03"),
        ("date", "+1w", "2026-03-07"),
        ("date", "-1d", "2026-02-27"),
        ("date", "2026-01-01", "2026-01-01"),
        ("date", "soon", "soon"),
        ("date", None, None),
        ("text", "+3d", "+3d"),
    ],
)
def test_a_date_may_be_so_many_days_or_weeks_later(kind: ValueType, value: Scalar, resolved: Scalar) -> None:
    assert Parameter("due_on", kind).resolved(value, date(2026, 2, 28)) == resolved


def test_every_shipped_action_says_what_it_does_and_binds_the_tenant() -> None:
    for one in actions(SqlFiles()).values():
        assert one.doc.endswith(".")
        assert {"tenant_id"} <= one.bound
        assert one.bound - ALWAYS_BOUND.keys() <= one.parameters.keys()
