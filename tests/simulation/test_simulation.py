"""A small CRM lives through random weeks; every tick must decide what the naive oracle says.

`AUTOMATION_SIMULATIONS` says how many lives (each has its number as seed), `AUTOMATION_SIMULATION_TICKS`
how long each is. The seed of a life that fails is its parameter: it can be lived again alone.
"""

import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from automation_pipelines import decisions
from automation_pipelines.ledger import plans, suppressions
from automation_pipelines.ledger.suppressions import Suppression
from automation_pipelines.model import SETTLED
from automation_pipelines.planning import Plan
from automation_pipelines.preview import preview
from tests.simulation.oracle import Key, Oracle, Running, Verdict
from tests.world import _DEFAULTS, NewWorld, World, at

LIVES = int(os.environ.get("AUTOMATION_SIMULATIONS", "4"))
TICKS = int(os.environ.get("AUTOMATION_SIMULATION_TICKS", "9"))

START = datetime(2026, 2, 20, tzinfo=UTC)
ZONES = (
    "UTC",
    "America/New_York",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Europe/Berlin",
)
CLOCKS = ("00:00", "02:30", "09:00", "23:45")
TENANTS, CUSTOMERS, MATTERS = 3, 9, 8


class Life:
    """One world and its oracle, and chance."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed)
        settings = world.installation.settings
        self.oracle = Oracle(settings.tick, settings.leap_day)
        self.now = START + timedelta(days=self.chance.randrange(250), minutes=self.chance.randrange(1440))
        self.log: list[str] = []
        self.runs = 0

    # The CRM

    def add(self, source: str, **values: Any) -> None:
        self.world.add(source, **values)
        row = {**_DEFAULTS[source], **values}
        row.setdefault("email", None)
        self.oracle.crm.setdefault(source, {})[row["id"]] = {name: _typed(name, v) for name, v in row.items()}
        self.note("add", source, values)

    def change(self, source: str, id_: int, **values: Any) -> None:
        if id_ in self.oracle.crm.get(source, {}):
            self.world.change(source, id_, **values)
            self.oracle.crm[source][id_] |= values
            self.note("change", source, id_, values)

    def remove(self, source: str, id_: int) -> None:
        if self.oracle.crm.get(source, {}).pop(id_, None):
            self.world.remove(source, id_)
            self.note("remove", source, id_)

    def note(self, *words: object) -> None:
        self.log.append(f"{self.now:%m-%d %H:%M:%S} {' '.join(map(str, words))}")

    def moment(self, *, days: int = 4) -> datetime:
        """An instant around now, sometimes on the hour."""
        found = self.now + timedelta(seconds=self.chance.randint(-days * 86400, days * 86400))
        return found.replace(minute=0, second=0, microsecond=0) if self.chance.random() < 0.3 else found

    def past(self) -> datetime:
        return self.now - timedelta(seconds=self.chance.randrange(6 * 86400))

    def populate(self) -> None:
        for number in range(1, TENANTS + 1):
            zone, clock = self.chance.choice(ZONES), self.chance.choice(CLOCKS)
            days = self.chance.choice((None, 2, 7))
            self.add("tenants", id=number, time_zone=zone, send_time=clock, inactivity_days=days)
            for place, role in enumerate(
                ("agent", "manager", "department_manager", "senior_management", "executive", "executive")
            ):
                id_ = 10 * number + place
                self.add(
                    "users",
                    id=id_,
                    tenant_id=number,
                    role=role,
                    manager_id=id_ + 1,
                    email=f"u{id_}@staff.example.com",
                )
        for number in range(1, CUSTOMERS + 1):
            self.customer(number)
        for number in range(1, MATTERS + 1):
            self.quote(number)
            self.query(number)

    def customer(self, number: int) -> None:
        near = self.now.date() + timedelta(days=self.chance.randint(-3, 5))
        birthday = self.chance.choice(
            (near.replace(year=1990, day=min(near.day, 28)), date(1992, 2, 29), None)
        )
        self.add(
            "customers",
            id=number,
            tenant_id=self.chance.randint(1, TENANTS),
            email=self.chance.choice((_address(number),) * 4 + ("broken", None)),
            time_zone=self.chance.choice((None, *ZONES)),
            birthday=birthday,
            email_opt_out=self.chance.random() < 0.1,
            created_at=self.past(),
            last_activity_at=self.past(),
        )

    def _owner(self) -> dict[str, Any]:
        tenant = self.chance.randint(1, TENANTS)
        agent = self.chance.choice((None, 10 * tenant, 10 * tenant + 2, 10 * self.chance.randint(1, TENANTS)))
        return {"tenant_id": tenant, "customer_id": self.chance.randint(1, CUSTOMERS), "agent_id": agent}

    def quote(self, number: int) -> None:
        sent = self.past()
        expires = self.moment()
        self.add(
            "quotes",
            id=number,
            **self._owner(),
            amount=self.chance.choice((50, 150)),
            sent_at=sent,
            expires_at=expires,
        )

    def query(self, number: int) -> None:
        self.add(
            "queries", id=number, **self._owner(), created_at=self.past(), sla_due_at=self.moment(days=2)
        )

    def happen(self) -> None:
        """One random thing."""
        pick, number = self.chance, self.chance.randint(1, MATTERS)
        tenant = pick.randint(1, TENANTS)
        tomorrow = (self.now + timedelta(days=1)).date()
        things: tuple[Callable[[], None], ...] = (
            lambda: self.change("tenants", tenant, time_zone=pick.choice(ZONES)),
            lambda: self.change("tenants", tenant, active=pick.random() < 0.6),
            lambda: self.change("quotes", number, status=pick.choice(("sent", "accepted", "viewed"))),
            lambda: self.change("quotes", number, expires_at=self.moment()),
            lambda: self.replace("quotes", number),
            lambda: self.change("queries", number, sla_due_at=self.moment(days=1)),
            lambda: self.change("queries", number, status=pick.choice(("open", "resolved"))),
            lambda: self.change("customers", number, last_activity_at=self.past()),
            lambda: self.change("customers", number, email=pick.choice((_address(number), "broken"))),
            lambda: self.change(
                "customers", number, birthday=tomorrow.replace(year=1980, day=pick.randint(1, 28))
            ),
            lambda: self.replace("customers", number),
            lambda: self.change("customers", number, tenant_id=tenant),
            lambda: self.change(
                "users", pick.choice(list(self.oracle.crm["users"])), active=pick.random() < 0.6
            ),
            lambda: self.suppress(number),
            self.pause_or_resume,
            self.restart,
        )
        pick.choice(things)()

    def replace(self, source: str, number: int) -> None:
        """Another row under the same key."""
        self.remove(source, number)
        (self.quote if source == "quotes" else self.customer)(number)

    def suppress(self, number: int) -> None:
        tenant, reason = self.chance.randint(1, TENANTS), self.chance.choice(("bounced", "unsubscribed"))
        address = _address(number)
        database = self.world.installation.database
        hashed = suppressions.address_hash(database.salt, "email", address)
        since = self.now - timedelta(minutes=30)  # in force for a planner whose clock is behind, too
        suppressions.add(database, [Suppression(tenant, "email", hashed, reason, since)])
        self.oracle.suppressed.add((tenant, address, reason))
        self.note("suppress", tenant, number, reason)

    # Campaigns

    def apply(self, document: dict[str, Any]) -> None:
        when = self.now.isoformat()
        spec = self.world.apply(document, start=when)
        known = self.oracle.campaigns.get(spec.id)
        active = known.active_from if known else {}
        active_from = {step.id: active.get(step.id, self.now) for step in spec.steps}
        self.oracle.campaigns[spec.id] = Running(spec, active | active_from, known.paused if known else False)
        self.note("apply", document)

    def pause_or_resume(self) -> None:
        name, running = self.chance.choice(list(self.oracle.campaigns.items()))
        store = self.world.installation.campaigns
        (store.resume if running.paused else store.pause)(name, "test", self.now)
        running.paused = not running.paused
        self.note("paused" if running.paused else "resumed", name)

    def restart(self) -> None:
        """Deletes a campaign and applies it again, the same or another with the same id."""
        name = self.chance.choice(list(self.oracle.campaigns))
        document = campaign(self.chance, name, self.now)
        if self.chance.random() < 0.5:
            self.world.installation.campaigns.delete(name, "test", self.now)
            del self.oracle.campaigns[name]
        self.apply(document)

    # Ticks

    def tick(self, as_of: datetime) -> None:
        expected = self.oracle.decide(as_of)
        self.runs += 1
        self.note("TICK", as_of)
        made = self.world.tick(as_of.isoformat()).plan
        self.compare(made, expected)
        self.oracle.settle(found(made.rows))

    def compare(self, made: Plan, expected: dict[Key, Verdict]) -> None:
        got = found(made.rows)
        assert len(got) == len(made.rows), self.story("a moment decided twice")
        wrong = {
            key: (got.get(key), expected.get(key))
            for key in got.keys() | expected.keys()
            # What is too late need not be met again: its window is over.
            if got.get(key) != expected.get(key) and not (key not in got and expected[key].reason == "stale")
        }
        assert not wrong, self.story(
            "\n".join(f"{k}: planner {g}, oracle {e}" for k, (g, e) in wrong.items())
        )

    def crash(self, as_of: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
        """The process ends between the ledger's commit and the decision files."""
        expected = self.oracle.decide(as_of)
        self.note("CRASH", as_of)
        made: list[Plan] = []

        def dies(_files: object, plan: Plan, **_: object) -> None:
            made.append(plan)
            raise OSError

        with monkeypatch.context() as broken:
            broken.setattr(decisions, "append", dies)
            with pytest.raises(OSError):
                self.world.tick(as_of.isoformat())
        self.compare(made[0], expected)
        self.oracle.settle(found(made[0].rows))

    def foresee(self) -> None:
        """On data that stays as it is, a preview is what the ticks then do."""
        tick = self.oracle.tick
        since, until = self.now, self.now + 2 * tick
        self.note("PREVIEW", since, until)
        promised = found(preview(self.world.installation, since=since, until=until))
        happened: dict[Key, Verdict] = {}
        for number in range(3):
            self.now = since + number * tick
            made = self.world.tick(self.now.isoformat()).plan
            self.compare(made, self.oracle.decide(self.now))
            self.oracle.settle(found(made.rows))
            happened |= found(made.rows)
        happened = {key: verdict for key, verdict in happened.items() if verdict.due_at <= until}
        assert promised == happened, self.story("the preview was wrong")

    def live(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.populate()
        for name in self.chance.sample(sorted(CAMPAIGNS), 4):
            self.apply(campaign(self.chance, name, self.now))
        tick = self.oracle.tick
        for _ in range(TICKS):
            for _ in range(self.chance.randrange(5)):
                self.happen()
            match self.chance.randrange(13):
                case 0:
                    self.crash(self.now, monkeypatch)
                case 1:
                    self.foresee()
                case 2:
                    self.tick(self.now)
                    self.tick(self.now)
                case 3:
                    self.tick(self.now)
                    self.tick(self.now - timedelta(minutes=self.chance.randint(1, 9)))
                case 4:  # a clock that is ahead, once
                    self.tick(self.now + timedelta(minutes=self.chance.randint(1, 2000)))
                case _:
                    self.tick(self.now)
            self.now += self.chance.choice(
                (tick, tick, tick, tick * 1.1, tick * 3, timedelta(days=2), tick / 7)
            )
        self.tick(self.now)
        self.audit()

    def audit(self) -> None:
        """The ledger, the record of decisions and the oracle tell the same."""
        jobs = self.world.jobs()
        assert not jobs.select(plans.KEY).is_duplicated().any()
        told = pl.coalesce("reason", pl.lit("planned"))
        ledger = {_key(row): row["told"] for row in jobs.with_columns(told=told).iter_rows(named=True)}
        assert ledger == {key: v.reason for key, v in self.oracle.settled.items()}, self.story("ledger")
        rows = self.world.decisions()
        final = (
            rows.filter(pl.col("reason").is_in([str(reason) for reason in SETTLED])) if len(rows) else rows
        )
        filed = Counter((_key(row), row["reason"]) for row in final.iter_rows(named=True))
        assert filed == Counter(ledger.items()), self.story("decisions differ from the ledger")
        assert plans.unpublished(self.world.installation.database) == []

    def story(self, what: str) -> str:
        return "\n".join([*self.log, what])


def found(rows: pl.DataFrame) -> dict[Key, Verdict]:
    return {
        _key(row): Verdict(row["reason"], row["due_at"], row["expires_at"])
        for row in rows.iter_rows(named=True)
    }


def _key(row: dict[str, Any]) -> Key:
    names = ("campaign", "step", "occurrence", "tenant_id", "subject_id", "recipient_id")
    return tuple(row[name] for name in names)  # type: ignore[return-value]


def _address(number: int) -> str:
    return f"c{number}@mail.example.com"


def _typed(name: str, value: Any) -> Any:
    return at(value) if isinstance(value, str) and name.endswith("_at") else value


CAMPAIGNS: dict[str, dict[str, Any]] = {
    "birthday": {"audience": "birthdays", "offsets": ("0 days", "-3 days", "1 days", "-1 days")},
    "welcome": {"audience": "new_customers", "offsets": ("at once", "1 days", "3 days", "90 minutes")},
    "silent": {
        "audience": "inactive_customers",
        "offsets": ("{inactivity_days} days",),
        "policy": {"repeat_after": "{inactivity_days} days"},
    },
    "offer": {"audience": "customers", "offsets": ("0 days", "1 days", "-1 days")},
    "follow-up": {"audience": "open_quotes", "offsets": ("3 days", "26 hours", "1 days", "5 days")},
    "expiry": {
        "audience": "expiring_quotes",
        "offsets": ("-24 hours", "-1 days", "at once", "-2 days", "2 hours"),
    },
    "sla": {"audience": "open_queries", "offsets": ("60 minutes", "2 hours", "10 hours", "-2 hours")},
}
ROLES: tuple[Any, ...] = (
    "agent_manager",
    "department_manager",
    ["department_manager", "executives"],
    ["agent", "agent_manager", "senior_management"],
    ["customer", "agent"],
)


def campaign(chance: random.Random, name: str, now: datetime) -> dict[str, Any]:
    """A random campaign; of the same name the audience stays, and step ids mean the same offset."""
    kind = CAMPAIGNS[name]
    matters = kind["audience"] in {"open_quotes", "expiring_quotes", "open_queries"}
    chosen = chance.sample(kind["offsets"], chance.randint(1, len(kind["offsets"])))
    document = {
        "id": name,
        "title": name,
        "audience": kind["audience"],
        "purpose": chance.choice(("marketing", "transactional", "internal")),
        "policy": {
            **kind.get("policy", {}),
            "backlog": chance.choice(("none", "none", "7 days", "all")),
            "late": chance.choice(("latest", "all")),
            **({"max_lateness": chance.choice(("5 hours", "3 days"))} if chance.random() < 0.4 else {}),
        },
        "zone": chance.choice(("tenant", "recipient", "Asia/Kathmandu")),
        "steps": [_step(chance, offset, matters=matters) for offset in chosen],
    }
    if chance.random() < 0.4:
        days = chance.choice((["mon"], ["mon", "tue", "wed", "thu", "fri"], ["sat", "sun"]))
        shut = [now.date() + timedelta(days=chance.randrange(9)) for _ in range(chance.randrange(3))]
        start, end = chance.choice(
            (("09:00", "18:00"), ("00:00", "24:00"), ("22:00", "24:00"), ("02:10", "02:50"))
        )
        zone = chance.choice(("tenant", "recipient", "America/Santiago"))
        document["window"] = {"days": days, "start": start, "end": end, "zone": zone, "except": shut}
    if kind["audience"] == "customers":
        day = now.date() + timedelta(days=chance.randint(-1, 3))
        document["schedule"] = {"date": day, "at": chance.choice(CLOCKS)}
    if kind["audience"] == "open_quotes" and chance.random() < 0.5:
        document["conditions"] = {"field": "amount", "operator": "greater_than", "value": 100}
    zones = {document["zone"], document.get("window", {}).get("zone")}
    if "recipient" in zones:  # not with two kinds of recipients in one step
        for step in document["steps"]:
            if step.get("recipient") == ["customer", "agent"]:
                step["recipient"] = chance.choice(("customer", "agent"))
    if chance.random() < 0.2:
        document["policy"]["valid_until"] = (now + timedelta(days=2)).isoformat()
    return document


def _step(chance: random.Random, offset: str, *, matters: bool) -> dict[str, Any]:
    step: dict[str, Any] = {
        "id": offset.strip("-").replace(" ", "-").replace("{", "").replace("}", "").replace("_", "-"),
        "offset": offset,
    }
    if offset.startswith("-"):
        step["id"] = f"before-{step['id']}"
    if offset.endswith("days") and chance.random() < 0.5:
        step["at"] = chance.choice(CLOCKS)
    if matters and chance.random() < 0.2:
        return {**step, "action": "set_quote_status", "with": {"status": "expired"}}
    recipient = chance.choice((*ROLES, "customer")) if matters else "customer"
    return {**step, "channel": "email", "template": "t", "recipient": recipient}


@pytest.mark.parametrize("seed", range(LIVES))
def test_a_random_life(seed: int, new_world: NewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    tick = (30, 120, 360)[seed % 3]
    if seed % 4 == 1:
        monkeypatch.setattr(sys.modules["automation_pipelines.planning.plan"], "SLICE", 25)
    world = new_world("sqlite", tick_minutes=tick, leap_day=("02-28", "03-01")[seed % 2])
    Life(world, seed).live(monkeypatch)
