"""Ready campaigns (YAML) and their message templates: data, and how a template is found.

A template is a folder of three files; layouts lie in `_layouts` beside the templates. A campaign's own
templates take precedence over the shipped ones, file by file for layouts.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from automation_pipelines.errors import ConfigurationError
from automation_pipelines.messages import TemplateSource

FOLDER = Path(__file__).parent
TEMPLATES = "templates"
LAYOUTS = "_layouts"
PARTS: Mapping[str, str] = {"subject": "subject.txt", "html": "body.html", "text": "body.txt"}

_REFERENCE = re.compile(r"""\{%-?\s*(?:extends|include)\s+["']([\w-][\w.-]*)["']""")


def template_folders(campaign_file: Path) -> tuple[Path, ...]:
    """Return where templates of a campaign are looked for, in order of precedence."""
    return tuple(dict.fromkeys((campaign_file.parent / TEMPLATES, FOLDER / TEMPLATES)))


def template_names(folders: Sequence[Path]) -> frozenset[str]:
    """Return the names of all templates in these folders."""
    found = (path.parent.relative_to(folder) for folder in folders for path in folder.rglob("subject.txt"))
    return frozenset(path.as_posix() for path in found)


def find_template(name: str, folders: Sequence[Path]) -> tuple[Path, TemplateSource]:
    """Read a template and the layouts it uses; `ConfigurationError` naming what is missing."""
    home = next((folder / name for folder in folders if (folder / name).is_dir()), None)
    if home is None:
        looked = ", ".join(str(folder) for folder in folders)
        msg = f"there is no template '{name}' in {looked}"
        raise ConfigurationError(msg)
    parts = {part: _read(home / file) for part, file in PARTS.items()}
    layouts: dict[str, str] = {}
    for text in parts.values():
        _collect(text, folders, layouts)
    return home, TemplateSource(parts["subject"].strip(), parts["html"], parts["text"], layouts)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        msg = f"the template file {path} cannot be read: {reason}"
        raise ConfigurationError(msg) from None


def _collect(text: str, folders: Sequence[Path], layouts: dict[str, str]) -> None:
    """Add the layouts that `text` refers to, and those they refer to."""
    for name in _REFERENCE.findall(text):
        path = next((p for p in (folder / LAYOUTS / name for folder in folders) if p.is_file()), None)
        if name not in layouts and path is not None:
            layouts[name] = _read(path)
            _collect(layouts[name], folders, layouts)
