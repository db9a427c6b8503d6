"""What Dagster loads."""

from automation_pipelines.orchestration import build_definitions
from automation_pipelines.settings import Settings

defs = build_definitions(Settings())
