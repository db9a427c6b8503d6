"""Reports: what the page says is what was published; it needs nothing else, and everybody can read it."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from automation_pipelines.cli.front import Front
from automation_pipelines.cli.reports import report as command
from automation_pipelines.errors import RefusedError
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.database import Database
from automation_pipelines.reports import Period, Question, numerals, report
from automation_pipelines.reports.answer import _page
from automation_pipelines.reports.charts import Bars, Estimate, Forest, Unit
from automation_pipelines.reports.page import Page
from automation_pipelines.reports.plots import forest
from automation_pipelines.reports.published import Published
from automation_pipelines.settings import Settings
from tests.api.browser import browsing
from tests.reported import TENANT, frame, published

APRIL = Period.of_month(date(2026, 4, 1))
OF_TENANT, OF_CAMPAIGN = Question(TENANT, None, APRIL), Question(None, "spring-offer", APRIL)
NAME = '<b onclick="x()">Harb & Söhne #0e00ff</b> {{7*7}} $x$'
NAMES = Path(__file__).parents[2] / "shared" / "cases" / "names_sample.jsonl"
Change = Callable[[str], Path]


@pytest.fixture(scope="module")
def analytics(sqlite_templates: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("reports")
    database = Database.open(f"sqlite:///{shutil.copy(sqlite_templates / 'ledger.db', home)}")
    try:
        return published(database, home, NAME)
    finally:
        database.close()


@pytest.fixture(scope="module")
def html(analytics: Path) -> str:
    return report(analytics, OF_TENANT)


@pytest.fixture
def changed(analytics: Path, tmp_path: Path) -> Change:
    def change(statement: str) -> Path:
        path = Path(shutil.copy(analytics, tmp_path))
        with duckdb.connect(str(path)) as connection:
            connection.execute(statement)
        return path

    return change


def page(path: Path, question: Question) -> Page:
    with Published.open(path) as opened:
        return _page(opened, question)


def findings(made: Page) -> dict[str, str]:
    return {section.id: section.finding for section in made.sections}


class Seen(HTMLParser):
    """What a browser would make of a page: its elements and its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_the_figures_are_those_that_were_published(analytics: Path) -> None:
    with duckdb.connect(str(analytics), read_only=True) as connection:
        statement = (
            "SELECT sum(sent), sum(clicked) FROM campaign_rates_daily "
            "WHERE campaign = 'spring-offer' AND month(day) = $month"
        )
        sent, clicked = connection.execute(statement, {"month": 4}).fetchall()[0]
        before, _ = connection.execute(statement, {"month": 3}).fetchall()[0]
    figures = {figure.name: figure for figure in page(analytics, OF_CAMPAIGN).figures}
    assert figures["Messages sent"].value == f"{sent:,}"
    assert figures["Messages sent"].before.endswith(f"({before:,} before)")
    assert figures["Clicked by people"].value == numerals.share(clicked / sent)
    assert figures["Clicked by people"].about.startswith(f"{clicked:,} of {sent:,}; 95 % interval")


def test_what_it_caused_comes_first_and_what_it_is_credited_with_only_without_that(
    analytics: Path, changed: Change
) -> None:
    first, second, *_ = page(analytics, OF_CAMPAIGN).figures
    assert (first.name, first.value) == (
        "Caused by Spring offer: more people who converted",
        numerals.points(417 / 9_420 - 28 / 1_046),
    )
    assert "more than chance explains" in first.about
    assert second.name == "Revenue credited to messages"
    alone = changed("DELETE FROM holdout_lift")
    assert "Credited is not caused" in page(alone, OF_CAMPAIGN).figures[0].about
    unsure = changed("UPDATE holdout_lift SET p_value = 0.4")
    assert "it could be chance" in page(unsure, OF_CAMPAIGN).figures[0].about
    several = changed("INSERT INTO holdout_lift SELECT * REPLACE ('welcome' AS campaign) FROM holdout_lift")
    assert page(several, OF_TENANT).figures[0].value == "2 of 2"


