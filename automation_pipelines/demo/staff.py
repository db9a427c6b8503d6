"""The tenants of the demo and their staff. A few hundred rows at any size: plain Python."""

from dataclasses import dataclass

import polars as pl

from automation_pipelines.demo.draws import Draws
from automation_pipelines.demo.people import TRADITIONS
from automation_pipelines.demo.places import SETTINGS, TENANTS, Tenant

# Groups has no department manager of its own: its managers report to an executive, who thereby
# holds two roles.
_DEPARTMENTS = ("Leisure", "Business", "Groups")


@dataclass(frozen=True, slots=True)
class User:
    """One row of `users`."""

    id: int
    tenant_id: int
    name: str
    email: str | None
    phone: str
    role: str
    department: str | None
    manager_id: int | None
    active: bool


def tenants() -> pl.DataFrame:
    """Make the table `tenants`."""
    return pl.DataFrame([_tenant(number, tenant) for number, tenant in enumerate(TENANTS, 1)])


def _tenant(number: int, tenant: Tenant) -> dict[str, object]:
    return {
        "id": number,
        "name": tenant.name,
        "time_zone": tenant.time_zone,
        "send_time": tenant.send_time,
        "locale": tenant.locale,
        "currency": tenant.currency,
        "inactivity_days": tenant.inactivity_days,
        "sender_name": tenant.name,
        "sender_email": f"hello@{tenant.domain}",
        "reply_to": f"office@{tenant.domain}" if number % 4 else None,
        "brand_color": tenant.brand_color,
        "logo_url": f"https://{tenant.domain}/logo.png",
        "website": f"https://{tenant.domain}",
        "postal_address": tenant.postal_address,
        "active": tenant.active,
    }


def tenant_settings() -> pl.DataFrame:
    """Make the table `tenant_settings`: what some tenants want otherwise than the environment says."""
    rows = [(tenant, name, value) for tenant, named in SETTINGS.items() for name, value in named.items()]
    return pl.DataFrame(
        [(place, *row) for place, row in enumerate(rows, 1)],
        schema=["id", "tenant_id", "name", "value"],
        orient="row",
    )


def users(seed: int, customers: int) -> pl.DataFrame:
    """Make the table `users`: agents → managers → department managers → senior management → executives."""
    hiring = _Hiring(Draws(seed, "users"))
    agents = 4 + customers // (len(TENANTS) * 1_000)
    for number in range(1, len(TENANTS) + 1):
        hiring.staff(number, agents)
    return pl.DataFrame(hiring.hired, schema_overrides={"manager_id": pl.Int64})


class _Hiring:
    """Hires one tenant's staff from the top down, so that every manager exists before the managed."""

    def __init__(self, draws: Draws) -> None:
        self.hired: list[User] = []
        self._draws = draws

    def staff(self, tenant_id: int, agents: int) -> None:
        executives = [self._hire(tenant_id, "executive", None, None) for _ in range(3)]
        senior = self._hire(tenant_id, "senior_management", None, executives[0])
        for department in _DEPARTMENTS:
            boss = (
                executives[1]
                if department == "Groups"
                else self._hire(tenant_id, "department_manager", department, senior)
            )
            managers = [self._hire(tenant_id, "manager", department, boss) for _ in range(2)]
            for number in range(agents):
                self._hire(tenant_id, "agent", department, [*managers, boss][number % 3])
        self._hire(tenant_id, "agent", "Leisure", None)

    def _hire(self, tenant_id: int, role: str, department: str | None, manager_id: int | None) -> int:
        number = len(self.hired) + 1
        tenant, draws = TENANTS[tenant_id - 1], self._draws
        names = TRADITIONS[tenant.names]
        given, plain_given = names.given[draws.number("given", number, len(names.given))]
        family, plain_family = names.family[draws.number("family", number, len(names.family))]
        leavable = role in ("agent", "manager")
        self.hired.append(
            User(
                number,
                tenant_id,
                f"{given} {family}",
                f"{plain_given}.{plain_family}.{number}@{tenant.domain}"
                if draws.number("mail", number, 40)
                else None,
                f"+1 202 555 {100 + number % 100:04d}",
                role,
                department,
                manager_id,
                not (leavable and draws.number("left", number, 12) == 0),
            )
        )
        return number
