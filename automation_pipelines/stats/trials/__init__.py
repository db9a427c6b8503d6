"""Trials: what the counts of an experiment's arms, and those of a holdout, allow to be concluded.

Subjects are counted by `sql/trials/`, conclusions are drawn by `experiments`; here one is given to the other.
"""

from datetime import datetime

from automation_pipelines.engine import Engine
from automation_pipelines.ledger.database import Database
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats.trials.holdouts import groups, lifts
from automation_pipelines.stats.trials.variants import arms, declared, verdicts

_CURRENCIES = "SELECT tenant_id, profile ->> '$.currency' AS currency FROM profiles"


def add(engine: Engine, sqlfiles: SqlFiles, db: Database, days: int, as_of: datetime) -> None:
    """Make known to an engine that shows all filed facts what `variant_results` and `holdout_lift` join."""
    known = declared(engine, db)
    engine.add(currencies=engine.query(_CURRENCIES))
    engine.add(arms=arms(engine, sqlfiles, known, db, as_of), groups=groups(engine, sqlfiles, days, as_of))
    engine.add(verdicts=verdicts(engine.frame("arms"), known), lifts=lifts(engine.frame("groups"), days))


__all__ = ["add"]
