"""What planning asks about the past, as a protocol: the ledger answers, a preview lays its own over it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import polars as pl

from automation_pipelines.ledger.promotions import Trial
from automation_pipelines.planning.gates.past import Past

FEW = 20_000
"""So many keys are looked for one by one; where there are more, whole occurrences are read."""


class Record(Protocol):
    """What has happened so far, as planning asks it. The ledger is one; a preview lays its own over it."""

    def identify(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """Integers of (campaign, step); step '' is the campaign."""

    def settled(self, candidates: pl.DataFrame) -> pl.DataFrame:
        """`KEY` columns of the settled keys; at least those of `candidates`: all of `KEY` but the recipient.

        Of more than `FEW` `candidates` has only `occurrence, campaign_id`, unless they are asked for by name.
        """

    def recently_planned(self, step_ids: Sequence[int], since: datetime) -> pl.DataFrame:
        """`step_id, tenant_id, subject_id, due_at` of what was planned with due_at from `since` on."""

    def past_sends(self, numbers: Mapping[tuple[str, str], int]) -> pl.DataFrame:
        """`step_id, tenant_id, subject_id, sent_at` of what another tool had sent of these steps."""

    def variants(self, campaign_ids: Sequence[int]) -> pl.DataFrame:
        """`campaign_id, tenant_id, subject_id, variant` of what these campaigns ever planned."""

    def begun(self, sought: pl.DataFrame) -> pl.DataFrame:
        """`campaign_id, tenant_id, subject_id, occurrence, variant` with which subjects began.

        At least those of `sought`: `campaign_id, occurrence`.
        """

    def verdicts(self, campaigns: Sequence[str]) -> pl.DataFrame:
        """`promotions.VERDICTS` on the experiments of these campaigns."""

    def arms(self, trials: Sequence[Trial], as_of: datetime) -> pl.DataFrame:
        """`promotions.ARMS`: how the variants of these experiments did by then."""

    def predecessors(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """`KEY` columns, `state, sent, due_at, finished_at` of what became of steps that others come after.

        At least of `wanted`: all of `KEY` but the recipient; of more than `FEW`, `occurrence, step_id`.
        """

    def orders(self, campaigns: Sequence[str], until: datetime) -> pl.DataFrame:
        """`campaign, tenant_id, subject_id, occurrence, kind, at` of orders by hand, oldest first."""

    def suppressions(self, at: datetime) -> pl.DataFrame:
        """`tenant_id, channel, address_hash, topic, reason` in force."""

    def held(self, moments: pl.DataFrame) -> pl.DataFrame:
        """`KEY` columns and `reason` of the newest open decision of those moments that have one."""

    @property
    def past(self) -> Past:
        """What the gates across subjects ask."""

    @property
    def salt(self) -> str:
        """Salt of the address hashes."""
