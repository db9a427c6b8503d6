"""Conditions as plain data → trees, or one error that names every condition that is refused.

For loose documents. A campaign file is read by `validation`, which knows the lines of the file.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from automation_pipelines.conditions.tree import FORMS, Condition
from automation_pipelines.errors import ConditionError

Place = tuple[str | int, ...]
_Model = TypeVar("_Model", bound=BaseModel)
_VALUE = "write a text, a number, true, false or null, or for in and not_in a list of those"
_SAID = (  # for what pydantic says
    ("valid tuple", "a list of conditions is needed"),
    ("Tuple should have at least", "a list of at least one condition is needed"),
    ("valid dictionary or instance of Condition", FORMS),
)


class _Conditions(BaseModel):
    model_config = ConfigDict(frozen=True)

    conditions: tuple[Condition, ...]


def read_conditions(data: object) -> Condition:
    """Read one condition, or a list of them that must all hold; `ConditionError` for what is refused."""
    if isinstance(data, Condition):
        return data
    if isinstance(data, Mapping):
        return read_model(Condition, data)
    read = read_model(_Conditions, {"conditions": data})
    return Condition.model_validate({"all": read.conditions})


def read_model(model: type[_Model], data: Mapping[str, object]) -> _Model:
    """Read a document that holds conditions; `ConditionError` names each thing that is refused."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
        if any(detail["type"].startswith("recursion") for detail in details):
            raise ConditionError(["conditions are nested too deeply"], [()]) from None
        found = dict(_placed(data, detail["loc"], detail["msg"]) for detail in details)
    raise ConditionError([_said(data, place, what) for place, what in found.items()], list(found))


def _placed(data: object, loc: Place, message: str) -> tuple[Place, str]:
    """Return the place of a problem in the document, and what it is."""
    for number, key in enumerate(loc):
        if key == "value" and isinstance(data, Mapping) and "field" in data:
            return loc[: number + 1], _VALUE  # a step further are the types that were tried in vain
        data = _inside(data, key)
    what = message.removeprefix("Value error, ")
    return loc, next((said for part, said in _SAID if part in what), what)


def _said(data: object, place: Place, what: str) -> str:
    """Say `conditions[1].any[0] on 'amount': what`."""
    where, name = "", ""
    for key in (*place, ""):
        if isinstance(data, Mapping) and "field" in data:
            name = f" on {data['field']!r}"
        data = _inside(data, key)
        where += f"[{key}]" if isinstance(key, int) else f".{key}" * bool(key)
    where = f"{where or 'condition'}".removeprefix(".")
    return f"{where}{'' if 'condition on' in what else name}: {what}"


def _inside(data: Any, key: str | int) -> object:  # noqa: ANN401 - a document
    """Return what the document holds there; nothing, where it only should."""
    if isinstance(data, Mapping) and isinstance(key, str):
        return data.get(key)
    if isinstance(data, Sequence) and not isinstance(data, str) and isinstance(key, int):
        return data[key]
    return None
