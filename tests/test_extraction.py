"""The same few rows in every kind of CRM: what is extracted must be the same, and only what was asked for."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql as pgsql

from automation_pipelines.catalogue.sources import CRM_SOURCES, CRM_TABLES
from automation_pipelines.catalogue.types import Among, InRange, OnMonthDay, Type
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.errors import ConfigurationError, ContractError, SourceError
from automation_pipelines.extraction import (
    Crm,
    Demand,
    Selection,
    check,
    extract,
    merged,
    open_crm,
    watermarks,
)
from automation_pipelines.extraction.crm import compiled, said
from automation_pipelines.sqlfiles import SqlFiles

Rows = dict[str, list[dict[str, Any]]]
FILES = SqlFiles()

POSTGRES = {
    Type.TEXT: "text",
    Type.DATE: "date",
    Type.INSTANT: "timestamptz",
    Type.BOOLEAN: "boolean",
    Type.NUMBER: "float8",
}
SQLITE = {Type.TEXT: "TEXT", Type.DATE: "TEXT", Type.INSTANT: "TEXT", Type.NUMBER: "REAL"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


TENANT = {
    "id": 1,
    "name": "Acme",
    "time_zone": "Asia/Kathmandu",
    "send_time": "09:00",
    "locale": "en",
    "currency": "EUR",
    "sender_name": "Acme",
    "sender_email": "a@example.com",
    "inactivity_days": 90,
    "active": True,
}


def customer(key: int, **values: Any) -> dict[str, Any]:
    since = at("2024-01-01 10:00:00")
    row = {"id": key, "tenant_id": 1, "name": f"Customer {key}", "email_opt_out": False}
    return row | {"created_at": since, "last_activity_at": since, "updated_at": since} | values


def quote(key: int, customer_id: int, **values: Any) -> dict[str, Any]:
    row = {"id": key, "tenant_id": 1, "customer_id": customer_id, "number": f"Q-{key}", "currency": "EUR"}
    return row | {"status": "sent", "created_at": at("2024-01-01 10:00:00"), "amount": 1999} | values


ROWS: Rows = {
    "tenants": [TENANT],
    "customers": [
        customer(1, birthday=date(1980, 3, 10), name="Ólafur O'Neill", lifetime_value=2**40),
        customer(2, birthday=date(1992, 2, 29), email_opt_out=True),
        customer(3, birthday=date(1970, 7, 1), agent_id=None),
        customer(4, birthday=None, updated_at=at("2024-05-05 05:05:05")),
    ],
    "quotes": [
        quote(10, 1, sent_at=at("2024-03-10 09:30:00.250000")),
        quote(11, 2, sent_at=at("2024-03-11 00:00:00"), status="accepted"),
        quote(12, 3, sent_at=at("2024-06-01 12:00:00"), status="viewed"),
        quote(13, 4, sent_at=None),
    ],
}


def sqlite_crm(path: Path, rows: Rows) -> Path:
    connection = sqlite3.connect(path)
    for source in CRM_SOURCES.values():
        columns = ", ".join(f"{c.name} {SQLITE.get(c.type, 'INTEGER')}" for c in source.columns)
        connection.execute(f"CREATE TABLE {source.name} ({columns}, PRIMARY KEY (id))")
        for row in rows.get(source.name, []):
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            connection.execute(
                f"INSERT INTO {source.name} ({names}) VALUES ({marks})", [*map(stored, row.values())]
            )
    connection.commit()
    connection.close()
    return path


def stored(value: Any) -> Any:
    """As SQLite applications keep it: naive UTC text."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else value


