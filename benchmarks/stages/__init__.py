"""The stages in the order of the pipeline. One file each: ours first, then what one could do instead."""

from benchmarks.stages import (
    audiences,
    campaigns,
    claims,
    delivery,
    extract,
    ledger,
    planning,
    rendering,
    rules,
    smtp,
    statistics,
    tick,
)

STAGES = (
    *extract.STAGES,
    *audiences.STAGES,
    *rules.STAGES,
    *planning.STAGES,
    *ledger.STAGES,
    *claims.STAGES,
    *rendering.STAGES,
    *smtp.STAGES,
    *delivery.STAGES,
    *tick.STAGES,
    *campaigns.STAGES,
    *statistics.STAGES,
)
