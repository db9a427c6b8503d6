"""A person is forgotten: nothing of them is left in any file or table, and they hear nothing any more."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from automation_pipelines.catalogue.sources import CRM_SOURCES
from automation_pipelines.catalogue.types import Type
from automation_pipelines.channels import build_channels
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.delivery import deliver
from automation_pipelines.errors import RefusedError
from automation_pipelines.housekeeping import housekeep
from automation_pipelines.ledger import conversations, suppressions
from automation_pipelines.ledger.claims import Claim, claim
from automation_pipelines.ledger.persons import is_mark
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.ledger.tables import (
    audit,
    breakers,
    changes,
    consents,
    events,
    job_payloads,
    jobs,
    metadata,
    notifications,
    past_sends,
    tracked_values,
)
from automation_pipelines.sqlfiles import SqlFiles
from tests.world import World, at

NAME, ADDRESS, PHONE = "Kim Q. Public", "Kim.Public@private.example.com", "+15550001234"
START, TICK, LATER = "2026-03-01T00:00", "2026-03-04T09:00", "2026-03-04T12:00"
HELLO = """\
id: hello
title: Hello
audience: customers
schedule: {every: day, start: 2026-03-04, at: "09:00"}
steps:
  - {id: hello, channel: email, template: a/hello}
"""
QUOTES = """\
id: quotes
title: Quotes
audience: quotes_sent
purpose: transactional
policy: {max_lateness: 60 days}
steps:
  - {id: sent, channel: email, template: a/sent}
  - {id: later, offset: 5 days, channel: email, template: a/later}
"""
STAFF = """\
id: staff
title: Staff
audience: quotes_sent
purpose: internal
digest: true
policy: {max_lateness: 60 days}
steps:
  - {id: told, channel: email, template: a/told, recipient: agent}
