"""Parameters on links: on which, how they are written, and that nothing else of an address changes."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation_pipelines.messages import Content, MessageTemplate, TemplateSource
from automation_pipelines.messages.links import traced_text, with_parameters

UTM = {"source": "acme", "medium": "email", "campaign": "spring", "content": None, "term": "a b&c"}
WANTED = (("utm_source", "acme"), ("utm_term", "a b&c"))
ADDED = "utm_source=acme&utm_term=a%20b%26c"


def render(html: str, text: str = "t", utm: Any = UTM, **variables: Any) -> Content:
    message = {"channel": "email", "utm": utm}
    return MessageTemplate(TemplateSource("s", html, text)).render({"message": message, **variables})


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://x.example", f"https://x.example?{ADDED}"),
        ("https://x.example/a/", f"https://x.example/a/?{ADDED}"),
        ("HTTP://x.example/", f"HTTP://x.example/?{ADDED}"),
        ("https://x.example/?q=1&q=2", f"https://x.example/?q=1&q=2&{ADDED}"),
        ("https://x.example/?a=%2F+b;c", f"https://x.example/?a=%2F+b;c&{ADDED}"),
        ("https://x.example/#part?not=query", f"https://x.example/?{ADDED}#part?not=query"),
        ("https://x.example/?utm_source=own", "https://x.example/?utm_source=own&utm_term=a%20b%26c"),
        ("https://x.example/?utm_source=", "https://x.example/?utm_source=&utm_term=a%20b%26c"),
        ("https://x.example/?utm_source=o&utm_term=o#f", "https://x.example/?utm_source=o&utm_term=o#f"),
        ("https://bücher.example/ü?ü=ü", f"https://bücher.example/ü?ü=ü&{ADDED}"),
        *((same, same) for same in ("mailto:a@b.example", "tel:+123", "#top", "/path", "", "javascript:x")),
        ("https://x.example/Unsubscribe?t=1", "https://x.example/Unsubscribe?t=1"),
    ],
)
def test_parameters_are_added_and_nothing_else_changes(address: str, expected: str) -> None:
    assert with_parameters(address, WANTED) == expected


@settings(max_examples=100, deadline=None)
@given(
    path=st.text("ab/%;=+", max_size=8),
    query=st.text("ab=&%+;", max_size=8),
    fragment=st.text("ab?#/", max_size=6),
)
def test_an_address_keeps_what_it_says(path: str, query: str, fragment: str) -> None:
    address = f"https://x.example/{path}?{query}#{fragment}"
    before, after = urlsplit(address), urlsplit(with_parameters(address, WANTED))
    assert (before.path, before.fragment) == (after.path, after.fragment)
    assert after.query.startswith(before.query)
    said = parse_qsl(before.query, keep_blank_values=True)
    assert parse_qsl(after.query, keep_blank_values=True) == said + list(WANTED)


def test_links_of_html_carry_them_wherever_their_target_comes_from() -> None:
    html = render(
        '<a class="b" href="https://x.example/?a=1&amp;b={{ name }}#f" title="{{ name }}">x</a>'
        '<map><area href="{{ site }}" alt=""></map><p>{% if site %}<a href="{{ site }}">y</a>{% endif %}</p>',
        site="https://s.example",
        name='"&',
    ).html
    tail = "utm_source=acme&amp;utm_medium=email&amp;utm_campaign=spring&amp;utm_term=a%20b%26c"
    assert f'href="https://x.example/?a=1&amp;b=&quot;&amp;&amp;{tail}#f"' in html
    assert html.count(f'href="https://s.example?{tail}"') == 2
    assert 'title="&#34;&amp;"' in html


@pytest.mark.parametrize(
    "link",
    [
        '<a href="mailto:a@b.example">x</a>',
        '<a href="tel:+123">x</a>',
        '<a href="#top">x</a>',
        '<a href="https://x.example/unsubscribe?t=1">x</a>',
        '<a href="{{ unsubscribe_url }}">x</a>',
        '{% with target = unsubscribe_url %}<a href="{{ target }}">x</a>{% endwith %}',
        '<a href="{{ mail }}">x</a>',
        '<img src="https://x.example/logo.png" alt="">',
        '<p>https://x.example</p><!-- <a href="https://x.example">x</a> -->',
        '<a name="anchor">x</a>',
    ],
)
def test_other_links_are_left_alone(link: str) -> None:
    variables = {"unsubscribe_url": "https://s.example/u/123", "mail": "mailto:a@b.example"}
    assert "utm_" not in render(link, **variables).html


def test_addresses_in_plain_text_carry_them_too() -> None:
    assert traced_text("See https://x.example/a, (http://y.example). Or a@b.example", WANTED) == (
        f"See https://x.example/a?{ADDED}, (http://y.example?{ADDED}). Or a@b.example"
    )
    assert (
        "https://s.example?utm_source=acme"
        in render("<p>x</p>", "at {{ site }}.", site="https://s.example").text
    )


def test_a_message_without_parameters_is_as_written() -> None:
    content = render('<a href="https://x.example/?a=1&amp;b">x</a>', "https://x.example", utm=None)
    assert 'href="https://x.example/?a=1&amp;b"' in content.html
    assert content.text == "https://x.example"


def test_a_hostile_value_in_a_link_stays_in_its_attribute() -> None:
    html = render('<a href="{{ site }}">x</a>', site='https://x.example/"><script>alert(1)</script>').html
    assert "<script" not in html
    assert html.count("<a ") == html.count("</a>") == 1
