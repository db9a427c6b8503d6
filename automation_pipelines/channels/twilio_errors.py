"""What an error of Twilio's means for a message, by its code where it says something, else by its status.

Codes: twilio.com/docs/api/errors. A code that is not listed is new or says nothing that the status does
not say; Twilio itself advises to go by the status then.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Literal, assert_never

from automation_pipelines.channels.twilio_http import Refusal
from automation_pipelines.model import Outcome, Reject, Retry

_LONGEST = 500

STOPPED = frozenset({21610})
"""The recipient replied STOP to this sender."""
NO_ADDRESS = frozenset({21211, 21217, 21614, 63003})
"""No such number, a landline, or nobody on that channel: nothing will ever arrive there."""
THIS_ONE = frozenset(
    {
        21408,  # the account may not send to that country
        21608,  # a trial account, to a number that is not verified
        21612,  # no way from this sender to that number
        63016,  # outside WhatsApp's 24 hours
    }
)
"""Nobody else's message is concerned, whatever the status."""
ACCOUNT = frozenset(
    {
        20003,  # authentication
        20005,  # account not active
        20008,  # test credentials
        20404,  # no such account, at this address
        21212,  # the sender is no number
        21603,  # no sender given
        21606,  # the sender cannot send text messages
        21659,  # the sender is none of the account's
        21660,  # the sender belongs to another account
        21701,  # no such messaging service
        21703,  # the messaging service has no senders
        21705,  # the messaging service's SID is wrong
        63007,  # no such sender on that channel
        63051,  # the WhatsApp Business account is restricted
    }
)
"""Settings or the account: no message would fare better until somebody acts."""
THROTTLED = frozenset(
    {
        14107,  # messages too fast
        20429,  # requests too fast
        21611,  # the sender's queue is full
        21730,  # maintenance
        30022,  # the day's limit of the campaign's registration
        30023,  # the day's limit of the brand's registration
        63018,  # the channel's rate
        63038,  # the day's limit of the account
    }
)
"""Too much at once, of all that we send."""
_UNDONE = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
"""Refused at the door: not taken, and worth another attempt."""
_OF_THE_ACCOUNT = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
    }
)


def outcome_of(refusal: Refusal, private: Iterable[str]) -> Outcome | None:
    """Read an answer that is no success; what is `private` is left out of its words.

    `None` for the server errors but 503: Twilio advises to repeat, but has no way to see that it is a
    repeat, and may have taken the message before it failed.
    """
    said = _words(refusal, private)
    match _kind(refusal):
        case "stopped":
            return Reject(said, suppress="unsubscribed")
        case "no address":
            return Reject(said, suppress="bounced")
        case "this one":
            return Reject(said)
        case "all":
            return Retry(said, refusal.after, provider=True)
        case "nobody knows":
            return None
        case never:
            assert_never(never)


def _kind(refusal: Refusal) -> Literal["stopped", "no address", "this one", "all", "nobody knows"]:
    code, status = refusal.code, refusal.status
    if code in STOPPED:
        return "stopped"
    if code in NO_ADDRESS:
        return "no address"
    if code in THIS_ONE:
        return "this one"
    # A redirection: the API is to be asked somewhere else.
    elsewhere = status < HTTPStatus.BAD_REQUEST
    if elsewhere or code in ACCOUNT | THROTTLED or status in _UNDONE | _OF_THE_ACCOUNT:
        return "all"
    return "nobody knows" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "this one"


def _words(refusal: Refusal, private: Iterable[str]) -> str:
    text = refusal.message
    for secret in sorted(filter(None, private), key=len, reverse=True):
        text = text.replace(secret, "***")
    code = f" {refusal.code}" if refusal.code is not None else ""
    return f"Twilio {refusal.status}{code}: {' '.join(text.split())}"[:_LONGEST]
