"""Audience rows and campaigns in, decisions out: a pure function of data, campaigns and a clock.

The relational work is in `sql/planning/`. Nothing is written here: `tick` commits what comes out,
`preview` shows it.
"""

from automation_pipelines.planning.candidates import Planned, keep_members
from automation_pipelines.planning.chains import started_by_hand, tells_starts
from automation_pipelines.planning.clock import MARGIN, Clock
from automation_pipelines.planning.flow import order_tables
from automation_pipelines.planning.named import ByName, named_need
from automation_pipelines.planning.needs import needs
from automation_pipelines.planning.plan import Plan, plan, profiles
from automation_pipelines.planning.promoted import promotion_seed
from automation_pipelines.planning.record import Record
from automation_pipelines.planning.settings import settings_frame
from automation_pipelines.planning.tenancy import Tenancy
from automation_pipelines.planning.whens import asked_demands

__all__ = [
    "MARGIN",
    "ByName",
    "Clock",
    "Plan",
    "Planned",
    "Record",
    "Tenancy",
    "asked_demands",
    "keep_members",
    "named_need",
    "needs",
    "order_tables",
    "plan",
    "profiles",
    "promotion_seed",
    "settings_frame",
    "started_by_hand",
    "tells_starts",
]
