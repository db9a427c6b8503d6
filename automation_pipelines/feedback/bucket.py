"""A bucket as an inbox: whatever fsspec has a driver for; each finds its credentials by itself.

No error tells what a driver says: it may hold a key. Objects appear whole; a move is a copy and a removal,
so a crash in between leaves the object waiting, and reading it again changes nothing.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from automation_pipelines.errors import ConfigurationError, FeedbackError
from automation_pipelines.feedback.inbox import SETTING, Found

_EXTRA = "automation-pipelines[buckets]"
# What drivers call it that tells one content of an object from another.
_VERSIONS = ("ETag", "etag", "md5Hash", "generation", "LastModified", "last_modified", "mtime", "created")
_Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A folder of a bucket."""

    shown: str
    root: str
    fs: Any = field(repr=False)
    """fsspec's file system, which has no types."""

    @classmethod
    def at(cls, url: str) -> "Bucket":
        """By URL; `ConfigurationError`: no driver is there for it."""
        scheme, _, rest = url.partition("://")
        shown = f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
        try:
            from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # noqa: PLC0415 - heavy

            fs, root = url_to_fs(url)
        except ImportError:
            msg = f"{SETTING}: {scheme}:// has no driver here: run `pip install '{_EXTRA}'`"
            raise ConfigurationError(msg) from None
        except Exception as error:  # noqa: BLE001 - drivers raise whatever they like
            said = f"{type(error).__name__}; write s3://bucket/folder, gs://… or az://…"
            msg = f"{SETTING}: {shown} cannot be used: {said}"
            raise ConfigurationError(msg) from None
        return cls(shown, str(root).rstrip("/"), fs)

    def __str__(self) -> str:
        return self.shown

    def listing(self, folders: Collection[str]) -> list[Found]:
        """By one list of the place itself, and one of each folder that there is."""
        with self._asked():
            self.fs.invalidate_cache()  # drivers remember listings
            top = self._entries("")
            if top is None:
                self._require_container()
                return []
            there = {_last(one["name"]) for one in top if one["type"] == "directory"}
            wanted = [one for one in folders if one and one.partition("/")[0] in there]
            found = [_found("", one) for one in top] if "" in folders else []
            found += [_found(folder, one) for folder in wanted for one in self._entries(folder) or ()]
        return sorted(one for one in found if one is not None)

    def _entries(self, folder: str) -> list[_Entry] | None:
        """What is in a folder; `None`: there is none. Consoles leave an empty object in its name."""
        path = self._path(folder)
        try:
            listed: list[_Entry] = self.fs.ls(path, detail=True)
        except FileNotFoundError:
            return None
        return [one for one in listed if one["name"].strip("/") != path.strip("/")]

    def _require_container(self) -> None:
        """Before the first object is put there a folder is none; a bucket is one."""
        container = self.root.strip("/").partition("/")[0]
        if not self.fs.exists(container):
            msg = f"there is no bucket {container}, or it may not be listed: see {SETTING}"
            raise FeedbackError(msg)

    def read(self, name: str, longest: int | None = None) -> bytes | None:
        """In one go."""
        try:
            with self._asked():
                if longest is None:
                    return bytes(self.fs.cat_file(self._path(name)))
                with self.fs.open(self._path(name), "rb") as file:
                    return bytes(file.read(longest))
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """As one object."""
        with self._asked():
            self.fs.pipe_file(self._path(name), content)

    def has(self, name: str) -> bool:
        """By its name."""
        with self._asked():
            return bool(self.fs.exists(self._path(name)))

    def move(self, name: str, place: str) -> bool:
        """By copy and removal."""
        try:
            with self._asked():
                # One object each: `mv` and `rm` would take the brackets of a name for a pattern.
                self.fs.cp_file(self._path(name), self._path(place))
                self.fs.rm_file(self._path(name))
        except FileNotFoundError:
            return False
        return True

    def remove(self, name: str) -> None:
        """If it is still there."""
        try:
            with self._asked():
                self.fs.rm_file(self._path(name))
        except FileNotFoundError:
            return

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}" if name else self.root

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Tell what went wrong in words of ours; that something is gone is for the caller to know."""
        try:
            yield
        except (FileNotFoundError, FeedbackError):
            raise
        except Exception as error:  # noqa: BLE001 - drivers raise whatever they like
            msg = f"{self} cannot be reached or may not be used now: {type(error).__name__}; see {SETTING}"
            raise FeedbackError(msg) from None


def _found(folder: str, entry: _Entry) -> Found | None:
    """A file that may be read; folders and hidden ones are none."""
    name = _last(entry["name"])
    if entry["type"] != "file" or not name or name.startswith("."):
        return None
    version = next((str(entry[key]) for key in _VERSIONS if entry.get(key)), "")
    return Found(f"{folder}/{name}" if folder else name, f"{entry.get('size')} {version}")


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
