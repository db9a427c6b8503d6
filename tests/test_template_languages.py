"""Which language a part is taken in, and how that language writes dates, money and numbers."""

from typing import Any

import pytest

from automation_pipelines.errors import MessageError
from automation_pipelines.messages import Content, MessageTemplate, TemplateSource
from automation_pipelines.messages.locales import shortened

SOURCE = TemplateSource(
    "hello",
    "<p>hello</p>",
    "hello",
    locales={
        "fr": {"subject": "bonjour", "html": "<p>bonjour</p>", "text": "bonjour"},
        "pt-BR": {"subject": "olá", "text": "olá"},
        "zh-Hant": {"subject": "你好"},
    },
)


def render(source: TemplateSource, reader: object, tenant: object = None, **variables: Any) -> Content:
    """Fill in for a reader in this language."""
    whose = {"name": "Acme", "locale": tenant, "time_zone": "Asia/Kathmandu"}
    return MessageTemplate(source).render({"recipient": {"locale": reader}, "tenant": whose, **variables})


def written(expression: str, locale: str, **variables: Any) -> str:
    """What a text in that language says."""
    return render(TemplateSource("s", "<p></p>", expression, locale=locale), locale, **variables).text


@pytest.mark.parametrize(
    ("reader", "tenant", "subject"),
    [
        ("fr", None, "bonjour"),
        ("fr-CA", None, "bonjour"),
        ("FR_ca", None, "bonjour"),
        ("pt-BR", None, "olá"),
        ("pt-PT", None, "hello"),
        ("zh-Hant-TW", None, "你好"),
        (None, "fr-FR", "bonjour"),
        ("de", "fr", "bonjour"),
        ("en-US", "fr", "hello"),
        ("", "", "hello"),
        ("de", "ja", "hello"),
        ("../../etc/passwd", "%s", "hello"),
        (["fr"], 7, "hello"),
        ("x" * 5000, None, "hello"),
    ],
)
def test_the_nearest_language_is_taken(reader: object, tenant: object, subject: str) -> None:
    assert render(SOURCE, reader, tenant).subject == subject


def test_a_part_a_language_does_not_have_falls_back_alone() -> None:
    content = render(SOURCE, "pt-BR")
    assert (content.subject, content.html, content.text) == ("olá", render(SOURCE, "en").html, "olá")


def test_files_without_a_tag_may_be_in_any_language() -> None:
    source = TemplateSource("bonjour", "", "", locales={"en": {"subject": "hello"}}, locale="fr")
    assert [render(source, tag).subject for tag in ("fr-CA", "en-US", "de")] == [
        "bonjour",
        "hello",
        "bonjour",
    ]


def test_a_template_may_have_no_part_without_a_tag() -> None:
    parts = {"subject": "hallo", "html": "<p>hallo</p>"}
    assert render(TemplateSource(locales={"de": parts}), "en").text == "hallo\n"


def test_a_tag_may_be_written_with_an_underscore() -> None:
    source = TemplateSource("hello", "", "", locales={"pt_BR": {"subject": "olá"}})
    assert render(source, "pt-BR").subject == "olá"


def test_a_layout_is_taken_in_the_language_of_the_part() -> None:
    source = TemplateSource(
        "s",
        "<p>x</p>",
        '{% extends "base.txt" %}{% block content %}hello{% endblock %}',
        {
            "base.txt": '{% block content %}{% endblock %} {% include "regards.txt" %}',
            "regards.txt": "regards",
            "regards.fr.txt": "cordialement",
        },
        locales={"fr": {"text": '{% extends "base.txt" %}{% block content %}bonjour{% endblock %}'}},
    )
    assert render(source, "fr-CA").text == "bonjour cordialement"
    assert render(source, "de", "ja").text == "hello regards"


def test_dates_and_money_follow_the_language_of_the_part_not_that_of_the_reader() -> None:
    source = TemplateSource(
        "{{ 5|money('EUR') }}", "", "", locales={"de": {"subject": "{{ 5|money('EUR') }}"}}
    )
    assert [render(source, tag).subject for tag in ("fr", "de-AT", "en-US")] == ["€0.05", "€ 0,05", "€0.05"]
    day = TemplateSource("{{ '2026-03-14'|long_date }}", "", "")
    assert [render(day, tag).subject for tag in ("fr", "en-US")] == ["14 March 2026", "March 14, 2026"]


