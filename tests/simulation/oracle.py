"""What must be decided, worked out one row and one step at a time in plain Python.

Shares the declarations (`Campaign`) with the planner and nothing else: no SQL, no ranges, no calendars.
It knows no window to the past either: whatever is due, unsettled and not too late has to be decided.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from automation_pipelines.campaign import WEEKDAYS, Campaign, Step, Window
from automation_pipelines.model import SETTLED

DAY = timedelta(days=1)
MARGIN = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SETTLED = {str(reason) for reason in SETTLED}

Key = tuple[str, str, int, int, int, int]
"""campaign, step, occurrence, tenant, subject, recipient"""


@dataclass
class Running:
    """A started campaign."""

    spec: Campaign
    active_from: dict[str, datetime]
    paused: bool = False


@dataclass(frozen=True)
class Row:
    """One row of an audience."""

    tenant: int
    subject: int
    customer: int | None
    agent: int | None
    anchor: datetime | date
    values: dict[str, Any]


@dataclass(frozen=True)
class Recipient:
    """Who gets a step, or 0 and no address: nobody."""

    id: int
    address: str | None
    zone: str | None = None
    opted_out: bool = False


@dataclass(frozen=True)
class Moment:
    """A step that falls due for somebody."""

    key: Key
    step: Step
    row: Row
    recipient: Recipient
    zone: str
    nominal_at: datetime
    due_at: datetime
    expires_at: datetime | None

    @property
    def lane(self) -> tuple[object, ...]:
        campaign, _, _, tenant, subject, _ = self.key
        return campaign, tenant, subject, self.step.action or ""


@dataclass(frozen=True)
class Verdict:
    """What is made of a moment."""

    reason: str
    due_at: datetime
    expires_at: datetime | None


@dataclass
class Oracle:
    """The CRM as it is, and everything settled so far."""

    tick: timedelta
    leap_day: str
    crm: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    campaigns: dict[str, Running] = field(default_factory=dict)
    suppressed: set[tuple[int, str, str]] = field(default_factory=set)
    settled: dict[Key, Verdict] = field(default_factory=dict)

    def rows(self, source: str) -> Iterable[dict[str, Any]]:
        return self.crm.get(source, {}).values()

    def decide(self, as_of: datetime) -> dict[Key, Verdict]:
        """Every due and unsettled moment; those too late as well."""
        moments = [m for running in self.campaigns.values() for m in self._due(running, as_of)]
        refused = {m.key: self._refusal(m, as_of) for m in moments}
        verdicts = {}
        for m in moments:
            reason = refused[m.key] or self._superseded(m, moments, refused, as_of) or "planned"
            verdicts[m.key] = Verdict(reason, m.due_at, m.expires_at)
        return verdicts

    def settle(self, verdicts: dict[Key, Verdict]) -> None:
        self.settled |= {key: v for key, v in verdicts.items() if v.reason in _SETTLED}

    # Moments

    def _due(self, running: Running, as_of: datetime) -> Iterator[Moment]:
        dated = running.spec.audience in {"birthdays", "anniversaries", "customers"}
        to = as_of + self.tick + MARGIN if dated else as_of
        for m in self._existing(running, as_of):
            if m.due_at <= to and not self._is_settled(m):
                yield m

    def _is_settled(self, m: Moment) -> bool:
        """Recipients are fixed when the step is first settled."""
        return any(key[:5] == m.key[:5] for key in self.settled)

    def _existing(self, running: Running, as_of: datetime) -> Iterator[Moment]:
        passed: dict[tuple[object, ...], list[Moment]] = {}
        for m in self._all(running, as_of):
            active_from = running.active_from[m.step.id]
            if m.nominal_at >= active_from:
                yield m
            elif m.nominal_at >= _backlog_from(running.spec, active_from):
                passed.setdefault(m.lane, []).append(m)
        for group in passed.values():
            latest = max(group, key=lambda m: m.nominal_at)
            yield from (m for m in group if m.nominal_at == latest.nominal_at)

    def _all(self, running: Running, as_of: datetime) -> Iterator[Moment]:
        spec = running.spec
        for row in self._audience(spec, as_of):
            if row.tenant not in self.crm["tenants"] or not _holds(spec.conditions, row.values):
                continue
            for step in spec.steps:
                for recipient in self._recipients(step, row):
                    yield self._moment(running, row, step, recipient)

    def _moment(self, running: Running, row: Row, step: Step, recipient: Recipient) -> Moment:
        spec, tenant = running.spec, self.crm["tenants"][row.tenant]
        zone = _zone(spec.zone, tenant["time_zone"], recipient.zone)
        at = (
            step.at
            or (spec.schedule.at if spec.schedule else None)
            or time.fromisoformat(tenant["send_time"])
        )
        instant = isinstance(row.anchor, datetime)
        anchor_day = row.anchor.astimezone(ZoneInfo(zone)).date() if instant else row.anchor
        if instant and (
            step.offset.minutes or (not step.offset.days and not step.offset.setting and not step.at)
        ):
            nominal = row.anchor + timedelta(minutes=step.offset.minutes)
        else:
            days = _threshold(tenant) if step.offset.setting else step.offset.days
            nominal = _instant(zone, anchor_day + days * DAY, at)
        due = max(nominal, running.active_from[step.id])
        if spec.window and not step.action:
            due = _opening(spec.window, _zone(spec.window.zone, tenant["time_zone"], recipient.zone), due)
        expires = None if spec.max_lateness is None else due + spec.max_lateness
        if step.offset.negative:
            end = row.anchor if instant else _instant(zone, anchor_day, at)
            expires = min(expires, end) if expires else end
        occurrence = _occurrence(spec, row.anchor)
        key = (spec.id, step.id, occurrence, row.tenant, row.subject, recipient.id)
        return Moment(key, step, row, recipient, zone, nominal, due, expires)

    def _recipients(self, step: Step, row: Row) -> Iterable[Recipient]:
        if step.action:
            return [Recipient(0, None)]
        people: dict[int, Recipient] = {}
        for role in step.recipient:
            if role == "customer":
                people[0] = self._customer(row)
                continue
            staff = [Recipient(u["id"], u["email"]) for u in self._staff(role, row) if u["active"]]
            people |= {one.id: one for one in staff}
        return people.values() or [Recipient(0, None)]

    def _customer(self, row: Row) -> Recipient:
        customer = self.crm["customers"].get(row.customer or 0)
        if customer is None or customer["tenant_id"] != row.tenant:
            return Recipient(0, None)
        address = customer["email"]
        usable = address if address and "@" in address else None
        return Recipient(0, usable, customer["time_zone"], customer["email_opt_out"])

    def _staff(self, role: str, row: Row) -> Iterator[dict[str, Any]]:
        users = {user["id"]: user for user in self.rows("users") if user["tenant_id"] == row.tenant}
        agent = users.get(row.agent) if row.agent is not None else None
        for user in users.values():
            match role:
                case "agent":
                    fits = user is agent
                case "agent_manager":
                    fits = agent is not None and user["id"] == agent.get("manager_id")
                case "department_manager":
                    fits = agent is not None and user["department"] == agent["department"]
                    fits = fits and user["role"] == "department_manager"
                case _:
                    fits = user["role"] == {"executives": "executive"}.get(role, role)
            if fits:
                yield user

    # Audiences

    def _audience(self, spec: Campaign, as_of: datetime) -> Iterator[Row]:
        match spec.audience:
            case "birthdays":
                yield from self._birthdays()
            case "inactive_customers" | "new_customers" | "customers":
                yield from self._customers(spec, as_of)
            case _:
                yield from self._matters(spec, as_of)

    def _birthdays(self) -> Iterator[Row]:
        for c in self.rows("customers"):
            for year in range(2024, 2029) if c["birthday"] else ():
                yield _person(c, self._observed(c["birthday"], year))

    def _customers(self, spec: Campaign, as_of: datetime) -> Iterator[Row]:
        for c in self.rows("customers"):
            if c["created_at"] > as_of:
                continue
            if spec.schedule:
                yield _person(c, spec.schedule.on_date)
            elif spec.audience == "new_customers":
                yield _person(c, c["created_at"])
            elif self._last_sign(c) <= as_of:
                yield _person(c, self._last_sign(c))

    def _last_sign(self, c: dict[str, Any]) -> datetime:
        """The CRM's own summary, where a tenant does not say what counts."""
        return max(c["created_at"], c["last_activity_at"])

    def _matters(self, spec: Campaign, as_of: datetime) -> Iterator[Row]:
        source, known, anchor, states = _MATTERS[spec.audience]
        for row in self.rows(source):
            if row["status"] in states and row[known] <= as_of:
                yield Row(row["tenant_id"], row["id"], row["customer_id"], row["agent_id"], row[anchor], row)

    def _observed(self, birthday: date, year: int) -> date:
        try:
            return birthday.replace(year=year)
        except ValueError:
            return date.fromisoformat(f"{year}-{self.leap_day}")

    # Decisions

    def _refusal(self, m: Moment, as_of: datetime) -> str | None:
        running = self.campaigns[m.key[0]]
        spec, policy = running.spec, running.spec.policy
        if m.expires_at is not None and max(m.due_at, as_of) > m.expires_at:
            return "stale"
        early = policy.valid_from is not None and m.due_at < policy.valid_from
        late = policy.valid_until is not None and m.due_at > policy.valid_until
        if running.paused or not self.crm["tenants"][m.row.tenant]["active"] or early or late:
            return "inactive"
        if not _holds(m.step.when, m.row.values):
            return "condition"
        if not m.step.action and m.recipient.address is None:
            return "no_recipient"
        if m.recipient.address and self._is_suppressed(m, spec):
            return "suppressed"
        return "duplicate" if self._is_repeated(m, spec) else None

    def _is_suppressed(self, m: Moment, spec: Campaign) -> bool:
        reasons = {
            r
            for tenant, a, r in self.suppressed
            if (tenant, a) == (m.row.tenant, m.recipient.address.lower())
        }
        if spec.purpose != "marketing":
            return "bounced" in reasons
        return m.recipient.opted_out or bool(reasons)

    def _is_repeated(self, m: Moment, spec: Campaign) -> bool:
        if spec.policy.repeat_after is None:
            return False
        zone = ZoneInfo(m.zone)
        days = _threshold(self.crm["tenants"][m.row.tenant])
        since = m.due_at.astimezone(zone).date() - days * DAY
        return any(
            v.reason == "planned"
            and (key[0], key[1], *key[3:5]) == (m.key[0], m.key[1], *m.key[3:5])
            and v.due_at <= m.due_at
            and v.due_at.astimezone(zone).date() > since
            for key, v in self.settled.items()
        )

    def _superseded(
        self, m: Moment, moments: list[Moment], refused: dict[Key, str | None], as_of: datetime
    ) -> str | None:
        if self.campaigns[m.key[0]].spec.policy.late == "all" or m.due_at > as_of - self.tick - MARGIN:
            return None
        others = (
            o.due_at > m.due_at
            for o in moments
            if (o.lane, o.key[2]) == (m.lane, m.key[2]) and refused[o.key] is None and o.due_at <= as_of
        )
        return "superseded" if any(others) else None


