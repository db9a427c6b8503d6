"""The audiences of customer success: accounts, what happens with them, and what changes about them."""

from datetime import timedelta

from automation_pipelines.catalogue.audiences.account_facts import (
    ACCOUNT,
    ACCOUNT_COLUMNS,
    ENGAGEMENT,
    GOAL,
    KNOWN,
)
from automation_pipelines.catalogue.types import Among, Anchor, Audience, Column, Grain, InRange, Read, Type

_CHANGE = ("id", "tenant_id", "source", "row_id", "column", "old", "new", "at")


def _account(
    name: str,
    row: str,
    reads: tuple[Read, ...],
    *,
    subject: str = "accounts",
    anchor: Anchor = Anchor.INSTANT,
    grain: Grain = Grain.INSTANT,
    columns: tuple[Column, ...] = (),
) -> Audience:
    """An audience about accounts: `reads` says which, all that is known of them is read beside it."""
    own = {column.name for column in columns}
    rest = tuple(column for column in ACCOUNT_COLUMNS if column.name not in own)
    return Audience(
        name, row, subject, anchor, grain, (*reads, *KNOWN), (*columns, *rest), facts=("account_facts",)
    )


def _accounts_of(source: str, column: str = "account_id") -> Read:
    return Read("accounts", ACCOUNT, of=(source, column))


def _changes(source: str, column: str, *, before: timedelta = timedelta(0)) -> Read:
    where = (Among("source", (source,)), Among("column", (column,)), InRange("at", before=before))
    return Read("changes", _CHANGE, where)


ACCOUNTS = _account(
    "accounts",
    "an account: the segment of a broadcast, which brings its own schedule",
    (Read("accounts", ACCOUNT),),
    anchor=Anchor.SCHEDULE,
    grain=Grain.DAY,
)

ACCOUNTS_CREATED = _account(
    "accounts_created",
    "an account; the moment it was opened is the anchor, and it counts once whatever an import does to it",
    (Read("accounts", ACCOUNT, (InRange("created_at"),)),),
    grain=Grain.ONCE,
)

CONTRACTS_ENDING = _account(
    "contracts_ending",
    "an account; the last day of its contract is the anchor, and a renewed contract ends anew",
    (Read("accounts", ACCOUNT, (InRange("contract_ends_on"),)),),
    anchor=Anchor.DATE,
    grain=Grain.DAY,
)


def _score(name: str, row: str, column: str, columns: tuple[Column, ...]) -> Audience:
    changed = (
        Column("before", Type.INTEGER, "The score before."),
        Column("after", Type.INTEGER, "The score since."),
        Column("change", Type.INTEGER, "By how much it rose; negative: it fell."),
        Column("direction", Type.TEXT, "up or down."),
        Column("changed_at", Type.INSTANT, "When."),
        *(
            Column(
                f"change_{days}_days", Type.INTEGER, f"By how much it rose over the {days} days until then."
            )
            for days in (7, 30, 90)
        ),
        *columns,
    )
    reads = (
        _changes("accounts", column, before=timedelta(days=90)),
        _accounts_of("changes", "row_id"),
    )
    return _account(name, row, reads, columns=changed)


HEALTH_SCORE_CHANGES = _score(
    "health_score_changes",
    "a change of an account's health score; the moment of the change is the anchor",
    "health_score",
    tuple(
        Column(f"lowest_{days}_days", Type.INTEGER, f"The lowest score in the {days} days until then.")
        for days in (7, 30, 90)
    ),
)

CHURN_RISK_CHANGES = _score(
    "churn_risk_changes",
    "a change of an account's churn risk; the moment of the change is the anchor",
    "churn_risk",
    tuple(
        Column(f"highest_{days}_days", Type.INTEGER, f"The highest risk in the {days} days until then.")
        for days in (7, 30, 90)
    ),
)

ACCOUNT_STATUS_CHANGES = _account(
    "account_status_changes",
    "a change of an account's status; the moment of the change is the anchor",
    (_changes("accounts", "status"), _accounts_of("changes", "row_id")),
    columns=(
        Column("before", Type.TEXT, "The status before."),
        Column("after", Type.TEXT, "The status since."),
        Column("changed_at", Type.INSTANT, "When."),
    ),
)

ENGAGEMENTS_RECORDED = _account(
    "engagements_recorded",
    "a contact with an account whose time has come, however it went; that time is the anchor",
    (Read("engagements", ENGAGEMENT, (InRange("at"),)), _accounts_of("engagements")),
    subject="engagements",
    columns=(
        Column("type", Type.TEXT, "meeting, call, email, support or training."),
        Column("status", Type.TEXT, "scheduled, completed, missed or cancelled."),
        Column("outcome", Type.TEXT, "positive, neutral, negative or no_response; null: nobody said."),
        Column("at", Type.INSTANT, "When it took place, or was to."),
    ),
)

SILENT_ACCOUNTS = _account(
    "silent_accounts",
    "an account; the last contact that took place, else its opening, is the anchor",
    (
        Read("engagements", ENGAGEMENT, (InRange("at"),)),
        _accounts_of("engagements"),
        Read("accounts", ACCOUNT, (InRange("created_at"),)),
    ),
    columns=(Column("silent_since", Type.INSTANT, "The last contact, or the opening of the account."),),
)

GOALS_CREATED = _account(
    "goals_created",
    "a goal agreed with an account; that moment is the anchor",
    (Read("goals", GOAL, (InRange("created_at"),)), _accounts_of("goals")),
    subject="goals",
    grain=Grain.ONCE,
    columns=(
        Column("goal_title", Type.TEXT, "What is to be reached."),
        Column("goal_status", Type.TEXT, "active, achieved, missed or at_risk."),
        Column("goal_due_on", Type.DATE, "By when."),
    ),
)

GOAL_STATUS_CHANGES = _account(
    "goal_status_changes",
    "a change of a goal's status; the moment of the change is the anchor",
    (
        _changes("goals", "status"),
        Read("goals", GOAL, of=("changes", "row_id")),
        _accounts_of("goals"),
    ),
    subject="goals",
    columns=(
        Column("goal_title", Type.TEXT, "What is to be reached."),
        Column("before", Type.TEXT, "The status before."),
        Column("after", Type.TEXT, "The status since: active, achieved, missed or at_risk."),
        Column("goal_due_on", Type.DATE, "By when."),
        Column("changed_at", Type.INSTANT, "When."),
    ),
)

ABOUT_ACCOUNTS = (
    ACCOUNTS,
    ACCOUNTS_CREATED,
    CONTRACTS_ENDING,
    HEALTH_SCORE_CHANGES,
    CHURN_RISK_CHANGES,
    ACCOUNT_STATUS_CHANGES,
    ENGAGEMENTS_RECORDED,
    SILENT_ACCOUNTS,
    GOALS_CREATED,
    GOAL_STATUS_CHANGES,
)
