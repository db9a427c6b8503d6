"""What integrations can do: the actions of other products that a campaign may name, and what each takes.

One typed entry each. How a product is asked to do it is its channel's.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from automation_pipelines.catalogue.actions import Parameter, ValueType

FIELDS = "fields"
"""The parameter that holds any further fields, by the product's own names."""


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter, and what the product calls it."""

    parameter: Parameter
    theirs: str


@dataclass(frozen=True, slots=True)
class Integrated:
    """One action of another product."""

    name: str
    doc: str
    record: str = ""
    """What it adds or changes, in the product's words."""
    fields: tuple[Field, ...] = ()
    found_by: tuple[Field, ...] = ()
    """Exactly one of these says which record is changed; none: a record is added."""
    about: tuple[Field, ...] = ()
    """Records of other kinds that what is added is tied to: `contacts.email` is the contact with that."""
    open: bool = False
    """Whether further `fields` are taken by the product's own names."""

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Everything it takes by name, but for `fields`."""
        return {one.parameter.name: one.parameter for one in (*self.found_by, *self.fields, *self.about)}

    @property
    def names(self) -> list[str]:
        """Everything it takes."""
        return [*self.parameters, *([FIELDS] if self.open else [])]

    def resolved(self, given: Mapping[str, Any], day: date) -> dict[str, Any]:
        """The parameters with dates such as `+3d` counted from `day`."""
        known = self.parameters
        return {
            name: known[name].resolved(value, day) if name in known else value
            for name, value in given.items()
        }

    def objections(
        self, given: Mapping[str, Any], unsure: Callable[[object], bool] = lambda _: False
    ) -> Iterator[str]:
        """Say what is wrong with these parameters; of those that are `unsure` only that they are there."""
        known, found_by = self.parameters, [one.parameter.name for one in self.found_by]
        for name, parameter in known.items():
            if name not in given and not parameter.optional and name not in found_by:
                yield f"needs '{name}'"
        if found_by and sum(given.get(name) is not None for name in found_by) != 1:
            yield f"needs one of {', '.join(found_by)}"
        if found_by and not given.keys() - found_by:
            yield "needs something to change"
        for name, value in given.items():
            if name == FIELDS and self.open:
                yield from _free(value)
            elif name not in known:
                yield f"takes no '{name}', allowed: {', '.join(self.names)}"
            elif not unsure(value) and (wrong := known[name].objection(value)):
                yield wrong

    def values(self, given: Mapping[str, Any], word: Callable[[str], str]) -> dict[str, Any]:
        """What is written, by the product's own names; what is null stays as it is.

        `word` writes one of a list of words as the product does.
        """
        written = {one.theirs: self._written(one, given.get(one.parameter.name), word) for one in self.fields}
        everything = {**written, **given.get(FIELDS, {})}
        return {name: value for name, value in everything.items() if value is not None}

    @staticmethod
    def _written(field: Field, value: Any, word: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON
        return word(value) if field.parameter.values and value is not None else value

    def others(self, given: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
        """The records it is tied to: their kind, and the field and the value that say which."""
        for one in self.about:
            if (value := given.get(one.parameter.name)) is not None:
                record, _, name = one.theirs.partition(".")
                yield record, name, value

    def key(self, given: Mapping[str, Any]) -> tuple[str, Any]:
        """The field that says which record is changed, by the product's own name, and its value."""
        return next(
            (one.theirs, given[one.parameter.name])
            for one in self.found_by
            if given.get(one.parameter.name) is not None
        )


def _free(value: object) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"'{FIELDS}' must list fields by the product's own names"
        return
    for name, one in value.items():
        if one is not None and not isinstance(one, str | int | float | bool):
            yield f"'{FIELDS}.{name}' must be one value"


def _field(
    name: str, theirs: str, kind: ValueType = "text", *, needed: bool = False, values: tuple[str, ...] = ()
) -> Field:
    return Field(Parameter(name, kind, values, optional=not needed), theirs)


