"""Values of any JSON shape whose texts are templates: of an action, a request, an integration.

A text that is nothing but one expression keeps the type of what it yields, so `{{ amount }}` is a number;
any other text becomes a text. Keys are left as they are.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import nodes

from automation_pipelines.errors import MessageError
from automation_pipelines.messages.environment import TEXT, check, named, names_in


@dataclass(frozen=True, slots=True)
class _Value:
    """One text, compiled."""

    evaluate: Callable[[Mapping[str, Any]], object]
    needed: frozenset[str]
    names: Mapping[str, str]


def fill_values(value: Any, variables: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - JSON
    """Fill in every text of `value`; `MessageError` names the text and what it lacks."""
    match value:
        case str():
            return _fill(value, variables, name)
        case Mapping():
            return {key: fill_values(one, variables, f"{name}.{key}") for key, one in value.items()}
        case list() | tuple():
            return [fill_values(one, variables, f"{name}.{place}") for place, one in enumerate(value)]
        case _:
            return value


def needed_by(value: object, name: str) -> Iterator[tuple[str, set[str]]]:
    """Yield each text of `value` with the variables it needs; `MessageError` for one with a mistake."""
    match value:
        case str():
            yield name, set(_compiled(value, name).needed)
        case Mapping():
            for key, one in value.items():
                yield from needed_by(one, f"{name}.{key}")
        case list() | tuple():
            for place, one in enumerate(value):
                yield from needed_by(one, f"{name}.{place}")


def is_template(value: object) -> bool:
    """Whether a value is a text that holds an expression or a statement."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _fill(text: str, variables: Mapping[str, Any], name: str) -> object:
    if not is_template(text):
        return text
    value = _compiled(text, name)
    try:
        return value.evaluate(named(variables, value.names))
    except Exception as error:  # a template can raise anything, and must take down only its own job
        msg = f"{name}: {type(error).__name__}: {error}"
        raise MessageError(msg) from error


@lru_cache(maxsize=1024)
def _compiled(text: str, name: str) -> _Value:
    check(name, text)
    names = names_in(TEXT, text)
    alone = _alone(TEXT.parse(text), text)
    return _Value(
        TEXT.from_string(text).render if alone is None else _typed(alone), names.needed, names.pasted
    )


def _alone(tree: nodes.Template, text: str) -> str | None:
    """Return the only expression of a text that holds nothing else."""
    match tree.body:
        case [nodes.Output(nodes=[only])] if not isinstance(only, nodes.TemplateData):
            # A sign directly at the braces is about white space.
            return text.strip()[2:-2].removeprefix("-").removeprefix("+").removesuffix("-")
        case _:
            return None


def _typed(expression: str) -> Callable[[Mapping[str, Any]], object]:
    compiled = TEXT.compile_expression(expression, undefined_to_none=False)

    def evaluate(variables: Mapping[str, Any]) -> object:
        value = compiled(variables)
        # What is undefined says so when it is printed.
        return str(value) if isinstance(value, str | jinja2.Undefined) else value

    return evaluate
