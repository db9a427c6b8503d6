"""When the automation database cannot be used: away, full, busy, read-only. Its drivers' errors, in words.

What is wrong with a statement is a bug, and stays the error it is.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from adbc_driver_manager import OperationalError as AdbcOperationalError

from automation_pipelines.errors import LedgerError

_LONGEST = 300


@contextmanager
def in_words(database: str) -> Iterator[None]:
    """Raise `LedgerError` where it is the database that fails, and not what it was asked."""
    try:
        yield
    except (sa.exc.DBAPIError, AdbcOperationalError) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        if not _is_trouble(error):
            raise
        raise LedgerError(database, " ".join(str(cause).split())[:_LONGEST]) from error
    except sa.exc.TimeoutError as error:
        raise LedgerError(database, "all connections are in use") from error


def _is_trouble(error: Exception) -> bool:
    if isinstance(error, sa.exc.DBAPIError) and isinstance(error.orig, sqlite3.Error):
        # SQLite calls a table that does not exist "operational", too: that is its general error.
        general = error.orig.sqlite_errorcode & 0xFF == sqlite3.SQLITE_ERROR
        return isinstance(error, sa.exc.OperationalError) and not general
    if isinstance(error, sa.exc.DBAPIError):
        return error.connection_invalidated or isinstance(error, sa.exc.OperationalError)
    return True
