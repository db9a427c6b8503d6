"""Whom to forget: the customer in the CRM, the records merged with it, what is theirs, every address known.

The CRM is only read. Of a customer it no longer has, the ledger knows what it told them.
"""

import json
from collections.abc import Iterable, Iterator

import polars as pl
import sqlalchemy as sa

from automation_pipelines import archive
from automation_pipelines.catalogue.sources import CRM_SOURCES
from automation_pipelines.engine import open_engine
from automation_pipelines.errors import RefusedError
from automation_pipelines.extraction import Demand, Selection
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.fallbacks import ways_of
from automation_pipelines.ledger.persons import Person, Record, subjects_of
from automation_pipelines.ledger.tables import identities, interventions, job_payloads, jobs
from automation_pipelines.subjects import look_up, numbers_in, those
from automation_pipelines.tick import read_frames

_CUSTOMERS = "customers"
_ABOUT = frozenset({"tenant_id", "name", "email", "phone", "push_token", "wallet_pass", "merged_into"})
_KINDS = {
    "email": ("email", "chat"),
    "phone": ("sms", "whatsapp", "phone"),
    "push_token": ("push",),
    "wallet_pass": ("wallet",),
}
"""The channels on which a kind of address is used."""
_OWN = ("in_app", "interaction")
"""Channels whose address is the person's own place in the CRM."""
_COMPANIES = frozenset({"accounts"})
"""What names a customer and is not theirs: others speak for it, too."""
_MERGERS = 10
"""How many mergers of one person are followed."""


def find(installation: Installation, key: str, tenant_id: int | None) -> Person:
    """Find out who has this key of the CRM; `RefusedError` when it cannot be said of which tenant."""
    known = look_up(installation, _CUSTOMERS, [key], tenant_id)
    number = customer_number(installation, key)
    tenant = known["tenant_id"][0] if len(known) else tenant_id or _tenant(installation.database, number, key)
    people = _people(installation, tenant, key) if len(known) else _nobody()
    customers = frozenset(people["id"]) | {number}
    records = {Record(_CUSTOMERS, number, key)}
    records |= {Record(_CUSTOMERS, *row) for row in people.select("id", "id_text").iter_rows()}
    texts = [record.text for record in records]
    records |= set(_owned(installation, tenant, sorted(customers), texts)) if len(known) else set()
    contacts = set(_contacts(people)) | {(c, f"customer:{one}") for c in _OWN for one in customers}
    crm = Person(tenant, customers, frozenset(contacts), _texts(people, "name"), frozenset(records))
    return _with_record(installation, crm)


def customer_number(installation: Installation, key: str) -> int:
    """The number of a customer by the CRM's key, as every engine makes it."""
    texts = "id" in installation.sqlfiles.find("sources", _CUSTOMERS).directive("text ids")
    numbers = [] if texts else numbers_in([key])
    if numbers:
        return numbers[0]
    with open_engine() as engine:
        return int(engine.query("SELECT hash63($key) AS number", {"key": key}).item())


def _tenant(db: Database, number: int, key: str) -> int:
    """Whose customer it was, where the CRM does not have it any more."""
    with db.reading() as connection:
        wanted = sa.select(jobs.c.tenant_id).where(jobs.c.customer_id == number).distinct()
        found = connection.execute(wanted).scalars().all()
    if len(found) == 1:
        return int(found[0])
    which = f"customers of {len(found)} tenants had it" if found else "nor does the ledger"
    msg = f"the CRM has no customer with the key '{key}', {which}: check the key, or give --tenant"
    raise RefusedError(msg)


def _nobody() -> pl.DataFrame:
    columns = dict.fromkeys(("id_text", *_ABOUT), pl.String)
    return pl.DataFrame(schema={"id": pl.Int64, **columns})


def _people(installation: Installation, tenant: int, key: str) -> pl.DataFrame:
    """The customer, and every record that was merged into it or that it was merged into."""
    files = installation.sqlfiles
    texts = {key}
    for _ in range(_MERGERS):
        named = sorted(texts)
        numbers = [customer_number(installation, one) for one in named]
        wanted = tuple(
            Selection(those(files, _CUSTOMERS, column, numbers, named)) for column in ("id", "merged_into")
        )
        rows = read_frames(installation, [Demand(_CUSTOMERS, _ABOUT, wanted)])[_CUSTOMERS]
        rows = rows.filter(pl.col("tenant_id") == tenant)
        linked = pl.col("id").is_in(numbers) | pl.col("merged_into").is_in(numbers)
        into = rows.filter(pl.col("id").is_in(numbers))["merged_into"].drop_nulls()
        people = rows.filter(linked | pl.col("id").is_in(into.implode()))
        if texts.issuperset(people["id_text"]):
            return people
        texts |= set(people["id_text"])
    return people


