"""How many messages a worker hands over before it records what became of them.

Each of them is in doubt if the worker dies meanwhile, and goes out although its campaign is paused that very
moment. Each record costs the same for one as for hundreds. So: as many as go within the blink of an eye.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from automation_pipelines.model import Outcome, Sent

LEAST, MOST = 32, 256
_SHORT, _LONG = 0.1, 0.3  # seconds


@dataclass
class Pace:
    """Of one channel of one worker; it learns from how long the last ones took."""

    size: int = LEAST

    def learn(self, outcomes: Sequence[Outcome | None], seconds: float) -> None:
        """That became of the last ones, and they took so long. Trouble is met in small numbers."""
        if seconds > _LONG or not all(isinstance(outcome, Sent) for outcome in outcomes):
            self.size = max(LEAST, self.size // 2)
        elif len(outcomes) >= self.size and seconds < _SHORT:
            self.size = min(MOST, self.size * 2)
