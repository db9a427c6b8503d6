"""`/v/<token>`: the message as it was handed over, while its payload is kept.

What a company put into a message is shown in a sandbox: it runs nothing and is of no origin.
"""

import logging
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from automation_pipelines.api.readers import Reader, reader_of
from automation_pipelines.api.rendering import GONE
from automation_pipelines.api.service import Service
from automation_pipelines.delivery.copies import Copy, exact_copy
from automation_pipelines.errors import MessageError, RefusedError
from automation_pipelines.messages.tokens import Claim

_LOG = logging.getLogger("automation.serve")
_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; "
    "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; font-src https:; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)


@dataclass(frozen=True)
class View:
    """The endpoint."""

    service: Service

    async def show(self, request: Request) -> Response:
        """The page of an e-mail; the text of anything else."""
        claim = self.service.claim("view", request.path_params["token"])
        header = request.headers.get("accept-language")
        reader, copy = await self.service.aside(self._read, claim, header)
        if copy is None:
            return self.service.pages.notice(reader.words, "gone", GONE)
        if copy.html is not None:
            return HTMLResponse(copy.html, headers={"Content-Security-Policy": _POLICY})
        values = {"title": reader.tenant or "…", "text": copy.text}
        return self.service.pages.page("letter", reader.words, values)

    def _read(self, claim: Claim, accept_language: str | None) -> tuple[Reader, Copy | None]:
        parts = self.service.installation
        reader = reader_of(parts.database, claim, accept_language)
        try:
            return reader, exact_copy(parts.database, parts.campaigns, parts.settings, claim.job_id)
        except RefusedError:
            return reader, None
        except MessageError as error:
            _LOG.warning("message %d cannot be shown: %s", claim.job_id, type(error).__name__)
            return reader, None
