"""Pages: HTML without a line of script, under a policy that lets nothing else in."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib import resources
from typing import Any

import jinja2
from starlette.responses import HTMLResponse

from automation_pipelines.api.words import Words

NO_LINK = 404
UNCLEAR = 400
GONE = 410
BUSY = 503
RETRY_AFTER = "30"
"""Seconds."""


@dataclass(frozen=True)
class Pages:
    """The templates, compiled once."""

    @cached_property
    def _templates(self) -> jinja2.Environment:
        return jinja2.Environment(
            loader=jinja2.PackageLoader("automation_pipelines.api", "pages"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @cached_property
    def _style(self) -> str:
        place = resources.files("automation_pipelines.api") / "pages" / "style.css"
        return place.read_text(encoding="utf-8")

    @cached_property
    def policy(self) -> str:
        """What the browser lets a page do: show itself in its own style, and post to where it is from."""
        digest = b64encode(sha256(self._style.encode()).digest()).decode()
        return (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'"
        )

    def page(
        self,
        name: str,
        words: Words,
        values: Mapping[str, Any],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """Render one."""
        style = jinja2.filters.do_mark_safe(self._style)
        given = {"words": words, "tenant": None, "style": style, **values}
        html = self._templates.get_template(f"{name}.html").render(given)
        own = {"Content-Security-Policy": self.policy, "Content-Language": words.tag, **(headers or {})}
        return HTMLResponse(html, status, own)

    def notice(self, words: Words, what: str, status: int) -> HTMLResponse:
        """Say that something is not to be had: `missing`, `unclear`, `gone` or `busy`."""
        values = {"title": words.say(f"{what}_title"), "about": words.say(f"{what}_about")}
        headers = {"Retry-After": RETRY_AFTER} if status == BUSY else {}
        return self.page("notice", words, values, status=status, headers=headers)
