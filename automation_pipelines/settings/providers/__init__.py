"""What each provider of a channel needs to be told: one model each, nested in `Settings`.

Its fields are set as `AUTOMATION_<PROVIDER>__<FIELD>`; `webhook_…` are for what it tells us.
"""

from automation_pipelines.settings.providers.brevo import Brevo
from automation_pipelines.settings.providers.chat import Chat
from automation_pipelines.settings.providers.hubspot import HubSpot
from automation_pipelines.settings.providers.mail import Dkim
from automation_pipelines.settings.providers.mailgun import Mailgun
from automation_pipelines.settings.providers.meta import Meta
from automation_pipelines.settings.providers.postmark import Postmark
from automation_pipelines.settings.providers.push import Push
from automation_pipelines.settings.providers.resend import Resend
from automation_pipelines.settings.providers.salesforce import Salesforce
from automation_pipelines.settings.providers.sendgrid import SendGrid
from automation_pipelines.settings.providers.ses import Ses
from automation_pipelines.settings.providers.sparkpost import SparkPost
from automation_pipelines.settings.providers.twilio import Twilio
from automation_pipelines.settings.providers.wallet import Wallet
from automation_pipelines.settings.providers.webhook import Webhook

__all__ = [
    "Brevo",
    "Chat",
    "Dkim",
    "HubSpot",
    "Mailgun",
    "Meta",
    "Postmark",
    "Push",
    "Resend",
    "Salesforce",
    "SendGrid",
    "Ses",
    "SparkPost",
    "Twilio",
    "Wallet",
    "Webhook",
]
