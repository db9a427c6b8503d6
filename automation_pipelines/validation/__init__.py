"""Campaign files → drafts that make sense here, or every problem of every file at once.

What is sent, and when, is planning's; what a spec may say by itself is `campaign`'s.
"""

from automation_pipelines.validation.files import Draft, load, understand
from automation_pipelines.validation.known import Known
from automation_pipelines.validation.schema import campaign_schema

__all__ = ["Draft", "Known", "campaign_schema", "load", "understand"]
