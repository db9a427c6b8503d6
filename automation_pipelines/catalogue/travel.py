"""The sources every adopter maps: tenants, staff, customers and their dealings. No optional ones."""

from automation_pipelines.catalogue.shared import AGENT, CURRENCY, CUSTOMER, TENANT, UPDATED, key
from automation_pipelines.catalogue.types import Column, Format, Source, Type

TENANTS = Source(
    "tenants",
    "one isolated customer organisation",
    (
        key("id"),
        Column("name", Type.TEXT, "Name shown to customers.", required=True),
        Column(
            "time_zone",
            Type.TEXT,
            "IANA zone, for example Asia/Kathmandu.",
            required=True,
            format=Format.TIME_ZONE,
        ),
        Column(
            "send_time",
            Type.TEXT,
            "Local time of dated messages, HH:MM.",
            required=True,
            format=Format.CLOCK,
        ),
        Column("locale", Type.TEXT, "BCP 47 tag.", required=True),
        Column("currency", Type.TEXT, "ISO 4217 code.", required=True),
        Column(
            "inactivity_days",
            Type.INTEGER,
            "Days of silence before re-engagement, 1-365.",
            between=(1, 365),
        ),
        Column("sender_name", Type.TEXT, "Name of the From header.", required=True),
        Column("sender_email", Type.TEXT, "Address of the From header.", required=True),
        Column("reply_to", Type.TEXT, "Address of the Reply-To header."),
        Column("brand_color", Type.TEXT, "Main colour as #rrggbb."),
        Column("logo_url", Type.TEXT, "https address of the logo."),
        Column("website", Type.TEXT, "https address of the site."),
        Column("postal_address", Type.TEXT, "Postal address for the footer, one line."),
        Column("active", Type.BOOLEAN, "False: nothing is sent for this tenant.", required=True),
    ),
)

USERS = Source(
    "users",
    "one member of a tenant's staff",
    (
        key("id"),
        TENANT,
        Column("name", Type.TEXT, "Full name.", required=True, personal=True),
        Column("email", Type.TEXT, "Work address.", personal=True),
        Column("phone", Type.TEXT, "Work phone.", personal=True),
        Column(
            "role",
            Type.TEXT,
            "Level in the escalation hierarchy.",
            required=True,
            values=("agent", "manager", "department_manager", "senior_management", "executive"),
        ),
        Column("department", Type.TEXT, "Department; its manager has role department_manager."),
        key("manager_id", "users", required=False, doc="The direct manager."),
        Column("active", Type.BOOLEAN, "False: left the company; gets nothing.", required=True),
    ),
)

CUSTOMERS = Source(
    "customers",
    "one customer of one tenant",
    (
        key("id"),
        TENANT,
        Column("name", Type.TEXT, "Full name.", personal=True),
        Column("first_name", Type.TEXT, "Given name used in greetings.", personal=True),
        Column("email", Type.TEXT, "E-mail address as entered.", personal=True),
        Column("phone", Type.TEXT, "Phone number as entered.", personal=True),
        Column("locale", Type.TEXT, "BCP 47 tag; null: the tenant's."),
        Column("time_zone", Type.TEXT, "IANA zone; null: the tenant's.", format=Format.TIME_ZONE),
        Column("country", Type.TEXT, "ISO 3166 alpha-2 code."),
        Column("segment", Type.TEXT, "Marketing segment, free text."),
        Column("status", Type.TEXT, "Relationship.", values=("lead", "active", "past")),
        Column("birthday", Type.DATE, "Date of birth.", personal=True),
        Column("lifetime_value", Type.MONEY, "Paid so far, minor units of the tenant's currency."),
        Column("company_name", Type.TEXT, "The company they buy for."),
        Column("push_token", Type.TEXT, "Device token for push messages.", personal=True),
        Column("wallet_pass", Type.TEXT, "Serial of the pass in their phone's wallet.", personal=True),
        Column("pipeline_stage", Type.TEXT, "Stage of the sales pipeline, free text."),
        Column("stage_entered_at", Type.INSTANT, "When they entered that stage."),
        key(
            "merged_into",
            "customers",
            required=False,
            doc="The customer this duplicate was merged into; nothing is sent to the duplicate itself.",
        ),
        Column("email_opt_out", Type.BOOLEAN, "True: no marketing e-mail.", required=True),
        Column("created_at", Type.INSTANT, "When the customer was added.", required=True),
        Column(
            "last_activity_at",
            Type.INSTANT,
            "Last booking, payment, enquiry or visit; created_at if there was none.",
            required=True,
        ),
        AGENT,
        UPDATED,
    ),
    watermark="updated_at",
    track=("pipeline_stage", "stage_entered_at"),
)

