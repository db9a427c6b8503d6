"""What a planned message is rendered with: the audience's columns, the recipient, and what the gates gave.

As JSON, made once for all rows. How it becomes the variables of a template is `messages.context`'s.
"""

from collections.abc import Sequence

import polars as pl

from automation_pipelines.campaign.steps import ROLES
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.types import Audience, Type
from automation_pipelines.engine import Engine
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.model import Reason
from automation_pipelines.planning.people import keep_recipients
from automation_pipelines.planning.places import Place, places_of
from automation_pipelines.selection import audience_table
from automation_pipelines.sqlfiles import SqlFiles

_USED = (
    "moment_id",
    "leader",
    "audience",
    "row_id",
    "tenant_id",
    "campaign",
    "place",
    "occurrence",
    "subject_id",
    "recipient_kind",
    "person_id",
    "person_zone",
    "customer_id",
    "agent_id",
    "account_id",
    "channel",
    "address",
    "assignee_id",
    "coupon",
)
CONTACTED = "SELECT DISTINCT tenant_id, recipient_kind, person_id FROM {} WHERE person_id IS NOT NULL"
"""The people of a table, as `sql/planning/people.sql` asks for them."""


def with_variables(
    engine: Engine, files: SqlFiles, campaigns: Sequence[ActiveCampaign], decided: pl.DataFrame
) -> pl.DataFrame:
    """Add `variables`, a JSON object, to the planned rows of `decided`; null for the others."""
    planned = pl.col("reason") == str(Reason.PLANNED)
    leaders = decided.lazy().filter(planned).select("moment_id")
    items = decided.lazy().filter("an_item").join(leaders, left_on="leader", right_on="moment_id", how="semi")
    # Only a digest says what others would have said; a second record of a person adds nothing.
    used = pl.concat([decided.lazy().filter(planned), items]).select(_USED).collect()
    if used.is_empty():
        return decided.with_columns(variables=pl.lit(None, pl.String))
    engine.add(planned=used.with_columns(**_manners(campaigns)))
    due = set(used["place"])
    places = [place for place in places_of(campaigns) if place.number in due]
    engine.add(copies=_copies(engine, files, places))
    engine.keep("contacted", CONTACTED.format("planned"))
    engine.keep("people", files.find("planning", "people").text)
    statements = [(_base(AUDIENCES[name]), {"audience": name}) for name in used["audience"].unique().sort()]
    engine.add(bases=pl.concat([engine.query(*one) for one in statements]))
    made = engine.query(files.find("planning", "payloads").text)
    engine.drop("contacted", "people")
    return decided.join(made, on="moment_id", how="left", maintain_order="left")


def _manners(campaigns: Sequence[ActiveCampaign]) -> dict[str, pl.Expr]:
    owned = [active.spec.id for active in campaigns if active.spec.sender == "owner"]
    digests = [active.spec.id for active in campaigns if active.spec.digest]
    campaign = pl.col("campaign")
    return {"by_owner": campaign.is_in(owned), "digest": campaign.is_in(digests)}


def _copies(engine: Engine, files: SqlFiles, places: Sequence[Place]) -> pl.DataFrame:
    """`moment_id, cc, bcc`: JSON texts with commas between them."""
    if any(place.step.cc or place.step.bcc for place in places):
        engine.drop("fixed_addresses")  # they have their message already
    openly = _copied(engine, files, {place.number: place.step.cc for place in places})
    hidden = _copied(engine, files, {place.number: place.step.bcc for place in places})
    return openly.rename({"addresses": "cc"}).join(
        hidden.rename({"addresses": "bcc"}), on="moment_id", how="full", coalesce=True
    )


def _copied(engine: Engine, files: SqlFiles, wanted: dict[int, tuple[str, ...]]) -> pl.DataFrame:
    if not any(wanted.values()):
        return pl.DataFrame(schema={"moment_id": pl.Int64, "addresses": pl.String})
    pairs = [(place, one) for place, copies in wanted.items() for one in copies]
    roles = [(place, None, one) for place, one in pairs if one in ROLES]
    schema = {"place": pl.Int64, "tenant_id": pl.Int64, "role": pl.String}
    engine.add(
        step_roles=pl.DataFrame(roles, schema=schema, orient="row"),
        copy_addresses=pl.DataFrame(
            [pair for pair in pairs if pair[1] not in ROLES],
            schema={"place": pl.Int64, "address": pl.String},
            orient="row",
        ),
        entered=engine.query(
            "SELECT moment_id AS candidate_id, place, tenant_id, customer_id, agent_id, account_id "
            "FROM planned"
        ),
        fixed_addresses=pl.DataFrame(schema={"place": pl.Int64, "recipient_id": pl.Int64}),
    )
    # Who holds a role is the same question for those who get a copy.
    keep_recipients(engine, files)
    engine.keep(
        "contacted",
        CONTACTED.format(
            "(SELECT m.tenant_id, r.recipient_kind, r.person_id FROM recipients AS r "
            "INNER JOIN planned AS m ON r.candidate_id = m.moment_id) AS copied"
        ),
    )
    engine.keep("people", files.find("planning", "people").text)
    made = engine.query(files.find("planning", "copied").text)
    engine.drop("people", "contacted", "recipients")
    return made


def _base(audience: Audience) -> str:
    columns = "".join(
        f', "{column.name}" := {_json_value(column.name, column.type)}' for column in audience.columns
    )
    recipient = (
        "recipient := struct_pack(name := r.name, first_name := r.first_name, "
        "company_name := r.company_name, "
        "email := CASE WHEN p.channel = 'email' THEN p.address ELSE trim(r.email) END, phone := r.phone, "
        "role := r.role, locale := r.locale, country := r.country, "
        "time_zone := p.person_zone), agent_id := p.agent_id"
    )
    return (
        f"SELECT p.moment_id, CAST(to_json(struct_pack({recipient}{columns})) AS VARCHAR) AS variables "
        f"FROM planned AS p INNER JOIN {audience_table(audience.name)} AS a ON p.row_id = a.row_id "
        "LEFT JOIN people AS r ON p.recipient_kind = r.recipient_kind AND p.tenant_id = r.tenant_id "
        "AND p.person_id = r.person_id WHERE p.audience = $audience"
    )


def _json_value(name: str, type_: Type) -> str:
    if type_ is Type.INSTANT:
        return f"strftime(timezone('UTC', a.\"{name}\"), '%Y-%m-%dT%H:%M:%SZ')"
    return f'a."{name}"'
