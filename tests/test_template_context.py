"""What a template may say: variables, groups, defaults, branding, senders; rehearsed and found in files."""

import json
from pathlib import Path
from typing import Any

import pytest

from automation_pipelines.campaign import Campaign, SenderAddress
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.errors import ConfigurationError, MessageError
from automation_pipelines.messages import MessageTemplate, TemplateSource, undeclared
from automation_pipelines.messages.context import Branding, Occasion, context, slug
from automation_pipelines.messages.mime import Mailbox, Sender
from automation_pipelines.messages.senders import sender_for
from automation_pipelines.playbooks import FOLDER, TEMPLATES, find_template, template_names
from automation_pipelines.settings import Settings
from automation_pipelines.validation.rehearsal import rehearse, variables

TENANT = {
    "id": 7,
    "name": "Harbour & Pine",
    "time_zone": "UTC",
    "sender_name": "Harbour",
    "sender_email": "hello@acme.example",
    "reply_to": "desk@acme.example",
    "website": None,
}


def campaign(audience: str = "birthdays", **more: Any) -> Campaign:
    step = {"id": "one", "channel": "email", "template": "t", **more.pop("step", {})}
    return Campaign.model_validate(
        {"id": "spring", "title": "Spring", "audience": audience, "steps": [step], **more}
    )


def made(carried: dict[str, Any], spec: Campaign | None = None, **more: Any) -> dict[str, Any]:
    """The variables of a message of the first step."""
    spec = spec or campaign()
    return context(carried, Occasion(spec, spec.steps[0], **more), TENANT, address="ada@x.example")


# --- the context


def test_a_message_knows_whom_it_is_for_and_whose_it_is() -> None:
    row = {"recipient": {"name": "Ada L", "first_name": "Ada", "locale": "fr"}, "age": 30}
    found = made(row)
    assert found["recipient"] == {
        "name": "Ada L",
        "first_name": "Ada",
        "email": "ada@x.example",
        "company_name": None,
        "locale": "fr",
        "time_zone": None,
    }
    assert found["campaign"] == {"id": "spring", "title": "Spring"}
    assert (found["age"], found["tenant"]["name"]) == (30, "Harbour & Pine")
    assert row == {"recipient": {"name": "Ada L", "first_name": "Ada", "locale": "fr"}, "age": 30}


def test_the_usual_names_are_the_recipients_where_the_audience_has_none() -> None:
    recipient = {"name": "Agent", "first_name": None}
    assert made({"recipient": recipient})["customer_name"] == "Agent"
    assert made({"recipient": recipient, "customer_name": "Ada"})["customer_name"] == "Ada"


def test_columns_with_a_place_in_a_group_are_found_there() -> None:
    row = {"health_score": 40, "recipient": {}}
    found = made(row, campaign("accounts"))
    assert found["account"]["health_score"] == found["health_score"] == 40
    assert found["goals"] == {}


def test_a_step_overrides_the_variables_of_its_campaign() -> None:
    spec = campaign(variables={"offer": "10 %", "days": 7}, step={"variables": {"offer": "20 %"}})
    assert made({}, spec)["custom"] == {"offer": "20 %", "days": 7}


def test_the_products_branding_stands_in_for_what_a_tenant_lacks(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, brand_website="https://product.example", brand_color="#112233")
    spec = campaign()
    found = context({}, Occasion(spec), {**TENANT, "brand_color": "#445566"}, branding=Branding.of(settings))
    assert found["tenant"]["website"] == "https://product.example"
    assert found["tenant"]["brand_color"] == "#445566"
    assert "postal_address" not in found["tenant"]


def test_link_parameters_have_defaults_and_need_a_declaration() -> None:
    assert made({})["message"]["utm"] is None
    declared = campaign(utm={"term": "x"}, step={"id": "day-3", "channel": "sms"})
    utm = {"source": "harbour-pine", "medium": "sms", "campaign": "spring", "content": "day-3", "term": "x"}
    assert made({}, declared, channel="sms")["message"]["utm"] == utm
    assert made({}, declared, variant="b")["message"]["utm"]["content"] == "b"
    own = campaign(utm={"source": "s", "medium": "m", "campaign": "c", "content": "d"})
    assert list(made({}, own)["message"]["utm"].values()) == ["s", "m", "c", "d", None]


