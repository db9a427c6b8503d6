"""Who is in scope: audiences by day, and who entered and left the segments that broadcasts go to.

A segment is an audience without an anchor, or those of it who meet the conditions of a started campaign. It
is looked at when a tick selects the audience because something could fall due, and only then: whoever enters
and leaves between two looks was never seen, and a day without a look has neither entries nor exits.
"""

from automation_pipelines.catalogue.statistics.columns import TENANT, count
from automation_pipelines.catalogue.types import Column, Statistic, Type

EVERYBODY = "*"
"""In place of a campaign: the audience as a whole."""

_LOOKED_ON = Column("day", Type.DATE, "UTC day of the looks; the partition.", required=True)
_AUDIENCE = Column("audience", Type.TEXT, "Name of the audience.", required=True)
_SUBJECT = Column("subject_id", Type.ID, "Subject of the audience.", required=True)
_OF_A_SEGMENT = (
    TENANT,
    Column("audience", Type.TEXT, "The audience: `customers` or `accounts`.", required=True),
    Column(
        "campaign",
        Type.TEXT,
        f"Id of the campaign whose conditions they meet; `{EVERYBODY}`: everybody in the audience. Campaigns "
        "whose conditions ask for events, settings or scores are not here: rows of the audience cannot tell.",
        required=True,
    ),
)


AUDIENCE_DAILY = Statistic(
    "audience_daily",
    "a UTC day, tenant and audience that was looked at, or with somebody planned for",
    (
        _LOOKED_ON,
        TENANT,
        _AUDIENCE,
        count(
            "subjects",
            "Different subjects that ticks of that day found in scope, or that had something planned for it. "
            "Does not add up over days: the same subject is in scope on many.",
        ),
        count(
            "planned",
            "Different subjects with something planned (`planned` of `campaign_daily`) due that day by a "
            "campaign of the audience. Does not add up over days either.",
        ),
        count(
            "looks",
            "Ticks of that day that found somebody of the tenant. 0: none is on file, and `subjects` is only "
            "who had something planned.",
        ),
    ),
    key=("day", "tenant_id", "audience"),
    inputs=("message_facts", "audiences_seen", "campaign_audiences", "audience_daily_filed"),
)

SEGMENT_CHANGES = Statistic(
    "segment_changes",
    "a subject that entered or left a segment: in it by the last look of this day and not by the one "
    "before, or the other way round",
    (
        _LOOKED_ON,
        *_OF_A_SEGMENT,
        _SUBJECT,
        Column(
            "change",
            Type.TEXT,
            "What it did. At the first look of all everybody enters.",
            required=True,
            values=("entered", "left"),
        ),
    ),
    key=("day", "tenant_id", "audience", "campaign", "subject_id"),
    inputs=("segments_seen", "segments_before", "segments_looked_at", "segment_changes_filed"),
    published=False,
)

SEGMENT_DAILY = Statistic(
    "segment_daily",
    "a UTC day, tenant and segment with somebody in it, or gone from it, by the last look of that day",
    (
        _LOOKED_ON,
        *_OF_A_SEGMENT,
        count("members", "Subjects in it. Does not add up over days."),
        count("entries", "Of these, subjects that were not at the look before. Adds up."),
        count("exits", "Subjects that were at the look before and are no more. Adds up."),
    ),
    key=("day", "tenant_id", "audience", "campaign"),
    inputs=("segments_seen", "segment_changes", "segments_looked_at", "segment_daily_filed"),
)

SEGMENT_MEMBERSHIP = Statistic(
    "segment_membership",
    "a stay of a subject in a segment; who comes back begins another",
    (
        *_OF_A_SEGMENT,
        _SUBJECT,
        Column(
            "entered_on",
            Type.DATE,
            "First UTC day whose last look found it there. If that was the segment's first look, it may have "
            "been there before.",
            required=True,
        ),
        Column("last_seen_on", Type.DATE, "Last UTC day whose last look found it there.", required=True),
        Column(
            "left_on",
            Type.DATE,
            "First UTC day after that whose last look did not find it: it left in between. Null: still in.",
        ),
    ),
    key=("tenant_id", "audience", "campaign", "subject_id", "entered_on"),
    daily=False,
    inputs=("segment_changes", "segment_daily"),
)

KEPT: tuple[Statistic, ...] = (AUDIENCE_DAILY, SEGMENT_CHANGES, SEGMENT_DAILY)
"""Computed from files that go after some days: what was filed of a day before is frame `<name>_filed`."""
