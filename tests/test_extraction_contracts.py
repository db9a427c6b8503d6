"""What breaks a contract is reported completely, by name, and without anybody's personal data."""

import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from automation_pipelines.catalogue.sources import CRM_SOURCES
from automation_pipelines.cli.crm import crm as crm_group
from automation_pipelines.cli.front import Front
from automation_pipelines.errors import ContractError
from automation_pipelines.extraction import Demand, Report, Severity, check, extract, open_crm
from automation_pipelines.installation import Installation
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles
from tests.test_extraction import ROWS, TENANT, Rows, customer, everything, quote, sqlite_crm


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return sqlite_crm(tmp_path / "crm.db", ROWS)


def change(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)


def report(path: Path, own: Path | None = None) -> Report:
    return check(open_crm(f"sqlite:///{path}"), SqlFiles(own))


def errors(path: Path, own: Path | None = None) -> list[str]:
    found = report(path, own).violations
    return [str(violation).partition(" [")[0] for violation in found if violation.severity is Severity.ERROR]


def own_file(tmp_path: Path, name: str, text: str) -> Path:
    own = tmp_path / "own"
    (own / "sources").mkdir(parents=True, exist_ok=True)
    (own / "sources" / f"{name}.sql").write_text(text)
    return own


def test_a_sound_crm_has_no_violations_and_all_rows_are_counted(path: Path) -> None:
    found = report(path)
    assert found.violations == ()
    assert not found.broken
    assert {one.source: one.rows for one in found.sources if one.rows} == {n: len(r) for n, r in ROWS.items()}


# What is done to a sound CRM → what is said about it.
BREACHES = [
    (
        "UPDATE quotes SET amount = '12.50' WHERE id IN (10, 12)",
        "quotes.amount: not an integer of minor units: 12.5 in 2 rows (id 10, 12)",
    ),
    (
        "UPDATE quotes SET sent_at = '10/03/2024' WHERE id = 11",
        "quotes.sent_at: not an ISO 8601 instant: '10/03/2024' in 1 row (id 11)",
    ),
    (
        "UPDATE quotes SET sent_at = '2024-02-30 10:00' WHERE id = 11",
        "quotes.sent_at: not an ISO 8601 instant: '2024-02-30 10:00' in 1 row (id 11)",
    ),
    (
        "UPDATE quotes SET status = NULL",
        "quotes.status: null in a required column in 4 rows (id 10, 11, 12, 13)",
    ),
    (
        "UPDATE quotes SET status = 'won' WHERE id > 11",
        (
            "quotes.status: 'won' is not one of draft, sent, viewed, accepted, rejected, expired "
            "in 2 rows (id 12, 13)"
        ),
    ),
    (
        "UPDATE customers SET email_opt_out = 2 WHERE id = 1",
        "customers.email_opt_out: not a boolean: 2 in 1 row (id 1)",
    ),
    (
        "UPDATE customers SET time_zone = 'Europe/Atlantis' WHERE id = 2",
        "customers.time_zone: 'Europe/Atlantis' is not the name of an IANA time zone in 1 row (id 2)",
    ),
    (
        "UPDATE tenants SET time_zone = '../../etc/passwd'",
        "tenants.time_zone: '../../etc/passwd' is not the name of an IANA time zone in 1 row (id 1)",
    ),
    (
        "UPDATE tenants SET send_time = '24:00'",
        "tenants.send_time: '24:00' is not a time HH:MM in 1 row (id 1)",
    ),
    ("UPDATE tenants SET inactivity_days = 366", "tenants.inactivity_days: outside 1-365 in 1 row (id 1)"),
    ("UPDATE tenants SET inactivity_days = 0", "tenants.inactivity_days: outside 1-365 in 1 row (id 1)"),
]


@pytest.mark.parametrize(("statement", "said"), BREACHES)
def test_a_breach_is_said_by_source_column_rows_and_keys(path: Path, statement: str, said: str) -> None:
    change(path, statement)
    assert errors(path) == [said]


def test_personal_data_is_never_shown(path: Path) -> None:
    change(path, "UPDATE customers SET birthday = 'born in May' WHERE id = 3")
    assert errors(path) == ["customers.birthday: not a date YYYY-MM-DD in 1 row (id 3)"]


def test_all_violations_of_all_sources_are_raised_together_and_name_their_files(path: Path) -> None:
    change(
        path,
        "UPDATE quotes SET amount = 'x' WHERE id = 10",
        "UPDATE tenants SET send_time = 'noon'",
        "DROP TABLE payments",
    )
    with pytest.raises(ContractError) as raised:
        extract(open_crm(f"sqlite:///{path}"), SqlFiles(), [everything(name) for name in CRM_SOURCES])
    assert [violation.partition(":")[0] for violation in raised.value.violations] == [
        "payments",
        "tenants.send_time",
        "quotes.amount",
    ]
    assert "no such table: payments" in str(raised.value)
    assert all(violation.endswith(".sql]") for violation in raised.value.violations)


def test_columns_nobody_asked_for_are_not_judged(path: Path) -> None:
    change(path, "UPDATE quotes SET amount = 'x'")
    frame = extract(open_crm(f"sqlite:///{path}"), SqlFiles(), [Demand("quotes", frozenset({"status"}))])
    assert frame["quotes"].height == len(ROWS["quotes"])


