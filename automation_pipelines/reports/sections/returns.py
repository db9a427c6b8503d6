"""What messages cost and what they are credited with."""

import polars as pl

from automation_pipelines.reports.asked import Asked
from automation_pipelines.reports.numerals import amounts, count, money
from automation_pipelines.reports.parts import Numbers, Section

_LISTED = 20
_CREDITED = (
    "Credited is not caused: of what is credited to messages some would have come without them. Currencies "
    "are never added up."
)
_NO_COST = "What a message costs is not known: no prices are set for the tenant (`message_costs`)."


def returns(asked: Asked) -> Section:
    """By step of a campaign, by campaign of a tenant; each currency for itself."""
    title, by = "What it cost and earned", "step" if asked.of_campaign else "campaign"
    spent, earned = _spent(asked, by), asked.credited(asked.rows("attribution_daily"))
    if asked.published.lacks("attribution_daily") or (earned.is_empty() and not spent["cost"].sum()):
        words = "No conversion in this period is credited to a message, and no prices of messages are set."
        return asked.nothing("returns", title, "attribution_daily", words)
    rows = _together(spent, earned, by)
    return Section(
        "returns",
        title,
        _finding(rows),
        numbers=Numbers(
            ("Step" if asked.of_campaign else "Campaign", "Sent", "Cost", "Conversions", "Revenue"),
            tuple(
                (
                    _named(asked, name),
                    count(sent),
                    money(cost or None, currency),
                    f"{won:,.3g}",
                    money(revenue, currency),
                )
                for name, currency, sent, cost, won, revenue in rows.head(_LISTED).rows()
            ),
        ),
        notes=(_CREDITED,) if rows["cost"].sum() else (_CREDITED, _NO_COST),
    )


def _spent(asked: Asked, by: str) -> pl.DataFrame:
    """What was sent and what it cost, in the tenant's currency."""
    rows = asked.rows("spend_daily")
    if rows.is_empty():
        return pl.DataFrame(
            schema={by: pl.String, "currency": pl.String, "sent": pl.Int64, "cost": pl.Float64}
        )
    own = pl.col("tenant_id").replace_strict(
        asked.published.currencies, default="XXX", return_dtype=pl.String
    )
    summed = rows.group_by(by, own.alias("currency")).agg(pl.col("sent", "cost").sum())
    return summed.filter(pl.col("sent") > 0)


def _together(spent: pl.DataFrame, earned: pl.DataFrame, by: str) -> pl.DataFrame:
    key = [by, "currency"]
    credited = (
        pl.DataFrame(
            schema={by: pl.String, "currency": pl.String, "conversions": pl.Float64, "revenue": pl.Int64}
        )
        if earned.is_empty()
        else earned.group_by(key).agg(pl.col("conversions", "revenue").sum())
    )
    rows = spent.join(credited, on=key, how="full", coalesce=True).fill_null(0)
    told = rows.filter((pl.col("cost") > 0) | (pl.col("conversions") > 0))
    return told.sort("revenue", "sent", *key, descending=[True, True, False, False])


def _named(asked: Asked, name: str) -> str:
    if asked.question.campaign is None:
        return asked.campaign(name)
    return asked.published.steps(asked.question.campaign).get(name, name)


def _finding(rows: pl.DataFrame) -> str:
    summed = rows.group_by("currency").agg(pl.col("cost", "revenue").sum()).sort("revenue", descending=True)
    cost = amounts((currency, cost) for currency, cost, _ in summed.rows() if cost)
    revenue = amounts((currency, revenue) for currency, _, revenue in summed.rows() if revenue)
    if not revenue:
        return f"Messages cost {cost}, and no revenue is credited to them yet."
    return f"Messages are credited with {revenue}" + (f" and cost {cost}." if cost else ".")
