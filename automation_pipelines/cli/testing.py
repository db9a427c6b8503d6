"""`automation campaign test`: put the conditions of a file to records of a file. Sends and stores nothing."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from automation_pipelines.cli.front import Front
from automation_pipelines.conditions import Condition, holding, read_conditions, rule_matches
from automation_pipelines.conditions.reading import read_model
from automation_pipelines.conditions.rules import RULE_KEYS
from automation_pipelines.errors import CampaignError, ConditionError
from automation_pipelines.validation import documents

Record = Mapping[str, object]
_Answer = Callable[[list[Record]], list[bool]]


class _Campaign(BaseModel):
    """What is asked of a campaign file here."""

    conditions: Condition | None = None


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="Records, one JSON object a line."
)
@click.pass_obj
def test(front: Front, *, file: Path, data: Path) -> None:
    """Say for which records of a file the conditions of FILE hold.

    FILE is a campaign, a rule ({isActive, validFrom, validUntil, maxExecutions, executionCount,
    conditions}) or conditions alone, in YAML or JSON. A field is one literal key of a record.
    """
    answer = _answer(file, front.now)
    lines, records = _records(data)
    held = answer(records)
    for line, holds in zip(lines, held, strict=True):
        click.echo(f"{data}:{line}: {'yes' if holds else 'no'}")
    click.echo(f"{sum(held):,} of {len(held):,} records match")


def _answer(path: Path, now: datetime) -> _Answer:
    """Read FILE; `CampaignError` says the line of everything that is refused in it."""
    document = _document(path)
    if not isinstance(document.data, Mapping):
        document = _as_rule(document)
    try:
        return _question(document.data, now)
    except ConditionError as error:
        placed = sorted(
            (document.line(place), what) for what, place in zip(error.problems, error.places, strict=True)
        )
        raise CampaignError([f"{path}:{line}: {what}" for line, what in placed]) from None


def _question(data: Mapping[str, object], now: datetime) -> _Answer:
    if {"audience", "steps"} & data.keys():  # not the id, which rules have too
        condition = read_model(_Campaign, data).conditions or read_conditions([])
    elif RULE_KEYS & data.keys():
        rule_matches(data, (), now)
        return lambda records: rule_matches(data, records, now)
    else:
        condition = read_conditions(data)
    holding(condition, ())
    return lambda records: holding(condition, records)


def _as_rule(document: documents.Document) -> documents.Document:
    """Return a bare list of conditions as the rule that has no more to say."""
    lines = {("conditions", *place): line for place, line in document.lines.items()}
    return documents.Document({"conditions": document.data}, {(): 1, **lines})


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # editors of some systems write a mark in front
    except (OSError, UnicodeDecodeError):
        raise CampaignError([f"{path}: cannot be read as a text file in UTF-8"]) from None


def _document(path: Path) -> documents.Document:
    text = _text(path)
    try:
        if path.suffix == ".json":  # YAML reads most of it, but not how JSON escapes what is beyond ASCII
            return documents.Document(_json(text), {(): 1, **_lines(text)})
        return documents.parse(text)
    except json.JSONDecodeError as error:
        raise CampaignError([f"{path}:{error.lineno}: no JSON: {error.msg}"]) from None
    except documents.DocumentError as error:
        raise CampaignError([f"{path}:{line}: {what}" for line, what in error.problems]) from None


def _json(text: str) -> Any:  # noqa: ANN401 - a document
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except (RecursionError, ValueError):  # of thousands of digits
        msg = "nested too deeply, or a number too long"
        raise json.JSONDecodeError(msg, text, 0) from None


def _lines(text: str) -> Mapping[documents.Path, int]:
    try:
        return documents.parse(text).lines
    except documents.DocumentError:
        return {}


def _records(path: Path) -> tuple[list[int], list[Record]]:
    """Read the records and the line of each; `CampaignError` says the line of what is none."""
    found: list[tuple[int, Record]] = []
    problems: list[str] = []
    for number, line in _filled_lines(_text(path)):
        try:
            record = _json(line)
        except ValueError as error:
            problems.append(f"{path}:{number}: no JSON: {error}")
            continue
        if isinstance(record, dict):
            found.append((number, record))
        else:
            problems.append(f'{path}:{number}: a record is an object, such as {{"amount": 5}}')
    if problems:
        raise CampaignError(problems)
    return [number for number, _ in found], [record for _, record in found]


def _filled_lines(text: str) -> Iterator[tuple[int, str]]:
    # A line ends where JSON Lines says: some characters inside a text end a line for `splitlines`.
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
