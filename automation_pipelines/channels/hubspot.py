"""Actions in HubSpot, by the library hubspot-api-client.

Changing a record twice is changing it once. With a property of ours that holds the identity, a record is
added by upsert, so every hand-off can be repeated. Without one, its text carries a mark that is looked for
before it is added; HubSpot's search lags by some seconds, so what is in doubt is not repeated at once.
What errors mean is `hubspot_errors`'.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from functools import cached_property
from typing import Any

from hubspot import HubSpot
from urllib3 import Retry as Retries

from automation_pipelines.catalogue.integrations import Integrated
from automation_pipelines.channels.hubspot_errors import UnreadableError, certain, words
from automation_pipelines.channels.turns import discreet, in_turn
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Command, Handoff, Outcome, Reject, Retry, Sent
from automation_pipelines.settings import Settings
from automation_pipelines.settings.providers import HubSpot as Account

_CONNECT_SECONDS, _ANSWER_SECONDS = 10.0, 30.0
_TEXTS = {"deals": "description", "tasks": "hs_task_body", "notes": "hs_note_body"}
"""The property that a mark is put into."""
_DATED = frozenset({"tasks", "notes"})
"""Records that HubSpot takes only with a time."""
_TIES = {
    ("deals", "contacts"): 3,
    ("deals", "companies"): 341,
    ("tasks", "contacts"): 204,
    ("tasks", "companies"): 192,
    ("notes", "contacts"): 202,
    ("notes", "companies"): 190,
}
"""HubSpot's own numbers for how records are tied to each other."""


def build(name: str, settings: Settings) -> "HubSpotChannel":
    """The channel of the account in the settings; connects to nothing yet."""
    if settings.hubspot is None:
        msg = f"channel '{name}' is not configured: set AUTOMATION_HUBSPOT__ACCESS_TOKEN"
        raise ConfigurationError(msg)
    return HubSpotChannel(name, settings.hubspot)


class _Unknown(Exception):  # noqa: N818 - it is an answer
    """A record that is named is not there, or not the only one of that name."""


