"""The columns of the decision files: what planning made of each moment, and why. Data only.

The ledger is the record of what was settled; these rows add the values the gates saw and the moments
that are still held. They hold ids and no personal data.
"""

from automation_pipelines.catalogue.types import Column, Type
from automation_pipelines.model import Purpose, Reason

DECISION_COLUMNS: tuple[Column, ...] = (
    Column("occurrence", Type.INTEGER, "Which time this is: UTC minutes since 1970.", required=True),
    Column("tenant_id", Type.ID, "The tenant.", required=True),
    Column("campaign", Type.TEXT, "Id of the campaign.", required=True),
    Column("step", Type.TEXT, "Id of the step.", required=True),
    Column("campaign_id", Type.ID, "The campaign's integer in the ledger's key.", required=True),
    Column("step_id", Type.ID, "The step's integer in the ledger's key.", required=True),
    Column("subject_id", Type.ID, "The subject's key, or 63 bits of a hash of its text.", required=True),
    Column("subject_text", Type.TEXT, "The subject's key as the CRM writes it."),
    Column("recipient_id", Type.ID, "Who it goes to; 0 is the subject itself.", required=True),
    Column("channel", Type.TEXT, "How it goes out.", required=True),
    Column(
        "purpose",
        Type.TEXT,
        "Why the message exists.",
        required=True,
        values=tuple(str(purpose) for purpose in Purpose),
    ),
    Column("due_at", Type.INSTANT, "When it falls due; its UTC day is the partition.", required=True),
    Column("expires_at", Type.INSTANT, "After this it is not sent any more; null: never."),
    Column(
        "reason",
        Type.TEXT,
        "`planned`, or the first gate that stopped it.",
        required=True,
        values=tuple(str(reason) for reason in Reason),
    ),
    Column("held_by", Type.TEXT, "What held it before it went stale."),
    Column("campaign_version", Type.INTEGER, "The version of the campaign that was judged.", required=True),
    Column("run_id", Type.TEXT, "The run that decided.", required=True),
    Column("mode", Type.TEXT, "How the run was started; live and manual are the record.", required=True),
    Column("as_of", Type.INSTANT, "The logical time of the run.", required=True),
    Column("values", Type.TEXT, "JSON object of the values the gates saw."),
)
