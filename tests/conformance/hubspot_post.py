"""HubSpot as far as the channel asks it: records, a property with unique values, a search that lags, ties."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from automation_pipelines.channels import hubspot
from automation_pipelines.channels.hubspot import HubSpotChannel
from automation_pipelines.model import Command
from automation_pipelines.settings.providers import HubSpot
from tests.conformance.posts import AT, SECRET
from tests.loopback import Asked, Loopback, Said

_OBJECTS = re.compile(r"/crm/v3/objects/(\w+)(?:/(search|batch/upsert|\d+))?")
_DEFAULT_TIE = re.compile(r"/crm/v4/objects/(\w+)/(\d+)/associations/default/(\w+)/(\d+)")


def wrong(status: int, category: str, message: str, **headers: str) -> Said:
    """An error in HubSpot's form."""
    return Said(status, {"status": "error", "category": category, "message": message}, headers)


@dataclass
class HubSpotPost:
    """An account with one private app."""

    identity_property: str | None = None
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id."""
    ties: set[tuple[str, str]] = field(default_factory=set)
    indexed: int = 0
    """How many of the records the search knows."""
    token: str = SECRET
    server: Loopback = field(init=False)
    channel: HubSpotChannel = field(init=False)

    def __post_init__(self) -> None:
        self.server = Loopback(self._answer, crucial=lambda asked: not asked.path.endswith("/search"))
        self.server.start()
        self.channel = HubSpotChannel(
            "hubspot",
            HubSpot(
                access_token=SecretStr(SECRET),
                identity_property=self.identity_property,
                url=f"http://localhost:{self.server.port}",
            ),
        )

    def add(self, record: str, **values: Any) -> str:
        """A record more; its id."""
        key = str(101 + len(self.records))
        self.records[key] = {"record": record, **values}
        return key

    def index(self) -> None:
        """Let the search catch up."""
        self.indexed = len(self.records)

    def _answer(self, asked: Asked) -> Said:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return wrong(401, "INVALID_AUTHENTICATION", f"unknown: {asked.headers.get('authorization')}")
        if tie := _DEFAULT_TIE.fullmatch(asked.path):
            self.ties.add((tie[2], tie[4]))
            return Said(200, {"status": "COMPLETE", "results": []})
        record, rest = _OBJECTS.fullmatch(asked.path).groups()  # type: ignore[union-attr]
        match rest:
            case "search":
                return self._search(record, asked.json)
            case "batch/upsert":
                return self._upsert(record, asked.json["inputs"][0])
            case None:
                return self._create(record, asked.json)
            case key:
                return self._update(key, asked.json)

    def _create(self, record: str, wanted: dict[str, Any]) -> Said:
        key = self.add(record, **wanted["properties"])
        self.ties |= {(key, tie["to"]["id"]) for tie in wanted.get("associations", [])}
        return Said(201, self._shown(key))

    def _update(self, key: str, wanted: dict[str, Any]) -> Said:
        if key not in self.records:
            return wrong(404, "OBJECT_NOT_FOUND", "Object not found")
        self.records[key] |= wanted["properties"]
        return Said(200, self._shown(key))

    def _search(self, record: str, wanted: dict[str, Any]) -> Said:
        condition = wanted["filterGroups"][0]["filters"][0]
        name, value = condition["propertyName"], condition["value"]

        def holds(text: str) -> bool:
            return (
                value in re.findall(r"\w+", text)
                if condition["operator"] == "CONTAINS_TOKEN"
                else value == text
            )

        known = list(self.records.items())[: self.indexed]
        found = [key for key, row in known if row["record"] == record and holds(row.get(name, ""))]
        return Said(200, {"total": len(found), "results": [self._shown(key) for key in found[:2]]})

    def _upsert(self, record: str, one: dict[str, Any]) -> Said:
        own = one["idProperty"]
        found = [key for key, row in self.records.items() if row.get(own) == one["id"]]
        key = found[0] if found else self.add(record)
        self.records[key] |= {own: one["id"], **one["properties"]}
        return Said(200, {"status": "COMPLETE", "results": [{**self._shown(key), "new": not found}]})

    def _shown(self, key: str) -> dict[str, Any]:
        at = "2026-03-01T09:00:00Z"
        properties = {name: value for name, value in self.records[key].items() if name != "record"}
        return {"id": key, "properties": properties, "createdAt": at, "updatedAt": at, "archived": False}

    def handoff(self, job: int) -> Command:
        parameters = {"title": f"Offer {job}", "amount": 12.5, "stage": None}
        return Command(job, 1, f"{job}.test", "hubspot", "create-deal", parameters, AT)

    def effects(self, job: int) -> int:
        return sum(row.get("dealname") == f"Offer {job}" for row in self.records.values())

    def misbehave(self, how: str) -> bool:
        if how == "permanent":
            self.server.before = lambda _: wrong(400, "VALIDATION_ERROR", f"who is {SECRET}?")
            return True
        return self.server.misbehave(how)

    def behave(self) -> None:
        self.server.behave()


@contextmanager
def hubspot_post(identity_property: str | None = None) -> Iterator[HubSpotPost]:
    """The channel to an account that is not waited for long."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hubspot, "_ANSWER_SECONDS", 0.5)
        post = HubSpotPost(identity_property)
        yield post
        post.channel.close()
        post.server.stop()
