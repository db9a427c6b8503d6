"""What each provider of a channel needs to be told: one model each, nested in `Settings`.

Its fields are set as `AUTOMATION_<PROVIDER>__<FIELD>`.
"""

from automation_pipelines.settings.providers.chat import Chat
from automation_pipelines.settings.providers.hubspot import HubSpot
from automation_pipelines.settings.providers.mail import Dkim
from automation_pipelines.settings.providers.push import Push
from automation_pipelines.settings.providers.salesforce import Salesforce
from automation_pipelines.settings.providers.twilio import Twilio
from automation_pipelines.settings.providers.wallet import Wallet
from automation_pipelines.settings.providers.webhook import Webhook

__all__ = ["Chat", "Dkim", "HubSpot", "Push", "Salesforce", "Twilio", "Wallet", "Webhook"]
