"""From due jobs to channels: claim, check once more, render, hand off, settle.

Nothing here plans; whether a moment exists at all was decided before. The clock is a callable because
delivering can take long; front doors pass theirs.
"""

from automation_pipelines.delivery.worker import Delivered, deliver

__all__ = ["Delivered", "deliver"]