def _person(customer: dict[str, Any], anchor: datetime | date) -> Row:
    return Row(customer["tenant_id"], customer["id"], customer["id"], None, anchor, customer)


_MATTERS = {
    "open_quotes": ("quotes", "sent_at", "sent_at", ("sent", "viewed")),
    "expiring_quotes": ("quotes", "sent_at", "expires_at", ("sent", "viewed")),
    "open_queries": ("queries", "created_at", "sla_due_at", ("open", "in_progress")),
}


def _holds(condition: Any, values: dict[str, Any]) -> bool:
    """The one form the simulation uses: a number greater than another."""
    if condition is None:
        return True
    value = values.get(condition.leaf.field)
    return value is not None and value > condition.leaf.value


def _zone(declared: str, tenant: str, own: str | None) -> str:
    return {"tenant": tenant, "recipient": own or tenant}.get(declared, declared)


def _instant(zone: str, day: date, at: time) -> datetime:
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)


def _occurrence(spec: Campaign, anchor: datetime | date) -> int:
    grain = {"open_quotes": "once", "new_customers": "once", "birthdays": "year"}
    grain |= {"inactive_customers": "day", "customers": "day"}
    match grain.get(spec.audience):
        case "once":
            return 0
        case "year":
            counted = datetime(anchor.year, 1, 1, tzinfo=UTC)
        case "day":
            day = anchor.astimezone(UTC).date() if isinstance(anchor, datetime) else anchor
            counted = datetime.combine(day, time(0), UTC)
        case _:
            counted = anchor
    return (counted - EPOCH) // timedelta(minutes=1)


def _threshold(tenant: dict[str, Any]) -> int:
    """Days of silence until somebody is written to; a tenant that says nothing has the default."""
    return tenant["inactivity_days"] or 7


def _opening(window: Window, zone: str, moment: datetime) -> datetime:
    """Walks through the days until one lets the message out."""
    day = moment.astimezone(ZoneInfo(zone)).date() - DAY
    while True:
        if WEEKDAYS[day.weekday()] in window.days and day not in window.excluded:
            opens = _instant(zone, day, window.start)
            end = (day, window.end) if isinstance(window.end, time) else (day + DAY, time(0))
            closes = _instant(zone, *end)
            if opens < closes and closes > moment:
                return max(moment, opens)
        day += DAY


def _backlog_from(spec: Campaign, starts: datetime) -> datetime:
    match spec.policy.backlog:
        case "none":
            return starts
        case "7 days":
            return starts - 7 * DAY
        case _:
            return datetime.min.replace(tzinfo=UTC)