def test_steps_have_their_titles_and_stand_in_their_order(analytics: Path) -> None:
    made = page(analytics, replace(OF_CAMPAIGN, campaign="welcome"))
    (funnel,) = (section for section in made.sections if section.id == "funnel")
    assert made.whom == "Welcome"
    assert isinstance(funnel.chart, Bars)
    assert [group.title for group in funnel.chart.groups] == ["Day 1", "Day 3", "Day 7"]
    assert funnel.numbers is not None
    assert [row[0] for row in funnel.numbers.rows] == ["Day 1", "Day 3", "Day 7", "All steps"]


def test_a_variant_wins_in_words_or_there_is_none_yet(analytics: Path, changed: Change) -> None:
    (experiment,) = (one for one in page(analytics, OF_CAMPAIGN).sections if one.id == "experiment")
    assert experiment.finding == "No winner yet: needs 557 more per arm."
    assert experiment.numbers is not None
    control, picture, _ = experiment.numbers.rows
    assert [cell.replace("\xa0", " ") for cell in picture] == [
        "picture",
        "3,121",
        "377 · 12.1 % (11.0 % to 13.3 %)",
        "+2.6 points (+1.1 to +4.1 points)",
        "0.002",
        "3.0 %",
        "€10.30",
    ]
    assert control[3] == "–"
    words = "UPDATE variant_results SET winner = variant = 'short', verdict = 'short wins'"
    both = changed(
        f"{words}; INSERT INTO variant_results SELECT * REPLACE ('welcome' AS campaign) FROM variant_results"
    )
    assert findings(page(both, OF_TENANT))["experiment"] == "2 of 2 experiments have a winner."
    none = changed("UPDATE variant_results SET subjects = 0")
    assert "nobody's time to act is up" in findings(page(none, OF_CAMPAIGN))["experiment"]


def test_each_section_without_its_table_says_so_and_the_rest_is_told(changed: Change) -> None:
    gone = (
        "step_funnel",
        "send_time_totals",
        "cohort_retention",
        "deliverability_daily",
        "attribution_daily",
    )
    path = changed("; ".join(f"DROP TABLE {name}" for name in gone))
    made = page(path, OF_TENANT)
    told = [section for section in made.sections if section.empty]
    assert [next(name for name in gone if name in section.finding) for section in told] == [
        "attribution_daily",
        "step_funnel",
        "send_time_totals",
        "cohort_retention",
        "deliverability_daily",
    ]
    assert all("automation stats publish" in section.finding for section in told)
    assert len(made.sections) > len(told)


def test_a_period_without_anything_says_where_there_is_something(analytics: Path) -> None:
    quiet = replace(OF_CAMPAIGN, period=Period.of_month(date(2025, 2, 1)))
    assert findings(page(analytics, quiet)) == {
        "nothing": "Nothing fell due in February 2025. There are numbers from 1 March 2026 to 30 April 2026."
    }
    assert "Nothing fell due in February 2025" in report(analytics, quiet)


def test_without_a_period_it_is_the_last_thirty_days(analytics: Path) -> None:
    assert str(page(analytics, Question(TENANT)).period) == "April 2026"