@pytest.mark.parametrize(("name", "expected"), [("Cèdres & Co", "cedres-co"), ("桜旅", ""), ("--", "")])
def test_a_name_becomes_a_slug_where_ascii_can_say_it(name: str, expected: str) -> None:
    assert slug(name) == expected


# --- senders


@pytest.mark.parametrize(
    ("declared", "owner", "name", "address", "reply_to"),
    [
        ("tenant", None, "Harbour", "hello@acme.example", "desk@acme.example"),
        (SenderAddress(name="Ann"), None, "Ann", "hello@acme.example", "desk@acme.example"),
        (SenderAddress(email="a@other.example"), None, "Harbour", "a@other.example", "desk@acme.example"),
        (SenderAddress(reply_to="r@x.example"), None, "Harbour", "hello@acme.example", "r@x.example"),
        ("owner", {"name": "Ann", "email": "ann@Acme.example"}, "Ann", "ann@Acme.example", None),
        ("owner", {"name": "Ann", "email": "ann@x.example"}, "Ann", "hello@acme.example", "ann@x.example"),
        ("owner", {"name": None, "email": "ann@x.example"}, "Harbour", "hello@acme.example", "ann@x.example"),
        *(
            ("owner", owner, "Harbour", "hello@acme.example", "desk@acme.example")
            for owner in (None, {}, {"name": "Ann", "email": None}, {"email": "a@x\r\nBcc: v@y.example"})
        ),
    ],
)  # fmt: skip
def test_who_a_message_is_from(
    declared: Any, owner: dict[str, Any] | None, name: str, address: str, reply_to: str | None
) -> None:
    assert sender_for(TENANT, declared, owner) == Sender(Mailbox(name, address), reply_to)


# --- what a template needs


def test_what_is_read_through_default_only_is_not_needed() -> None:
    optional = TemplateSource("{{ a|default('x') }}{{ account.b|d('y') }}", "", "")
    assert undeclared(optional)["subject"] == set()
    both = TemplateSource("{{ a|default('x') }}{{ a }}{{ account.b|d('y') }}{{ account['c'] }}", "", "")
    assert undeclared(both)["subject"] == {"a", "account.c"}


def test_names_of_other_tools_are_reported_as_ours() -> None:
    assert undeclared(TemplateSource("{{customerName}} {{HTML}} {{x.fooBar}}", "", ""))["subject"] == {
        "customer_name",
        "HTML",
        "x",
    }


def problems(source: TemplateSource, spec: Campaign | None = None) -> list[str]:
    spec = spec or campaign()
    return list(rehearse(Path("t"), source, AUDIENCES[spec.audience], spec, spec.steps[0]))


def test_everything_missing_is_listed_at_once() -> None:
    source = TemplateSource(
        "{{ one }}",
        "<p>{{ tenant.two }}</p>",
        "{{ first_name }}{{ three|default('') }}",
        locales={"fr": {"subject": "{{ custom.four }}", "text": "{{ five }}"}},
        notes={"sms": "{{ firstName }} {{ account.six }}"},
    )
    found = [problem.partition(": a template")[0].partition(" (did")[0] for problem in problems(source)]
    assert found == [
        "template t/subject.txt: unknown variable 'one'",
        "template t/body.html: unknown variable 'tenant.two'",
        "template t/sms.txt: unknown variable 'account.six'",
        "template t/subject.fr.txt: unknown variable 'custom.four'",
        "template t/body.fr.txt: unknown variable 'five'",
    ]


def test_what_only_rendering_can_tell_is_told_too() -> None:
    source = TemplateSource(
        "s", "<p>x</p>", "{% for item in items %}{{ item.first_name }}{{ item.nope }}{% endfor %}"
    )
    assert problems(source, campaign(digest=True)) == ["template t fails: there is no 'nope'"]


def test_a_template_is_rehearsed_on_the_channels_of_its_step() -> None:
    source = TemplateSource("s", notes={"sms": "{{ first_name or 'x' }}"})
    assert problems(source, campaign(step={"channel": "sms"})) == []
    assert problems(source) == ["template t fails: the template has no body.txt"]
    found = problems(source, campaign(step={"channel": None, "channels": ["sms", "push"]}))
    assert found == ["template t fails: the template has no push.txt nor a body"]


