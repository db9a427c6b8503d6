"""What the documentation says is so: examples apply, commands exist, tables agree with the code."""

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import get_args

import click
import pytest
from click.testing import CliRunner, Result

from automation_pipelines.campaign import (
    ROLES,
    Assign,
    Campaign,
    Guard,
    Integration,
    Kind,
    Policy,
    Request,
    Schedule,
    SenderAddress,
    Step,
    StepVariant,
    Timeline,
    Utm,
    Variant,
    Window,
)
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.cli.campaigns import known_here
from automation_pipelines.cli.docs import with_tables
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.demo.crm import build_crm
from automation_pipelines.errors import CampaignError
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import operations
from automation_pipelines.messages.filters import FILTERS
from automation_pipelines.model import EventType, Reason
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.validation import load
from automation_pipelines.validation.rehearsal import variables

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
}
GUIDE = PAGES["docs/guide.md"]

MODELS = (
    *(Assign, Campaign, Guard, Integration, Policy, Request, Schedule, SenderAddress, Step, StepVariant),
    *(Timeline, Utm, Variant, Window),
)
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FILE = re.compile(r"`(campaigns/[\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fences(page: str, *languages: str) -> list[str]:
    """The contents of the code blocks of a page in these languages."""
    return [body for _, language, body in _FENCE.findall(PAGES[page]) if language in languages]


def commands() -> Iterator[tuple[str, str]]:
    """Every `automation …` of every page, in blocks of code and within lines, with its page."""
    call = re.compile(r"(?:^|[\s/;&`])automation ((?:[a-z]|--)[^`\n;&|#]*)")
    for page, text in PAGES.items():
        lines = [line for body in fences(page, "sh", "crontab", "") for line in body.splitlines()]
        prose = _FENCE.sub("", text)
        spans = [span for span in _CODE.findall(prose) if span.startswith(("automation ", ".venv/bin/auto"))]
        for source in dict.fromkeys([*lines, *spans]):
            for words in call.findall(source):
                yield page, words.strip()


@pytest.mark.parametrize(("page", "words"), sorted(set(commands())))
def test_a_command_exists_with_its_options(page: str, words: str) -> None:
    arguments = [word for word in shlex.split(words) if word != "…"]
    command: click.Command = automation
    context = click.Context(command, info_name="automation")
    while isinstance(command, click.Group) and arguments:
        name = arguments.pop(0)
        if name.startswith("-"):
            assert name in {option for each in command.get_params(context) for option in each.opts}
            return
        found = command.get_command(context, name)
        assert found is not None, f"{page}: automation {words}: there is no command '{name}'"
        command, context = found, click.Context(found, parent=context, info_name=name)
    mentioned = "--" not in words and not any(char.isdigit() or char.isupper() for char in words)
    if isinstance(command, click.Group) or (mentioned and not arguments):
        return  # it is only mentioned
    try:
        command.make_context(command.name, arguments, parent=context.parent)
    except click.BadParameter as error:
        if "does not exist" not in error.message:  # it names a file of the reader's
            raise


def test_every_command_is_documented() -> None:
    told = "\n".join(words for _, words in commands())
    groups = {name: each for name, each in automation.commands.items() if isinstance(each, click.Group)}
    known = {f"{name} {sub}" for name, group in groups.items() for sub in group.commands}
    known |= automation.commands.keys() - groups.keys()
    assert sorted(name for name in known if name not in told) == []


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    code = "\n".join(
        "\n".join([*(body for _, _, body in _FENCE.findall(text)), *_CODE.findall(_FENCE.sub("", text))])
        for text in PAGES.values()
    )
    wanted = set(re.findall(r"^make ([a-z]+)", code, re.MULTILINE))
    assert wanted
    assert wanted <= targets


def slug(heading: str) -> str:
    """The anchor of a heading, as the usual renderers make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def links() -> Iterator[tuple[str, str]]:
    for page, text in PAGES.items():
        for target in _LINK.findall(_CODE.sub("", _FENCE.sub("", text))):
            if "://" not in target:
                yield page, target


@pytest.mark.parametrize(("page", "target"), sorted(set(links())))
def test_a_link_leads_somewhere(page: str, target: str) -> None:
    file, _, anchor = target.partition("#")
    path = (ROOT / page).parent / file if file else ROOT / page
    assert path.exists(), f"{page}: {target}"
    if anchor:
        headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
        assert anchor in {slug(heading) for heading in headings}, f"{page}: {target}"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the first campaign, as the guide tells to write them, in the present directory."""
    monkeypatch.chdir(tmp_path)
    for name, text in _FILE.findall(GUIDE):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Path("campaigns")


@pytest.fixture
def front(tmp_path: Path) -> Front:
    now = datetime.now(UTC)
    installation = Installation.open(Settings(home=tmp_path / "home"))
    installation.initialise(now)
    build_crm(installation.settings.crm, as_of=now, customers=1_000)
    return Front(installation, now, "ann")


def test_every_campaign_of_the_guide_applies(written: Path, tmp_path: Path) -> None:
    examples = fences("docs/guide.md", "yaml")
    assert len(examples) > 4
    for number, text in enumerate(examples):
        (written / f"example-{number}.yaml").write_text(text, encoding="utf-8")
    (written / "quote-check-in.yaml").unlink()
    known = known_here(Settings(crm_url=f"sqlite:///{tmp_path / 'crm.db'}"), SqlFiles())
    assert len(load([written], known)) == len(examples)


def test_the_refusal_the_guide_shows_is_the_one_given(written: Path, front: Front) -> None:
    file = written / "quote-check-in.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("amount", "ammount").replace("channel", "chanel"), encoding="utf-8")
    with pytest.raises(CampaignError) as refused:
        load([written], known_here(front.settings, front.sqlfiles))
    shown = next(body for body in fences("docs/guide.md", "text") if "ammount" in body)
    assert str(refused.value) == shown.strip()


@pytest.mark.usefixtures("written")
def test_the_first_campaign_leads_to_a_mail(front: Front) -> None:
    def run(words: str) -> Result:
        done = CliRunner().invoke(automation, shlex.split(words), obj=front, env={"COLUMNS": "200"})
        assert done.exit_code == 0, f"{words}: {done.output} {done.exception!r}"
        return done

    tutorial = GUIDE.partition("### The life of a campaign")[0]
    blocks = [body for _, language, body in _FENCE.findall(tutorial) if language == "sh"]
    typed = [line for body in blocks for line in body.splitlines() if line.startswith("automation ")]
    steps = [
        line.removeprefix("automation ") for line in typed if "demo" not in line and "explain" not in line
    ]
    said = {words: run(words).output for words in steps}
    assert "would be new" in said["campaign apply campaigns --dry-run"]
    assert "planned" in said["preview --campaign quote-check-in"]
    assert "quote-check-in is a draft" in said["preview --campaign quote-check-in"]
    assert "sent" in said["stats show campaign_totals --campaign quote-check-in"]
    (subject,) = operations.find(front.database, operations.JobFilter(), 1)["subject_text"]
    assert "quote-check-in / day-2: planned" in run(f"explain {subject}").output
    mails = list((front.settings.outbox / "new").iterdir())
    assert mails
    mail = message_from_bytes(mails[0].read_bytes(), policy=default)
    assert mail["subject"].endswith("any questions?")
    run("tick")
    run("deliver")
    assert len(list((front.settings.outbox / "new").iterdir())) == len(mails)


def test_the_tables_of_audiences_and_settings_are_up_to_date() -> None:
    assert GUIDE.count("<!-- table: ") == 4
    assert with_tables(GUIDE) == GUIDE, "run: automation docs tables docs/guide.md"


def test_every_field_of_a_campaign_file_is_told() -> None:
    reference = GUIDE.partition("## The campaign file")[2].partition("## How time works")[0]
    told = set(_CODE.findall(_FENCE.sub("", reference)))
    for model in MODELS:
        fields = {field.alias or name for name, field in model.model_fields.items()}
        assert sorted(fields - told) == []


def test_every_reason_is_told_in_the_order_of_the_gates() -> None:
    page = GUIDE.partition("## What was decided")[2]
    told = re.findall(r"^\| `([a-z_]+)` \|", page.partition("`automation explain KEY`")[0], re.MULTILINE)
    assert told == [str(reason) for reason in Reason]


def test_every_kind_and_role_is_told() -> None:
    told = set(_CODE.findall(GUIDE))
    assert sorted({*get_args(Kind), *ROLES} - told) == []


def test_every_variable_and_filter_of_templates_is_told() -> None:
    told = set(_CODE.findall(GUIDE.partition("## Templates")[2].partition("## How time")[0]))
    spaced = {
        name for name in variables(AUDIENCES["birthdays"]) if "." in name and not name.startswith("setting.")
    }
    assert sorted(spaced - told) == []
    assert sorted(name for name in FILTERS if not any(code.split("(")[0] == name for code in told)) == []


def test_every_word_of_feedback_is_told() -> None:
    told = set(_CODE.findall(GUIDE.partition("### Feedback")[2].partition("## Settings")[0]))
    assert sorted({str(word) for word in EventType} - told) == []