def test_a_period_of_nobodys_choice_has_what_came_after_the_last_message(changed: Change) -> None:
    kept = changed("DELETE FROM campaign_daily WHERE campaign = 'spring-offer' AND day > DATE '2026-04-10'")
    told = page(kept, Question(None, "spring-offer"))
    assert str(told.period) == "12 March to 30 April 2026"


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (Question(None, "sping-offer"), "did you mean spring-offer"),
        (Question(None, "zzz"), "there are some of: birthday, spring-offer, welcome"),
        (Question(99), "no numbers of tenant 99 are published; there are some of: 7"),
        (Question(99, "welcome"), "campaign welcome has no numbers of tenant 99"),
    ],
)
def test_whom_nothing_is_known_of_is_said_kindly(analytics: Path, question: Question, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        report(analytics, question)


def test_a_file_of_another_version_says_what_to_run(changed: Change) -> None:
    with pytest.raises(RefusedError, match=r"another version \(campaign_daily.*automation stats publish"):
        report(changed("ALTER TABLE campaign_daily DROP COLUMN opened_by_machine"), OF_CAMPAIGN)


def test_the_page_is_whole_in_itself_and_the_same_each_time(analytics: Path, html: str) -> None:
    assert report(analytics, OF_TENANT) == html
    seen = Seen(html)
    assert not seen.tags & {"script", "link", "img", "iframe", "object", "b"}
    assert not {name for name in seen.attributes if name.startswith("on") or name == "src"}
    assert len(seen.ids) == len(set(seen.ids))
    assert set(re.findall(r"https?://[^\"' )]+", html)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "default-src 'none'" in html
    assert re.search(r"20\d\d-\d\d-\d\dT", html) is None


def test_every_chart_is_told_in_words_and_numbers(html: str) -> None:
    charts = html.count("<svg")
    assert charts == 10
    for part in ("<desc", "<details>\n<summary>The numbers", 'role="img"'):
        assert html.count(part) == charts, part


def test_hostile_names_are_only_names(html: str, changed: Change) -> None:
    assert NAME in " ".join(Seen(html).texts)
    if not NAMES.exists():
        return
    values = [json.loads(line)["value"] for line in NAMES.read_text(encoding="utf-8").splitlines()]
    values = [value for value in values if value.strip() and "\x00" not in value]
    path = changed("SELECT 1")
    rows = [
        {
            "campaign": f"c{n}",
            "step": "s",
            "title": value,
            "step_title": value,
            "state": "running",
            "place": 1,
        }
        for n, value in enumerate(values)
    ]
    sent = [
        {
            "day": APRIL.first,
            "tenant_id": TENANT,
            "campaign": f"c{n}",
            "step": "s",
            "channel": "email",
            "sent": 9_000,
        }
        for n in range(len(values))
    ]
    with duckdb.connect(str(path)) as connection:
        for name, given in (("campaign_steps", rows), ("campaign_daily", sent)):
            connection.register("rows", frame(name, given))
            connection.execute(f"INSERT INTO {name} BY NAME FROM rows")
    seen = Seen(report(path, OF_TENANT))
    assert seen.tags == Seen(html).tags
    assert seen.attributes == Seen(html).attributes
    titles = [" ".join(value.split()) for value in values]
    told = "\n".join(" ".join(text.split()) for text in seen.texts)
    assert [title for title in titles if title not in told] == []


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (numerals.share(0.0213), "2.1 %"),
        (numerals.share(0.00213), "0.21 %"),
        (numerals.share(0), "0 %"),
        (numerals.share(1), "100 %"),
        (numerals.share(None), "–"),
        (numerals.points(-0.0042), "−0.42 points"),
        (numerals.span_of_points(-0.002, 0.031), "−0.2 to +3.1 points"),
        (numerals.money(123_456_789, "EUR"), "€1,234,568"),
        (numerals.money(1_234, "EUR"), "€12.34"),
        (numerals.money(500, "JPY"), "¥500"),
        (numerals.money(1_500, "KWD"), "KWD 1.500"),
        (numerals.money(1_234, None), "12.34"),
        (numerals.amounts([("EUR", 100), ("USD", 200), ("GBP", 300)]), "€1.00, $2.00 and £3.00"),
        (numerals.change(88, 100), "−12 %"),
        (str(Period(date(2026, 3, 30), date(2026, 4, 2))), "30 March to 2 April 2026"),
        (str(Period(date(2026, 3, 30), date(2026, 4, 2)).before), "26 to 29 March 2026"),
        (str(Period.of_month(date(2026, 1, 9)).before), "December 2025"),
    ],
)
def test_numbers_are_written_for_people(told: str, words: str) -> None:
    assert told.replace("\xa0", " ") == words


@pytest.fixture
def called(analytics: Path, tmp_path: Path) -> Iterator[Callable[..., Result]]:
    settings = Settings(home=tmp_path)
    shutil.copy(analytics, settings.analytics)
    installation = Installation.open(settings)

    def call(*arguments: str) -> Result:
        front = Front(installation, datetime(2026, 5, 2, tzinfo=UTC), "tester")
        return CliRunner().invoke(command, arguments, obj=front)

    yield call
    installation.database.close()