def postgres_crm(url: str, rows: Rows) -> str:
    with psycopg.connect(url) as connection:
        for source in CRM_SOURCES.values():
            columns = ", ".join(f"{c.name} {POSTGRES.get(c.type, 'bigint')}" for c in source.columns)
            connection.execute(f"CREATE TABLE {source.name} ({columns}, PRIMARY KEY (id))")  # type: ignore[arg-type]
            for row in rows.get(source.name, []):
                insert = pgsql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    pgsql.Identifier(source.name),
                    pgsql.SQL(", ").join(map(pgsql.Identifier, row)),
                    pgsql.SQL(", ").join(map(pgsql.Placeholder, row)),
                )
                connection.execute(insert, row)
    return url


def frames(rows: Rows) -> Iterator[tuple[str, pl.DataFrame]]:
    for name, source in CRM_SOURCES.items():
        schema = {column.name: FRAME_TYPES[column.type] for column in source.columns}
        yield name, pl.DataFrame(rows.get(name, []), schema=schema)


def directory_crm(path: Path, rows: Rows, suffix: str) -> Path:
    path.mkdir()
    for name, frame in frames(rows):
        if suffix == "parquet":
            frame.write_parquet(path / f"{name}.parquet")
        else:
            frame.write_csv(path / f"{name}.csv")
    return path


@pytest.fixture(params=["sqlite", "postgres", "csv", "parquet", "any sqlite", "any postgres"])
def make_crm(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Rows], str]:
    """Puts rows into one kind of CRM and returns its URL."""

    def make(rows: Rows) -> str:
        match request.param:
            case "sqlite":
                return f"sqlite:///{sqlite_crm(tmp_path / 'crm.db', rows)}"
            case "any sqlite":
                return f"sqlite+pysqlite:///{sqlite_crm(tmp_path / 'crm.db', rows)}"
            case "postgres":
                return postgres_crm(request.getfixturevalue("postgres_url"), rows)
            case "any postgres":
                url = postgres_crm(request.getfixturevalue("postgres_url"), rows)
                return url.replace("postgresql://", "postgresql+psycopg://")
            case suffix:
                return str(directory_crm(tmp_path / "crm", rows, suffix))

    return make


@pytest.fixture
def crm(make_crm: Callable[[Rows], str]) -> Iterator[Crm]:
    with open_crm(make_crm(ROWS)) as opened:
        yield opened


def everything(source: str) -> Demand:
    return Demand(source, frozenset(column.name for column in CRM_SOURCES[source].columns))


def test_whole_sources_arrive_with_the_catalogues_types(crm: Crm) -> None:
    extracted = extract(crm, FILES, [everything(name) for name in CRM_SOURCES])
    for name, expected in frames(ROWS):
        frame = extracted[name]
        assert frame.columns[:2] == ["id", "id_text"]
        assert frame["id_text"].to_list() == [str(key) for key in frame["id"]]
        assert frame.drop("id_text").sort("id").equals(expected), name
        assert frame.drop("id_text").schema == expected.schema


def test_only_the_demanded_columns_travel(crm: Crm) -> None:
    frame = extract(crm, FILES, [Demand("quotes", frozenset({"status"}))])["quotes"]
    assert frame.columns == ["id", "id_text", "status"]


def ids(crm: Crm, source: str, *alternatives: Selection) -> list[int]:
    demand = Demand(source, frozenset({"id"}), alternatives)
    return sorted(extract(crm, FILES, [demand])[source]["id"])


def test_only_rows_with_a_wanted_status_travel(crm: Crm) -> None:
    assert ids(crm, "quotes", Selection((Among("status", ("viewed", "accepted")),))) == [11, 12]


def test_rows_at_both_ends_of_a_range_travel_and_distant_ones_do_not(crm: Crm) -> None:
    ranges = ((at("2024-03-10 09:30:00.25"), at("2024-03-11 00:00:00")),)
    assert ids(crm, "quotes", Selection((InRange("sent_at"),), ranges)) == [10, 11]


def test_an_open_range_takes_everything_on_its_side(crm: Crm) -> None:
    assert ids(crm, "quotes", Selection((InRange("sent_at"),), ((None, at("2024-03-20 00:00")),))) == [10, 11]
    assert ids(crm, "quotes", Selection((InRange("sent_at"),), ((at("2024-03-20 00:00"), None),))) == [12]


