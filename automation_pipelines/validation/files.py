"""Campaign files → drafts that make sense here, or every problem of every file at once.

Reads YAML, builds the spec, and checks it against what exists: audiences and their columns, channels,
actions, templates and their variables. Each problem says `file:line: what, allowed: …`. What is sent,
and when, is planning's; what a spec may say by itself is `campaign`'s.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from automation_pipelines.campaign import Campaign, Step
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.conditions import unknown
from automation_pipelines.errors import CampaignError, ConfigurationError
from automation_pipelines.messages import TemplateSource
from automation_pipelines.playbooks import find_template, template_folders, template_names
from automation_pipelines.validation import documents
from automation_pipelines.validation.declarations import Declared, Problem, declare
from automation_pipelines.validation.handoffs import Placed, handoff_checks
from automation_pipelines.validation.known import Known
from automation_pipelines.validation.programme import programme_checks, step_checks
from automation_pipelines.validation.rehearsal import rehearse
from automation_pipelines.validation.specimens import spoken


@dataclass(frozen=True, slots=True)
class Draft:
    """One campaign file that passed: as written, as understood, and the templates it uses."""

    path: Path
    text: str
    spec: Campaign
    templates: Mapping[str, TemplateSource]


@dataclass(frozen=True, slots=True)
class _File:
    """One file, understood as far as it can be."""

    path: Path
    text: str
    document: documents.Document
    declared: Declared

    def located(self, problems: Iterable[Problem]) -> list[str]:
        placed = sorted({(self.document.line(where), what) for where, what in problems})
        return [f"{self.path}:{line}: {what}" for line, what in placed]


def load(paths: Sequence[Path], known: Known) -> list[Draft]:
    """Read and check campaign files and folders of them; `CampaignError` with all problems of all files."""
    problems: list[str] = []
    files = [file for path in _paths(paths, problems) if (file := _read(path, problems))]
    problems += _repeated(files)
    drafts = []
    for file in files:
        templates: dict[str, TemplateSource] = {}
        spec = file.declared.spec
        checked = _checks(file, spec, known, templates) if spec else ()
        problems += file.located([*file.declared.problems, *checked])
        if spec:
            drafts.append(Draft(file.path, file.text, spec, templates))
    if problems:
        raise CampaignError(problems)
    return drafts


def _paths(paths: Sequence[Path], problems: list[str]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml"))
            if not found:
                problems.append(f"{path}: the folder has no campaign files (*.yaml)")
            yield from found
        elif path.is_file():
            yield path
        else:
            problems.append(f"{path}: there is no such file or folder")


def understand(path: Path) -> Campaign:
    """Read one file whose templates may be wrong; `CampaignError` with what makes no sense by itself."""
    problems: list[str] = []
    file = _read(path, problems)
    if file is None:
        raise CampaignError(problems)
    spec = file.declared.spec
    strange = [_no_audience(spec, AUDIENCES)] if spec and spec.audience not in {"", *AUDIENCES} else []
    problems += file.located([*file.declared.problems, *strange])
    if spec is None or problems:
        raise CampaignError(problems)
    return spec


def _no_audience(spec: Campaign, audiences: Collection[str]) -> Problem:
    return ("audience",), unknown("audience", spec.audience, audiences)


def _read(path: Path, problems: list[str]) -> _File | None:
    try:
        text = path.read_text(encoding="utf-8")
        document = documents.parse(text)
    except (OSError, UnicodeDecodeError):
        problems.append(f"{path}: cannot be read as a text file in UTF-8")
    except documents.DocumentError as error:
        problems += [f"{path}:{line}: {what}" for line, what in error.problems]
    else:
        return _File(path, text, document, declare(document))
    return None


def _repeated(files: Sequence[_File]) -> Iterator[str]:
    first: dict[object, Path] = {}
    for file in files:
        data = file.document.data
        if isinstance(data, dict) and isinstance(data.get("id"), str):
            known = first.setdefault(data["id"], file.path)
            if known != file.path:
                what = f"id: the campaign '{data['id']}' is already declared in {known}"
                yield from file.located([(("id",), what)])


def _checks(
    file: _File, spec: Campaign, known: Known, templates: dict[str, TemplateSource]
) -> Iterator[Problem]:
    """Check the understood parts against what exists; fills `templates`."""
    steps = [Placed(("steps", number), step) for number, step in file.declared.steps]
    audience = known.audiences.get(spec.audience)
    if audience is not None:
        yield from programme_checks(spec, audience)
        yield from (problem for placed in steps for problem in step_checks(placed, audience))
    elif spec.audience:
        yield _no_audience(spec, known.audiences)
    for placed in steps:
        yield from handoff_checks(placed, spec, known, audience)
    yield from _template_checks(file, steps, known, templates)


def _template_checks(
    file: _File, steps: Sequence[Placed], known: Known, templates: dict[str, TemplateSource]
) -> Iterator[Problem]:
    spec, segments = file.declared.spec, known.sms_segments
    audience = known.audiences.get(spec.audience) if spec else None
    folders = template_folders(file.path)
    for place, step in (worded for placed in steps for worded in _wordings(placed)):
        name = step.template
        if name is None:
            continue
        try:
            home, source = find_template(name, folders)
        except ConfigurationError as error:
            names = template_names(folders)
            what = str(error) if name in names else f"{unknown('template', name, names)}; {error}"
            yield place, what
            continue
        templates[name] = source
        if audience is not None:
            wrong = rehearse(home, source, audience, spec, step, sms_segments=segments)
            yield from ((place, what) for what in wrong)


def _wordings(placed: Placed) -> Iterator[tuple[documents.Path, Step]]:
    """Yield the step with what it says, and as each variant says it otherwise."""
    for variant, step in spoken(placed.step):
        yield placed.at(*(("variants", variant) if variant else ("template",))), step
