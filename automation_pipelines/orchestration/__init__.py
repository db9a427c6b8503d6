"""Dagster's view of the system: the only package that imports dagster, and thin.

What belongs here: assets, checks, jobs, schedules and sensors that call the stages and tell what they
did. What does not: any decision about whom to send what. Correctness never rests on Dagster: runs may
be missed, doubled, killed or started by hand, and the ledger still sends everything once.
"""

from automation_pipelines.orchestration.build import build_definitions

__all__ = ["build_definitions"]
