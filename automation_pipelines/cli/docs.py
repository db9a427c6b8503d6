"""Pages of the documentation, and tables in them, that are made from the catalogue and the settings."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from pydantic.fields import FieldInfo

from automation_pipelines.catalogue.actions import Parameter, actions
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.happenings import HAPPENINGS
from automation_pipelines.catalogue.integrations import FIELDS, INTEGRATIONS
from automation_pipelines.catalogue.tenant_settings import TENANT_SETTINGS
from automation_pipelines.cli.front import variable
from automation_pipelines.dictionary import render
from automation_pipelines.settings import Settings, provider_of
from automation_pipelines.sqlfiles import SqlFiles


@click.group()
def docs() -> None:
    """Write the generated pages of the documentation."""


@docs.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; default: the terminal.",
)
def dictionary(output: Path | None) -> None:
    """Describe every table and column: sources, audiences, decisions, statistics."""
    if output is None:
        click.echo(render(), nl=False)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(render(), encoding="utf-8")
    click.echo(f"written: {output}")


@docs.command()
@click.argument("page", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def tables(page: Path) -> None:
    """Write the tables of audiences, settings and so on in PAGE anew, below the comments that mark them."""
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
    click.echo(f"written: {page}")


def with_tables(text: str) -> str:
    """The text with its marked tables as they must be."""
    tables = {
        "audiences": _audiences,
        "settings": _settings,
        "actions": _actions,
        "integrations": _integrations,
        "events": _events,
        "tenant-settings": _tenant_settings,
    }
    for name, rows in tables.items():
        text = _replaced(text, name, rows())
    return text


def _replaced(text: str, name: str, rows: Iterable[str]) -> str:
    table = "".join(f"{row}\n" for row in rows)
    marked = re.compile(rf"(<!-- table: {name} -->\n)(?:\|.*\n)*")
    return marked.sub(lambda found: found[1] + table, text)


def _audiences() -> Iterator[str]:
    yield "| audience | a row is | anchor | grain | columns for conditions and templates |"
    yield "|---|---|---|---|---|"
    for each in AUDIENCES.values():
        columns = ", ".join(f"`{column.name}`" for column in each.columns)
        yield f"| `{each.name}` | {each.row} | {each.anchor} | {each.grain} | {columns} |"


def _actions() -> Iterator[str]:
    yield "| action | what it does | values | for audiences |"
    yield "|---|---|---|---|"
    for each in actions(SqlFiles()).values():
        values = ", ".join(_parameter(one) for one in each.parameters.values())
        rows = f"of {each.subject}" if each.subject else ", ".join(f"with `{name}`" for name in each.requires)
        yield f"| `{each.name}` | {each.doc} | {values} | {rows or 'any'} |"


def _integrations() -> Iterator[str]:
    yield "| target | action | what it does | parameters |"
    yield "|---|---|---|---|"
    for product, entries in INTEGRATIONS.items():
        for each in entries.values():
            found_by = [one.parameter.name for one in each.found_by]
            one_of = [" or ".join(f"`{name}`" for name in found_by)] if found_by else []
            others = [_parameter(one) for name, one in each.parameters.items() if name not in found_by]
            further = [f"`{FIELDS}` (optional)"] if each.open else []
            told = ", ".join([*one_of, *others, *further])
            yield f"| `{product}` | `{each.name}` | {each.doc} | {told} |"


def _parameter(one: Parameter) -> str:
    kinds = {"any": "", "text": ""}
    words = [kinds.get(one.type, one.type), ", ".join(one.values), "optional" if one.optional else ""]
    told = "; ".join(word for word in words if word)
    return f"`{one.name}` ({told})" if told else f"`{one.name}`"


def _events() -> Iterator[str]:
    yield "| event | counts | columns for `where` |"
    yield "|---|---|---|"
    for each in HAPPENINGS.values():
        columns = ", ".join(f"`{column.name}`" for column in each.columns)
        yield f"| `{each.name}` | {each.row} | {columns} |"


def _tenant_settings() -> Iterator[str]:
    yield "| setting | default | meaning | allowed | for all tenants |"
    yield "|---|---|---|---|---|"
    for each in TENANT_SETTINGS.values():
        default = "" if each.default is None else f"`{each.default}`"
        variable_of_all = f"`{each.environment}`" if each.environment else ""
        yield f"| `{each.name}` | {default} | {each.doc} | {each.allowed} | {variable_of_all} |"


def _settings() -> Iterator[str]:
    yield "| variable | default | meaning |"
    yield "|---|---|---|"
    for name, field in Settings.model_fields.items():
        if name == "tenant_defaults":
            continue  # variables of their own, told with the settings of tenants
        if model := provider_of(name):
            for part, own in model.model_fields.items():
                yield _row(f"{variable(name)}__{part.upper()}", own)
        else:
            yield _row(variable(name), field)


def _row(name: str, field: FieldInfo) -> str:
    default = "" if field.is_required() else field.get_default(call_default_factory=True)
    meaning = (field.description or "").replace("<", "&lt;")
    return f"| `{name}` | {'' if default in (None, '') else f'`{default}`'} | {meaning} |"
