"""What marketing by e-mail carries: headers for mail programs, links for people; and who is refused."""

import json
import re
from collections.abc import Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
from click.testing import CliRunner

from automation_pipelines.campaign import Campaign
from automation_pipelines.cli.campaigns import known_here
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.delivery import Delivered
from automation_pipelines.errors import CampaignError
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.suppressions import address_hash
from automation_pipelines.messages import TemplateSource
from automation_pipelines.messages.optout import NO_LINKS, Links, list_headers
from automation_pipelines.messages.tokens import SAMPLE, Claim, LinkKeys, Valid
from automation_pipelines.model import Email, Retry
from automation_pipelines.playbooks import FOLDER, find_template, template_folders
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.validation import Known, load
from tests.mailroom import LINKS, NOON, PROFILE, Mailroom
from tests.test_delivery import Told

CASES = Path(__file__).parents[2] / "shared" / "cases" / "unsubscribe_headers.json"
URL = LINKS["public_url"]
KEYS = LinkKeys(LINKS["link_secret"])
SMTP = "smtp://mail.example.com"
FOLDERS = template_folders(FOLDER / "any.yaml")
LETTER = TemplateSource(
    "Hello {{ recipient.name }}",
    '<p><a href="https://acme.example.com/trips">{{ word }}</a> <a href="{{ unsubscribe_url }}">no more</a> '
    '<a href="{{ preferences_url }}">less</a> <a href="{{ browser_url }}">see</a></p>'
    "{{ tenant.postal_address }}",
    "https://acme.example.com/trips\n{{ unsubscribe_url }}\n{{ preferences_url }}\n{{ browser_url }}\n",
)


def kind_of(headers: Mapping[str, str | None]) -> tuple[str, str | None]:
    """How a mail program understands the headers (RFC 2369, RFC 8058), and the address it would use."""
    value = re.sub(r"\([^)]*\)", "", headers["List-Unsubscribe"] or "")
    ways = [way.strip() for way in re.findall(r"<([^>]*)>", value)]
    secure = next((way for way in ways if way.startswith("https://")), None)
    web = secure or next((way for way in ways if way.startswith("http://")), None)
    if secure and headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click":
        return "OneClick", secure
    if web:
        return "HttpLink", web
    return ("Mailto", None) if any(way.startswith("mailto:") for way in ways) else ("None", None)


@pytest.mark.skipif(not CASES.exists(), reason="the cases are not beside this checkout")
def test_mail_programs_are_understood_as_the_rfcs_say() -> None:
    for case in json.loads(CASES.read_text(encoding="utf-8"))["parse"]:
        headers = {"List-Unsubscribe": case["list_unsubscribe"], "List-Unsubscribe-Post": case["post"]}
        assert (case["name"], *kind_of(headers)) == (case["name"], case["kind"], case["url"])


@pytest.fixture
def room(database: Database, tmp_path: Path) -> Mailroom:
    return room_of(database, tmp_path, **LINKS)


def room_of(database: Database, home: Path, **settings: Any) -> Mailroom:
    made = Mailroom(database, Settings(home=home, **settings), template=LETTER)
    made.apply(topic="offers", utm={})
    return made


def sent(room: Mailroom, count: int = 1, **row: Any) -> list[tuple[EmailMessage, Email]]:
    channel = Told()
    room.plan(count, **row)
    assert room.deliver({"email": channel}, **_mode(row)) == Delivered(completed=count)
    mails = [one for one in channel.got if isinstance(one, Email)]
    return [(message_from_bytes(one.content, policy=default), one) for one in mails]


def _mode(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"mode": row["mode"]} if "mode" in row else {}


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def test_a_mail_program_finds_one_click_and_a_mailbox(room: Mailroom) -> None:
    ((mail, _),) = sent(room)
    assert kind_of(mail) == ("OneClick", mail["List-Unsubscribe"].split(">")[0].removeprefix("<"))
    assert [mail.get_all(name, []).__len__() for name in ("List-Unsubscribe", "List-Unsubscribe-Post")] == [
        1,
        1,
    ]
    once = ("From", "To", "Subject", "Date", "Message-ID", "List-Id", "Feedback-ID")
    assert {name: len(mail.get_all(name, [])) for name in once} == dict.fromkeys(once, 1)
    assert mail["List-Id"] == '"Acme Travel" <offers.tenant-1.acme.example.com>'
    assert mail["Precedence"] is None
    campaign, tenant, kind, sender = mail["Feedback-ID"].split(":")
    assert (campaign, tenant, kind) == ("letters", "1", "custom")
    assert 5 <= len(sender) <= 15


