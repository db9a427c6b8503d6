"""Templates, and the bytes made of them, judged by the standard library's parser."""

import dataclasses
import json
import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from automation_pipelines.errors import MessageError
from automation_pipelines.messages import Content, MessageTemplate, TemplateSource, undeclared
from automation_pipelines.messages.mime import Mailbox, Sender, build_email, usable_address
from automation_pipelines.model import Email

AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
SENDER = Sender(Mailbox("Müller & Söhne", "hello@acme.example.com"), "reply@acme.example.com")
TENANT = {"name": "A&B", "time_zone": "Asia/Kathmandu", "brand_color": "#112233"}

HOSTILE = [
    "Bob\r\nBcc: victim@example.com",
    "Bob\u2028Bcc: victim@example.com",
    "Bob\x85Bcc: victim@example.com",
    "=?utf-8?q?Bob=0D=0ABcc:_victim@example.com?=",
    '"Bob" <a@b.example>, "Eve',
    'back\\slash "quoted"',
    "{{7*7}}",
    "{{ lipsum.__globals__['os'].environ }}",
    "{% import 'os' as os %}",
    "%s%s%s%n",
    "<script>alert(1)</script>",
    "<!--",
    "AT&T",
    "é",
    "مرحبا",
    "𝕬𝖑𝖎𝖈𝖊",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢" * 5,
    "\x07",
    "\ud800",
    ".",
    "x" * 2000,
    "word " * 400,
]
SHARED = Path(__file__).parents[2] / "shared" / "cases" / "names_sample.jsonl"


def source(subject: str = "Hi", html: str = "<p>Hi</p>", text: str = "Hi", **layouts: str) -> TemplateSource:
    """Build a template; layouts by name without ending."""
    return TemplateSource(subject, html, text, {f"{name}.html": layout for name, layout in layouts.items()})


def render(template: TemplateSource, **variables: object) -> Content:
    """Compile and fill in."""
    return MessageTemplate(template).render({"tenant": TENANT, **variables})


def email(content: Content, name: str = "Ann", address: str = "ann@example.org") -> Email:
    """Build a message."""
    mailbox = Mailbox(name, address)
    return build_email(content, SENDER, mailbox, job_id=7, tenant_id=1, identity="7.abc", at=AT)


def parsed(content: Content, name: str = "Ann", address: str = "ann@example.org") -> EmailMessage:
    """Build a message and read it with the standard parser."""
    return message_from_bytes(email(content, name, address).content, policy=policy.default)


def display_name(content: bytes) -> str:
    """The recipient's name; read in the old way, as the new one puts spaces between encoded words."""
    raw = str(message_from_bytes(content)["To"]).replace("\r\n", "")
    return str(make_header(decode_header(parseaddr(raw)[0])))


def body(message: EmailMessage, subtype: str) -> str:
    """The text of one part with plain line ends."""
    part = message.get_body((subtype,))
    assert part is not None
    return part.get_content().replace("\r\n", "\n")


def names() -> list[str]:
    """Hostile names: our own, and the collected ones where they are at hand."""
    if not SHARED.exists():
        return HOSTILE
    return HOSTILE + [json.loads(line)["value"] for line in SHARED.read_text("utf-8").splitlines()]