_HUBSPOT_ABOUT = (_field("contact", "contacts.email"), _field("company", "companies.name"))
_HUBSPOT = (
    Integrated(
        "create-deal",
        "Adds a deal.",
        "deals",
        (
            _field("title", "dealname", needed=True),
            _field("stage", "dealstage"),
            _field("pipeline", "pipeline"),
            _field("amount", "amount", "number"),
            _field("close_on", "closedate", "date"),
            _field("description", "description"),
            _field("owner", "hubspot_owner_id", "any"),
        ),
        about=_HUBSPOT_ABOUT,
        open=True,
    ),
    Integrated(
        "create-task",
        "Adds a task.",
        "tasks",
        (
            _field("title", "hs_task_subject", needed=True),
            _field("description", "hs_task_body"),
            _field("due_on", "hs_timestamp", "date"),
            _field("priority", "hs_task_priority", values=("low", "medium", "high")),
            _field("owner", "hubspot_owner_id", "any"),
        ),
        about=_HUBSPOT_ABOUT,
        open=True,
    ),
    Integrated(
        "create-note",
        "Adds a note.",
        "notes",
        (_field("text", "hs_note_body", needed=True), _field("owner", "hubspot_owner_id", "any")),
        about=_HUBSPOT_ABOUT,
        open=True,
    ),
    Integrated(
        "update-contact",
        "Changes one contact.",
        "contacts",
        (_field("stage", "lifecyclestage"), _field("status", "hs_lead_status")),
        (_field("email", "email"), _field("id", "hs_object_id", "any")),
        open=True,
    ),
    Integrated(
        "update-company",
        "Changes one company.",
        "companies",
        (_field("stage", "lifecyclestage"), _field("status", "hs_lead_status")),
        (_field("domain", "domain"), _field("name", "name"), _field("id", "hs_object_id", "any")),
        open=True,
    ),
)
_SALESFORCE = (
    Integrated(
        "create-task",
        "Adds a task.",
        "Task",
        (
            _field("title", "Subject", needed=True),
            _field("description", "Description"),
            _field("due_on", "ActivityDate", "date"),
            _field("priority", "Priority", values=("low", "normal", "high")),
            _field("owner", "OwnerId"),
            _field("about", "WhatId"),
            _field("who", "WhoId"),
        ),
        open=True,
    ),
    Integrated(
        "create-case",
        "Adds a case.",
        "Case",
        (
            _field("title", "Subject", needed=True),
            _field("description", "Description"),
            _field("priority", "Priority", values=("low", "medium", "high")),
            _field("account", "AccountId"),
            _field("contact", "ContactId"),
            _field("owner", "OwnerId"),
        ),
        open=True,
    ),
    Integrated(
        "create-lead",
        "Adds a lead.",
        "Lead",
        (
            _field("last_name", "LastName", needed=True),
            _field("company", "Company", needed=True),
            _field("first_name", "FirstName"),
            _field("email", "Email"),
            _field("phone", "Phone"),
            _field("description", "Description"),
        ),
        open=True,
    ),
    Integrated(
        "create-opportunity",
        "Adds an opportunity.",
        "Opportunity",
        (
            _field("title", "Name", needed=True),
            _field("stage", "StageName", needed=True),
            _field("close_on", "CloseDate", "date", needed=True),
            _field("amount", "Amount", "number"),
            _field("account", "AccountId"),
            _field("description", "Description"),
        ),
        open=True,
    ),
    Integrated(
        "update-account",
        "Changes one account; `status` is a field of your own, `Status__c`.",
        "Account",
        (_field("status", "Status__c"), _field("owner", "OwnerId")),
        (_field("name", "Name"), _field("id", "Id")),
        open=True,
    ),
    Integrated(
        "update-contact",
        "Changes one contact; `status` is a field of your own, `Status__c`.",
        "Contact",
        (_field("status", "Status__c"), _field("owner", "OwnerId")),
        (_field("email", "Email"), _field("id", "Id")),
        open=True,
    ),
)
_SLACK = (
    Integrated(
        "post-message",
        "Posts a message to a channel; without one to where the address in AUTOMATION_CHAT__URLS leads.",
        fields=(
            _field("text", "text", needed=True),
            _field("title", "title"),
            _field("channel", "channel"),
        ),
    ),
)
INTEGRATIONS: Mapping[str, Mapping[str, Integrated]] = {
    product: {one.name: one for one in entries}
    for product, entries in (("hubspot", _HUBSPOT), ("salesforce", _SALESFORCE), ("slack", _SLACK))
}
"""By product and name."""


def integrated(product: str, name: str) -> Integrated | None:
    """The action of that name, with hyphens or underscores; `None`: there is none."""
    return INTEGRATIONS.get(product, {}).get(name.replace("_", "-"))