def test_every_link_is_the_recipients_own_and_says_nothing_of_them(room: Mailroom) -> None:
    mails = sent(room, 3)
    links = [mail["List-Unsubscribe"].split(">")[0] for mail, _ in mails]
    assert len(set(links)) == 3
    for (mail, email), link in zip(mails, links, strict=True):
        said = KEYS.verify("unsubscribe", link.rpartition("/u/")[2])
        digest = address_hash(room.database.salt, "email", email.recipient)
        assert said == Valid(Claim(1, "email", digest, "offers", "letters", email.job_id))
        assert email.recipient.partition("@")[0] not in link
        address, _, query = mail["List-Unsubscribe"].partition("<mailto:")[2].removesuffix(">").partition("?")
        word, token = parse_qs(query)["subject"][0].split(" ")
        assert (address, word, KEYS.verify("unsubscribe", token)) == (
            "hello@acme.example.com",
            "unsubscribe",
            said,
        )


def test_no_line_is_too_long_for_a_mail_server(room: Mailroom) -> None:
    room.apply(topic="o" * 60, utm={})
    ((_, email),) = sent(room)
    lines = email.content.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\r" in line or b"\n" in line for line in lines)


def test_a_reader_finds_the_same_links_without_any_parameter(room: Mailroom) -> None:
    ((mail, _),) = sent(room)
    text = part(mail, "plain")
    trips, *ways = text.split()
    assert "utm_source=" in trips
    assert [re.sub(r"/[^/]*$", "", way) for way in ways] == [f"{URL}/u", f"{URL}/p", f"{URL}/v"]
    assert mail["List-Unsubscribe"].startswith(f"<{ways[0]}>")
    html = unescape(part(mail, "html"))
    assert [f'"{way}"' in html for way in ways] == [True] * 3
    tokens = [way.rpartition("/")[2] for way in ways]
    pages = ("unsubscribe", "preferences", "view")
    assert all(isinstance(KEYS.verify(page, token), Valid) for page, token in zip(pages, tokens, strict=True))


@pytest.mark.parametrize("purpose", ["transactional", "internal"])
def test_other_mails_carry_none_of_it(room: Mailroom, purpose: str) -> None:
    ((mail, _),) = sent(room, purpose=purpose)
    assert {name for name in mail if name.startswith("List-")} == set()
    assert mail["Feedback-ID"] is None
    assert part(mail, "plain").split() == [part(mail, "plain").split()[0]]


def test_a_repeated_mail_has_the_same_links(room: Mailroom) -> None:
    channel = Told(lambda _: Retry("busy"))
    (job,) = room.plan(1)
    assert room.deliver({"email": channel}) == Delivered(delayed=1)
    assert room.deliver({"email": channel}, room.available(job)) == Delivered(delayed=1)
    mails = [message_from_bytes(one.content) for one in channel.got if isinstance(one, Email)]
    assert len(mails) == 2
    assert (
        len({mail["List-Unsubscribe"] for mail in mails}) == len({mail["Message-ID"] for mail in mails}) == 1
    )


def test_what_is_clicked_in_a_test_acts_for_nobody(room: Mailroom) -> None:
    ((mail, _),) = sent(room, mode="test")
    written = part(mail, "html") + part(mail, "plain") + mail["List-Unsubscribe"]
    assert set(re.findall(r"/[upv]/([\w-]+)", written)) == {SAMPLE}
    assert mail["List-Unsubscribe"].endswith(f"?subject=unsubscribe%20{SAMPLE}>")


def test_a_mailbox_for_all_takes_the_mails_to_unsubscribe(database: Database, tmp_path: Path) -> None:
    room = room_of(database, tmp_path, **LINKS, unsubscribe_mailbox="out+list@mail.example.com")
    ((mail, _),) = sent(room)
    assert "<mailto:out%2Blist@mail.example.com?subject=unsubscribe%20" in mail["List-Unsubscribe"]