def visible(name: str) -> str:
    """What is left of a name in a header: no control characters, single spaces."""
    blank = {*map(chr, range(0x21)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029"}
    spaced = "".join(" " if character in blank else character for character in name)
    return " ".join(word for word in spaced.split(" ") if word).encode("utf-8", "replace").decode()


# --- templates


def test_values_are_escaped_once_in_html_and_never_in_text() -> None:
    content = render(source("{{ name }}", "<p>{{ name }}</p>", "{{ name }}"), name="AT&T <b>")
    assert "<p>AT&amp;T &lt;b&gt;</p>" in content.html
    assert (content.subject, content.text) == ("AT&T <b>", "AT&T <b>")


@pytest.mark.parametrize("name", names())
def test_a_hostile_name_is_only_ever_a_value(name: str) -> None:
    content = render(source("{{ name }}", "<p>{{ name }}</p>", "{{ name }}"), name=name)
    assert content.text == name
    assert content.html.count("<") == render(source(html="<p>{{ name }}</p>"), name="x").html.count("<")


@pytest.mark.parametrize(
    "template", ["{{ ''.__class__.__mro__ }}", "{{ lipsum.__globals__['os'] }}", "{{ x.append(1) }}"]
)
def test_the_sandbox_refuses_what_a_template_must_not_do(template: str) -> None:
    with pytest.raises(MessageError, match="SecurityError"):
        render(source(template), x=[])


def test_an_unknown_variable_is_an_error_and_null_prints_nothing() -> None:
    with pytest.raises(MessageError, match="text: UndefinedError: 'nobody' is undefined"):
        render(source(text="{{ nobody }}"))
    assert render(source(text="[{{ nothing }}]"), nothing=None).text == "[]"


def test_a_syntax_error_names_part_and_line() -> None:
    with pytest.raises(MessageError, match=r"html, line 2: "):
        undeclared(source(html="<p>\n{{ x </p>"))


def test_undeclared_names_come_from_all_parts_and_layouts() -> None:
    template = source(
        "{{ amount|money(currency) }}",
        "{% extends 'base.html' %}{% block body %}{{ recipient.name }}{% endblock %}",
        "{% for row in rows %}{{ row.x }}{% endfor %}",
        base="<p>{{ tenant.website }}{% block body %}{{ replaced }}{% endblock %}</p>",
    )
    assert undeclared(template) == {
        "subject": {"amount", "currency"},
        "html": {"recipient.name", "tenant.website"},
        "text": {"rows"},
    }


LAYOUT = (
    "<!doctype html><html><head><title>{{ tenant.name }}</title><style>"
    ".cell { color: {{ tenant.brand_color }} } @media (max-width: 600px) { .cell { color: red } }"
    "</style></head><body><!--[if mso]>{{ tenant.name }}<![endif]--><table>"
    "{% block rows %}<tr><td>empty</td></tr>{% endblock %}</table></body></html>"
)
ROWS = (
    "{% extends 'base.html' %}{% block rows %}{% for row in rows %}"
    '<tr><td class="cell" align="{% if row > 1 %}left{% endif %}">{{ row }}&nbsp;{{ "a" ~ "<" }}</td></tr>'
    "{% endfor %}{% endblock %}"
)


def test_styles_of_a_layout_reach_the_elements_of_its_children() -> None:
    html = render(source(html=ROWS, base=LAYOUT), rows=[1, 2]).html
    assert html.count('style="color: #112233;"') == 2
    assert "@media (max-width: 600px)" in html
    assert "<title>A&amp;B</title>" in html
    assert "jinja" not in html


def test_statements_between_table_rows_stay_where_they_are() -> None:
    html = render(source(html=ROWS, base=LAYOUT), rows=[1, 2, 3]).html
    assert html.count("<tr><td") == 3
    assert html.index("<table>") < html.index("<tr>") < html.index("</table>")
    assert html.count('align="left"') == 2


@pytest.mark.parametrize(
    ("html", "message"),
    [
        ("{% extends 'other.html' %}", "no layout 'other.html', allowed: base.html"),
        ("{% extends 'base.html' %}lost words", "move 'lost words' into a block"),
        ("{% extends 'base.html' %}{% block rows %}{{ super() }}{% endblock %}", "super"),
        ("<p {% if x %}a='b'{% endif %}>", "attribute"),
    ],
)
def test_a_layout_that_cannot_be_merged_is_refused(html: str, message: str) -> None:
    with pytest.raises(MessageError, match=message):
        undeclared(source(html=html, base=LAYOUT))


def test_layouts_that_extend_each_other_are_refused() -> None:
    a, b = "{% extends 'b.html' %}", "{% extends 'a.html' %}"
    with pytest.raises(MessageError, match="circle"):
        undeclared(source(html=b, a=a, b=b))


def test_a_template_source_survives_json() -> None:
    template = source(html=ROWS, base=LAYOUT)
    assert TemplateSource(**json.loads(json.dumps(dataclasses.asdict(template)))) == template


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{{ 123450|money('EUR') }}", "€1,234.50"),
        ("{{ (-5)|money('usd') }}", "-US$0.05"),
        ("{{ 1500|money('JPY') }}", "JP¥1,500"),
        ("{{ 1500|money('KWD') }}", "KWD 1.500"),
        ("{{ none|money('EUR') }}", ""),
        ("{{ '2026-03-14T18:30:00+00:00'|local_time }}", "15 March 2026, 00:15"),
        ("{{ '2026-03-14T18:30:00Z'|long_date }}", "15 March 2026"),
        ("{{ '2026-03-14'|long_date }}", "14 March 2026"),
        ("{{ '2026-03-14T18:30:00Z'|iso_date }}", "2026-03-15"),
        ("{{ '2026-03-14T18:30:00'|local_time }}", "14 March 2026, 18:30"),  # in no zone: as it stands
        ("{{ '0001-02-03'|iso_date }}", "0001-02-03"),
        ("{{ '3'|plural(one='# day', other='# days') }}", "3 days"),
        ("{{ none|local_time }}{{ none|long_date }}{{ none|iso_date }}", ""),
    ],
)
def test_filters_write_money_and_local_times(expression: str, expected: str) -> None:
    assert render(source(text=expression)).text == expected


