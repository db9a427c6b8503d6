"""What a template says on short channels, and the text part it has none of its own for."""

import json
from pathlib import Path

import pytest

from automation_pipelines.errors import MessageError
from automation_pipelines.messages import MessageTemplate, NoteContent, TemplateSource
from automation_pipelines.messages.plain import plain_text, settled

LAYOUTS = {
    "base.txt": "{{ tenant.name }}\n{% block content %}{% endblock %}\n-- footer",
    "quote.txt": (
        '{% extends "base.txt" %}'
        "{% block content %}Dear {{ name }}, {% block intro %}{% endblock %}{% endblock %}"
    ),
    "base.html": "<html><body><h1>head</h1>{% block content %}{% endblock %}<p>footer</p></body></html>",
}
TENANT = {"name": "Acme", "time_zone": "UTC"}
NAMES = [
    "Bob\r\nBcc: victim@example.com",
    "<script>alert(1)</script>",
    "{{ 7*7 }}",
    "{% raw %}",
    "jinja0x <!--jinja0x-->",
    "\ue000\ue001",
    "مرحبا",
    "AT&T &amp; co",
]
SHARED = Path(__file__).parents[2] / "shared" / "cases" / "names_sample.jsonl"
if SHARED.exists():
    NAMES += [json.loads(line)["value"] for line in SHARED.read_text("utf-8").splitlines()]


def note(
    source: TemplateSource, channel: str, subject: str | None = None, **variables: object
) -> NoteContent:
    return MessageTemplate(source).render_note(channel, {"tenant": TENANT, **variables}, subject)


def derived(html: str, **variables: object) -> str:
    """The text part made of an HTML part."""
    source = TemplateSource("s", html, layouts=LAYOUTS)
    return MessageTemplate(source).render({"tenant": TENANT, **variables}).text


def test_a_channel_has_a_part_of_its_own() -> None:
    source = TemplateSource("Hi", notes={"sms": "Hello {{ name }}\n"}, layouts=LAYOUTS)
    assert note(source, "sms", name="Ada") == NoteContent("Hi", "Hello Ada")


def test_the_first_line_of_a_push_is_its_title() -> None:
    source = TemplateSource(notes={"push": "Hi {{ name }}\nOne line\nand more\n"})
    assert note(source, "push", name="Ada") == NoteContent("Hi Ada", "One line\nand more")
    assert note(source, "push", "Own {{ name }}", name="Ada").title == "Own Ada"
    assert note(TemplateSource("S", notes={"push": "One line\n"}), "push") == NoteContent("S", "One line")


def test_without_a_part_of_its_own_a_channel_says_what_the_mail_does_without_its_layout() -> None:
    text = '{% extends "quote.txt" %}{% block intro %}your quote.{% endblock %}'
    assert note(TemplateSource("S", "", text, LAYOUTS), "sms", name="Ada").text == "Dear Ada, your quote."
    html = '{% extends "base.html" %}{% block content %}<p>Dear <b>{{ name }}</b></p>{% endblock %}'
    assert note(TemplateSource("S", html, None, LAYOUTS), "chat", name="A&B").text == "Dear A&B"
    assert note(TemplateSource("S", "", "plain {{ name }}"), "phone", name="Ada").text == "plain Ada"


def test_a_template_without_anything_to_say_is_refused() -> None:
    with pytest.raises(MessageError, match=r"no sms\.txt nor a body"):
        note(TemplateSource("S", notes={"push": "x"}), "sms")
    with pytest.raises(MessageError, match=r"no body\.txt|no body\.html"):
        MessageTemplate(TemplateSource("S", notes={"sms": "x"})).render({})


def test_a_subject_may_come_from_the_step() -> None:
    source = TemplateSource("own", "<p>x</p>", "x")
    render = MessageTemplate(source).render
    assert render({"name": "Ada"}, "For {{ name }}").subject == "For Ada"
    with pytest.raises(MessageError, match="subject: UndefinedError: 'nobody' is undefined"):
        render({}, "{{ nobody }}")
    with pytest.raises(MessageError, match="SecurityError"):
        render({}, "{{ ''.__class__.__mro__ }}")