class HubSpotChannel:
    """Channel `hubspot`."""

    def __init__(self, name: str, account: Account) -> None:
        """Remember whose it is."""
        self.name = name
        self._account = account

    @property
    def repeatable(self) -> bool:
        """Whether there is a property that holds the identity."""
        return self._account.identity_property is not None

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Ask for one after the other."""
        return in_turn(self.name, handoffs, self._deliver)

    def close(self) -> None:
        """Give back the connections."""
        for name in ("_basic", "_batch", "_search", "_associations"):
            if name in self.__dict__:
                self.__dict__.pop(name).api_client.rest_client.pool_manager.clear()

    def _deliver(self, action: Integrated, command: Command) -> Outcome | None:
        try:
            return self._do(action, command)
        except _Unknown as unknown:
            return Reject(str(unknown))
        except Exception as error:  # noqa: BLE001 - a bug with one command must not stop the others
            # Whatever was asked so far can be asked again.
            return self._discreet(self._certain(error) or Retry(words(error)))

    def _certain(self, error: Exception) -> Retry | Reject | None:
        return certain(error, self._account.identity_property)

    def _do(self, action: Integrated, command: Command) -> Outcome | None:
        properties = _properties(action, command)
        if action.found_by:
            return self._change(action, command, properties)
        others = [(kind, self._id(kind, *key)) for kind, *key in action.others(command.parameters)]
        if self._account.identity_property is not None:
            own = {self._account.identity_property: command.identity}
            return self._upsert(action.record, own, {**properties, **own}, others)
        before = self._marked(action.record, command)
        return before or self._add(action.record, command, properties, others)

    def _change(self, action: Integrated, command: Command, properties: Mapping[str, str]) -> Outcome:
        found = self._id(action.record, *action.key(command.parameters))
        self._asked(self._basic.update, action.record, found, {"properties": properties})
        return Sent(found)

    def _upsert(
        self,
        record: str,
        own: Mapping[str, str],
        properties: Mapping[str, str],
        others: Sequence[tuple[str, str]],
    ) -> Outcome:
        [(name, identity)] = own.items()
        one = {"idProperty": name, "id": identity, "properties": properties}
        answer = self._asked(self._batch.upsert, record, {"inputs": [one]})
        for error in getattr(answer, "errors", None) or ():
            return self._discreet(Reject(f"HubSpot answers 207 {error.category}: {error.message}"))
        found = _id_of(next(iter(answer.results or ()), None))
        for kind, other in others:
            self._asked(self._associations.create_default, record, found, kind, other)
        return Sent(found)

    def _marked(self, record: str, command: Command) -> Sent | None:
        """What was added before, if the search knows of it already."""
        mark = {"propertyName": _TEXTS[record], "operator": "CONTAINS_TOKEN", "value": _mark(command)}
        found = self._searched(record, mark)
        return Sent(found[0]) if found else None

    def _add(
        self, record: str, command: Command, properties: Mapping[str, str], others: Sequence[tuple[str, str]]
    ) -> Outcome | None:
        text = _TEXTS[record]
        marked = {**properties, text: f"{properties.get(text, '')}\n[{_mark(command)}]".lstrip()}
        ties = [_tie(record, kind, other) for kind, other in others]
        try:
            answer = _id_of(
                self._asked(self._basic.create, record, {"properties": marked, "associations": ties})
            )
        except Exception as error:  # noqa: BLE001 - after this one nothing can be repeated
            known = self._certain(error)
            return self._discreet(known) if known is not None else None
        return Sent(answer)

    def _id(self, record: str, name: str, value: object) -> str:
        """The id of the one record that is meant."""
        if name == "hs_object_id":
            if str(value).isascii() and str(value).isdecimal():
                return str(value)
            raise _Unknown(f"that is no id of {record}")  # noqa: EM102, TRY003
        found = self._searched(record, {"propertyName": name, "operator": "EQ", "value": str(value)})
        if len(found) != 1:
            how_many = "several" if found else "none"
            msg = f"HubSpot has {how_many} of {record} with this {name}: give the id, or add it there"
            raise _Unknown(msg)
        return found[0]

    def _searched(self, record: str, condition: Mapping[str, str]) -> list[str]:
        wanted = {"filterGroups": [{"filters": [condition]}], "properties": [], "limit": 2}
        return [str(one.id) for one in self._asked(self._search.do_search, record, wanted).results]

    def _asked(self, question: Callable[..., Any], *what: object) -> Any:  # noqa: ANN401 - the library's
        client = question.__self__.api_client  # type: ignore[attr-defined]
        client.last_response = None
        try:
            return question(*what, _request_timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS))
        except Exception as error:
            if client.last_response is None:
                raise
            raise UnreadableError from error

    def _discreet(self, answer: Retry | Reject) -> Retry | Reject:
        return replace(answer, error=discreet(answer.error, [self._account.access_token.get_secret_value()]))

    # An API of the library is kept, for it keeps its connections.
    @cached_property
    def _basic(self) -> Any:  # noqa: ANN401
        return self._client.crm.objects.basic_api

    @cached_property
    def _batch(self) -> Any:  # noqa: ANN401
        return self._client.crm.objects.batch_api

    @cached_property
    def _search(self) -> Any:  # noqa: ANN401
        return self._client.crm.objects.search_api

    @cached_property
    def _associations(self) -> Any:  # noqa: ANN401
        return self._client.crm.associations.v4.basic_api

    @property
    def _client(self) -> HubSpot:
        return HubSpot(
            access_token=self._account.access_token.get_secret_value(),
            host=self._account.url,
            retry=Retries(0, raise_on_redirect=False),
        )


def _properties(action: Integrated, command: Command) -> dict[str, str]:
    """What is written, in HubSpot's form: texts, and instants for dates."""
    dates = {one.theirs for one in action.fields if one.parameter.type == "date"}
    values = action.values(command.parameters, str.upper)
    texts = {name: f"{value}T00:00:00Z" if name in dates else _text(value) for name, value in values.items()}
    if action.record in _DATED and command.at is not None:
        texts.setdefault("hs_timestamp", f"{command.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    return texts


def _id_of(answer: Any) -> str:  # noqa: ANN401 - the library's
    found = getattr(answer, "id", None)
    if found is None:
        raise UnreadableError
    return str(found)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mark(command: Command) -> str:
    """One word, so that a search for words finds it."""
    return f"ref{command.identity.replace('.', '')}"


def _tie(record: str, kind: str, other: str) -> dict[str, object]:
    number = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": _TIES[record, kind]}
    return {"to": {"id": other}, "types": [number]}