def test_a_missing_column_is_named_with_the_nearest_one_returned(path: Path, tmp_path: Path) -> None:
    text = SqlFiles().find("sources", "quotes").text.replace("    sent_at,", "    sent_at AS send_at,")
    own = own_file(tmp_path, "quotes", text)
    (said,) = errors(path, own)
    assert said.startswith("quotes.sent_at: column missing, the file returns id, tenant_id,")
    assert said.endswith("did you mean to rename 'send_at'?")


def test_columns_the_catalogue_does_not_know_are_ignored_and_case_does_not_matter(
    path: Path, tmp_path: Path
) -> None:
    text = (
        SqlFiles().find("sources", "quotes").text.replace("    amount,", "    amount AS AMOUNT, 5 AS five,")
    )
    assert errors(path, own_file(tmp_path, "quotes", text)) == []


def test_duplicate_keys_are_found_even_when_the_database_allows_them(path: Path, tmp_path: Path) -> None:
    text = SqlFiles().find("sources", "quotes").text.replace("    id,", "    id / 11 * 11 AS id,")
    assert errors(path, own_file(tmp_path, "quotes", text)) == [
        "quotes.id: duplicate key in 3 rows (id 11, 11, 11)",
    ]


def test_text_keys_must_be_declared(path: Path, tmp_path: Path) -> None:
    text = SqlFiles().find("sources", "events").text.replace("    id,", "    '00001' AS id,")
    change(path, "INSERT INTO events VALUES (1, 1, 1, 'seen', '2024-01-01', NULL)")
    (said,) = errors(path, own_file(tmp_path, "events", text))
    assert said == (
        "events.id: not an integer key: '00001'; if keys are text, add the line `-- text ids: id` "
        "in 1 row (id 00001)"
    )


def test_a_declaration_of_text_keys_names_key_columns(path: Path, tmp_path: Path) -> None:
    text = "-- text ids: id, status\n" + SqlFiles().find("sources", "quotes").text
    (said,) = errors(path, own_file(tmp_path, "quotes", text))
    assert said.startswith("quotes.status: declared in `-- text ids:`, which may name id, tenant_id")


def test_keys_on_both_sides_of_a_reference_are_of_one_kind(path: Path, tmp_path: Path) -> None:
    text = "-- text ids: id\n" + SqlFiles().find("sources", "customers").text
    assert errors(path, own_file(tmp_path, "customers", text)) == [
        "quotes.customer_id: holds integer keys, customers.id text ones: declare both alike in `-- text ids:`"
    ]


def test_rows_that_point_nowhere_are_a_warning_and_extraction_goes_on(tmp_path: Path) -> None:
    rows: Rows = {"tenants": [TENANT], "customers": [customer(1)], "quotes": [quote(1, 1), quote(2, 77)]}
    path = sqlite_crm(tmp_path / "crm.db", rows)
    (warning,) = report(path).violations
    assert warning.severity is Severity.WARNING
    assert str(warning).startswith("quotes.customer_id: no such row in customers in 1 row (id 2)")
    assert not report(path).broken
    wanted = [everything("quotes"), everything("customers")]
    assert extract(open_crm(f"sqlite:///{path}"), SqlFiles(), wanted)["quotes"].height == 2


def test_a_file_the_database_refuses_is_named_with_its_message(path: Path, tmp_path: Path) -> None:
    own = own_file(tmp_path, "quotes", "SELEKT 1")
    (violation,) = report(path, own).violations
    assert "syntax error [" in str(violation)
    assert violation.path == own / "sources" / "quotes.sql"


GUIDE = Path(__file__).parent.parent / "docs" / "adopting.md"


def test_the_guides_example_schema_is_read_by_the_guides_sql(postgres_url: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```(\w*)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    tables = next(text for _, text in blocks if text.startswith("guest(")).splitlines()
    with psycopg.connect(postgres_url) as connection:
        for line in tables:
            connection.execute(f"CREATE TABLE {line}")  # type: ignore[arg-type]
        connection.execute(
            "INSERT INTO guest VALUES "
            "('007', 'Jo Bond', 'jo@example.com', '1980-02-29', true, 3, '2024-01-01Z')"
        )
    own = own_file(tmp_path, "customers", next(text for kind, text in blocks if kind == "sql"))
    (guest,) = extract(open_crm(postgres_url), SqlFiles(own), [everything("customers")])[
        "customers"
    ].to_dicts()
    assert (guest["id_text"], guest["first_name"], guest["email_opt_out"]) == ("007", "Jo", False)
    assert guest["last_activity_at"] == guest["created_at"] == guest["updated_at"]


def front(path: Path) -> Front:
    settings = Settings(crm_url=f"sqlite:///{path}", home=path.parent)  # type: ignore[arg-type]
    return Front(Installation.open(settings), datetime(2025, 6, 1, tzinfo=UTC), "ann")


def test_the_command_lists_sources_and_fails_when_one_is_broken(path: Path) -> None:
    sound = CliRunner().invoke(crm_group, ["check"], obj=front(path))
    assert sound.exit_code == 0
    assert "customers" in sound.output
    change(path, "UPDATE quotes SET status = 'won [/] here' WHERE id = 10")
    broken = CliRunner().invoke(crm_group, ["check"], obj=front(path))
    assert broken.exit_code == 1
    assert "'won [/] here' is not one of draft" in broken.output
    assert str(broken.exception).startswith("1 violation:")