def test_several_ranges_are_alternatives(crm: Crm) -> None:
    ranges = (
        (at("2024-03-10 09:00"), at("2024-03-10 10:00")),
        (at("2024-06-01 00:00"), at("2024-06-02 00:00")),
    )
    found = ids(crm, "quotes", Selection((InRange("sent_at"),), ranges))
    assert {10, 12} <= set(found)
    assert 13 not in found


def test_a_date_range_takes_the_days_around_it(crm: Crm) -> None:
    ranges = ((at("1980-03-10 00:00"), at("1980-03-10 00:00")),)
    assert ids(crm, "customers", Selection((InRange("birthday"),), ranges)) == [1]


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2025-03-10", [1]), ("2025-02-28", [2]), ("2025-03-01", [2]), ("2024-02-29", [2]), ("2025-05-05", [])],
)
def test_birthdays_travel_by_month_and_day(crm: Crm, day: str, expected: list[int]) -> None:
    ranges = ((at(day), at(day)),)
    assert ids(crm, "customers", Selection((OnMonthDay("birthday"),), ranges)) == expected


def test_month_and_day_cross_the_new_year(crm: Crm) -> None:
    ranges = ((at("2024-12-31"), at("2024-12-31")),)
    assert ids(crm, "customers", Selection((OnMonthDay("created_at"),), ranges)) == [1, 2, 3, 4]


def test_a_year_of_month_days_restricts_nothing(crm: Crm) -> None:
    ranges = ((at("2024-01-01"), at("2024-12-31")),)
    assert ids(crm, "customers", Selection((OnMonthDay("birthday"),), ranges)) == [1, 2, 3, 4]


def test_customers_of_selected_quotes_travel_and_no_others(crm: Crm) -> None:
    quotes = Selection((Among("status", ("sent", "viewed")), InRange("sent_at")), ((at("2024-05-01"), None),))
    assert ids(crm, "customers", Selection(of=("quotes", "customer_id", quotes))) == [3]


def test_demands_of_several_audiences_are_read_once_and_together(crm: Crm) -> None:
    march = Selection((OnMonthDay("birthday"),), ((at("2025-03-10"), at("2025-03-10")),))
    quotes = Selection((Among("status", ("viewed",)),))
    demands = [
        Demand("customers", frozenset({"name"}), (march,)),
        Demand("customers", frozenset({"email"}), (Selection(of=("quotes", "customer_id", quotes)),)),
    ]
    frame = extract(crm, FILES, demands)["customers"]
    assert sorted(frame["id"]) == [1, 3]
    assert {"name", "email"} <= set(frame.columns)


def test_one_whole_demand_makes_the_source_whole() -> None:
    some = Demand("quotes", frozenset({"status"}), (Selection((Among("status", ("sent",)),)),))
    (demand,) = merged([some, Demand("quotes", frozenset({"amount"})), some])
    assert demand.whole
    assert demand.columns == {"status", "amount"}


def test_the_same_alternative_is_asked_once() -> None:
    some = Demand("quotes", frozenset({"status"}), (Selection((Among("status", ("sent",)),)),))
    assert merged([some, some]) == (some,)


def test_watermarks_move_with_new_rows(make_crm: Callable[[Rows], str]) -> None:
    with open_crm(make_crm(ROWS)) as crm:
        marks = watermarks(crm, FILES)
    assert set(marks) == {name for name, source in CRM_SOURCES.items() if source.watermark}
    assert str(marks["customers"]).startswith("2024-05-05")
    assert marks["events"] is None


