"""Which send windows bind which moments: the campaign's, and for marketing the tenant's own.

When they are open is `calendar`'s.
"""

from collections.abc import Iterator, Mapping

import polars as pl

from automation_pipelines.calendar import Hours, campaign_hours, tenant_hours
from automation_pipelines.campaign import Window
from automation_pipelines.catalogue.openings import read_openings
from automation_pipelines.catalogue.tenant_settings import CHANNELS
from automation_pipelines.engine import Engine


def bound(settings: pl.DataFrame) -> pl.DataFrame:
    """Which messages the tenants' own windows bind: `tenant_id, channel, country`, null for any country."""
    texts = settings.select("tenant_id", "send_windows").drop_nulls()
    rows = {
        (tenant, channel, part.country)
        for tenant, text in texts.iter_rows()
        for part in read_openings(text, CHANNELS)
        for channel in ((part.channel,) if part.channel else CHANNELS)
    }
    schema = {"tenant_id": pl.Int64, "channel": pl.String, "country": pl.String}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def gates_of(engine: Engine, windows: Mapping[str, Window]) -> Iterator[tuple[str, tuple[Hours, ...]]]:
    """Each gate of table `addressed` with the hours that must be open; `windows` are those of campaigns."""
    # Small ticks often have none, and then need not ask which.
    if not engine.query("SELECT count(*) AS n FROM addressed WHERE gate IS NOT NULL").item():
        return
    occurring = engine.query(
        "SELECT DISTINCT d.gate, s.campaign, s.window_id IS NOT NULL AS windowed, d.window_zone, s.channel, "
        "d.country, d.person_zone, "
        "CASE WHEN s.purpose = 'marketing' AND NOT s.action THEN g.send_windows END AS own "
        "FROM addressed AS d INNER JOIN steps AS s ON d.place = s.place "
        "LEFT JOIN settings AS g ON d.tenant_id = g.tenant_id WHERE d.gate IS NOT NULL"
    )
    known: set[str] = set()
    for gate, campaign, windowed, zone, channel, country, own_zone, text in occurring.iter_rows():
        if gate in known:
            continue
        known.add(gate)
        of_campaign = (campaign_hours(windows[campaign], zone),) if windowed else ()
        of_tenant = tenant_hours(text, channel, country, own_zone) if text else ()
        yield gate, (*of_campaign, *of_tenant)
