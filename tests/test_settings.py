"""What an operator writes wrong is refused by name, and nothing of a secret is repeated."""

import pytest
from pydantic import ValidationError

from automation_pipelines.cli.front import Front
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.settings import Settings

WRONG = [
    "postgresql://u:first@second@db/crm",
    "postgresql://u:first/second@db/crm",
    "postgresql://u:first#second@db/crm",
    "postgresql://u:first?second@db/crm",
    "postgresql://u:first second@db/crm",
    "postgresql://u:first%second@db/crm",
    "postgresql://u:second@db:first/crm",
    "postgresql//u:second@db/crm",
    "host=db password=second",
]
RIGHT = [
    "postgresql://u:p%40%2F%3Aword@db:5432/crm",
    "postgresql://u:p:w@db/crm",
    "postgresql://u:p@[::1]:5432/crm?sslmode=require",
    "postgresql:///crm?host=/run/postgresql&user=a@b",
    "postgresql://db/crm?options=-c%20a%3Db:c",
    "sqlite:////srv/a b@c/crm.db",
    "sqlite:///C:/data/crm.db",
    "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx;PWD=y@z",
    "file:///srv/export",
    "/srv/export",
]


@pytest.mark.parametrize("variable", ["AUTOMATION_CRM_URL", "AUTOMATION_DATABASE_URL", "AUTOMATION_SMTP_URL"])
@pytest.mark.parametrize("url", WRONG)
def test_a_url_that_can_be_read_in_two_ways_is_refused_and_not_repeated(
    variable: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, url)
    with pytest.raises(ValidationError) as refusal:
        Settings()
    assert "write" in str(refusal.value)
    assert "first" not in str(refusal.value)
    assert "second" not in str(refusal.value)


@pytest.mark.parametrize("url", RIGHT)
def test_a_url_that_can_be_read_in_one_way_is_taken_as_it_is(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOMATION_CRM_URL", url)
    assert Settings().crm == url


def test_who_is_told_of_failures_must_have_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMATION_NOTIFY_EMAIL", "operations")
    with pytest.raises(ValidationError, match="notify_email"):
        Settings()


@pytest.mark.parametrize("variable", ["AUTOMATION_ATTRIBUTION__DAY", "AUTOMATION_WATCH__PAUSE"])
def test_part_of_a_setting_that_there_is_not_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "3")
    with pytest.raises(ConfigurationError, match=f"{variable}: Extra inputs"):
        Front.open()