TEXT_IDS = {
    "tenants": "-- text ids: id\nSELECT 'acme' AS id, name, time_zone, send_time, locale, currency, "
    "inactivity_days, sender_name, sender_email, reply_to, brand_color, logo_url, website, postal_address, "
    "active FROM tenants",
    "events": "-- text ids: id, tenant_id, customer_id\n"
    "SELECT detail AS id, 'acme' AS tenant_id, type AS customer_id, type, events.at, detail FROM events",
}


def test_text_keys_are_distinct_and_the_same_in_every_engine(
    make_crm: Callable[[Rows], str], tmp_path: Path
) -> None:
    keys = ["00001", "1", "1C1I7A6R", "1.0", "é", " 1"]
    events = [
        {"id": n, "tenant_id": 1, "customer_id": 1, "type": key, "at": at("2024-01-01"), "detail": key}
        for n, key in enumerate(keys)
    ]
    own = tmp_path / "own"
    (own / "sources").mkdir(parents=True)
    for name, text in TEXT_IDS.items():
        (own / "sources" / f"{name}.sql").write_text(text, encoding="utf-8")
    with open_crm(make_crm({"tenants": [TENANT], "events": events})) as crm:
        frame = extract(crm, SqlFiles(own), [everything("events"), everything("tenants")])["events"]
    by_key = dict(zip(frame["id_text"], frame["id"], strict=True))
    assert set(by_key) == set(keys)
    for key in keys:  # the first 16 hex digits of its MD5, without the sign bit
        assert by_key[key] == int(hashlib.md5(key.encode()).hexdigest()[:16], 16) % 2**63
    assert frame["customer_id"].to_list() == frame["id"].to_list()


def plan(path: Path, crm: Crm, demand: Demand) -> str:
    """SQLite's plan for the statement that really runs."""
    statements: list[tuple[str, list[Any]]] = []
    original = crm.read

    def spying(statement: Any) -> Any:
        statements.append(compiled(statement, crm.dialect))  # type: ignore[attr-defined]
        return original(statement)

    crm.read = spying  # type: ignore[method-assign]
    extract(crm, FILES, [demand])
    text, values = statements[-1]
    rows = sqlite3.connect(path).execute(f"EXPLAIN QUERY PLAN {text}", values).fetchall()
    return "\n".join(row[3] for row in rows)


def test_pushed_ranges_and_birthdays_use_the_crms_indexes(tmp_path: Path) -> None:
    path = sqlite_crm(tmp_path / "crm.db", ROWS)
    connection = sqlite3.connect(path)
    connection.execute("CREATE INDEX by_sent ON quotes (sent_at)")
    connection.execute("CREATE INDEX by_birthday ON customers (substr(birthday, 6, 5))")
    connection.commit()
    ranges = ((at("2024-03-10"), at("2024-03-11")),)
    sent = Demand("quotes", frozenset({"status"}), (Selection((InRange("sent_at"),), ranges),))
    born = Demand("customers", frozenset({"name"}), (Selection((OnMonthDay("birthday"),), ranges),))
    with open_crm(f"sqlite:///{path}") as crm:
        assert "USING INDEX by_sent" in plan(path, crm, sent)
        assert "USING INDEX by_birthday" in plan(path, crm, born)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024-03-10 09:30:00", "2024-03-10 09:30:00"),
        ("2024-03-10T09:30:00Z", "2024-03-10 09:30:00"),
        ("2024-03-10T09:30:00.123456789Z", "2024-03-10 09:30:00.123456"),
        ("2024-03-10T23:30:00+05:45", "2024-03-10 17:45:00"),
        ("2024-03-10T23:30:00-0700", "2024-03-11 06:30:00"),
        ("2024-03-10 09:30", "2024-03-10 09:30:00"),
        ("2024-03-10", "2024-03-10 00:00:00"),
    ],
)
def test_every_usual_way_of_writing_an_instant_is_read_and_found_by_range(
    tmp_path: Path, written: str, expected: str
) -> None:
    path = sqlite_crm(tmp_path / "crm.db", {"quotes": [quote(1, 1)]})
    connection = sqlite3.connect(path)
    connection.execute("UPDATE quotes SET sent_at = ?", [written])
    connection.commit()
    selection = Selection((InRange("sent_at"),), ((at(expected), at(expected)),))
    with open_crm(f"sqlite:///{path}") as crm:
        frame = extract(crm, FILES, [Demand("quotes", frozenset({"sent_at"}), (selection,))])["quotes"]
    assert frame["sent_at"].to_list() == [at(expected)]


