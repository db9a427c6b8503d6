"""Commands one after the other, for products that count every request; and how their errors are told."""

import re
from collections.abc import Callable, Iterable, Sequence

from automation_pipelines.catalogue.integrations import Integrated, integrated
from automation_pipelines.model import Command, Handoff, Outcome, Reject, Retry

_ADDRESS = re.compile(r"[^\s@<>\"'(]+@[^\s@<>\"')]+\.[^\s@<>\"')]+")
_LONGEST = 500

Deliver = Callable[[Integrated, Command], Outcome | None]


def in_turn(product: str, handoffs: Sequence[Handoff], deliver: Deliver) -> list[Outcome | None]:
    """Deliver each command for a product; after a failure that is the product's nothing more is asked."""
    answers: list[Outcome | None] = []
    closed: Retry | None = None
    for handoff in handoffs:
        ready = _ready(product, handoff)
        answer = ready if isinstance(ready, Reject) else closed or deliver(*ready)
        if isinstance(answer, Retry) and answer.provider:
            closed = answer
        answers.append(answer)
    return answers


def _ready(product: str, handoff: Handoff) -> tuple[Integrated, Command] | Reject:
    """The command with its action, when it is one for this product that has all it needs."""
    if not isinstance(handoff, Command) or handoff.target != product:
        return Reject(f"{type(handoff).__name__} is nothing for channel {product}")
    action = integrated(product, handoff.action)
    if action is None:
        return Reject(f"integration {product} has no action '{handoff.action}'")
    wrong = next(action.objections(handoff.parameters), None)
    if wrong is not None:
        return Reject(f"action '{action.name}' of {product}: {wrong}"[:_LONGEST])
    return action, handoff


def discreet(text: str, secrets: Iterable[str]) -> str:
    """What a product said, without secrets and people's addresses, on one line that is not too long."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return _ADDRESS.sub("***", " ".join(text.split()))[:_LONGEST]
