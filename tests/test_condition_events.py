"""Conditions on what happened: how they are written, what they count, and the engagement score."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from automation_pipelines.catalogue.happenings import HAPPENINGS, SCORE_READS
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Type
from automation_pipelines.conditions import Condition, check_condition, compile_condition, findings, matches
from automation_pipelines.conditions.many import Rule, belonging
from automation_pipelines.engine import FRAME_TYPES, Engine, open_engine
from automation_pipelines.errors import ConditionError
from automation_pipelines.planning.happenings import (
    count_happenings,
    happening_demands,
    score_demands,
    score_engagement,
)
from automation_pipelines.sqlfiles import SHIPPED, SqlFiles

NOW = datetime(2026, 5, 31, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FILES = SqlFiles()


@pytest.fixture
def engine() -> Iterator[Engine]:
    with open_engine() as opened:
        opened.add(**{name: frame(name) for name in SOURCES})
        yield opened


def frame(source: str, *rows: Mapping[str, Any], columns: tuple[str, ...] = ()) -> pl.DataFrame:
    schema = {column.name: FRAME_TYPES[column.type] for column in SOURCES[source].columns}
    kept = {name: dtype for name, dtype in schema.items() if not columns or name in columns}
    return pl.DataFrame([{name: row.get(name) for name in kept} for row in rows], schema=kept)


def message(kind: str, at: datetime, customer: int = 1, **more: Any) -> dict[str, Any]:
    plain = {"tenant_id": 1, "campaign": "spring", "step": "one", "channel": "email", "purpose": "marketing"}
    return {**plain, "type": kind, "customer_id": customer, "machine": False, "at": at, **more}


def subject(row_id: int, **more: Any) -> dict[str, Any]:
    return {
        "row_id": row_id,
        "tenant_id": 1,
        "customer_id": 1,
        "judged_at": NOW,
        "campaign": "spring",
        **more,
    }


ASKED = {
    "row_id": pl.Int64(),
    "tenant_id": pl.Int64(),
    "customer_id": pl.Int64(),
    "account_id": pl.Int64(),
    "judged_at": FRAME_TYPES[Type.INSTANT],
    "anchor_at": FRAME_TYPES[Type.INSTANT],
    "campaign": pl.String(),
    "level": pl.Int64(),
}


def holds(engine: Engine, written: Any, *subjects: Mapping[str, Any]) -> list[bool]:
    """Whether a condition holds for each subject, as planning would find out."""
    condition = Condition.model_validate(written)
    types = {"level": Type.INTEGER}
    assert check_condition(condition, types) == []
    rows = [{name: row.get(name) for name in ASKED} for row in subjects]
    engine.add(subjects=pl.DataFrame(rows, schema=ASKED))
    predicate = compile_condition(condition, types)
    count_happenings(engine, FILES, "subjects", predicate.happenings)
    answers = engine.query(
        f"SELECT {predicate.sql} AS holds FROM subjects NATURAL JOIN happenings ORDER BY row_id",
        predicate.parameters,
    )
    engine.drop("happenings")
    return answers["holds"].to_list()


def test_an_event_counts_from_after_the_start_of_its_time_up_to_the_moment_judged(engine: Engine) -> None:
    engine.add(message_events=frame("message_events", message("opened", NOW - 48 * HOUR)))
    asked = {"event": "email_opened", "within": "48 hours"}
    times = (NOW - 48 * HOUR - HOUR, NOW - 48 * HOUR, NOW - HOUR, NOW)
    subjects = [subject(n, judged_at=at) for n, at in enumerate(times)]
    assert holds(engine, asked, *subjects) == [False, True, True, False]
    assert holds(engine, {"none": [asked]}, *subjects) == [True, False, False, True]


def test_without_a_length_it_counts_since_the_anchor_and_without_an_anchor_ever(engine: Engine) -> None:
    engine.add(bookings=frame("bookings", {"tenant_id": 1, "customer_id": 1, "booked_at": NOW - 10 * DAY}))
    anchors = (NOW - 11 * DAY, NOW - 10 * DAY, NOW, None)
    subjects = [subject(n, anchor_at=at) for n, at in enumerate(anchors)]
    assert holds(engine, {"event": "booking_made"}, *subjects) == [True, False, False, True]


def test_it_must_have_happened_so_often(engine: Engine) -> None:
    opens = [message("opened", NOW - n * DAY) for n in range(3)]
    engine.add(message_events=frame("message_events", *opens, message("opened", NOW, customer=2)))
    subjects = (subject(1), subject(2, customer_id=2), subject(3, customer_id=None))
    often = {"event": "email_opened", "within": "7 days", "at_least": 3}
    assert holds(engine, often, *subjects) == [True, False, False]
    assert holds(engine, {**often, "within": "2 days", "at_least": 2}, *subjects) == [True, False, False]


def test_what_programs_and_other_channels_did_is_no_opening(engine: Engine) -> None:
    events = (
        message("opened", NOW, machine=True),
        message("opened", NOW, channel="sms"),
        message("sent", NOW),
    )
    engine.add(message_events=frame("message_events", *events))
    within = {"within": "1 day"}
    assert holds(engine, {"event": "email_opened", **within}, subject(1)) == [False]
    assert holds(engine, {"event": "message_sent", **within}, subject(1)) == [True]
    engine.add(message_events=frame("message_events", message("opened", NOW, machine=None)))
    assert holds(engine, {"event": "email_opened", **within}, subject(1)) == [True]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [True, True]),
        ({"campaign": "any"}, [True, True]),
        ({"campaign": "this"}, [True, False]),
        ({"campaign": "autumn"}, [False, False]),
        ({"campaign": "spring", "step": "one"}, [True, True]),
        ({"campaign": "spring", "step": "two"}, [False, False]),
        ({"step": "one"}, [True, False]),
    ],
)
def test_messages_of_this_campaign_of_any_or_of_one_named(
    engine: Engine, more: dict[str, str], expected: list[bool]
) -> None:
    engine.add(message_events=frame("message_events", message("clicked", NOW)))
    subjects = (subject(1), subject(2, campaign="other"))
    assert holds(engine, {"event": "email_clicked", "within": "1 hour", **more}, *subjects) == expected


def test_the_event_itself_can_be_asked_about(engine: Engine) -> None:
    rows = [
        {"tenant_id": 1, "customer_id": 1, "paid_at": NOW, "status": "paid", "amount": 500, "currency": "EUR"}
    ]
    engine.add(payments=frame("payments", *rows))
    more = {"field": "amount", "operator": "greater_than", "value": 400}
    euro = {"field": "currency", "operator": "equals", "value": "EUR"}
    asked = {"event": "payment_made", "within": "1 day"}
    assert holds(engine, {**asked, "where": more}, subject(1)) == [True]
    assert holds(engine, {**asked, "where": {"all": [more, {"none": [euro]}]}}, subject(1)) == [False]


def test_an_accounts_events_are_found_by_the_account_and_a_customers_by_the_customer(engine: Engine) -> None:
    held = {"tenant_id": 1, "type": "call", "status": "completed", "outcome": "negative", "at": NOW}
    engine.add(
        engagements=frame(
            "engagements",
            {**held, "account_id": 7, "customer_id": 1},
            {**held, "account_id": 8, "customer_id": 2},
            {**held, "account_id": 9, "type": "meeting", "status": "missed"},
        )
    )
    subjects = (
        subject(1, customer_id=None, account_id=7),
        subject(2, customer_id=1, account_id=8),
        subject(3, customer_id=1),
        subject(4, customer_id=1, account_id=9),
        subject(5, tenant_id=2, account_id=7),
    )
    call = {
        "event": "engagement",
        "within": "1 day",
        "where": {"field": "type", "operator": "equals", "value": "call"},
    }
    assert holds(engine, call, *subjects) == [True, True, True, False, False]
    assert holds(engine, {"event": "meeting_missed", "within": "1 day"}, *subjects) == [False] * 3 + [
        True,
        False,
    ]


def test_events_stand_beside_comparisons_and_in_groups(engine: Engine) -> None:
    engine.add(message_events=frame("message_events", message("opened", NOW)))
    opened = {"event": "email_opened", "within": "1 day"}
    high = {"field": "level", "operator": "greater_than", "value": 1}
    subjects = (subject(1, level=2), subject(2, level=1), subject(3, level=2, customer_id=9))
    assert holds(engine, {"all": [high, opened]}, *subjects) == [True, False, False]
    assert holds(engine, {"any": [high, {"none": [opened]}]}, *subjects) == [True, False, True]


def test_each_distinct_question_is_one_column_whoever_asks_and_every_row_has_it(engine: Engine) -> None:
    opened = {"event": "email_opened", "within": "2 days"}
    same = {"event": "email_opened", "within": "48 hours", "at_least": 3, "campaign": "any"}
    other = {"event": "email_opened", "within": "3 days"}
    questions = [
        compile_condition(Condition.model_validate(one), {}).happenings for one in (opened, same, other)
    ]
    assert questions[0] == questions[1] != questions[2]
    engine.add(
        moments=pl.DataFrame([subject(5, moment_id=1), subject(5, moment_id=2)]).with_columns(
            account_id=None, anchor_at=None
        )
    )
    count_happenings(
        engine, FILES, "moments", [one for some in questions for one in some], key="moment_id", into="n"
    )
    counted = engine.query("SELECT * FROM n ORDER BY moment_id")
    assert counted.columns == ["moment_id", questions[0][0].column, questions[2][0].column]
    assert counted.rows() == [(1, 0, 0), (2, 0, 0)]


def test_nothing_to_count_keeps_the_rows(engine: Engine) -> None:
    engine.add(subjects=pl.DataFrame([subject(1)]).with_columns(account_id=None, anchor_at=None))
    count_happenings(engine, FILES, "subjects", [])
    assert engine.query("SELECT * FROM happenings").rows() == [(1,)]
    assert not {"asked", "happened", "counted_0"} & engine.names()


def test_values_that_python_takes_for_equal_are_different_questions() -> None:
    def where(value: object) -> Condition:
        leaf = {"field": "active", "operator": "equals", "value": value}
        return Condition.model_validate({"event": "wallet_pass_updated", "where": leaf})

    assert len({where(value).happening.column for value in (1, 1.0, True)}) == 3
    both = Condition.model_validate({"any": [where(1), where(value=True)]})
    assert len(compile_condition(both, {}).happenings) == 2


def test_many_rules_may_ask_for_events(engine: Engine) -> None:
    engine.add(message_events=frame("message_events", message("opened", NOW)))
    rows = [{name: row.get(name) for name in ASKED} for row in (subject(1), subject(2, customer_id=2))]
    engine.add(subjects=pl.DataFrame(rows, schema=ASKED))
    once = Condition.model_validate({"event": "email_opened", "within": "1 day"})
    twice = Condition.model_validate({"event": "email_opened", "within": "1 day", "at_least": 2})
    wanted = [h for condition in (once, twice) for h in compile_condition(condition, {}).happenings]
    count_happenings(engine, FILES, "subjects", wanted)
    engine.keep("counted", "SELECT * FROM subjects NATURAL JOIN happenings")
    belonging(
        engine,
        "counted",
        [Rule(1, once), Rule(2, twice), Rule(3, Condition.model_validate({"none": [once]}))],
        {},
    )
    assert set(engine.query("SELECT rule, row_id FROM belonging").rows()) == {(1, 1), (3, 2)}


@pytest.mark.parametrize(
    "written",
    [
        {"event": "email_opened"},
        {
            "event": "engagement",
            "within": "30 days",
            "at_least": 2,
            "where": {"field": "type", "operator": "in", "value": ["call"]},
        },
        {"none": [{"event": "email_sent", "campaign": "this", "step": "hello-again"}]},
    ],
)
def test_it_is_stored_as_it_was_written(written: Any) -> None:
    condition = Condition.model_validate(written)
    assert condition.model_dump(mode="json", by_alias=True) == written
    assert Condition.model_validate_json(condition.model_dump_json(by_alias=True)) == condition


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"event": "email_opened", "within": "0 days"}, "'0 days' is no length of time"),
        ({"event": "email_opened", "within": "-3 days"}, "'-3 days' is no length of time"),
        ({"event": "email_opened", "within": "soon"}, "'soon' is no length of time"),
        ({"event": "email_opened", "at_least": 0}, "at_least"),
        ({"event": "email_opened", "at_least": True}, "at_least"),
        ({"event": "email_opened", "campaign": "Not A Slug"}, "campaign"),
        ({"event": None}, "missing event"),
        ({"within": "3 days"}, "missing event"),
        ({"event": "email_opened", "field": "level"}, "a condition is"),
        ({"event": "email_opened", "all": []}, "a condition is"),
        ({"event": "email_opened", "often": 3}, "often"),
    ],
)
def test_refused_when_declared(written: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Condition.model_validate(written)


@pytest.mark.parametrize(
    ("written", "path", "message"),
    [
        ({"event": "email_opend"}, ("event",), "unknown event 'email_opend' (did you mean 'email_opened'?)"),
        (
            {"event": "payment_made", "campaign": "this"},
            ("campaign",),
            "event 'payment_made' is no message's",
        ),
        ({"event": "payment_made", "step": "one"}, ("step",), "event 'payment_made' is no message's"),
        (
            {"event": "payment_made", "where": {"field": "amout", "operator": "equals", "value": 1}},
            ("where", "field"),
            "where of event 'payment_made': unknown column 'amout' (did you mean 'amount'?)",
        ),
        (
            {
                "event": "payment_made",
                "where": {"all": [{"field": "amount", "operator": "equals", "value": "x"}]},
            },
            ("where", "all", 0, "value"),
            "write a number",
        ),
        ({"event": "payment_made", "where": {"event": "email_opened"}}, ("where",), "no events of its own"),
    ],
)
def test_checked_against_the_catalogue(written: Any, path: tuple[str | int, ...], message: str) -> None:
    (finding,) = findings(Condition.model_validate(written), {})
    assert (finding.path, message in finding.message) == (path, True), finding


def test_a_loose_record_has_no_past() -> None:
    with pytest.raises(ConditionError, match="event 'email_opened'"):
        matches([{"event": "email_opened"}], [{}])


@pytest.mark.parametrize("name", sorted(HAPPENINGS))
def test_every_event_selects_what_it_declares_from_what_it_reads(engine: Engine, name: str) -> None:
    event = HAPPENINGS[name]
    engine.add(**{event.source: frame(event.source, columns=event.read.columns)})
    rows = engine.query(FILES.find("happenings", name).text)
    assert rows.columns == ["tenant_id", "customer_id", "account_id", "at", *(c.name for c in event.columns)]
    assert rows.schema["at"] == FRAME_TYPES[Type.INSTANT]
    assert {rows.schema[column.name] == FRAME_TYPES[column.type] for column in event.columns} <= {True}


def test_there_is_a_file_for_each_event_and_no_other() -> None:
    files = {path.stem for path in (SHIPPED / "happenings").glob("*.sql")}
    assert files == {*HAPPENINGS, "engagement_score"}


def test_no_more_is_read_than_could_count() -> None:
    wanted = [
        condition.happening
        for condition in map(Condition.model_validate, [
            {"event": "email_opened", "within": "2 days"},
            {"event": "email_opened", "within": "3 days"},
            {"event": "engagement"},
            {"event": "booking_made", "within": "1 day"},
            {"event": "booking_made"},
        ])
    ]  # fmt: skip
    opened, engaged, booked = happening_demands(wanted, (NOW - DAY, NOW), NOW - 90 * DAY)
    assert (opened.source, opened.alternatives[0].ranges) == ("message_events", ((NOW - 4 * DAY, NOW),))
    assert (engaged.source, engaged.alternatives[0].ranges) == ("engagements", ((NOW - 90 * DAY, NOW),))
    assert booked.alternatives[0].ranges == ((NOW - 90 * DAY, NOW),)
    (_, _, ever) = happening_demands(wanted, (NOW - DAY, NOW), None)
    assert ever.alternatives[0].ranges == ((None, NOW),)


def scores(
    engine: Engine, events: list[dict[str, Any]], engagements: list[dict[str, Any]] | None = None
) -> Any:
    engine.add(
        message_events=frame("message_events", *events, columns=SCORE_READS[0].columns),
        engagements=frame("engagements", *(engagements or []), columns=SCORE_READS[1].columns),
    )
    score_engagement(engine, FILES, NOW)
    found = dict(engine.query("SELECT customer_id, engagement_score FROM engagement_scores").iter_rows())
    engine.drop("engagement_scores")
    return found


def test_the_engagement_score_halves_every_thirty_days(engine: Engine) -> None:
    ages = (0, 30, 60, 361)
    events = [message("clicked", NOW - age * DAY, customer=n) for n, age in enumerate(ages)]
    assert scores(engine, [*events, message("clicked", NOW + HOUR, customer=9)]) == {0: 10.0, 1: 5.0, 2: 2.5}


def test_the_engagement_score_adds_up_between_nothing_and_a_hundred(engine: Engine) -> None:
    met = {"tenant_id": 1, "customer_id": 1, "type": "meeting", "status": "completed", "at": NOW}
    events = [
        *(message("opened", NOW), message("replied", NOW)),
        message("clicked", NOW, machine=True),
        message("sent", NOW, customer=2),
        message("complained", NOW, customer=3),
        *(message("converted", NOW, customer=4) for _ in range(5)),
    ]
    engagements = [
        {**met, "outcome": "positive"},
        {**met, "type": "call", "outcome": "negative"},
        {**met, "outcome": "no_response"},
        {**met, "status": "missed"},
        {**met, "status": "scheduled", "outcome": None},
        {**met, "customer_id": 5, "type": "email", "outcome": None},
        {**met, "customer_id": None},
    ]
    # 5 + 20 and 20 * 1.5 + 15 * 0.5 - 10
    assert scores(engine, events, engagements) == {1: 52.5, 3: 0.0, 4: 100.0, 5: 5.0}


def test_what_the_score_needs_is_read() -> None:
    sources = {demand.source: demand for demand in score_demands(NOW)}
    assert sources.keys() == {"message_events", "engagements"}
    assert sources["engagements"].alternatives[0].ranges == ((NOW - 360 * DAY, NOW),)