def test_postgres_types_of_its_own_are_read_as_what_they_mean(postgres_url: str, tmp_path: Path) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TYPE stage AS ENUM ('sent', 'accepted')")
        connection.execute(
            "CREATE TABLE offers (id numeric(12), customer uuid, number varchar(9), amount numeric(12, 2), "
            "stage stage, sent timestamp, day date)"
        )
        connection.execute(
            "INSERT INTO offers VALUES (7, '6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'A', 19.99, 'sent', "
            "'2024-03-10 09:30', '2024-03-12'), (8, NULL, 'B', 5, 'accepted', NULL, NULL)"
        )
    own = tmp_path / "sources"
    own.mkdir()
    (own / "quotes.sql").write_text(
        "-- One row per offer.\n-- text ids: customer_id\n"
        "SELECT id, 1 AS tenant_id, coalesce(customer::text, 'nobody') AS customer_id, "
        "NULL::bigint AS agent_id, number, "
        "to_char(sent, 'HH24:MI') AS destination, amount * 100 AS amount, 'EUR' AS currency, "
        "stage AS status, '2024-01-01'::timestamptz AS created_at, sent AS sent_at, "
        "NULL::timestamptz AS viewed_at, day AS expires_at, "
        "NULL::timestamptz AS decided_at, NULL::timestamptz AS updated_at "
        "FROM offers WHERE number NOT LIKE '%x'; "
    )
    near = ((at("2024-03-10 09:00"), at("2024-03-12")),)
    wanted = Selection((Among("status", ("sent",)), InRange("sent_at"), InRange("expires_at")), near)
    demand = Demand("quotes", everything("quotes").columns, (wanted,))
    with open_crm(postgres_url) as crm:
        (row,) = extract(crm, SqlFiles(tmp_path), [demand])["quotes"].to_dicts()
    assert (row["id"], row["id_text"], row["amount"], row["status"]) == (7, "7", 1999, "sent")
    assert (row["destination"], row["sent_at"]) == ("09:30", at("2024-03-10 09:30"))
    assert row["expires_at"] == at("2024-03-12")


def test_a_column_that_starts_with_many_nulls_is_read(tmp_path: Path) -> None:
    rows = [quote(n, 1, destination="Oslo" if n > 3000 else None) for n in range(1, 3002)]
    path = sqlite_crm(tmp_path / "crm.db", {"quotes": rows})
    with open_crm(f"sqlite:///{path}") as crm:
        frame = extract(crm, FILES, [Demand("quotes", frozenset({"destination"}))])["quotes"]
    assert frame["destination"].drop_nulls().to_list() == ["Oslo"]


def test_rows_of_a_slow_driver_arrive_in_batches_of_mixed_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automation_pipelines.extraction.rows._BATCH", 2)
    rows = [quote(n, 1, amount=n if n < 5 else None) for n in range(1, 8)]
    path = sqlite_crm(tmp_path / "crm.db", {"quotes": rows})
    connection = sqlite3.connect(path)
    connection.execute("UPDATE quotes SET amount = '600' WHERE id = 6")
    connection.commit()
    with open_crm(f"sqlite+pysqlite:///{path}") as crm:
        frame = extract(crm, FILES, [Demand("quotes", frozenset({"amount"}))])["quotes"].sort("id")
    assert frame["amount"].to_list() == [1, 2, 3, 4, None, 600, None]


