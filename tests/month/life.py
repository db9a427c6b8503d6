"""A month of the demo's CRM under all ready campaigns: long ticks, a virtual clock, real delivery.

What is expected of it is `expected`'s; here it is only lived, and what was decided is made readable.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from automation_pipelines import playbooks
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.channels import build_channels
from automation_pipelines.cli.campaigns import known_here
from automation_pipelines.delivery import Delivered, deliver
from automation_pipelines.demo.advance import advance
from automation_pipelines.demo.crm import build_crm
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import coupons
from automation_pipelines.settings import Settings
from automation_pipelines.subjects import order
from automation_pipelines.tick import TickResult, run_tick
from automation_pipelines.validation import load

AS_OF = datetime(2026, 2, 27, 6, tzinfo=UTC)
"""When the CRM is built, a Friday; the month has a first of March, and two changes of the clocks."""
STARTED = AS_OF - timedelta(days=2)
"""Campaigns are started two days earlier, as `automation demo` does it."""
TICK = timedelta(hours=12)
END = AS_OF + timedelta(days=30)
OFTEN = timedelta(days=10)
"""So long every tick is lived; afterwards, where less happens, one a day."""
SHIFT = timedelta(hours=4)
"""How often delivery runs."""
CUSTOMERS = 200

# What the hand-made customers of the demo lack to meet every campaign, from the beginning.
ADDED = """
UPDATE customers SET birthday = '1990-03-01', status = 'past' WHERE id = 57;
UPDATE customers SET birthday = '1990-03-04' WHERE id = 46;
UPDATE customers SET birthday = '1990-03-02' WHERE id = 47;
UPDATE customers SET birthday = '1990-03-10' WHERE id IN (61, 62, 63, 64);
UPDATE customers SET birthday = '1990-03-12' WHERE id IN (65, 66, 67);
UPDATE customers SET status = 'past' WHERE id = 62;
UPDATE customers SET status = 'past', last_activity_at = '2026-02-21 06:00:00' WHERE id IN (58, 59, 60);
UPDATE customers SET last_activity_at = '2025-03-05 06:00:00', status = 'past' WHERE id = 41;
UPDATE customers SET lifetime_value = 250000 WHERE id = 38;
UPDATE customers SET created_at = '2024-03-06 12:00:00' WHERE id = 45;
UPDATE goals SET status = 'achieved' WHERE id = 21;
INSERT INTO quotes
(id, tenant_id, customer_id, number, currency, amount, status, created_at, sent_at, expires_at)
VALUES (500004601, 9, 46, 'Q-P046', 'EUR', 9900, 'sent', '2026-02-26 09:00:00', '2026-02-26 10:00:00',
        '2026-04-20 10:00:00');
