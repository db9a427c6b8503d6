"""Ready campaigns (YAML) and their message templates: data, and how a template is found.

A template is a folder of parts, `subject.txt`, `body.html`, `sms.txt` and so on, in other languages
`body.fr.html`; layouts lie in `_layouts` beside the templates. A campaign's own templates take
precedence over the shipped ones, file by file for layouts.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from automation_pipelines.errors import ConfigurationError
from automation_pipelines.messages import FILES, NOTES, TemplateSource
from automation_pipelines.messages.locales import shortened
from automation_pipelines.messages.source import DEFAULT_LOCALE

FOLDER = Path(__file__).parent
TEMPLATES = "templates"
LAYOUTS = "_layouts"
LOCALE = "_locale"
"""A file beside the templates: the language of those without a tag, as one BCP 47 tag."""

_REFERENCE = re.compile(r"""\{%-?\s*(?:extends|include)\s+["']([\w-][\w.-]*)["']""")
_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_PART_OF = {file: part for part, file in FILES.items()}


def template_folders(campaign_file: Path) -> tuple[Path, ...]:
    """Return where templates of a campaign are looked for, in order of precedence."""
    return tuple(dict.fromkeys((campaign_file.parent / TEMPLATES, FOLDER / TEMPLATES)))


def template_names(folders: Sequence[Path]) -> frozenset[str]:
    """Return the names of all templates in these folders."""
    found = (
        path.parent.relative_to(folder)
        for folder in folders
        for file in _PART_OF
        for path in folder.rglob(file)
        if LAYOUTS not in path.parts
    )
    return frozenset(path.as_posix() for path in found)


def find_template(name: str, folders: Sequence[Path]) -> tuple[Path, TemplateSource]:
    """Read a template and the layouts it uses; `ConfigurationError` naming what is missing."""
    root = next((folder for folder in folders if (folder / name).is_dir()), None)
    if root is None:
        looked = ", ".join(str(folder) for folder in folders)
        msg = f"there is no template '{name}' in {looked}"
        raise ConfigurationError(msg)
    home = root / name
    parts = {key: _read(path).strip() if key[0] == "subject" else _read(path) for key, path in _parts(home)}
    if not parts:
        msg = f"the template '{name}' has no part in {home}, allowed: {', '.join(_PART_OF)}"
        raise ConfigurationError(msg)
    locale = _language(root)
    spoken = {short for tag in (locale, *(tag for _, tag in parts)) for short in shortened(tag)}
    layouts: dict[str, str] = {}
    for text in parts.values():
        _collect(text, folders, spoken, layouts)
    return home, _source(parts, layouts, locale)


def _parts(home: Path) -> Iterator[tuple[tuple[str, str], Path]]:
    """Yield the files of a template as (part, tag); what is called otherwise is none of it."""
    for path in sorted(home.iterdir()):
        stem, _, ending = path.name.rpartition(".")
        stem, _, tag = stem.partition(".")
        part = _PART_OF.get(f"{stem}.{ending}")
        if part is not None and path.is_file() and (not tag or _TAG.fullmatch(tag)):
            yield (part, tag), path


def _source(parts: Mapping[tuple[str, str], str], layouts: Mapping[str, str], locale: str) -> TemplateSource:
    plain = {part: text for (part, tag), text in parts.items() if not tag}
    locales: dict[str, dict[str, str]] = {}
    for (part, tag), text in parts.items():
        if tag:
            locales.setdefault(tag, {})[part] = text
    notes = {part: plain[part] for part in (*NOTES, "approved") if part in plain}
    return TemplateSource(
        plain.get("subject"), plain.get("html"), plain.get("text"), layouts, notes, locales, locale
    )


def _language(root: Path) -> str:
    file = root / LOCALE
    return _read(file).strip() if file.is_file() else DEFAULT_LOCALE


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        msg = f"the template file {path} cannot be read: {reason}"
        raise ConfigurationError(msg) from None


def _collect(text: str, folders: Sequence[Path], spoken: Collection[str], layouts: dict[str, str]) -> None:
    """Add the layouts that `text` refers to, in the languages spoken, and those they refer to."""
    for name in _REFERENCE.findall(text):
        for path in _told(name, folders, spoken):
            if path.name not in layouts:
                layouts[path.name] = _read(path)
                _collect(layouts[path.name], folders, spoken, layouts)


def _told(name: str, folders: Sequence[Path], spoken: Collection[str]) -> Iterator[Path]:
    """Yield the files of a layout, those of the first folder first."""
    stem, _, ending = name.rpartition(".")
    for folder in folders:
        for path in sorted((folder / LAYOUTS).glob(f"{stem}*.{ending}")):
            tag = path.name.removeprefix(stem).removesuffix(f".{ending}")
            if not tag or (tag[0] == "." and tag[1:].lower() in spoken):
                yield path
