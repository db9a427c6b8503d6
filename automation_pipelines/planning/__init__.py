"""Audience rows and campaigns in, decisions out: a pure function of data, campaigns and a clock.

The relational work is in `sql/planning/`. Nothing is written here: `tick` commits what comes out,
`preview` shows it.
"""

from automation_pipelines.planning.clock import MARGIN, Clock
from automation_pipelines.planning.needs import needs
from automation_pipelines.planning.plan import Plan, plan, profiles
from automation_pipelines.planning.record import Record
from automation_pipelines.planning.settings import settings_frame

__all__ = ["MARGIN", "Clock", "Plan", "Record", "needs", "plan", "profiles", "settings_frame"]