def test_a_step_with_a_subject_of_its_own_needs_none_and_is_checked() -> None:
    source = TemplateSource(None, "<p>x</p>")
    assert problems(source, campaign(step={"subject": "Hi {{ firstName }}"})) == []
    (problem,) = problems(source, campaign(step={"subject": "{{ nobody }}"}))
    assert problem.startswith("subject: unknown variable 'nobody': a template knows")
    assert "subject, line 1" in problems(source, campaign(step={"subject": "{{ x"}))[0]


def test_what_a_campaign_declares_may_be_used() -> None:
    spec = campaign(variables={"offer": 1}, coupons="spring", sender="owner", digest=True)
    assert {"custom.offer", "coupon", "owner.name", "owner.email", "items"} <= variables(
        AUDIENCES["birthdays"], spec
    )
    plain = variables(AUDIENCES["birthdays"])
    assert not {"coupon", "owner.name", "items"} & plain
    assert {"customer_name", "first_name", "company_name", "recipient.locale", "message.locale"} <= plain


# --- files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "_locale": "de\n",
        "_layouts/base.html": "<b>{% block content %}{% endblock %}</b>{% include 'foot.html' %}",
        "_layouts/foot.html": "foot",
        "_layouts/foot.fr.html": "pied",
        "a/b/subject.txt": " Hallo \n",
        "a/b/subject.pt-BR.txt": "olá\n",
        "a/b/body.html": "{% extends 'base.html' %}",
        "a/b/sms.txt": "kurz",
        "a/b/sms.fr.txt": "court",
        "a/b/notes.md": "not a part",
        "a/b/subject.draft.copy.txt": "not a part",
        "only/push.txt": "x",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_a_template_is_found_with_its_parts_languages_and_layouts(folder: Path) -> None:
    home, source = find_template("a/b", [folder])
    assert home == folder / "a/b"
    assert (source.subject, source.text, source.notes, source.locale) == (
        "Hallo",
        None,
        {"sms": "kurz"},
        "de",
    )
    assert source.locales == {"pt-BR": {"subject": "olá"}, "fr": {"sms": "court"}}
    assert sorted(source.layouts) == ["base.html", "foot.fr.html", "foot.html"]
    assert template_names([folder]) == {"a/b", "only"}
    assert TemplateSource(**json.loads(json.dumps(_plain(source)))) == source


def _plain(source: TemplateSource) -> dict[str, Any]:
    return {name: getattr(source, name) for name in TemplateSource.__slots__}


def test_a_version_stored_before_there_were_languages_can_be_read() -> None:
    old = {"subject": "Hi", "html": "<p>Hi</p>", "text": "Hi", "layouts": {}}
    assert MessageTemplate(TemplateSource(**old)).render({}).text == "Hi"


def test_a_folder_without_parts_is_no_template(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no part in .*, allowed: subject\.txt, body\.html"):
        find_template("a", [folder])


def test_the_shipped_layouts_speak_the_language_of_a_part(tmp_path: Path) -> None:
    home = tmp_path / "t"
    home.mkdir()
    (home / "subject.fr.txt").write_text("Bonjour", encoding="utf-8")
    body = '{% extends "base.html" %}{% block content %}{% include "greeting.html" %}<p>Oui</p>{% endblock %}'
    (home / "body.fr.html").write_text(body, encoding="utf-8")
    _, source = find_template("t", [tmp_path, FOLDER / TEMPLATES])
    row = made({"recipient": {"first_name": "Zoë", "locale": "fr-CA"}})
    content = MessageTemplate(source).render(
        {**row, "tenant": {**row["tenant"], **dict.fromkeys(("brand_color", "logo_url", "postal_address"))}}
    )
    assert '<html lang="fr-CA" dir="ltr"' in content.html
    assert "Bonjour Zoë," in content.html
    assert "Cordialement" in content.text
    assert "Kind regards" not in content.html


def test_a_template_cannot_reach_outside_the_sandbox_through_the_context() -> None:
    for attack in ("{{ tenant.__class__ }}", "{{ message.clear() }}", "{{ recipient.update({}) }}"):
        with pytest.raises(MessageError, match=r"SecurityError|UndefinedError|AttributeError"):
            MessageTemplate(TemplateSource(attack, "", "")).render(made({"recipient": {}}))
