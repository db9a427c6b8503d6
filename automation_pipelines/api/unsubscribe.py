"""`/u/<token>`: a POST unsubscribes, from a mail program (RFC 8058) or the form; a GET changes nothing.

A mail program's list is one topic on one channel, as `List-Id` says. It needs no cookie, is not sent
elsewhere, and may ask as often as it likes.
"""

from dataclasses import dataclass
from datetime import datetime

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from automation_pipelines.api.readers import Reader, reader_of
from automation_pipelines.api.rendering import UNCLEAR
from automation_pipelines.api.service import Service
from automation_pipelines.api.writer import Writing
from automation_pipelines.feedback import Told
from automation_pipelines.ledger.preferences import EVERYTHING, Choice, Party
from automation_pipelines.messages.tokens import Claim
from automation_pipelines.model import EventType

SITE = "site"
"""Who tells what happened on our own pages."""
_FIELDS = 300
"""More fields than any form of ours has."""


@dataclass(frozen=True)
class Unsubscribe:
    """The endpoints."""

    service: Service

    async def show(self, request: Request) -> Response:
        """The page with the buttons."""
        reader = await self._reader(request, self.service.claim("unsubscribe", request.path_params["token"]))
        words, topic = reader.words, reader.words.topic(reader.claim.topic)
        channel = words.channel(reader.claim.channel)
        values = {
            "title": words.say("unsubscribe_question", topic=topic),
            "about": words.say("unsubscribe_about", tenant=reader.tenant, channel=channel),
            "tenant": reader.tenant,
            "topic": topic,
            "channel": channel,
            "preferences": self._preferences(reader.claim),
        }
        return self.service.pages.page("unsubscribe", words, values)

    async def post(self, request: Request) -> Response:
        """Unsubscribe, from the topic or from everything on the channel."""
        claim = self.service.claim("unsubscribe", request.path_params["token"])
        form = await form_of(request)
        if one_click(form):
            await self.service.write(ended(claim, claim.topic, "one_click", self.service.clock()))
            return PlainTextResponse("unsubscribed\n")
        scope = form.get("scope")
        if scope not in ("topic", "all"):
            raise HTTPException(UNCLEAR)
        topic = claim.topic if scope == "topic" else EVERYTHING
        await self.service.write(ended(claim, topic, "page", self.service.clock()))
        return await self._done(request, claim, topic)

    async def _done(self, request: Request, claim: Claim, topic: str) -> Response:
        reader = await self._reader(request, claim)
        words, channel = reader.words, reader.words.channel(claim.channel)
        about = (
            words.say("done_topic", tenant=reader.tenant, channel=channel, topic=words.topic(topic))
            if topic
            else words.say("done_all", tenant=reader.tenant, channel=channel)
        )
        values = {
            "title": words.say("done_title"),
            "about": about,
            "tenant": reader.tenant,
            "preferences": self._preferences(claim),
        }
        return self.service.pages.page("done", words, values)

    async def _reader(self, request: Request, claim: Claim) -> Reader:
        header = request.headers.get("accept-language")
        return await self.service.aside(reader_of, self.service.installation.database, claim, header)

    def _preferences(self, claim: Claim) -> str:
        # Relative, so that it works below whatever path a proxy has it.
        return f"../p/{self.service.keys.sign('preferences', claim)}"


async def form_of(request: Request) -> FormData:
    """The fields of a form, urlencoded or multipart; files are none."""
    return await request.form(max_files=0, max_fields=_FIELDS, max_part_size=10_000)


def one_click(form: FormData) -> bool:
    """Whether a mail program asks (RFC 8058)."""
    pairs = ((name.strip().lower(), str(value).strip().lower()) for name, value in form.multi_items())
    return ("list-unsubscribe", "one-click") in pairs


def ended(claim: Claim, topic: str, how: str, at: datetime) -> Writing:
    """What follows from it: the topic is ended at once, and the message is known to have led to it."""
    party = Party(claim.tenant_id, claim.channel, claim.address_hash)
    return Writing((told_end(claim, party, topic, how, at),), (Choice(party, topic, wanted=False),))


def told_end(claim: Claim, party: Party, topic: str, how: str, at: datetime) -> Told:
    """The event: one for each message, address and topic, however often it is asked for."""
    whose = f"{claim.job_id}:{party.channel}:{party.address_hash[:16]}"
    return Told(
        identity=f"{SITE}:{EventType.UNSUBSCRIBED}:{whose}:{topic}",
        type=EventType.UNSUBSCRIBED,
        at=at,
        provider=SITE,
        job_id=claim.job_id,
        tenant_id=party.tenant_id,
        channel=party.channel,
        kind=how,
        topic=topic,
    )