def test_a_missing_sqlite_file_is_refused_and_not_created(tmp_path: Path) -> None:
    path = tmp_path / "no such.db"
    with pytest.raises(ConfigurationError, match="AUTOMATION_CRM_URL"):
        watermarks(open_crm(f"sqlite:///{path}"), FILES)
    assert not path.exists()


@pytest.mark.parametrize("place", ["{}/nowhere", "file://{}/nowhere", "{}"])
def test_a_directory_without_tables_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(ConfigurationError, match="CRM"):
        watermarks(open_crm(place.format(tmp_path)), FILES)


def test_two_files_of_one_table_are_refused(tmp_path: Path) -> None:
    directory_crm(tmp_path / "crm", {}, "csv")
    (tmp_path / "crm" / "quotes.parquet").touch()
    with pytest.raises(ConfigurationError, match="two tables called quotes"):
        watermarks(open_crm(str(tmp_path / "crm")), FILES)


def test_a_directory_of_files_is_one_table(tmp_path: Path) -> None:
    crm_path = directory_crm(tmp_path / "crm", ROWS, "parquet")
    table = crm_path / "quotes"
    table.mkdir()
    (crm_path / "quotes.parquet").rename(table / "a.parquet")
    pl.DataFrame([quote(99, 1)]).write_parquet(table / "b.parquet")
    with open_crm(f"file://{crm_path}") as crm:
        assert ids(crm, "quotes", Selection((Among("status", ("sent",)),))) == [10, 13, 99]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:s3cr3t@127.0.0.1:1/crm",
        "postgresql+psycopg://ada:s3cr3t@127.0.0.1:1/crm",
        "nosuchdatabase://ada:s3cr3t@127.0.0.1:1/crm",
        "postgresql+nosuchdriver://ada:s3cr3t@127.0.0.1/crm",
        "nosuchdatabase://ada:s3cr3t/with?all@127.0.0.1:1/crm",
        "postgresql://127.0.0.1:1/crm?user=ada&password=s3cr3t",
    ],
)
def test_a_crm_out_of_reach_is_named_without_its_password(url: str) -> None:
    crm = open_crm(url)
    with pytest.raises(SourceError, match="cannot be opened") as raised:
        watermarks(crm, FILES)
    assert "s3cr3t" not in str(raised.value) + crm.place
    assert raised.value.__cause__ is None


def test_a_mistyped_url_is_refused_without_its_password() -> None:
    with pytest.raises(ConfigurationError, match="no CRM directory at postgresql://127") as raised:
        watermarks(open_crm("postgresql:/ada:s3cr3t@127.0.0.1/crm"), FILES)
    assert "s3cr3t" not in str(raised.value)


def test_a_driver_is_quoted_without_any_password_of_the_url() -> None:
    url = "mysql://ada:s3%63r3t@127.0.0.1/crm?ssl_password=n0t%20told"
    told = said(RuntimeError("wrong: s3cr3t, s3%63r3t, n0t told, n0t%20told"), url)
    assert told == "wrong: ***, ***, ***, ***"


def test_a_source_cannot_write_to_postgres(postgres_url: str, tmp_path: Path) -> None:
    postgres_crm(postgres_url, ROWS)
    (tmp_path / "sources").mkdir()
    text = FILES.find("sources", "quotes").text.replace("    id,", "    setval('counter', id) AS id,")
    (tmp_path / "sources" / "quotes.sql").write_text(text)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE SEQUENCE counter")
    with pytest.raises(SourceError, match="read-only transaction"):
        extract(open_crm(postgres_url), SqlFiles(tmp_path), [everything("quotes")])


