"""Commands on who must not be contacted. Addresses are given in clear and kept as salted hashes only."""

from dataclasses import dataclass

import click

from automation_pipelines.campaign import MESSAGE_CHANNELS
from automation_pipelines.cli.front import NUMBER, ROWS, Front
from automation_pipelines.cli.tables import counted, say, say_json, table_of
from automation_pipelines.errors import RefusedError
from automation_pipelines.forgetting import customer_number
from automation_pipelines.ledger import suppressions as ledger

_TENANT = click.option("--tenant", type=NUMBER, required=True, help="The tenant.")
_CHANNEL = click.option("--channel", type=click.Choice(MESSAGE_CHANNELS), default="email", show_default=True)
_CUSTOMER = click.option(
    "--customer", metavar="KEY", help="Instead of an address: a customer who was forgotten, by the CRM's key."
)


@dataclass(frozen=True, slots=True)
class _Whose:
    """What a suppression is found by."""

    tenant: int
    channel: str
    digest: str

    @classmethod
    def of(
        cls, front: Front, tenant: int, channel: str, address: str | None, customer: str | None
    ) -> "_Whose":
        salt = front.database.salt
        if (address is None) == (customer is None):
            msg = "whose? give an address, or --customer with the CRM's key"
            raise RefusedError(msg)
        if customer is not None:
            number = customer_number(front.installation, customer)
            return cls(tenant, ledger.EVERYWHERE, ledger.customer_hash(salt, number))
        return cls(tenant, channel, ledger.address_hash(salt, channel, address or ""))


@click.group()
def suppressions() -> None:
    """Who must not be contacted, and why."""


@suppressions.command("add")
@click.argument("address")
@_TENANT
@_CHANNEL
@click.option("--topic", default="", help="Only this topic; default: every one.")
@click.pass_obj
def add(front: Front, *, address: str, tenant: int, channel: str, topic: str) -> None:
    """Stop contacting an address, from now on."""
    hashed = ledger.address_hash(front.database.salt, channel, address)
    entry = ledger.Suppression(tenant, channel, hashed, "manual", front.now, topic)
    ledger.add_by_hand(front.database, entry, by=front.user, at=front.now)
    click.echo("suppressed; what is planned already is checked once more before it leaves")


@suppressions.command("list")
@click.option("--tenant", type=NUMBER, help="Only those of this tenant.")
@click.option("--channel", help="Only those of this channel; * is customers who were forgotten.")
@click.option("--reason", help="Only those for this reason.")
@click.option("--limit", type=ROWS, default=50, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines instead of a table.")
@click.pass_obj
def list_command(
    front: Front, *, tenant: int | None, channel: str | None, reason: str | None, limit: int, as_json: bool
) -> None:
    """List what is in force, the newest first: hashes of addresses, with reason and times."""
    found = ledger.listed(
        front.database, front.now, tenant=tenant, channel=channel, reason=reason, limit=limit
    )
    if as_json:
        say_json(found)
    else:
        say(table_of(found, "Suppressions (UTC)"))


@suppressions.command("show")
@click.argument("address", required=False)
@_TENANT
@_CHANNEL
@_CUSTOMER
@click.pass_obj
def show(front: Front, *, address: str | None, tenant: int, channel: str, customer: str | None) -> None:
    """Say whether and why an address is suppressed."""
    whose = _Whose.of(front, tenant, channel, address, customer)
    found = ledger.of_address(front.database, whose.tenant, whose.channel, whose.digest, front.now)
    if found.is_empty():
        click.echo("not suppressed")
        return
    say(table_of(found, "Suppressions"))


@suppressions.command("lift")
@click.argument("address", required=False)
@_TENANT
@_CHANNEL
@_CUSTOMER
@click.option("--topic", help="Only that of this topic; default: all.")
@click.pass_obj
def lift(
    front: Front, *, address: str | None, tenant: int, channel: str, customer: str | None, topic: str | None
) -> None:
    """Contact an address again. Audited: the customer should have asked for it."""
    whose = _Whose.of(front, tenant, channel, address, customer)
    lifted = ledger.lift(
        front.database, whose.tenant, whose.channel, whose.digest, topic, by=front.user, at=front.now
    )
    if not lifted:
        msg = "nothing to lift: the address is not suppressed"
        raise RefusedError(msg)
    click.echo(f"{counted(lifted, 'suppression')} lifted")


@suppressions.command("count")
@click.pass_obj
def count(front: Front) -> None:
    """How many are suppressed, by tenant, channel, topic and reason."""
    rows = ledger.active(front.database, front.now)
    key = ["tenant_id", "channel", "topic", "reason"]
    say(table_of(rows.group_by(key).len("addresses").sort(key), "Suppressed addresses"))
