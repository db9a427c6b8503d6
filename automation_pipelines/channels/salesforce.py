"""Actions in Salesforce, by the library simple-salesforce.

A record is added by upsert on a field of ours that holds the identity, and changing one twice is changing
it once. So every hand-off can be repeated. What errors mean is `salesforce_errors`'.
"""

import base64
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError, SalesforceExpiredSession
from simple_salesforce.format import format_soql
from simple_salesforce.login import token_login

from automation_pipelines.catalogue.integrations import Integrated
from automation_pipelines.channels.salesforce_errors import lost, outcome_of
from automation_pipelines.channels.turns import discreet, in_turn
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Command, Handoff, Outcome, Reject, Retry, Sent
from automation_pipelines.settings import Settings
from automation_pipelines.settings.providers import Salesforce as Account

_CONNECT_SECONDS, _ANSWER_SECONDS = 10.0, 60.0
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def build(name: str, settings: Settings) -> "SalesforceChannel":
    """The channel of the account in the settings; connects to nothing yet."""
    if settings.salesforce is None:
        msg = f"channel '{name}' is not configured: set AUTOMATION_SALESFORCE__URL and what goes with it"
        raise ConfigurationError(msg)
    return SalesforceChannel(name, settings.salesforce)


class SalesforceChannel:
    """Channel `salesforce`."""

    repeatable = True

    def __init__(self, name: str, account: Account) -> None:
        """Remember whose it is."""
        self.name = name
        self._account = account

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Ask for one after the other."""
        return in_turn(self.name, handoffs, self._deliver)

    def close(self) -> None:
        """Forget the session and give back its connections."""
        self.__dict__.pop("_salesforce", None)
        if "_session" in self.__dict__:
            self._session.close()
            del self._session

    def _deliver(self, action: Integrated, command: Command) -> Outcome:
        try:
            return self._discreet(self._ask(action, command))
        except SalesforceError as error:
            return self._discreet(outcome_of(error, self._answers.headers))
        except requests.RequestException as error:
            return self._discreet(lost(error))
        except Exception as error:  # noqa: BLE001 - a bug with one command must not stop the others
            return self._discreet(Reject(f"cannot be handed over: {type(error).__name__}: {error}"))

    def _ask(self, action: Integrated, command: Command) -> Outcome:
        """A session ends when Salesforce likes; then another is begun, once."""
        for _ in range(2):
            session = self._begun()
            if isinstance(session, Retry):
                return session
            try:
                return self._do(session, action, command)
            except SalesforceExpiredSession:
                self.__dict__.pop("_salesforce", None)
        return Retry("Salesforce takes none of the sessions it gives", provider=True)

    def _begun(self) -> Salesforce | Retry:
        """The session, begun if there is none."""
        try:
            return self._salesforce
        except requests.RequestException as error:
            return Retry(f"Salesforce cannot be logged in to: {lost(error).error}", provider=True)
        except Exception as error:  # noqa: BLE001 - whatever it answers, there is no session
            return Retry(f"Salesforce cannot be logged in to: {error}", provider=True)

    def _do(self, session: Salesforce, action: Integrated, command: Command) -> Outcome:
        values = action.values(command.parameters, str.capitalize)
        record = getattr(session, action.record)
        if not action.found_by:
            # Salesforce takes what follows a dot in an address for a format.
            key = f"{self._account.identity_field}/{command.identity.replace('.', '-')}"
            return Sent(_id_of(record.upsert(key, values, raw_response=True)))
        found = _found(session, action, command)
        if isinstance(found, Reject):
            return found
        record.update(found, values)
        return Sent(found)

    @cached_property
    def _salesforce(self) -> Salesforce:
        account = self._account
        secret = f"{account.consumer_key}:{account.consumer_secret.get_secret_value()}"
        token, instance = token_login(
            f"{account.url}/services/oauth2/token",
            {"grant_type": "client_credentials"},
            account.url,
            account.consumer_key,
            {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"},
            None,
            self._session,
        )
        # Without the library's own way to log in again, which repeats with the old session for ever.
        return Salesforce(session_id=token, instance_url=f"https://{instance}", session=self._session)

    @cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        session.mount("https://", _Answers())
        return session

    @property
    def _answers(self) -> "_Answers":
        return cast("_Answers", self._session.get_adapter("https://"))

    def _discreet(self, answer: Outcome) -> Outcome:
        match answer:
            case Retry(error=error, after=after, provider=provider):
                return Retry(discreet(error, self._secrets()), after, provider)
            case Reject(error=error):
                return Reject(discreet(error, self._secrets()))
            case _:
                return answer

    def _secrets(self) -> list[str]:
        session = self.__dict__.get("_salesforce")
        ours = [self._account.consumer_secret.get_secret_value(), self._account.consumer_key]
        return [*ours, session.session_id] if session is not None else ours


class _Answers(HTTPAdapter):
    """Bounds every request in time, and remembers the latest headers, which the library's errors lack."""

    headers: requests.structures.CaseInsensitiveDict[str] = requests.structures.CaseInsensitiveDict()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401
        self.headers = requests.structures.CaseInsensitiveDict()
        options["timeout"] = (_CONNECT_SECONDS, _ANSWER_SECONDS)
        response = super().send(request, *args, **options)
        self.headers = response.headers
        return response


def _found(session: Salesforce, action: Integrated, command: Command) -> str | Reject:
    """The id of the one record that is meant."""
    field, value = action.key(command.parameters)
    if field == "Id":
        return str(value) if _ID.fullmatch(str(value)) else Reject(f"that is no id of {action.record}")
    query = "SELECT Id FROM {:literal} WHERE {:literal} = {} LIMIT 2"
    records = session.query(format_soql(query, action.record, field, str(value)))["records"]
    if len(records) != 1:
        how_many = "several" if records else "none"
        return Reject(f"Salesforce has {how_many} of {action.record} with this {field}: give the id")
    return str(records[0]["Id"])


def _id_of(response: requests.Response) -> str | None:
    """The id of what was added; an answer without one is as good: its status says that it is there."""
    try:
        return str(response.json()["id"])
    except (ValueError, KeyError, TypeError):
        return None