def test_reading_sqlite_holds_up_no_writer_and_sees_one_moment(tmp_path: Path) -> None:
    path = sqlite_crm(tmp_path / "crm.db", ROWS)
    writer = sqlite3.connect(path, timeout=0)
    writer.execute("PRAGMA journal_mode = wal")
    with open_crm(f"sqlite:///{path}") as crm:
        assert len(ids(crm, "quotes", Selection())) == len(ROWS["quotes"])
        writer.execute("DELETE FROM quotes")
        writer.commit()
        assert len(ids(crm, "quotes", Selection())) == len(ROWS["quotes"])
    assert ids(crm, "quotes", Selection()) == []


def test_every_extraction_sees_the_crm_of_its_own_time(make_crm: Callable[[Rows], str]) -> None:
    url = make_crm(ROWS)
    crm = open_crm(url)
    before = ids(crm, "quotes", Selection())
    if "://" not in url:
        shorten_directory(Path(url))
    elif url.startswith("sqlite"):
        with sqlite3.connect(url.partition("///")[2]) as connection:
            connection.execute("DELETE FROM quotes WHERE id = 13")
    else:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute("DELETE FROM quotes WHERE id = 13")
    assert ids(crm, "quotes", Selection()) == before[:-1]


def shorten_directory(path: Path) -> None:
    """Replaces the quotes' file by one without the last quote."""
    for name, frame in frames({"quotes": ROWS["quotes"][:-1]}):
        if name == "quotes" and (path / "quotes.csv").exists():
            frame.write_csv(path / "quotes.csv")
        elif name == "quotes":
            frame.write_parquet(path / "quotes.parquet")


def test_an_unknown_column_is_a_mistake_of_the_program(tmp_path: Path) -> None:
    path = sqlite_crm(tmp_path / "crm.db", ROWS)
    with open_crm(f"sqlite:///{path}") as crm, pytest.raises(ValueError, match="no column colour"):
        extract(crm, FILES, [Demand("quotes", frozenset({"colour"}))])


def test_a_table_the_crm_does_not_have_is_no_rows_and_selects_none_elsewhere(
    make_crm: Callable[[Rows], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {name: source for name, source in CRM_SOURCES.items() if not source.optional}
    with monkeypatch.context() as smaller:
        smaller.setattr("tests.test_extraction.CRM_SOURCES", few)
        crm = open_crm(make_crm(ROWS))
    of_accounts = Selection(of=("accounts", "customer_id", Selection()))
    wanted = [everything("accounts"), Demand("customers", frozenset({"name"}), (of_accounts,))]
    found = extract(crm, FILES, wanted)
    assert {name: frame.height for name, frame in found.items()} == {"accounts": 0, "customers": 0}
    assert found["accounts"].schema["created_at"] == FRAME_TYPES[Type.INSTANT]
    assert watermarks(crm, FILES)["accounts"] is None
    absent = {one.source for one in check(crm, FILES).sources if one.absent}
    assert absent == CRM_TABLES.keys() - few.keys()


def test_a_file_with_nothing_but_a_comment_is_a_source_without_rows(crm: Crm, tmp_path: Path) -> None:
    own = tmp_path / "sources" / "quotes.sql"
    own.parent.mkdir()
    own.write_text("-- No rows: nothing is offered in writing.\n")
    found = extract(crm, SqlFiles(tmp_path), [everything("quotes"), everything("customers")])
    assert (found["quotes"].height, found["customers"].height) == (0, len(ROWS["customers"]))


def test_a_table_that_may_not_be_read_is_an_error_and_not_missing(postgres_url: str) -> None:
    postgres_crm(postgres_url, ROWS)
    role = f"reader_{sa.make_url(postgres_url).database}"
    with psycopg.connect(postgres_url) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")  # type: ignore[arg-type]
        connection.execute(f"GRANT SELECT ON customers TO {role}")  # type: ignore[arg-type]
    reader = sa.make_url(postgres_url).set(username=role, password="x")
    with pytest.raises(ContractError, match=r"consents: the CRM refuses the file.*permission denied"):
        extract(open_crm(reader.render_as_string(hide_password=False)), FILES, [everything("consents")])
