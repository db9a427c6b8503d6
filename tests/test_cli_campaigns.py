"""`automation campaign`, as it is typed."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from automation_pipelines.cli.campaigns import campaign
from automation_pipelines.cli.front import Front
from automation_pipelines.errors import CampaignError, RefusedError
from automation_pipelines.installation import Installation
from automation_pipelines.playbooks import FOLDER
from automation_pipelines.settings import Settings

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
Run = Callable[..., Result]
CARE = """\
# kindly
id: care
title: "[Care]"
audience: birthdays
steps:
  - id: greeting
    channel: email
    template: birthday
"""


@pytest.fixture
def front(tmp_path: Path) -> Front:
    installation = Installation.open(Settings(home=tmp_path / "home", crm_url=f"sqlite:///{tmp_path}/crm.db"))
    installation.initialise(NOW)
    return Front(installation, NOW, "ann")


@pytest.fixture
def run(front: Front) -> Run:
    def invoke(*words: object, fails: type[Exception] | None = None) -> Result:
        result = CliRunner().invoke(
            campaign, [str(word) for word in words], obj=front, env={"COLUMNS": "200"}
        )
        if fails is None:
            assert result.exit_code == 0, result.output
        else:
            assert isinstance(result.exception, fails)
        return result

    return invoke


@pytest.fixture
def care(tmp_path: Path) -> Path:
    path = tmp_path / "care.yaml"
    path.write_text(CARE, encoding="utf-8")
    return path


def test_applying_leaves_a_draft_and_says_how_to_go_on(run: Run, care: Path, front: Front) -> None:
    output = run("apply", care).output
    assert "[Care]" in output
    assert "automation campaign start" in output
    assert front.installation.campaigns.states() == {"care": "draft"}


def test_a_dry_run_stores_nothing(run: Run, care: Path, front: Front) -> None:
    assert "would be new" in run("apply", "--dry-run", care).output
    assert front.installation.campaigns.states() == {}
    run("apply", care)
    assert "unchanged" in run("apply", "--dry-run", care).output
    care.write_text(CARE.replace("kindly", "very kindly"), encoding="utf-8")
    assert "would change" in run("apply", "--dry-run", care).output
    assert front.installation.campaigns.show("care").entry.version == 1


def test_applying_and_starting_at_once_can_be_repeated(run: Run, care: Path, front: Front) -> None:
    assert "applied, started" in run("apply", "--start", care).output
    run("apply", "--start", care)
    (active,) = front.installation.campaigns.running()
    assert (active.version, active.started_at) == (1, NOW)


def test_moving_through_a_life(run: Run, care: Path) -> None:
    run("apply", care)
    for move, state in (
        ("start", "running"),
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
        ("delete", "deleted"),
    ):
        assert run(move, "care").output == f"care: {state}\n"
    assert "care" not in run("list").output


def test_an_illegal_move_is_refused(run: Run, care: Path) -> None:
    run("apply", care)
    refused = run("resume", "care", fails=RefusedError)
    assert "it is draft; allowed: start, cancel, delete" in str(refused.exception)


def test_a_file_with_problems_stores_nothing_at_all(
    run: Run, care: Path, front: Front, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(CARE.replace("birthdays", "birthday").replace("care", "other"), encoding="utf-8")
    refused = run("apply", care, bad, fails=CampaignError)
    assert f"{bad}:4: unknown audience 'birthday'" in str(refused.exception)
    assert front.installation.campaigns.states() == {}


def test_looking_at_a_campaign(run: Run, care: Path) -> None:
    run("apply", "--start", care)
    assert "running" in run("list").output
    shown = run("show", "care").output
    assert all(
        word in shown for word in ("greeting", "email: birthday", "birthdays", "2026-03-02 09:00 UTC", "ann")
    )
    assert run("export", "care").output == CARE


def test_actions_need_a_crm_that_can_be_written(run: Run, front: Front, tmp_path: Path) -> None:
    text = CARE.replace("birthdays", "open_quotes").replace("channel: email", "action: set_quote_status")
    marking = tmp_path / "mark.yaml"
    marking.write_text(
        text.replace("    template: birthday\n", "    with: {status: expired}\n"), encoding="utf-8"
    )
    run("apply", "--dry-run", marking)
    (tmp_path / "exports").mkdir()
    files = Settings(home=front.settings.home, crm_url=str(tmp_path / "exports"))
    over_files = Front(Installation.open(files), NOW, "ann")
    refused = CliRunner().invoke(campaign, ["apply", "--dry-run", str(marking)], obj=over_files)
    assert "cannot be written" in str(refused.exception)


def test_the_playbooks_can_be_found_and_applied(run: Run) -> None:
    assert "sla-escalation" in run("apply", "--dry-run", FOLDER).output


def test_a_campaign_about_what_the_crm_does_not_have_is_applied_with_a_warning(
    run: Run, care: Path, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "crm.db") as crm:
        crm.execute("CREATE TABLE customers (id INTEGER)")
    assert "warning" not in run("apply", care).stderr
    folder = tmp_path / "templates" / "plain"
    folder.mkdir(parents=True)
    for name in ("subject.txt", "body.html", "body.txt"):
        (folder / name).write_text("Hello {{ unsubscribe_url }} {{ tenant.postal_address }}")
    text = CARE.replace("birthdays", "accounts_created").replace("template: birthday", "template: plain")
    care.write_text(text, encoding="utf-8")
    told = run("apply", care).stderr
    assert "warning: care: this CRM has no accounts, so audience accounts_created selects nobody" in told
    crm.close()


def test_what_changes_nothing_starts_nothing(run: Run, care: Path) -> None:
    run("apply", care, "--dry-run", "--start", fails=RefusedError)
    run("apply", care, "--diff", "--start", fails=RefusedError)
