"""The settings of a tenant: where a value comes from, and what is refused."""

from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from automation_pipelines.campaign import MESSAGE_CHANNELS, ROLES
from automation_pipelines.catalogue.openings import read_openings
from automation_pipelines.catalogue.tenant_settings import CHANNELS, TENANT_SETTINGS
from automation_pipelines.catalogue.tenant_settings import ROLES as SETTING_ROLES
from automation_pipelines.errors import ContractError
from automation_pipelines.planning.settings import settings_frame
from automation_pipelines.settings import Settings, TenantDefaults

TENANTS = pl.DataFrame(
    {"id": [1, 2], "id_text": ["acme", "globex"], "inactivity_days": [None, 30]},
    schema_overrides={"inactivity_days": pl.Int64},
)


def _frame(*rows: tuple[int, str, str | None], **environment: Any) -> dict[int, dict[str, Any]]:
    schema = {"tenant_id": pl.Int64, "name": pl.String, "value": pl.String}
    own = pl.DataFrame(list(rows), schema=schema, orient="row")
    made = settings_frame(TENANTS, own, TenantDefaults(**environment))
    return {row["tenant_id"]: row for row in made.iter_rows(named=True)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sla_level_1_minutes", 60),
        ("sla_level_4_minutes", 480),
        ("sla_level_4_escalate_to", "executives,department_manager"),
        ("quote_followup_day_3", 14),
        ("birthday_email_time", "09:00"),
        ("birthday_email_time_zone", "tenant"),
        ("quote_expiry_warning_hours", 24),
        ("re_engagement_enabled", True),
        ("re_engagement_header", "We miss you!"),
        ("re_engagement_channels", "wallet"),
        ("re_engagement_repeat_days", None),
        ("inactivity_days", 7),
        ("holdout", 0.0),
        ("send_windows", "sms US 08:00-21:00; whatsapp US 08:00-21:00"),
    ],
)
def test_without_anything_said_there_are_defaults(name: str, expected: object) -> None:
    assert _frame()[1][name] == expected


def test_the_environment_outranks_the_default_and_a_tenant_the_environment() -> None:
    frame = _frame((1, "sla_level_1_minutes", "15"), sla_escalation_level1_minutes=45)
    assert [frame[tenant]["sla_level_1_minutes"] for tenant in (1, 2)] == [15, 45]


def test_the_days_of_the_tenants_source_stand_between_the_setting_and_the_default() -> None:
    assert [row["inactivity_days"] for row in _frame().values()] == [7, 30]
    assert _frame((2, "inactivity_days", "90"))[2]["inactivity_days"] == 90


def test_fewer_follow_ups_leave_the_others_unset() -> None:
    row = _frame(quote_followup_days="2, 5")[1]
    assert [row[f"quote_followup_day_{place}"] for place in (1, 2, 3)] == [2, 5, None]


def test_a_tenant_may_unset_what_has_a_default() -> None:
    assert _frame((1, "quote_followup_day_3", "none"))[1]["quote_followup_day_3"] is None


def test_the_hour_of_the_environment_is_a_time_of_day() -> None:
    row = _frame(birthday_email_hour=7, birthday_email_timezone="Asia/Tokyo")[1]
    assert (row["birthday_email_time"], row["birthday_email_time_zone"]) == ("07:00", "Asia/Tokyo")


def test_the_switch_of_the_environment_outranks_every_tenant() -> None:
    frame = _frame((1, "re_engagement_enabled", "true"), disable_auto_engagement=True)
    assert [row["re_engagement_enabled"] for row in frame.values()] == [False, False]


def test_everything_wrong_is_named_at_once_with_tenant_setting_and_what_is_allowed() -> None:
    with pytest.raises(ContractError) as refusal:
        _frame(
            (1, "inactivity_days", "400"),
            (2, "inactivty_days", "4"),
            (2, "birthday_email_time", "9am"),
            (2, "sla_level_1_escalate_to", "boss"),
            (1, "re_engagement_time_zone", "Mars/Base"),
            (1, "send_windows", "mon-fri 18:00-09:00"),
            (2, "holdout", "200"),
            (1, "re_engagement_enabled", "perhaps"),
            (1, "sunset_days", "30"),
            (1, "sunset_days", "60"),
        )
    wrong = refusal.value.violations
    assert wrong[0] == (
        "tenant_settings: tenant acme: inactivity_days is '400', allowed: a whole number from 1 to 365"
    )
    assert "tenant globex: unknown setting 'inactivty_days' (did you mean 'inactivity_days'?)" in wrong[1]
    assert [line.split(": ")[2].split(" ")[0] for line in wrong[2:]] == [
        "birthday_email_time",
        "sla_level_1_escalate_to",
        "re_engagement_time_zone",
        "send_windows",
        "holdout",
        "re_engagement_enabled",
        "sunset_days",
    ]


def test_a_setting_of_a_tenant_that_does_not_exist_is_nobodys() -> None:
    assert _frame((3, "inactivity_days", "wrong"))[1]["inactivity_days"] == 7


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SLA_ESCALATION_LEVEL1_MINUTES", "0"),
        ("QUOTE_FOLLOWUP_DAYS", "3,seven"),
        ("QUOTE_FOLLOWUP_DAYS", "1,2,3,4"),
        ("BIRTHDAY_EMAIL_HOUR", "24"),
        ("BIRTHDAY_EMAIL_TIMEZONE", "Mars/Base"),
        ("QUOTE_EXPIRY_WARNING_HOURS", "-1"),
        ("DISABLE_AUTO_ENGAGEMENT", "perhaps"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError, match=variable.lower()):
        Settings()


def test_variables_are_read_without_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUOTE_FOLLOWUP_DAYS", "2,4")
    monkeypatch.setenv("DISABLE_AUTO_ENGAGEMENT", "true")
    monkeypatch.setenv("BIRTHDAY_EMAIL_HOUR", "")
    defaults = Settings().tenant_defaults
    assert (defaults.quote_followup_days, defaults.disable_auto_engagement) == ("2,4", True)
    assert defaults.birthday_email_hour is None


def test_every_variable_is_the_default_of_some_setting() -> None:
    named = {each.environment.lower() for each in TENANT_SETTINGS.values() if each.environment}
    assert named == TenantDefaults.model_fields.keys() - {"disable_auto_engagement"}


def test_settings_and_campaign_files_have_the_same_words() -> None:
    assert (CHANNELS, SETTING_ROLES) == (MESSAGE_CHANNELS, ROLES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("09:00-18:00", [(7, "09:00", None, None)]),
        ("mon-fri 09:00-18:00; sat 10:00-14:00", [(5, "09:00", None, None), (1, "10:00", None, None)]),
        ("sms 10:00-20:00", [(7, "10:00", "sms", None)]),
        ("FR mon-sat 08:00-24:00", [(6, "08:00", None, "FR")]),
        ("email DE fri-mon,wed 08:00-20:00", [(5, "08:00", "email", "DE")]),
    ],
)
def test_send_windows_are_read(text: str, expected: list[tuple[Any, ...]]) -> None:
    read = [(len(o.days), f"{o.start:%H:%M}", o.channel, o.country) for o in read_openings(text, CHANNELS)]
    assert read == expected


@pytest.mark.parametrize(
    "text", ["mon-fri", "fax 09:00-18:00", "mon 09:00-09:00", "sms fr 09:00-18:00", "9-18"]
)
def test_send_windows_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        read_openings(text, CHANNELS)
