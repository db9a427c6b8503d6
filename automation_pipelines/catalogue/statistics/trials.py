"""What experiments and holdouts show, with what chance explains of it."""

from automation_pipelines.catalogue.statistics.columns import CAMPAIGN, TENANT, count
from automation_pipelines.catalogue.statistics.returns import INCREMENTAL, estimate
from automation_pipelines.catalogue.types import Column, Statistic, Type

VARIANT_RESULTS = Statistic(
    "variant_results",
    "a tenant, campaign, metric and variant: what the subjects drawn into the variant did, reached or not. A "
    "subject counts once, however many messages it got, and once its time to act is up",
    (
        TENANT,
        CAMPAIGN,
        Column(
            "metric",
            Type.TEXT,
            "What a subject was to do within its time, from when its first message was due. `opened` and "
            "`delivered` are there only where declared; clicks and opens by people. `revenue`: the mean "
            "of all subjects.",
            required=True,
            values=("clicked", "replied", "converted", "delivered", "opened", "revenue"),
        ),
        Column("variant", Type.TEXT, "The arm.", required=True),
        Column("declared", Type.BOOLEAN, "Whether the experiment is decided by this metric.", required=True),
        Column("control", Type.BOOLEAN, "Whether the others are compared with this arm.", required=True),
        Column("weight", Type.NUMBER, "Its share of the draw, relative to the others.", required=True),
        count("subjects", "Subjects drawn into the arm whose time to act is up."),
        count("waiting", "Subjects drawn into it who still have time: they count nowhere yet."),
        Column("successes", Type.INTEGER, "Those of `subjects` who did it; null for `revenue`."),
        Column(
            "total",
            Type.MONEY,
            "Of `revenue`: what they brought, minor units of `currency`; null for others.",
        ),
        Column("currency", Type.TEXT, "The tenant's, for `revenue`; what is in another one is left out."),
        *estimate("rate", "`successes` of `subjects` (Wilson); of `revenue`, minor units per subject."),
        *estimate("difference", "`rate` less the control's (Newcombe; revenue: Welch); null: the control."),
        Column(
            "p_value",
            Type.NUMBER,
            "How likely such a difference is without any effect, adjusted for the number of arms (Holm).",
        ),
        Column(
            "sample_ratio_p",
            Type.NUMBER,
            "How likely arms of these sizes are under their weights: below 0.001 something is broken. Null: "
            "the weights were changed while subjects were drawn.",
        ),
        Column("more_per_arm", Type.INTEGER, "Subjects each arm still needs; 0: enough. Null: not declared."),
        Column("winner", Type.BOOLEAN, "Whether it won, by all that was declared beforehand.", required=True),
        Column("verdict", Type.TEXT, "What may be concluded, in words; the same in all rows of a metric."),
    ),
    key=("tenant_id", "campaign", "metric", "variant"),
    daily=False,
    inputs=("message_facts", "conversion_facts", "profiles", "arms", "verdicts"),
)

HOLDOUT_LIFT = Statistic(
    "holdout_lift",
    "a tenant and campaign with a holdout: what those it was meant for did, beside those held out. All whom "
    "only the draw kept apart are compared, reached or not (intention to treat)",
    (
        TENANT,
        CAMPAIGN,
        Column("currency", Type.TEXT, "The tenant's; what is in another one is left out.", required=True),
        *INCREMENTAL,
        count("days", "How long after its first moment a subject's conversions count."),
        count("treated", "Subjects not held out, whatever came of it, whose time is up."),
        count("treated_converted", "Those of them who converted."),
        count("held_out", "Subjects held out whose time is up."),
        count("held_out_converted", "Those of them who converted."),
        count("waiting", "Subjects who still have time: they count nowhere yet."),
        *estimate("treated_rate", "Share of the treated who converted (Wilson)."),
        *estimate("held_out_rate", "Share of the held out who converted (Wilson)."),
        *estimate("difference", "`treated_rate` less `held_out_rate` (Newcombe)."),
        Column(
            "relative_lift", Type.NUMBER, "`difference` as a share of `held_out_rate`; null if that is 0."
        ),
        Column("p_value", Type.NUMBER, "How likely such a difference of rates is without any effect."),
        Column(
            "treated_revenue",
            Type.MONEY,
            "What the treated brought, minor units of `currency`.",
            required=True,
        ),
        Column("held_out_revenue", Type.MONEY, "What the held out brought, likewise.", required=True),
        *estimate(
            "revenue_difference", "What a treated subject brought more on average, minor units (Welch)."
        ),
        Column(
            "revenue_p_value", Type.NUMBER, "How likely such a difference of revenue is without any effect."
        ),
        count("other_currencies", "Conversions in other currencies: counted, their money left out."),
        Column("verdict", Type.TEXT, "What may be concluded, in words.", required=True),
    ),
    key=("tenant_id", "campaign"),
    daily=False,
    inputs=("message_facts", "conversion_facts", "profiles", "groups", "lifts"),
)