INSERT INTO documents (id, tenant_id, customer_id, booking_id, kind, uploaded_at)
VALUES (500004602, 9, 46, 500004601, 'insurance', '2026-02-27 05:00:00');
INSERT INTO reviews (id, tenant_id, customer_id, booking_id, rating, submitted_at)
VALUES (500004201, 5, 42, 500004201, 1, '2026-03-03 02:00:00');
"""

# What happens meanwhile beside the demo's own story: by the first tick at or after its time.
MEANWHILE = {
    datetime(2026, 3, 13, 5, tzinfo=UTC): (
        "UPDATE accounts SET health_score = 50, updated_at = '2026-03-13 05:00:00' WHERE id = 1"
    ),
}


@dataclass
class Life:
    """One installation over one demo CRM, and the clock that the test moves."""

    home: Path
    installation: Installation = field(init=False)
    results: list[TickResult] = field(default_factory=list)
    deliveries: list[Delivered] = field(default_factory=list)
    lived: datetime = AS_OF

    def __post_init__(self) -> None:
        """Open what is there."""
        settings = Settings(
            home=self.home, crm_url=self.crm_url, tick_minutes=int(TICK.total_seconds() // 60)
        )
        self.installation = Installation.open(settings)

    @classmethod
    def begin(cls, home: Path) -> "Life":
        """The demo's CRM at `AS_OF`, and every ready campaign started two days before."""
        life = cls(home)
        home.mkdir(parents=True, exist_ok=True)
        build_crm(life.crm_url, as_of=AS_OF, customers=CUSTOMERS)
        life.execute(ADDED)
        life.installation.initialise(STARTED)
        coupons.add(life.installation.database, "friends", [f"FRIEND-{place}" for place in range(100)])
        life._start()
        return life

    @property
    def crm_url(self) -> str:
        """The demo's CRM."""
        return f"sqlite:///{self.home / 'crm.db'}"

    def _start(self) -> None:
        opened = self.installation
        promotion = self.home / "promotion.yaml"
        text = (playbooks.FOLDER / "promotion.yaml").read_text(encoding="utf-8")
        promotion.write_text(text.replace("2025-01-15", "2026-03-17"), encoding="utf-8")
        files = [path for path in sorted(playbooks.FOLDER.glob("*.yaml")) if path.name != promotion.name]
        for draft in load([*files, promotion], known_here(opened.settings, opened.sqlfiles)):
            opened.campaigns.apply(draft.spec, draft.text, draft.templates, "test", STARTED)
            opened.campaigns.start(draft.spec.id, "test", STARTED)

    def copy(self, home: Path) -> "Life":
        """The same world once more, to go on differently."""
        self.installation.database.close()
        shutil.copytree(self.home, home)
        return Life(home, lived=self.lived)

    def execute(self, script: str) -> None:
        """Change the CRM by hand."""
        with closing(sqlite3.connect(self.home / "crm.db")) as connection:
            connection.executescript(script)

    def pass_time(self, now: datetime) -> None:
        """Let happen in the CRM what happens until `now`."""
        advance(self.crm_url, since=AS_OF, until=now)
        for moment, script in MEANWHILE.items():
            if self.lived < moment <= now:
                self.execute(script)
        self.lived = now

    def tick(self, now: datetime) -> TickResult:
        """Run the tick of that moment."""
        result = run_tick(self.installation, as_of=now, run_id=f"run-{now:%Y%m%d%H%M}-{len(self.results)}")
        self.results.append(result)
        return result

    def deliver(self, now: datetime) -> Delivered:
        """Deliver what is due by then."""
        opened = self.installation
        channels = build_channels(opened.settings)
        done = deliver(
            opened.database, channels, opened.campaigns, opened.settings, clock=lambda: now, owner="worker"
        )
        for channel in channels.values():
            channel.close()
        self.deliveries.append(done)
        return done

    def live(self, now: datetime, until: datetime | None = None) -> None:
        """One step of time: the CRM lives, the tick plans, and until the next one delivery delivers."""
        self.pass_time(now)
        self.tick(now)
        self.deliver(now)
        while until is not None and (now := now + SHIFT) < until:
            self.deliver(now)

    def order(self, kind: str, campaign: str, customer: int, tenant: int, now: datetime) -> None:
        """What a person orders about a customer of a campaign."""
        order(
            self.installation,
            kind,  # type: ignore[arg-type] # the test says one of the four
            campaign=campaign,
            subject=str(customer),
            tenant_id=tenant,
            by="somebody",
            at=now,
        )

    def decisions(self) -> pl.DataFrame:
        """Every recorded decision in the order of recording; `who` is the customer or account it is about."""
        recorded = self.installation.files.read("decisions")
        persons = self._persons()
        return (
            recorded.join(self._sources(), on="campaign")
            .join(persons, on=["source", "subject_id"], how="left")
            .with_columns(who=pl.coalesce("who", "subject_id"))
        )

    def _sources(self) -> pl.DataFrame:
        store = self.installation.campaigns
        rows = [(name, AUDIENCES[store.show(name).spec.audience].subject) for name in store.states()]
        return pl.DataFrame(rows, schema=["campaign", "source"], orient="row")

    def _persons(self) -> pl.DataFrame:
        owners = {
            "customer_id": ("quotes", "queries", "bookings", "payments", "documents", "reviews", "leads"),
            "account_id": ("engagements", "goals"),
        }
        with closing(sqlite3.connect(self.home / "crm.db")) as connection:
            rows = [
                (table, subject, owner)
                for column, tables in owners.items()
                for table in tables
                for subject, owner in connection.execute(f"SELECT id, {column} FROM {table}")
            ]
        schema = {"source": pl.String, "subject_id": pl.Int64, "who": pl.Int64}
        return pl.DataFrame(rows, schema=schema, orient="row")


def moments() -> Iterator[tuple[datetime, datetime]]:
    """When ticks are lived, each with the next."""
    now = AS_OF
    while now <= END:
        following = now + (TICK if now < AS_OF + OFTEN else 2 * TICK)
        yield now, following
        now = following


ORDERS: dict[datetime, Callable[[Life, datetime], None]] = {
    datetime(2026, 3, 3, 12, tzinfo=UTC): lambda life, now: life.order(
        "pause", "ninety-day-hook", 54, 17, now
    ),
    datetime(2026, 3, 6, 12, tzinfo=UTC): lambda life, now: life.order(
        "resume", "ninety-day-hook", 54, 17, now
    ),
    datetime(2026, 3, 5, 13, tzinfo=UTC): lambda life, now: life.order("start", "travel-alert", 37, 19, now),
}
"""What people order meanwhile: a pause of three days, and an alert for one traveller."""


def give_orders(life: Life, since: datetime, until: datetime) -> None:
    """Give the orders of a span of time."""
    for moment, give in sorted(ORDERS.items(), key=lambda item: item[0]):
        if since < moment <= until:
            give(life, moment)