def test_the_command_writes_the_page(called: Callable[..., Result], tmp_path: Path) -> None:
    target = tmp_path / "for" / "monday.html"
    asked = ("--campaign", "spring-offer", "--tenant", str(TENANT), "--month", "2026-04")
    assert called(*asked, "--output", str(target)).output == f"written: {target}\n"
    assert "Spring offer – &lt;b onclick=" in target.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "about whom"),
        (("--tenant", "7", "--month", "2026-04", "--from", "2026-04-01"), "give one of them"),
        (("--tenant", "7", "--from", "2026-04-01"), "two ends"),
        (("--tenant", "7", "--from", "2026-04-02", "--to", "2026-04-01"), "swap them"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    called: Callable[..., Result], arguments: tuple[str, ...], words: str
) -> None:
    error = called(*arguments).exception
    assert isinstance(error, RefusedError)
    assert words in str(error)


def test_without_a_publication_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="automation stats publish"):
        report(tmp_path / "analytics.duckdb", OF_TENANT)
    (tmp_path / "analytics.duckdb").write_text("no database")
    with pytest.raises(RefusedError, match="cannot be read"):
        report(tmp_path / "analytics.duckdb", OF_TENANT)


# The contrast of what charts write: on the card, or on a cell of a heat map.
_CHARTS = """(() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number).slice(0, 3);
  const light = (colour) => parts(colour).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const probe = document.body.appendChild(document.createElement('i'));
  const known = (name) => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
  const paper = known('paper');
  const texts = [...document.querySelectorAll('svg text')]
    .filter((one) => !one.style.fill.includes('on-heat'));
  const written = texts.map((one) => [ratio(getComputedStyle(one).fill, paper), one.textContent]);
  const cells = [0, 1, 2, 3, 4, 5]
    .map((n) => [ratio(known(`heat-${n}`), known(`on-heat-${n}`)), `heat ${n}`]);
  const marks = ['main', 'alert'].map((name) => [ratio(known(name), paper) * 1.5, name]);
  probe.remove();
  return [...written, ...cells, ...marks].sort((a, b) => a[0] - b[0])[0];
})()"""
_OUTSIDE = """[...document.querySelectorAll('svg.chart')].flatMap((chart) => {
  const box = chart.getBoundingClientRect();
  return [...chart.querySelectorAll('text')].filter((one) => {
    const own = one.getBoundingClientRect();
    return own.left < box.left - 2 || own.right > box.right + 2 || own.bottom > box.bottom + 2;
  }).map((one) => one.textContent);
})"""


def test_it_is_read_in_light_and_dark_on_a_phone_and_on_paper(html: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(html, encoding="utf-8")
    with browsing(tmp_path / "browser") as tab:
        tab.open(file.as_uri())
        assert tab.run("document.title") == f"{NAME} – April 2026"
        for width in (1180, 400):
            tab.ask(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=900,
                deviceScaleFactor=1,
                mobile=False,
            )
            assert tab.run("document.documentElement.scrollWidth") <= width
            assert tab.run(_OUTSIDE) == []
        for scheme in ("light", "dark"):
            assert tab.worst_contrast(scheme)[0] >= 4.5, scheme
            ratio, text = tab.run(_CHARTS)
            assert ratio >= 4.5, (scheme, text)
        tab.ask("Emulation.setEmulatedMedia", media="print", features=[])
        for one in ("body", ".first"):
            ground = f"getComputedStyle(document.querySelector('{one}')).backgroundColor"
            assert tab.run(ground) == "rgb(255, 255, 255)"
        assert tab.run("getComputedStyle(document.querySelector('details')).display") == "none"
        images = [name for role, name in tab.heard() if role in {"img", "image"}]
        assert "From planned to converted" in " ".join(images)
        assert tab.said == []


def test_a_long_name_leaves_room_for_its_figure() -> None:
    row = Estimate(
        "Wanderers of the World and Mountains Ltd", "+12.6 points (−18.0 to +14.2 points)", 1, 0, 2
    )
    drawn = forest(Forest((row,), Unit.POINTS))
    name, told = (text.get_window_extent() for text in drawn.axes[0].texts)
    assert name.x1 < told.x0
