"""What every reader of a CRM is: something to enter, ask statements of, and leave. Knows no database."""

import re
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect

from automation_pipelines.extraction.statements import Form


class Crm(ABC):
    """A CRM to read. `place` names it in messages; reading it never writes to it.

    What is read inside one `with crm:` is one consistent moment of it, where the database can. Nothing
    is connected outside, so a long-lived process neither reads from yesterday nor keeps a transaction
    open. Entering again inside changes nothing. Not shared between threads.
    """

    place: str
    memory: dict[Hashable, Any]
    """What was asked since it was opened, and answered: at one moment the answer is the same."""
    _depth = 0
    _opened = False

    def __enter__(self) -> Self:
        if not self._opened:
            self.open()
            self._opened, self.memory = True, {}
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep what is entered inside open until the end: several questions at one moment, one connection."""
        self._depth += 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        self._depth -= 1
        if self._depth == 0 and self._opened:
            self._opened, self.memory = False, {}
            self.close()

    @abstractmethod
    def open(self) -> None:
        """Connect; `SourceError` or `ConfigurationError` when that is impossible."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""

    @abstractmethod
    def has(self, table: str) -> bool:
        """Whether there is a table or view of that name, whoever may read it."""

    @abstractmethod
    def forms(self, statement: sa.Select[Any]) -> dict[str, Form]:
        """Tell which columns a statement returns, and how the CRM holds them."""

    @abstractmethod
    def read(self, statement: sa.Select[Any]) -> pa.Table:
        """Run a statement with its values bound; `SourceError` with the database's message."""


def said(error: Exception, url: str = "") -> str:
    """What a driver said, without the statement it repeats and without the secrets of `url`."""
    text = re.split(r"\nquery", str(getattr(error, "orig", None) or error), flags=re.IGNORECASE)[0].strip()
    for secret in _secrets(url):
        text = text.replace(secret, "***")
    return text


def _secrets(url: str) -> list[str]:
    """The URL and the passwords in it, as written and as sent, the longest first."""
    # A password may hold all that separates the parts of a URL but the last @.
    written = [*re.findall(r"://[^:@]*:(.*)@", url), *re.findall(r"[?&][^=&]*(?:password|pwd)=([^&]*)", url)]
    found = {url, *written, *map(unquote, written)} - {""}
    return sorted(found, key=len, reverse=True)


def shown(url: str) -> str:
    """The URL without user, password and options."""
    return re.sub(r":.*@", "://", url).partition("?")[0]


@lru_cache(maxsize=64)
def compiled(statement: sa.Select[Any], dialect: Dialect) -> tuple[str, list[Any]]:
    """The statement in a dialect with positional parameters, and its values in their order.

    One and the same statement is compiled once: each source is probed before it is read, always alike.
    """
    result = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return str(result), [result.params[name] for name in getattr(result, "positiontup", None) or ()]


def form_of(kind: pa.DataType) -> Form:
    """How a column of this Arrow type compares."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return Form.TEXT
    if pa.types.is_date(kind):
        return Form.DATE
    if pa.types.is_timestamp(kind):
        return Form.AWARE if kind.tz else Form.NAIVE
    plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return Form.OTHER if plain or pa.types.is_decimal(kind) or pa.types.is_null(kind) else Form.OPAQUE