"""


def company(world: World) -> World:
    """A company with two customers, a quote for each, and campaigns about them."""
    world.add("tenants", id=1)
    world.add("users", id=7)
    world.add("customers", id=17, name=NAME, first_name="Kim", email=ADDRESS, phone=PHONE)
    world.add("customers", id=18, name="Lee Other")
    for number, customer in ((901, 18), (902, 17)):
        quote = {"number": f"Q-{number}", "sent_at": "2026-03-04T08:00"}
        world.add("quotes", id=number, customer_id=customer, agent_id=7, **quote)
    for campaign in (HELLO, QUOTES, STAFF):
        world.apply(campaign, start=START)
    world.tick("2026-03-04T00:00")
    world.tick(TICK)
    return world


def front(world: World, moment: str = LATER) -> Front:
    return Front(world.installation, at(moment), "ann")


def run(world: World, *arguments: str, moment: str = LATER) -> Result:
    return CliRunner().invoke(automation, list(arguments), obj=front(world, moment))


def forget(world: World, *more: str, customer: str = "17") -> Result:
    return run(world, "forget", "--customer", customer, *more)


def send(world: World, moment: str) -> None:
    channels = build_channels(world.installation.settings)
    deliver(
        world.installation.database, channels, world.installation.campaigns, world.installation.settings,
        clock=lambda: at(moment), owner="worker",
    )  # fmt: skip


def everything(world: World) -> Iterator[tuple[str, bytes]]:
    """Every table, and every file under the home, with what is in them."""
    database = world.installation.database
    for table in metadata.sorted_tables:
        rows = database.read(f'SELECT * FROM "{table.name}"')
        yield f"table {table.name}", rows.write_ndjson().encode()
    kept = [path for path in world.installation.settings.home.rglob("*") if path.is_file()]
    for path in [*kept, *([database.file, Path(f"{database.file}-wal")] if database.file else [])]:
        if path.suffix == ".parquet":
            yield str(path), pl.read_parquet(path).write_ndjson().encode()
        elif path.exists():
            yield str(path), path.read_bytes()


def places(world: World, *texts: str) -> set[str]:
    """Where any of these texts can be read."""
    wanted = [text.lower().encode() for text in texts]
    return {place for place, content in everything(world) if any(text in content.lower() for text in wanted)}


def litter(world: World) -> None:
    """What else there can be of somebody, in every table and in files."""
    installation, moment = world.installation, at(LATER)
    database, hashed = installation.database, suppressions.address_hash
    digest = hashed(database.salt, "email", ADDRESS)
    mine = world.jobs().filter(pl.col("subject_id") == 901)["id"][0]
    when = {"at": moment, "received_at": moment}
    here = {"tenant_id": 1, "channel": "email", "address_hash": digest}
    told = {"identity": "x", "type": "bounced", "job_id": mine, "detail": json.dumps({"to": ADDRESS}), **when}
    rows: list[tuple[sa.Table, dict[str, Any]]] = [
        (events, told),
        (events, {**told, "identity": "stranger", "job_id": None}),
        (notifications, {"identity": "n", "tenant_id": 1, "recipient": "customer:17", "title": NAME,
                         "text": ADDRESS, "created_at": moment}),
        (changes, {"tenant_id": 1, "source": "customers", "row_id": 17, "column": "email", "old": ADDRESS,
                   "new": None, "at": moment}),
        (tracked_values, {"tenant_id": 1, "source": "customers", "row_id": 17, "column": "email",
                          "value": ADDRESS, "seen_at": moment}),
        (consents, {**here, "topic": "", "state": "opted_in", "at": moment, "origin": "shop"}),
        (past_sends, {**here, "campaign": "old", "step": "a", "subject_id": 17, "sent_at": moment}),
        (breakers, {"tenant_id": 1, "channel": "email", "provider": "", "failures": 1, "trips": 0,
                    "error": f"550 {ADDRESS} unknown"}),
    ]  # fmt: skip
    with database.begin() as connection:
        for table, row in rows:
            connection.execute(table.insert().values(row))
    conversations.record(
        database, [conversations.Inbound(1, "whatsapp", hashed(database.salt, "sms", PHONE), moment)]
    )
    filed = pl.DataFrame({"tenant_id": [1, 1], "customer_id": [17, 18], "customer_name": [NAME, "Lee Other"]})
    installation.files.publish("audiences/customers", filed, day=moment.date(), run="run")
    frames = installation.settings.files / "frames" / "run"
    frames.mkdir(parents=True)
    pl.DataFrame({"id": [17, 18], "tenant_id": [1, 1], "email": [ADDRESS, "o@x.example"]}).write_parquet(
        frames / "customers.parquet"
    )
    done = installation.settings.feedback / "done"
    done.mkdir(parents=True)
    (done / "a.jsonl").write_text(f'{{"id": "a", "to": "{ADDRESS}"}}\n{{"id": "b"}}\n', encoding="utf-8")


def serve(world: World) -> World:
    """They had a message, staff was told of them, more is waiting, and somebody gave orders about them."""
    company(world)
    send(world, "2026-03-04T08:30")
    assert run(world, "campaign", "hold", "hello", "--subject", "17").exit_code == 0
    litter(world)
    return world


@pytest.fixture
def served(world: World) -> World:
    """Once on either database."""
    return serve(world)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[World]:
    """What no database does its own way is looked at in one."""
    made = World.create(
        tmp_path / "home", f"sqlite:///{tmp_path / 'ledger.db'}", f"sqlite:///{tmp_path / 'crm.db'}"
    )
    yield serve(made)
    made.close()


def states(world: World, customer: int) -> set[str]:
    return set(world.jobs().filter(pl.col("customer_id") == customer)["state"])


def payloads(world: World, customer: int) -> int:
    wanted = sa.select(job_payloads.c.job_id).join(jobs).where(jobs.c.customer_id == customer)
    return world.installation.database.read(wanted).height


def rows(world: World, table: sa.Table) -> int:
    return world.installation.database.read(sa.select(table.c[0])).height


def archived(world: World) -> None:
    """Their payloads have left the ledger."""
    archive_days = {"payload_retention_days": 1, "payload_archive": True}
    settings = world.installation.settings.model_copy(update=archive_days)
    installation = replace(world.installation, settings=settings)
    kept = housekeep(installation, now=at("2026-04-30T00:00"), by="ann")
    assert kept.payloads


class TestErased:
    def test_nothing_of_them_can_be_read_and_nobody_else_loses_anything(self, served: World) -> None:
        assert "table audit" not in places(served, ADDRESS, NAME, PHONE)
        assert len(places(served, ADDRESS, NAME, PHONE)) > 5
        keys = [name for name in KEY if name in served.jobs().columns]
        before, others = served.jobs().select("id", *keys), payloads(served, 18)

        result = forget(served, "--yes")

        assert result.exit_code == 0, result.output
        assert places(served, ADDRESS, NAME, PHONE) == set()
        assert served.jobs().select("id", *keys).equals(before)
        assert payloads(served, 17) == 0
        assert payloads(served, 18) == others
        assert "pending" not in states(served, 17)
        decided = served.decisions().filter(pl.col("subject_id").is_in([17, 902]))
        assert all(map(is_mark, decided["subject_text"]))
        assert set(served.decisions().filter(pl.col("subject_id") == 18)["subject_text"]) == {"18"}
        assert list(served.installation.files.read("audiences/customers")["customer_id"]) == [18]
        assert rows(served, past_sends) == 1

    def test_what_left_for_the_archive_goes_too_though_the_crm_knows_nobody_any_more(
        self, small: World
    ) -> None:
        archived(small)
        small.remove("customers", 17)
        assert any("payloads" in place for place in places(small, ADDRESS))
        before = len(small.installation.files.read("payloads").filter(pl.col("customer_id") == 18))
        assert forget(small, "--yes").exit_code == 0
        assert places(small, ADDRESS, NAME, PHONE) == set()
        left = small.installation.files.read("payloads")
        assert set(left["customer_id"]) == {18}
        assert len(left) == before

    def test_it_says_what_it_did_and_finds_nothing_again(self, served: World, tmp_path: Path) -> None:
        def state() -> list[tuple[str, bytes]]:
            return [one for one in everything(served) if "ledger.db" not in one[0]]

        file = tmp_path / "jobs.csv"
        run(served, "export", "jobs", "--to", str(file), "--with-personal-data")
        before = state()
        looked = forget(served, "--dry-run").output
        assert state() == before
        told = forget(served, "--yes").output
        assert looked.replace("would be erased", "erased") == told
        assert "payloads: 2 erased" in told
        assert f"look there yourself, it was exported with personal data: {file}" in told
        entry = served.installation.database.read(sa.select(audit)).row(-1, named=True)
        hashed = suppressions.customer_hash(served.installation.database.salt, 17)
        assert (entry["by"], entry["action"]) == ("ann", "forget")
        assert json.loads(entry["detail"])["customers"] == [hashed]
        entries = rows(served, audit)
        assert "nothing is left to be erased" in forget(served, "--yes").output
        assert rows(served, audit) == entries

    def test_a_crash_in_the_middle_is_completed_by_doing_it_again(
        self, small: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def crash(*_: object, **__: object) -> int:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("automation_pipelines.forgetting.files.feedback", crash)
            forget(small, "--yes")
        assert places(small, ADDRESS) != set()
        assert "pending" not in states(small, 17)
        assert forget(small, "--yes").exit_code == 0
        assert places(small, ADDRESS, NAME, PHONE) == set()

    def test_what_is_being_handed_over_is_waited_for(self, small: World) -> None:
        database = small.installation.database
        due = at(TICK)
        claim(database, Claim(owner="w", now=due, limit=100, lease=timedelta(minutes=5), channels=["email"]))
        assert "processing" in states(small, 17)
        with pytest.raises(RefusedError, match="being handed over"):
            raise_from(forget(small, "--yes"))
        assert payloads(small, 17) > 0
        assert (
            run(small, "suppressions", "show", "--customer", "17", "--tenant", "1").output != "not suppressed"
        )


class TestSilence:
    def test_they_hear_nothing_whatever_their_address_and_others_do(self, small: World) -> None:
        forget(small, "--yes")
        small.change("customers", 17, email="new@elsewhere.example.com")
        small.add("quotes", id=903, customer_id=17, agent_id=7, number="Q-903", sent_at="2026-03-04T10:00")
        plan = small.tick("2026-03-05T09:00").plan.rows
        mine = plan.filter(pl.col("customer_id") == 17, pl.col("campaign") != "hello")
        assert set(mine.select("reason", "suppressed_by").rows()) == {("suppressed", "forgotten")}
        assert "planned" in set(plan.filter(pl.col("customer_id") == 18)["reason"])
        assert payloads(small, 17) == 0
        assert "forgotten at 2026-03-04 12:00 UTC" in run(small, "explain", "17").output
        assert "suppressed by: forgotten" in run(small, "explain", "17").output

    def test_what_got_into_the_queue_all_the_same_is_stopped_at_the_door(self, world: World) -> None:
        database = company(world).installation.database
        hashed = suppressions.customer_hash(database.salt, 17)
        suppressions.add(database, [suppressions.Suppression(1, "*", hashed, "forgotten", at(TICK))])
        send(world, TICK)
        planned = world.jobs().filter(pl.col("customer_id") == 17, pl.col("reason") != "merged")
        assert set(planned["reason"]) == {"suppressed"}
        assert "completed" in states(world, 18)

    def test_who_asks_for_it_is_written_to_again(self, small: World) -> None:
        forget(small, "--yes")
        assert run(small, "suppressions", "lift", "--customer", "17", "--tenant", "1").exit_code == 0
        small.change("customers", 17, email="new@elsewhere.example.com")
        small.add("quotes", id=903, customer_id=17, agent_id=7, number="Q-903", sent_at="2026-03-04T10:00")
        plan = small.tick("2026-03-05T09:00").plan.rows
        assert "planned" in set(plan.filter(pl.col("customer_id") == 17)["reason"])

    def test_a_record_that_is_merged_with_theirs_is_forgotten_too(self, small: World) -> None:
        small.add(
            "customers", id=20, name="Kim Q. Public", email="second@private.example.com", merged_into=17
        )
        forget(small, "--yes", customer="20")
        listed = run(
            small, "suppressions", "list", "--reason", "forgotten", "--channel", "*", "--json"
        ).output
        digests = {json.loads(line)["address_hash"] for line in listed.splitlines()}
        salt = small.installation.database.salt
        assert digests == {suppressions.customer_hash(salt, number) for number in (17, 20)}
        assert payloads(small, 17) == 0

    def test_a_key_that_nobody_has_is_refused(self, small: World) -> None:
        with pytest.raises(RefusedError, match="check the key, or give --tenant"):
            raise_from(forget(small, "--yes", customer="nobody"))


def raise_from(result: Result) -> None:
    """What main would print."""
    if result.exception is not None:
        raise result.exception


def test_a_key_that_is_a_text_is_gone_too(tmp_path: Path) -> None:
    own = tmp_path / "sql" / "sources"
    own.mkdir(parents=True)
    for name, source in CRM_SOURCES.items():
        ids = ", ".join(column.name for column in source.columns if column.type is Type.ID)
        text = SqlFiles().find("sources", name).text
        (own / f"{name}.sql").write_text(f"-- text ids: {ids}\n{text}", encoding="utf-8")
    urls = f"sqlite:///{tmp_path / 'ledger.db'}", f"sqlite:///{tmp_path / 'crm.db'}"
    world = World.create(tmp_path / "home", *urls, text_ids=True, sql_dir=own.parent)
    world.add("tenants", id="acme")
    here = {"tenant_id": "acme"}
    world.add("customers", id="kim-public-17", name=NAME, email=ADDRESS, **here)
    world.add("customers", id="kim-old-3", name=NAME, email=ADDRESS, merged_into="kim-public-17", **here)
    quote = {"number": "Q-1", "sent_at": "2026-03-04T08:00", "customer_id": "kim-old-3", "agent_id": None}
    world.add("quotes", id="kims-quote", **quote, **here)
    for campaign in (HELLO, QUOTES):
        world.apply(campaign, start=START)
    world.tick("2026-03-04T00:00")
    world.tick(TICK)
    send(world, TICK)
    assert run(world, "campaign", "hold", "quotes", "--subject", "kims-quote").exit_code == 0
    keys = ("kim-public-17", "kim-old-3", "kims-quote")
    assert {"table audit", "table interventions"} < places(world, *keys)
    result = forget(world, "--yes", customer="kim-public-17")
    assert result.exit_code == 0, result.output
    assert places(world, ADDRESS, NAME, *keys) == set()
    assert "was forgotten" in run(world, "explain", "kim-old-3").output
    world.close()