def test_money_keeps_every_minor_unit() -> None:
    assert render(source(text=f"{{{{ {10**15 + 1}|money('EUR') }}}}")).text == "€10,000,000,000,000.01"


# --- bytes


LINES = st.text(st.characters(codec="utf-8") | st.sampled_from("\r\n\t .=_<>&é漢𝕬"), max_size=400)


def spelled_out(html: str) -> str:
    """HTML with the characters that references of a message may stand for."""
    return re.sub(r"&#(\d{3,7});", lambda found: chr(min(int(found[1]), 0x10FFFF)), html)


@settings(max_examples=100, deadline=None)
@given(text=LINES, html=LINES)
@example(text="", html="")
@example(text=".\r\n..\r\n", html="From here\r\n--=_alternative--\r\n")
@example(text="trailing \t\n \n", html="\r\r\n\n")
@example(text="漢字" * 500, html="=" * 500)
@example(text="long " * 300, html="<p>“Bon voyage”</p>")
@example(text="", html="<style>p:before { content: '»' }</style> \x85 &eacute")
def test_bodies_read_back_exactly_as_the_standard_library_would_have_them(text: str, html: str) -> None:
    reference = EmailMessage(policy=policy.SMTP)
    reference.set_content(text)
    reference.add_alternative(html, subtype="html")
    expected = message_from_bytes(reference.as_bytes(), policy=policy.default)
    message = parsed(Content("s", html, text))
    assert not message.defects
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    assert body(message, "plain") == body(expected, "plain")
    assert spelled_out(body(message, "html")) == spelled_out(body(expected, "html"))


@settings(max_examples=100, deadline=None)
@given(name=st.text(max_size=120), subject=st.text(max_size=300))
def test_headers_read_back_without_control_characters(name: str, subject: str) -> None:
    message = parsed(Content(subject, "h", "t"), name)
    assert message["Subject"] == visible(subject)
    assert display_name(email(Content(subject, "h", "t"), name).content) == " ".join(visible(name).split())
    assert [str(address.addr_spec) for address in message["To"].addresses] == ["ann@example.org"]


@pytest.mark.parametrize("name", names())
def test_a_hostile_name_changes_neither_headers_nor_recipients(name: str) -> None:
    headers = parsed(Content("s", "h", "t")).keys()
    message = parsed(Content(name, name, name), name)
    assert message.keys() == headers
    assert message["Subject"] == visible(name)
    assert [address.addr_spec for address in message["To"].addresses] == ["ann@example.org"]
    assert display_name(email(Content("s", "h", "t"), name).content) == " ".join(visible(name).split())


@settings(max_examples=60, deadline=None)
@given(text=LINES, name=st.text(max_size=200))
def test_lines_are_short_and_end_with_crlf(text: str, name: str) -> None:
    content = email(Content(text, text, text), name).content
    lines = content.split(b"\r\n")
    assert content.isascii()
    assert all(len(line) <= 998 and b"\r" not in line and b"\n" not in line for line in lines)


def test_the_envelope_headers_say_who_what_and_when() -> None:
    message = parsed(Content("Your offer", "<p>h</p>", "t"), "Zoë O'Hara")
    assert message["From"].addresses[0].display_name == "Müller & Söhne"
    assert message["From"].addresses[0].addr_spec == "hello@acme.example.com"
    assert [address.addr_spec for address in message["Reply-To"].addresses] == ["reply@acme.example.com"]
    assert message["Date"].datetime == AT
    assert message["Message-ID"] == "<7.abc@acme.example.com>"
    assert message["X-Job-ID"] == "7"
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("given_address", "expected"),
    [
        ("ann@example.org", "ann@example.org"),
        (" o'hara+x@sub.example.org ", "o'hara+x@sub.example.org"),
        ("ann@bücher.example.com", "ann@xn--bcher-kva.example.com"),
        ("jösé@bücher.example.com", "jösé@xn--bcher-kva.example.com"),
    ],
)
def test_usable_addresses_go_on_the_wire(given_address: str, expected: str) -> None:
    assert usable_address(given_address) == expected


@pytest.mark.parametrize(
    "address",
    [
        *("", "ann", "ann@", "@example.org", "a b@example.org", ".a@example.org", "a..b@example.org"),
        *("a@b..example", "a@-b.example", "<a@b.example>", "a@b.example,c@d.example"),
        *("a" * 65 + "@b.example", "a@b.example\r\nRCPT TO:<eve@example.org>"),
    ],
)
def test_unusable_addresses_are_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(MessageError, match="the address cannot be used"):
        usable_address(address)


def test_an_international_address_makes_an_international_header() -> None:
    message = email(Content("s", "h", "t"), "", "jösé@example.org")
    assert message.recipient == "jösé@example.org"
    assert "To: <jösé@example.org>\r\n".encode() in message.content
