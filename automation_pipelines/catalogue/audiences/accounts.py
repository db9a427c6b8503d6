"""The audiences of customer success: accounts, what happens with them, and what changes about them."""

from datetime import timedelta

from automation_pipelines.catalogue.audiences.shared import CONTACT, CURRENCY, NAMES
from automation_pipelines.catalogue.types import Among, Anchor, Audience, Column, Grain, InRange, Read, Type

_ACCOUNT = (
    "id",
    "tenant_id",
    "name",
    "industry",
    "size",
    "arr",
    "currency",
    "health_score",
    "churn_risk",
    "status",
    "owner_id",
    "csm_id",
    "customer_id",
    "product_name",
    "contract_ends_on",
    "next_meeting_at",
    "created_at",
)
_ENGAGEMENT = (
    "id",
    "tenant_id",
    "account_id",
    "customer_id",
    "user_id",
    "type",
    "status",
    "outcome",
    "at",
)
_GOAL = ("id", "tenant_id", "account_id", "title", "status", "due_on", "created_at")
_PERSON = (
    "id",
    "tenant_id",
    "account_id",
    "name",
    "first_name",
    "email",
    "phone",
    "role",
    "locale",
    "time_zone",
    "email_opt_out",
    "active",
)
_CHANGE = ("id", "tenant_id", "source", "row_id", "column", "old", "new", "at")

ACCOUNT_COLUMNS = (
    Column("account_id", Type.ID, "The account."),
    Column("account_key", Type.TEXT, "The account's key as the CRM writes it."),
    Column("account_name", Type.TEXT, "Name of the company.", variable="account.name"),
    Column("industry", Type.TEXT, "Industry.", variable="account.industry"),
    Column("size", Type.INTEGER, "Employees.", variable="account.size"),
    Column("arr", Type.MONEY, "Annual recurring revenue, minor units.", variable="account.arr"),
    CURRENCY,
    Column("health_score", Type.INTEGER, "0 (poor) to 100, now.", variable="account.health_score"),
    Column("churn_risk", Type.INTEGER, "0 to 100 (about to leave), now.", variable="account.churn_risk"),
    Column(
        "account_status",
        Type.TEXT,
        "trial, onboarding, active, at_risk or churned, now.",
        variable="account.status",
    ),
    Column("product_name", Type.TEXT, "What they bought."),
    Column("contract_ends_on", Type.DATE, "Last day of the contract."),
    Column("account_created_at", Type.INSTANT, "When the account was opened."),
    Column("last_engagement_at", Type.INSTANT, "The last contact that took place."),
    Column(
        "last_engagement_type",
        Type.TEXT,
        "meeting, call, email, support or training.",
        variable="engagement.last_engagement_type",
    ),
    Column("last_engagement_outcome", Type.TEXT, "positive, neutral, negative or no_response."),
    Column(
        "last_meeting_date",
        Type.DATE,
        "Day of the last meeting that took place, tenant's zone.",
        variable="engagement.last_meeting_date",
    ),
    Column(
        "next_meeting_date",
        Type.DATE,
        "Day of the next meeting agreed, tenant's zone.",
        variable="engagement.next_meeting_date",
    ),
    Column("days_silent", Type.INTEGER, "Whole days since the last contact; null: there was none."),
    Column("engagements_30_days", Type.INTEGER, "Contacts that took place in the last 30 days."),
    Column("engagements_90_days", Type.INTEGER, "Contacts that took place in the last 90 days."),
    Column("missed_90_days", Type.INTEGER, "Contacts missed in the last 90 days."),
    Column("negative_90_days", Type.INTEGER, "Contacts that went badly in the last 90 days."),
    Column("goals_active", Type.INTEGER, "Goals under way.", variable="goals.active"),
    Column("goals_completed", Type.INTEGER, "Goals achieved.", variable="goals.completed"),
    Column("goals_at_risk", Type.INTEGER, "Goals at risk.", variable="goals.at_risk"),
    Column("goals_missed", Type.INTEGER, "Goals missed.", variable="goals.missed"),
    Column(
        "contact_name", Type.TEXT, "Full name of the main contact.", personal=True, variable="contact.name"
    ),
    Column(
        "contact_email", Type.TEXT, "Address of the main contact.", personal=True, variable="contact.email"
    ),
    Column("contact_role", Type.TEXT, "Position of the main contact.", variable="contact.role"),
    *NAMES,
)
"""What is known of an account, in every audience about accounts; `sql/facts/account_facts.sql` makes it."""


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
    known = (
        Read("engagements", _ENGAGEMENT, of=("accounts", "id"), by="account_id"),
        Read("goals", _GOAL, of=("accounts", "id"), by="account_id"),
        Read("contacts", _PERSON, of=("accounts", "id"), by="account_id"),
        Read("customers", CONTACT, of=("accounts", "customer_id")),
    )
    own = {column.name for column in columns}
    rest = tuple(column for column in ACCOUNT_COLUMNS if column.name not in own)
    return Audience(
        name, row, subject, anchor, grain, (*reads, *known), (*columns, *rest), facts=("account_facts",)
    )


def _accounts_of(source: str, column: str = "account_id") -> Read:
    return Read("accounts", _ACCOUNT, of=(source, column))


def _changes(source: str, column: str, *, before: timedelta = timedelta(0)) -> Read:
    where = (Among("source", (source,)), Among("column", (column,)), InRange("at", before=before))
    return Read("changes", _CHANGE, where)


ACCOUNTS = _account(
    "accounts",
    "an account: the segment of a broadcast, which brings its own schedule",
    (Read("accounts", _ACCOUNT),),
    anchor=Anchor.SCHEDULE,
    grain=Grain.DAY,
)

ACCOUNTS_CREATED = _account(
    "accounts_created",
    "an account; the moment it was opened is the anchor, and it counts once whatever an import does to it",
    (Read("accounts", _ACCOUNT, (InRange("created_at"),)),),
    grain=Grain.ONCE,
)

CONTRACTS_ENDING = _account(
    "contracts_ending",
    "an account; the last day of its contract is the anchor, and a renewed contract ends anew",
    (Read("accounts", _ACCOUNT, (InRange("contract_ends_on"),)),),
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
    (Read("engagements", _ENGAGEMENT, (InRange("at"),)), _accounts_of("engagements")),
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
        Read("engagements", _ENGAGEMENT, (InRange("at"),)),
        _accounts_of("engagements"),
        Read("accounts", _ACCOUNT, (InRange("created_at"),)),
    ),
    columns=(Column("silent_since", Type.INSTANT, "The last contact, or the opening of the account."),),
)

GOALS_CREATED = _account(
    "goals_created",
    "a goal agreed with an account; that moment is the anchor",
    (Read("goals", _GOAL, (InRange("created_at"),)), _accounts_of("goals")),
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
        Read("goals", _GOAL, of=("changes", "row_id")),
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
