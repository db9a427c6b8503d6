"""What counts as the work of a message, and what a message costs: what the settings say, read."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

ALLOWED_COSTS = "parts such as 'email=0.08, sms=4.5': minor units (cents) of the tenant's currency a message"
_COST = re.compile(r"(?P<channel>[a-z_]+) *= *(?P<cost>\d{1,9}(\.\d{1,6})?)", re.ASCII)
_PURPOSES = ("marketing", "transactional")


def read_costs(text: str) -> Mapping[str, float]:
    """What a message costs by channel; `ValueError` where the text does not say."""
    costs: dict[str, float] = {}
    for part in filter(None, map(str.strip, re.split("[,;]", text))):
        found = _COST.fullmatch(part)
        if found is None:
            msg = f"'{part}' is no cost of a channel"
            raise ValueError(msg)
        costs[found["channel"]] = float(found["cost"])
    return costs


def _purposes(value: str) -> str:
    words = [word.strip() for word in value.split(",")]
    if not set(words) <= set(_PURPOSES):
        kind, advice = "purposes", f"write {' or '.join(_PURPOSES)}, or both with a comma between them"
        raise PydanticCustomError(kind, advice)
    return ",".join(dict.fromkeys(words))


class Attribution(BaseModel):
    """Which messages a conversion is credited to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: int = Field(
        default=7, ge=1, le=30, description="How long after a message a conversion may be its work."
    )
    touch: Literal["sent", "clicked"] = Field(
        default="sent", description="Whether being sent is enough, or a person must have clicked."
    )
    model: Literal["last", "first", "even"] = Field(
        default="last",
        description="Of several messages, whom returns credit: the last, the first, or each evenly.",
    )
    purposes: Annotated[str, AfterValidator(_purposes)] = Field(
        default="marketing", description="Purposes of the messages that may be credited, separated by commas."
    )