def _owned(installation: Installation, tenant: int, numbers: list[int], texts: list[str]) -> Iterator[Record]:
    """The rows of other sources that are theirs."""
    for name, source in CRM_SOURCES.items():
        column = next((c.name for c in source.columns if c.references == _CUSTOMERS), None)
        if column is None or name == _CUSTOMERS or name in _COMPANIES:
            continue
        where = those(installation.sqlfiles, name, column, numbers, texts)
        demand = Demand(name, frozenset({"tenant_id", column}), (Selection(where),))
        rows = read_frames(installation, [demand])[name]
        own = rows.filter(pl.col(column).is_in(numbers), pl.col("tenant_id") == tenant)
        yield from (Record(name, *row) for row in own.select("id", "id_text").iter_rows())


def _contacts(people: pl.DataFrame) -> Iterator[tuple[str, str]]:
    for column, channels in _KINDS.items():
        for address in _texts(people, column):
            yield from ((channel, address) for channel in channels)


def _texts(people: pl.DataFrame, column: str) -> frozenset[str]:
    stripped = (text.strip() for text in people[column].drop_nulls())
    return frozenset(filter(None, stripped))


def _with_record(installation: Installation, person: Person) -> Person:
    """The same, with what only the record of what they were sent tells."""
    db = installation.database
    contacts, names = set(person.contacts), set(person.names)
    for channel, address, fallbacks, variables in _told(installation, person).iter_rows():
        ways = [(channel, address), *((way.channel, way.address) for way in ways_of(fallbacks))]
        contacts |= {spread for way in ways for spread in _spread(*way)}
        recipient = json.loads(variables).get("recipient") or {}
        names |= {recipient["name"]} if recipient.get("name") else set()
        contacts |= {
            (channel, recipient[kind].strip())
            for kind in ("email", "phone")
            if recipient.get(kind)
            for channel in _KINDS[kind]
        }
    records = person.records | frozenset(_records(db, person))
    return Person(person.tenant_id, person.customers, frozenset(contacts), frozenset(names), records)


def _spread(channel: str, address: str) -> Iterable[tuple[str, str]]:
    """An address on every channel on which it could be used."""
    kind = next((channels for channels in _KINDS.values() if channel in channels), (channel,))
    return ((each, address.strip()) for each in kind)


def _told(installation: Installation, person: Person) -> pl.DataFrame:
    """(channel, address, fallbacks, variables) of every message to them, those in the archive included."""
    j, p = jobs.c, job_payloads.c
    columns = (p.address, p.fallbacks, p.variables)
    wanted = (
        sa.select(j.id.label("job_id"), j.channel, *columns)
        .outerjoin(job_payloads, p.job_id == j.id)
        .where(j.tenant_id == person.tenant_id, j.customer_id.in_(sorted(person.customers)))
        # Recipient 0 is the customer; messages about them go to staff, too.
        .where(j.recipient_id == 0)
    )
    held = installation.database.read(wanted)
    gone = held.filter(pl.col("address").is_null())["job_id"]
    archived = archive.of_jobs(installation.files, gone.to_list())
    both = pl.concat([held, archived.select(held.columns)], how="vertical_relaxed")
    return both.filter(pl.col("address").is_not_null()).drop("job_id")


def _records(db: Database, person: Person) -> Iterator[Record]:
    """What jobs and orders were about that is theirs; a key that went with its payload was erased already."""
    about = dict(sorted(subjects_of(db)))
    i, j, p = identities.c, jobs.c, job_payloads.c
    told = (
        sa.select(i.campaign, j.subject_id, sa.func.min(p.subject_text))
        .join(identities, i.id == j.campaign_id)
        .outerjoin(job_payloads, p.job_id == j.id)
        .where(j.tenant_id == person.tenant_id, j.customer_id.in_(sorted(person.customers)))
        .group_by(i.campaign, j.subject_id)
    )
    o = interventions.c
    ordered = sa.select(o.campaign, o.subject_id, o.subject_text).where(
        o.tenant_id == person.tenant_id, o.subject_id.in_(sorted(person.customers))
    )
    with db.reading() as connection:
        for campaign, number, text in connection.execute(told):
            if campaign in about:
                yield Record(about[campaign], number, text or str(number))
        for campaign, number, text in connection.execute(ordered):
            if about.get(campaign) == _CUSTOMERS:
                yield Record(_CUSTOMERS, number, text)