QUERIES = Source(
    "queries",
    "one enquiry with the deadline by which it must be answered",
    (
        key("id"),
        TENANT,
        CUSTOMER,
        AGENT,
        Column("title", Type.TEXT, "Subject line of the enquiry."),
        Column("destination", Type.TEXT, "Where the customer wants to go."),
        Column(
            "status",
            Type.TEXT,
            "Open until somebody resolves it.",
            required=True,
            values=("open", "in_progress", "resolved", "closed"),
        ),
        Column("priority", Type.TEXT, "Urgency.", values=("low", "normal", "high", "urgent")),
        Column("escalation_level", Type.INTEGER, "0-4; written back by the SLA escalation.", between=(0, 4)),
        Column("created_at", Type.INSTANT, "When it arrived.", required=True),
        Column("sla_due_at", Type.INSTANT, "Deadline of the service level agreement."),
        Column("resolved_at", Type.INSTANT, "When it was resolved."),
        UPDATED,
    ),
    watermark="updated_at",
)

QUOTES = Source(
    "quotes",
    "one offer made to a customer",
    (
        key("id"),
        TENANT,
        CUSTOMER,
        AGENT,
        Column("number", Type.TEXT, "Number printed on the quote.", required=True),
        Column("destination", Type.TEXT, "What is offered."),
        Column("amount", Type.MONEY, "Total, minor units."),
        CURRENCY,
        Column(
            "status",
            Type.TEXT,
            "Open while sent or viewed.",
            required=True,
            values=("draft", "sent", "viewed", "accepted", "rejected", "expired"),
        ),
        Column("created_at", Type.INSTANT, "When it was drafted.", required=True),
        Column("sent_at", Type.INSTANT, "When the customer got it."),
        Column("viewed_at", Type.INSTANT, "When the customer first looked at it."),
        Column("expires_at", Type.INSTANT, "Until when it holds."),
        Column("decided_at", Type.INSTANT, "When it was accepted or rejected."),
        UPDATED,
    ),
    watermark="updated_at",
)

BOOKINGS = Source(
    "bookings",
    "one booked trip",
    (
        key("id"),
        TENANT,
        CUSTOMER,
        AGENT,
        key("quote_id", "quotes", required=False),
        Column("reference", Type.TEXT, "Booking reference.", required=True),
        Column("destination", Type.TEXT, "Where to."),
        Column("amount", Type.MONEY, "Price, minor units."),
        CURRENCY,
        Column(
            "status",
            Type.TEXT,
            "State of the trip.",
            required=True,
            values=("confirmed", "cancelled", "completed"),
        ),
        Column("booked_at", Type.INSTANT, "When it was booked.", required=True),
        Column("departure_on", Type.DATE, "First day of the trip."),
        Column("return_on", Type.DATE, "Last day of the trip."),
        UPDATED,
    ),
    watermark="updated_at",
)

PAYMENTS = Source(
    "payments",
    "one payment due or made",
    (
        key("id"),
        TENANT,
        CUSTOMER,
        key("booking_id", "bookings", required=False),
        Column("amount", Type.MONEY, "Amount, minor units.", required=True),
        CURRENCY,
        Column(
            "status",
            Type.TEXT,
            "Due until paid.",
            required=True,
            values=("due", "paid", "failed", "refunded"),
        ),
        Column("due_on", Type.DATE, "Calendar day it is due, tenant's zone."),
        Column("paid_at", Type.INSTANT, "When it arrived."),
        UPDATED,
    ),
    watermark="updated_at",
)

EVENTS = Source(
    "events",
    "one typed, dated thing that happened to a customer",
    (
        key("id"),
        TENANT,
        CUSTOMER,
        Column("type", Type.TEXT, "What happened, for example document_uploaded.", required=True),
        Column("at", Type.INSTANT, "When.", required=True),
        Column("detail", Type.TEXT, "Free text."),
    ),
    watermark="at",
)
