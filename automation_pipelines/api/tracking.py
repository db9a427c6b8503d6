"""`/o/<token>.gif` and `/c/<token>?u=…`: opens and clicks, kept as they come, those of machines marked.

What is signed, and which hits are machines', is `messages.tracking`'s and `feedback.humans`'. A reader who
clicks is always led on: 302 says that the click is durable, 307 that it could not be kept.
"""

from base64 import b64decode
from dataclasses import dataclass, field
from hashlib import blake2b

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from automation_pipelines.api.rendering import BUSY, NO_LINK, RETRY_AFTER
from automation_pipelines.api.service import Service
from automation_pipelines.api.writer import BusyError, Writing
from automation_pipelines.feedback import Told
from automation_pipelines.feedback.humans import machine
from automation_pipelines.ledger.machines import SITE
from automation_pipelines.messages.tokens import Forged, Malformed
from automation_pipelines.messages.tracking import NOBODY, TARGET, Trace, link_of, read_click, read_open
from automation_pipelines.model import EventType

GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One transparent pixel."""
PATIENCE = 2.0
"""Seconds that a reader who clicked waits for us at most."""
SLOTS = 8
"""Readers' programs are told apart in so many groups: of a link's hits in a minute so many are kept, and one
for each rule of machines, however often they are repeated. Nobody's network address is looked at."""
_REMEMBERED = 20_000
_SHOWN = {"Cross-Origin-Resource-Policy": "cross-origin"}
_DURABLE, _NOT_KEPT = 302, 307


@dataclass(frozen=True)
class Tracking:
    """The endpoints."""

    service: Service
    _stored: dict[str, None] = field(default_factory=dict)
    """Identities of hits that are durable: a flood of repetitions is no work for the database."""

    async def opened(self, request: Request) -> Response:
        """The pixel."""
        trace = _ours(read_open(self.service.keys, request.path_params["token"]))
        try:
            await self._keep(self._told(request, EventType.OPENED, trace, None))
        except BusyError:
            return Response(GIF, BUSY, {**_SHOWN, "Retry-After": RETRY_AFTER}, "image/gif")
        return Response(GIF, 200, _SHOWN, "image/gif")

    async def clicked(self, request: Request) -> Response:
        """The way to where a link leads."""
        target = request.query_params.get(TARGET, "")
        trace = _ours(read_click(self.service.keys, request.path_params["token"], target))
        try:
            await self._keep(self._told(request, EventType.CLICKED, trace, link_of(trace, target)))
        except BusyError:
            return RedirectResponse(target, _NOT_KEPT)
        return RedirectResponse(target, _DURABLE)

    async def _keep(self, told: Told) -> None:
        if told.job_id == NOBODY or told.identity in self._stored:
            return
        await self.service.writer.write(Writing((told,)), within=PATIENCE)
        if len(self._stored) >= _REMEMBERED:
            self._stored.clear()
        self._stored[told.identity] = None

    def _told(self, request: Request, type_: EventType, trace: Trace, link: str | None) -> Told:
        at, rule = self.service.clock(), machine(request.method, request.headers)
        who = rule or f"reader {_digest(request.headers.get('user-agent', ''))[0] % SLOTS}"
        link = link and "".join(filter(str.isprintable, link))  # PostgreSQL takes no zeros
        what = _digest(link or "").hex()
        return Told(
            identity=f"{SITE}:{type_}:{trace.job_id}:{what}:{at:%Y%m%d%H%M}:{who}",
            type=type_,
            at=at,
            provider=SITE,
            job_id=trace.job_id,
            tenant_id=trace.tenant_id,
            channel="email",
            kind=rule,
            machine=rule is not None,
            link=link,
        )


def _ours(trace: Trace | Forged | Malformed) -> Trace:
    """One answer for all that is none of ours."""
    if isinstance(trace, Trace):
        return trace
    raise HTTPException(NO_LINK)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "replace"), digest_size=6).digest()
