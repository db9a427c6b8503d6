"""A template tried out: what it would say, and everything it lacks, without stopping at the first.

For rehearsals and previews; nothing here is delivered.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jinja2

from automation_pipelines.errors import MessageError
from automation_pipelines.messages.links import Tracker
from automation_pipelines.messages.source import Content, NoteContent, TemplateSource
from automation_pipelines.messages.template import MessageTemplate


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it by channel; where something is `missing`, its name stands in the text."""

    said: Mapping[str, Content | NoteContent]
    missing: tuple[str, ...]
    problems: tuple[str, ...]


class Rehearsed:
    """A template compiled for trials, of which there may be many. Not for several threads."""

    def __init__(self, source: TemplateSource) -> None:
        """Compile; `MessageError` for a template that cannot be."""
        self._gaps: dict[str, None] = {}
        self._spaces: dict[int, str] = {}
        self._template = MessageTemplate(source, _gap(self._note))

    @property
    def needed(self) -> Mapping[str, set[str]]:
        """The variables each part cannot do without."""
        return self._template.needed

    def try_out(
        self,
        variables: Mapping[str, Any],
        channels: Iterable[str],
        subject: str | None = None,
        tracker: Tracker | None = None,
    ) -> Trial:
        """Render for each channel, whatever is missing."""
        self._gaps.clear()
        self._spaces = {id(value): name for name, value in variables.items() if isinstance(value, Mapping)}
        said: dict[str, Content | NoteContent] = {}
        problems: dict[str, None] = {}
        for channel in channels:
            try:
                said[channel] = _say(self._template, channel, variables, subject, tracker)
            except MessageError as error:
                problems[str(error)] = None
        return Trial(said, tuple(self._gaps), tuple(problems))

    def _note(self, gap: jinja2.Undefined) -> str:
        space = self._spaces.get(id(gap._undefined_obj))  # noqa: SLF001 - the class is extended here
        name = str(gap._undefined_name)  # noqa: SLF001
        self._gaps[f"{space}.{name}" if space else name] = None
        return f"{space}.{name}" if space else name


def _say(
    template: MessageTemplate,
    channel: str,
    variables: Mapping[str, Any],
    subject: str | None,
    tracker: Tracker | None,
) -> Content | NoteContent:
    if channel == "email":
        return template.render(variables, subject, tracker)
    return template.render_note(channel, variables, subject)


def _gap(note: Callable[[jinja2.Undefined], str]) -> type[jinja2.Undefined]:
    class Gap(jinja2.ChainableUndefined):
        __slots__ = ()

        def __str__(self) -> str:
            return f"{{{{ {note(self)} }}}}"

        def __iter__(self) -> Iterator[Any]:
            note(self)
            return iter(())

        def __bool__(self) -> bool:
            note(self)
            return False

        def __len__(self) -> int:
            note(self)
            return 0

    return Gap
