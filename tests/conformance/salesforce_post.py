"""Salesforce as far as the channel asks it: sessions, records, an external id, queries, and its errors."""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from automation_pipelines.channels import salesforce
from automation_pipelines.channels.salesforce import SalesforceChannel
from automation_pipelines.model import Command
from automation_pipelines.settings.providers import Salesforce
from tests.conformance.posts import AT, SECRET
from tests.loopback import Asked, Loopback, Said
from tests.mailserver import trusted

_RECORD = re.compile(r"/services/data/v[\d.]+/sobjects/(\w+)/(?:(\w+__c)/)?([^/]+)")
_QUERY = re.compile(r"SELECT Id FROM (\w+) WHERE (\w+) = '(.*)' LIMIT 2")


def wrong(status: int, code: str, message: str, **headers: str) -> Said:
    """An error in Salesforce's form."""
    return Said(status, [{"errorCode": code, "message": message, "fields": []}], headers)


@dataclass
class SalesforcePost:
    """An organisation with one connected app."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id."""
    sessions: int = 0
    key: str = "our-key"
    """The app's, as the organisation knows it."""
    server: Loopback = field(init=False)
    channel: SalesforceChannel = field(init=False)

    def __post_init__(self) -> None:
        self.server = Loopback(self._answer, tls=True, crucial=lambda asked: "/sobjects/" in asked.path)
        self.server.start()
        url = f"https://localhost:{self.server.port}"
        account = Salesforce(url=url, consumer_key="our-key", consumer_secret=SecretStr(SECRET))
        self.channel = SalesforceChannel("salesforce", account)

    def add(self, record: str, key: str, **values: Any) -> None:
        """A record that is there already."""
        self.records[key] = {"record": record, **values}

    def _answer(self, asked: Asked) -> Said:
        if asked.path == "/services/oauth2/token":
            return self._log_in(asked)
        if asked.headers.get("authorization") != f"Bearer session-{self.sessions}":
            return wrong(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if asked.path.endswith("/query/"):
            return self._query(asked.query["q"][0])
        return self._write(asked)

    def _log_in(self, asked: Asked) -> Said:
        key = base64.b64encode(f"{self.key}:{SECRET}".encode()).decode()
        if asked.headers["authorization"] != f"Basic {key}":
            return Said(400, {"error": "invalid_client", "error_description": f"no {SECRET}"})
        self.sessions += 1
        url = f"https://localhost:{self.server.port}"
        return Said(200, {"access_token": f"session-{self.sessions}", "instance_url": url})

    def _query(self, soql: str) -> Said:
        found = _QUERY.fullmatch(soql)
        if found is None:
            return wrong(400, "MALFORMED_QUERY", soql)
        record, name, value = found[1], found[2], re.sub(r"\\(.)", r"\1", found[3])
        ids = [key for key, row in self.records.items() if row["record"] == record and row.get(name) == value]
        return Said(200, {"totalSize": len(ids), "done": True, "records": [{"Id": key} for key in ids[:2]]})

    def _write(self, asked: Asked) -> Said:
        record, external, key = _RECORD.fullmatch(asked.path).groups()  # type: ignore[union-attr]
        found = [own for own, row in self.records.items() if key == (row.get(external) if external else own)]
        if found:
            self.records[found[0]] |= asked.json
            return Said(204)
        if not external:
            return wrong(404, "NOT_FOUND", "The requested resource does not exist")
        new = f"00T{len(self.records):012}AAA"
        self.add(record, new, **{external: key, **asked.json})
        return Said(201, {"id": new, "success": True, "errors": [], "created": True})

    def handoff(self, job: int) -> Command:
        parameters = {"title": f"Call {job}", "priority": "high", "description": None}
        return Command(job, 1, f"{job}.test", "salesforce", "create-task", parameters, AT)

    def effects(self, job: int) -> int:
        return self.effects_of(f"Call {job}")

    def effects_of(self, title: str) -> int:
        """How many records have this title."""
        return sum(row.get("Subject") == title for row in self.records.values())

    def misbehave(self, how: str) -> bool:
        if how == "permanent":
            self.server.before = lambda _: wrong(400, "REQUIRED_FIELD_MISSING", f"who is {SECRET}?")
            return True
        return self.server.misbehave(how)

    def behave(self) -> None:
        self.server.behave()


@contextmanager
def salesforce_post() -> Iterator[SalesforcePost]:
    """The channel to an organisation that is not waited for long."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(salesforce, "_ANSWER_SECONDS", 0.5)
        patched.setenv("REQUESTS_CA_BUNDLE", str(trusted()))
        post = SalesforcePost()
        yield post
        post.channel.close()
        post.server.stop()