class TestWithoutPages:
    """The embedded default: mails are files, and whoever wants out writes to the tenant."""

    @pytest.fixture
    def room(self, database: Database, tmp_path: Path) -> Mailroom:
        return room_of(database, tmp_path)

    def test_the_way_out_is_the_tenants_mailbox(self, room: Mailroom) -> None:
        ((mail, _),) = sent(room)
        way = "mailto:hello@acme.example.com?subject=unsubscribe"
        assert mail["List-Unsubscribe"] == f"<{way}>"
        assert kind_of(mail) == ("Mailto", None)
        assert mail["List-Unsubscribe-Post"] is None
        assert part(mail, "plain").split()[1:] == [way]

    def test_it_is_where_the_tenants_answers_are_read(
        self, room: Mailroom, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(PROFILE, "reply_to", "Grüße@acme.example.com")
        ((mail, _),) = sent(room)
        assert unquote(str(mail["List-Unsubscribe"])).startswith("<mailto:Grüße@acme.example.com?")


class TestOverAServer:
    """Where mails really leave, no marketing goes without."""

    @pytest.mark.parametrize(
        ("settings", "tenant", "expected"),
        [
            ({}, {}, "set AUTOMATION_PUBLIC_URL (https://…) and AUTOMATION_LINK_SECRET"),
            ({"public_url": URL}, {}, "set AUTOMATION_PUBLIC_URL (https://…) and AUTOMATION_LINK_SECRET"),
            (LINKS, {"postal_address": None}, "tenant 1 has no postal address"),
            (LINKS, {"postal_address": ""}, "or set AUTOMATION_BRAND_POSTAL_ADDRESS"),
        ],
    )
    def test_it_ends_in_the_dead_letters_with_what_to_do(
        self,
        database: Database,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        *,
        settings: dict[str, Any],
        tenant: dict[str, Any],
        expected: str,
    ) -> None:
        for name, value in tenant.items():
            monkeypatch.setitem(PROFILE, name, value)
        room = room_of(database, tmp_path, smtp_url=SMTP, **settings)
        room.plan(1)
        room.plan(1, purpose="transactional")
        assert room.deliver({"email": Told()}) == Delivered(completed=1, dead=1)
        (error,) = [job["error"] for job in room.jobs().values() if job["state"] == "dead"]
        assert expected in error

    def test_the_products_own_address_will_do(
        self, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(PROFILE, "postal_address", None)
        own = {"brand_postal_address": "2 Product Road, Newtown"}
        room = room_of(database, tmp_path, smtp_url=SMTP, **LINKS, **own)
        ((mail, _),) = sent(room)
        assert "2 Product Road, Newtown" in part(mail, "html")


def test_a_tenants_name_stays_in_its_header() -> None:
    spec = Campaign.model_validate(
        {
            "id": "x",
            "title": "X",
            "audience": "customers",
            "steps": [{"id": "a", "channel": "email", "template": "t"}],
        }
    )
    for name in ("Ann\r\nBcc: eve@example.com", 'A "quoted" <b@c.de>', "Grüße GmbH", "", "x" * 500):
        written = list_headers(Links(mailto="mailto:a@b.de"), spec, {**PROFILE, "name": name}, "a" * 16)
        mail = message_from_bytes(f"{written}\r\n".encode(), policy=default)
        assert list(mail.keys()) == ["List-Unsubscribe", "List-Id", "Feedback-ID"]
        assert mail["List-Id"].endswith("<general.tenant-1.acme.example.com>")
        assert max(map(len, written.split("\r\n"))) <= 998


def test_every_shipped_layout_offers_the_ways_out_in_every_language() -> None:
    for path in sorted((FOLDER / "templates" / "_layouts").glob("optout*")):
        text = path.read_text(encoding="utf-8")
        assert [text.count(f"{{{{ {name} }}}}") for name in NO_LINKS.variables()] == [1, 1, 1]
    _, source = find_template("birthday", FOLDERS)
    assert {"optout.html", "optout.txt"} <= source.layouts.keys()


class TestApply:
    """What campaign files of marketing by e-mail are refused for."""

    FILES: Mapping[str, str] = {
        "care.yaml": "id: care\ntitle: Care\naudience: birthdays\nsteps:\n"
        "  - id: one\n    channel: email\n    template: own\n",
        "templates/own/subject.txt": "Hello",
        "templates/own/body.html": '<a href="{{ unsubscribe_url }}">Out</a> {{ tenant.postal_address }}',
        "templates/own/body.txt": "{{ unsubscribe_url }}\n{{ tenant.postal_address }}\n",
    }

    def problems(self, folder: Path, *, known: Known | None = None, **changes: str | None) -> list[str]:
        """Apply the files with some of them otherwise; names are written with _ for what is none."""
        ours = {re.sub(r"[^a-z]", "_", name): name for name in (*self.FILES, "templates/own/body.fr.html")}
        files = {**self.FILES, **{ours[name]: text for name, text in changes.items()}}
        for name, text in files.items():
            if text is not None:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
        try:
            load([folder], known or Known(frozenset({"email", "sms"}), {}))
        except CampaignError as error:
            return [problem.replace(f"{folder}/", "") for problem in error.problems]
        return []

    def test_a_template_that_shows_both_passes(self, tmp_path: Path) -> None:
        assert self.problems(tmp_path) == []

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"body_txt": "{{ tenant.postal_address }}"}, [("body.txt", "no link to unsubscribe")]),
            ({"body_txt": "{{ unsubscribe_url }}"}, [("body.txt", "no postal address")]),
            (
                {"body_html": "<p>Hello</p>"},
                [("body.html", "no link to unsubscribe"), ("body.html", "no postal address")],
            ),
            (
                {"body_html": "<p>Hello</p>", "body_txt": None},
                [("body.html", "no link to unsubscribe"), ("body.html", "no postal address")],
            ),
            (
                {"body_html": "<!-- {{ unsubscribe_url }} --><p>{{ tenant.postal_address }}</p>"},
                [("body.html", "no link to unsubscribe")],
            ),
            (
                {
                    "body_html": '<style>.x { display: none; }</style><p class="x">{{ unsubscribe_url }}</p>'
                    "<p>{{ tenant.postal_address }}</p>"
                },
                [("body.html", "no link to unsubscribe")],
            ),
            (
                {"body_txt": "{% if age %}{{ unsubscribe_url }}{% endif %}{{ tenant.postal_address }}"},
                [("body.txt", "no link to unsubscribe")],
            ),
            (
                {"body_fr_html": '<p><a href="{{ unsubscribe_url }}">Adieu</a></p>'},
                [("body.fr.html", "no postal address")],
            ),
        ],
    )
    def test_what_a_reader_would_not_see_is_named_with_its_file(
        self, tmp_path: Path, changes: dict[str, str | None], expected: list[tuple[str, str]]
    ) -> None:
        found = self.problems(tmp_path, **{f"templates_own_{name}": text for name, text in changes.items()})
        assert [
            (p.split("own/")[1].split(":")[0], p.split("shows ")[1].split(",")[0]) for p in found
        ] == expected
        assert all(problem.startswith("care.yaml:7: template ") for problem in found)

    @pytest.mark.parametrize("change", ["purpose: transactional\n", "purpose: internal\n"])
    def test_other_mails_need_neither(self, tmp_path: Path, change: str) -> None:
        staff = "    recipient: agent\n" if "internal" in change else ""
        spec = self.FILES["care.yaml"].replace("steps:", f"{change}steps:") + staff
        bare = {"templates_own_body_html": "<p>Hi</p>", "templates_own_body_txt": "Hi"}
        assert self.problems(tmp_path, care_yaml=spec, **bare) == []

    def test_a_text_message_needs_neither(self, tmp_path: Path) -> None:
        spec = self.FILES["care.yaml"].replace("channel: email", "channel: sms")
        assert self.problems(tmp_path, care_yaml=spec, templates_own_body_txt="Hi") == []

    def test_with_a_mail_server_and_nowhere_to_go_it_is_refused(self, tmp_path: Path) -> None:
        known = known_here(Settings(home=tmp_path / "home", smtp_url=SMTP), SqlFiles())
        (problem,) = self.problems(tmp_path, known=known)
        assert problem == (
            "care.yaml:6: marketing by e-mail needs links to unsubscribe: "
            "set AUTOMATION_PUBLIC_URL (https://…) and AUTOMATION_LINK_SECRET"
        )
        set_up = known_here(Settings(home=tmp_path / "home", smtp_url=SMTP, **LINKS), SqlFiles())
        assert self.problems(tmp_path, known=set_up) == []

    def test_tenants_without_an_address_are_named(
        self, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        room = room_of(database, tmp_path / "home")
        room.plan(1)
        monkeypatch.setitem(PROFILE, "postal_address", None)
        room.plan(1, tenant=2)
        self.problems(tmp_path)
        url = database.engine.url.render_as_string(hide_password=False)
        settings = Settings(
            home=tmp_path / "home", smtp_url=SMTP, database_url=url.replace("+psycopg", ""), **LINKS
        )
        front = Front(Installation.open(settings), NOON, "ann")
        done = CliRunner().invoke(automation, ["campaign", "apply", str(tmp_path / "care.yaml")], obj=front)
        assert done.exit_code == 0, done.output
        assert "warning: tenant 2 has no postal address" in done.stderr