@pytest.mark.parametrize(
    ("expression", "locale", "expected"),
    [
        ("{{ 123456789|money('EUR') }}", "de", "1.234.567,89 €"),
        ("{{ 123456789|money('INR') }}", "en-IN", "₹12,34,567.89"),
        ("{{ 1234|money('JPY') }}", "ja", "￥1,234"),
        ("{{ 1234|money('CLP') }}", "es-CL", "$1.234"),
        ("{{ 1234|money('KWD') }}", "en", "KWD 1.234"),
        ("{{ 1234|money('<x>') }}", "en", "<X>12.34"),
        ("{{ 1234|money(none) }}", "de", "12,34"),
        ("{{ 1234567.5|number }}", "fr", "1 234 567,5"),
        ("{{ 0.256|percent }}", "de", "26 %"),
        ("{{ '2026-03-14'|long_date }}", "pt-BR", "14 de março de 2026"),
        ("{{ '2026-03-14'|short_date }}", "en-GB", "14/03/2026"),
        ("{{ '2026-03-14'|weekday }}", "fr", "samedi"),
        ("{{ '2026-03-14T18:30:00Z'|weekday }}", "en", "Sunday"),
        ("{{ '2026-03-14T18:30:00Z'|local_time }}", "de", "15. März 2026, 00:15"),
        ("{{ '2026-03-14'|local_time }}", "de", "14. März 2026"),
        ("{{ '2026-03-14T18:30:00Z'|local_time }}", "en-US", "March 15, 2026, 12:15 AM"),
        ("{{ '2026-03-14'|long_date }}", "xx-unknown", "14 March 2026"),
        ("{{ none|number }}{{ none|percent }}{{ none|weekday }}{{ none|plural(other='x') }}", "en", ""),
        ("{{ message.locale }} {{ message.direction }}", "ar-AE", "ar-AE rtl"),
    ],
)
def test_filters_write_as_the_language_does(expression: str, locale: str, expected: str) -> None:
    assert written(expression, locale) == expected


@pytest.mark.parametrize(
    ("count", "locale", "expected"),
    [(1, "en", "1 day"), (0, "en", "0 days"), (1200, "en", "1,200 days"), (0, "fr", "0 day")],
)
def test_plurals_follow_the_language(count: int, locale: str, expected: str) -> None:
    assert written('{{ n|plural(one="# day", other="# days") }}', locale, n=count) == expected


def test_a_language_with_many_plurals_has_a_form_for_each() -> None:
    forms = '{{ n|plural(one="# dzień", few="# dni", many="# dni (dużo)", other="# dnia") }}'
    assert [written(forms, "pl", n=n) for n in (1, 3, 5, 1.5)] == [
        "1 dzień",
        "3 dni",
        "5 dni (dużo)",
        "1,5 dnia",
    ]


def test_no_break_spaces_are_for_html() -> None:
    source = TemplateSource("{{ 5|money('EUR') }}", "<p>{{ 5|money('EUR') }}</p>", "", locale="fr")
    content = render(source, "fr")
    assert content.subject == "0,05 €"
    assert "0,05\u00a0€" in content.html


def test_a_mistake_in_one_language_names_its_file() -> None:
    with pytest.raises(MessageError, match=r"subject\.fr, line 1"):
        MessageTemplate(TemplateSource("s", "", "", locales={"fr": {"subject": "{{ x"}}))
    source = TemplateSource("s", "<p></p>", "t", locales={"fr": {"text": "{{ nobody }}"}})
    assert render(source, "en").text == "t"
    with pytest.raises(MessageError, match=r"text\.fr: UndefinedError: 'nobody'"):
        render(source, "fr")


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("zh-Hant-TW", ("zh-hant-tw", "zh-hant", "zh")),
        (" en_US ", ("en-us", "en")),
        ("", ()),
        (None, ()),
        ("7", ()),
    ],
)
def test_tags_are_shortened_from_the_end(tag: object, expected: tuple[str, ...]) -> None:
    assert shortened(tag) == expected