def test_names_written_as_other_tools_do_are_understood_everywhere() -> None:
    pasted = "{{customerName}} {{firstName}} {{companyName}}"
    source = TemplateSource(pasted, f"<p>{pasted}</p>", pasted, notes={"sms": pasted})
    variables = {"customer_name": "Ada L", "first_name": "Ada", "company_name": "A&B"}
    content = MessageTemplate(source).render(variables, pasted)
    assert {content.subject, content.text} == {"Ada L Ada A&B"}
    assert "Ada L Ada A&amp;B" in content.html
    assert MessageTemplate(source).render_note("sms", variables).text == "Ada L Ada A&B"
    with pytest.raises(MessageError, match="'companyName' is undefined"):
        MessageTemplate(source).render({"customer_name": "", "first_name": ""})


def test_a_default_stands_in_for_what_is_not_there_or_null() -> None:
    source = TemplateSource(
        '{{ a|default("A") }}{{ b|d("B") }}{{ c|default("C", true) }}{{ d|default("D") }}'
    )
    source = TemplateSource(source.subject, "<p>x</p>", "x")
    assert MessageTemplate(source).render({"b": None, "c": "", "d": 0}).subject == "ABC0"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo\n"),
        ("a<br>b  c\n d", "a\nb c d\n"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb\n"),
        (
            "<table><tr><td>Price</td><td>5</td></tr><tr><td>Trip</td><td>Rome</td></tr></table>",
            "Price 5\nTrip Rome\n",
        ),
        ('<a href="https://x.example/?a=1&amp;b=2">look</a>', "look (https://x.example/?a=1&b=2)\n"),
        ('<a href="https://x.example">https://x.example</a>', "https://x.example\n"),
        ('<a href="{{ site }}">{{ site }}</a>', "https://s.example\n"),
        ('<a href="mailto:a@b.example">write</a> <a href="#top">up</a>', "write (a@b.example) up\n"),
        ('<img src="x.png" alt="Logo">', "Logo\n"),
        ("<style>p { color: red }</style><title>t</title><p>x</p><script>no()</script>", "x\n"),
        ('<div style="display: none">secret {{ site }}</div><p hidden>no</p>seen', "seen\n"),
        ("<head>{% set x = 3 %}<title>{{ site }}</title></head>{{ x }}", "3\n"),
        ("<!-- note {{ site }} -->x&nbsp;&amp;&lt;y&gt;", "x &<y>\n"),
        ("{% if site %}<p>yes</p>{% else %}<p>no</p>{% endif %}", "yes\n"),
        ("{% for n in [1, 2] %}<p>{{ n }}</p>{% endfor %}", "1\n\n2\n"),
    ],
)
def test_a_missing_text_part_is_made_of_the_html(html: str, expected: str) -> None:
    assert derived(html, site="https://s.example") == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_is_only_a_value_in_every_part(name: str) -> None:
    source = TemplateSource(
        "{{ name }}", "<p>[{{ name }}]</p>", notes={"sms": "[{{ name }}]", "push": "t\n[{{ name }}]"}
    )
    template = MessageTemplate(source)
    variables = {"name": name, "tenant": TENANT}
    content = template.render(variables)
    assert content.subject == name
    assert content.html.count("<") == template.render({**variables, "name": "x"}).html.count("<")
    assert content.text == settled(f"[{name}]")
    assert template.render_note("sms", variables).text == f"[{name}]"
    assert template.render_note("push", variables).title == "t"
    assert template.render_note("chat", variables, "{{ name }}").title == " ".join(name.split())


def test_the_derived_text_is_a_template_that_escapes_nothing() -> None:
    assert plain_text("<p>{{ name }} &lt;</p>").count("{{ name }} <") == 1
