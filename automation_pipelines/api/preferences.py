"""`/p/<token>`: what somebody wants to hear of, by channel and topic; saved by a POST, and shown by a GET."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from automation_pipelines.api.offers import Offer
from automation_pipelines.api.readers import Reader, parties_of, reader_of
from automation_pipelines.api.rendering import UNCLEAR
from automation_pipelines.api.service import Service
from automation_pipelines.api.unsubscribe import form_of, told_end
from automation_pipelines.api.writer import Writing
from automation_pipelines.ledger.preferences import EVERYTHING, Choice, Party, Standing, standings
from automation_pipelines.messages.tokens import Claim

_SEE_OTHER = 303


@dataclass(frozen=True, slots=True)
class Way:
    """A channel by which somebody can be written to, and what holds there."""

    party: Party
    standing: Standing
    topics: Mapping[str, bool]
    """Whether they hear of it."""

    @property
    def channel(self) -> str:
        """Its name, which is that of the form's fields, too."""
        return self.party.channel


@dataclass(frozen=True, slots=True)
class _Shown:
    reader: Reader
    ways: tuple[Way, ...]


@dataclass(frozen=True)
class Preferences:
    """The endpoints."""

    service: Service

    async def show(self, request: Request) -> Response:
        """The form, as things stand."""
        shown = await self._shown(request)
        words = shown.reader.words
        values = {
            "title": words.say("preferences_title"),
            "tenant": shown.reader.tenant,
            "ways": shown.ways,
            "saved": "saved" in request.query_params,
        }
        return self.service.pages.page("preferences", words, values)

    async def post(self, request: Request) -> Response:
        """Save what differs from how things stand; then the page is shown again."""
        form = await form_of(request)
        shown = await self._shown(request)
        match form.get("do"):
            case "save":
                picked = {way.channel: frozenset(map(str, form.getlist(way.channel))) for way in shown.ways}
                choices = [one for way in shown.ways for one in chosen(way, picked[way.channel])]
            case "none":
                choices = [one for way in shown.ways for one in chosen(way, frozenset(), ever=True)]
            case _:
                raise HTTPException(UNCLEAR)
        if choices:
            await self.service.write(self._writing(shown.reader.claim, choices))
        return RedirectResponse(f"{request.path_params['token']}?saved", _SEE_OTHER)

    def _writing(self, claim: Claim, choices: Sequence[Choice]) -> Writing:
        now = self.service.clock()
        told = (
            told_end(claim, choice.party, choice.topic, "preferences", now)
            for choice in choices
            if not choice.wanted
        )
        return Writing(tuple(told), tuple(choices))

    async def _shown(self, request: Request) -> _Shown:
        claim = self.service.claim("preferences", request.path_params["token"])
        return await self.service.aside(self._read, claim, request.headers.get("accept-language"))

    def _read(self, claim: Claim, accept_language: str | None) -> _Shown:
        installation = self.service.installation
        reader = reader_of(installation.database, claim, accept_language)
        offer = self.service.offers.of(claim.tenant_id, claim.topic)
        parties = parties_of(installation, reader, offer.channels)
        held = standings(installation.database, parties, self.service.clock())
        return _Shown(reader, tuple(_way(party, held[party], offer) for party in parties))


def _way(party: Party, standing: Standing, offer: Offer) -> Way:
    topics = {
        topic: standing.hears_of(topic, opt_in=topic in offer.opt_in) for topic in offer.topics if topic
    }
    return Way(party, standing, topics)


def chosen(way: Way, picked: frozenset[str], *, ever: bool = False) -> list[Choice]:
    """What somebody says by ticking these topics of a way; `ever`: nothing at all from now on.

    What stays as it stood is not said: a box that was ticked when the page came is no consent.
    """
    if ever:
        return [] if EVERYTHING in way.standing.ended else [Choice(way.party, EVERYTHING, wanted=False)]
    wanted = {topic: topic in picked for topic in way.topics}
    if EVERYTHING in way.standing.ended and any(wanted.values()):
        # Some of it again: the rest of it stays ended, each for itself.
        again = [Choice(way.party, topic, wanted=yes) for topic, yes in wanted.items()]
        return [Choice(way.party, EVERYTHING, wanted=True), *again]
    return [
        Choice(way.party, topic, wanted=yes) for topic, yes in wanted.items() if yes is not way.topics[topic]
    ]
