"""Manual runs: a campaign for subjects somebody names, now; and tests, of which nothing leaves.

The same stages as a tick, over the named subjects' rows alone. Who belongs, consent, suppressions, caps and
limits are asked as always; lateness, schedule, holdout and guard are not, since somebody asked. What is
decided against takes no key, so it may still come by itself.
"""

from automation_pipelines.manual.delivery import deliver_test
from automation_pipelines.manual.outcomes import NOT_IN_AUDIENCE, UNKNOWN
from automation_pipelines.manual.request import Request
from automation_pipelines.manual.run import ManualRun, run

__all__ = ["NOT_IN_AUDIENCE", "UNKNOWN", "ManualRun", "Request", "deliver_test", "run"]
