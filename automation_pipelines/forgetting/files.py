"""What lies in files: decisions keep a mark, rows of audiences and frames go, and so do messages on disk.

Every file is written anew beside the old one and takes its place by rename: a reader sees one of them.
"""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from automation_pipelines import archive, decisions
from automation_pipelines.feedback import Inbox, kept
from automation_pipelines.files import FileStore, rewrite
from automation_pipelines.ledger.erasing import Erased, Eraser
from automation_pipelines.ledger.persons import MARK, mark

_DECISIONS = (decisions.DATASET, decisions.LOOKS)
_ADDRESSES = ("address", "email", "phone", "push_token", "wallet_pass")
_TOLD = ("variables", "error", "fallbacks", "rejections")


@dataclass(frozen=True, slots=True)
class Shelves:
    """The files of an installation, and whom they are searched for."""

    files: FileStore
    eraser: Eraser
    salt: str
    dry_run: bool

    def erase(self) -> Iterator[Erased]:
        """Erase them from every Parquet file; how many rows of what kind."""
        for dataset in _DECISIONS:
            yield Erased(dataset.replace("_", " "), self._mark(dataset))
        yield Erased(
            "archived payloads", sum(self._unpack(path) for path in self.files.paths(archive.DATASET))
        )
        kept = {*_DECISIONS, archive.DATASET, "stats"}
        for folder in sorted(path for path in self.files.root.glob("*") if path.is_dir()):
            if folder.name not in kept:
                rows = sum(self._drop(path) for path in sorted(folder.rglob("[!.]*.parquet")))
                yield Erased(folder.name.replace("_", " "), rows)

    def _mark(self, dataset: str) -> int:
        """Put marks where decisions hold keys of theirs; the rest of a decision is nobody's."""
        paths = self.files.paths(dataset)
        if not paths or not self.eraser.subjects:
            return 0
        columns = ["tenant_id", "campaign", "subject_id", "subject_text"]
        found = (
            pl.scan_parquet(paths, include_file_paths="path", hive_partitioning=False, extra_columns="ignore")
            .select("path", *columns)
            .filter(self._clear)
            .group_by("path")
            .len()
            .collect()
        )
        for path in [] if self.dry_run else found["path"]:
            frame = pl.read_parquet(path, hive_partitioning=False)
            rewrite(Path(path), frame.with_columns(self._marked.alias("subject_text")))
        return int(found["len"].sum())

    @property
    def _clear(self) -> pl.Expr:
        """Whether a decision is about them and still names a key."""
        theirs = sorted(f"{campaign}:{number}" for campaign, number in self.eraser.subjects)
        own = pl.format("{}:{}", "campaign", "subject_id").is_in(theirs)
        text = pl.col("subject_text")
        named = text.is_not_null() & ~text.str.contains(MARK)
        return (pl.col("tenant_id") == self.eraser.person.tenant_id) & own & named

    @property
    def _marked(self) -> pl.Expr:
        text = pl.col("subject_text")
        marked = text.map_elements(lambda key: mark(self.salt, key), pl.String)
        return pl.when(self._clear).then(marked).otherwise(text)

    def _drop(self, path: Path) -> int:
        """Take the rows that are about them out of one file; how many."""
        columns = pl.read_parquet_schema(path)
        theirs = self._about_them(path.stem, columns)
        if theirs is None:
            return 0
        frame = pl.read_parquet(path, hive_partitioning=False)
        left = frame.filter(~theirs.fill_null(value=False))
        if len(left) < len(frame) and not self.dry_run:
            rewrite(path, left)
        return len(frame) - len(left)

    def _unpack(self, path: Path) -> int:
        """Take their payloads out of a file of the archive, and them out of others'; how many of both."""
        frame = pl.read_parquet(path, hive_partitioning=False)
        theirs = frame.select(self._own_payload).to_series()
        others = frame.filter(~theirs)
        naming = others.select(self._naming).to_series()
        touched = len(frame) - len(others) + len(others.filter(naming))
        if touched and not self.dry_run:
            told = [pl.col(name).map_elements(self.eraser.person.redacted, pl.String) for name in _TOLD]
            cleaned = others.filter(naming).with_columns(told)
            rewrite(path, pl.concat([others.filter(~naming), cleaned]).sort("job_id"))
        return touched

    @property
    def _own_payload(self) -> pl.Expr:
        person = self.eraser.person
        own = (
            pl.col("customer_id").is_in(sorted(person.customers)),
            pl.col("address_hash").is_in(sorted(self.eraser.hashes)),
        )
        return (pl.col("tenant_id") == person.tenant_id) & pl.any_horizontal(
            one.fill_null(value=False) for one in own
        )

    @property
    def _naming(self) -> pl.Expr:
        """As `Eraser.quoting` has it."""
        person = self.eraser.person

        def names(column: str, texts: Collection[str]) -> pl.Expr:
            found = pl.col(column).str.contains_any(sorted(texts) or ["\0"], ascii_case_insensitive=True)
            return found.fill_null(value=False)

        digest = pl.col("variables").str.contains('"items":[', literal=True).fill_null(value=False)
        digest = digest & names("variables", person.names_sought)
        told = pl.any_horizontal(digest, *(names(column, person.addresses) for column in _TOLD))
        return (pl.col("tenant_id") == person.tenant_id) & told

    def _about_them(self, name: str, columns: Collection[str]) -> pl.Expr | None:
        customers = sorted(self.eraser.person.customers)
        own = [pl.col("customer_id").is_in(customers)] if "customer_id" in columns else []
        own += [pl.col("id").is_in(customers)] if name == "customers" else []
        own += [
            pl.col(column).str.strip_chars().is_in(sorted(self.eraser.person.addresses))
            for column in _ADDRESSES
            if column in columns
        ]
        if not own or "tenant_id" not in columns:
            return None
        return (pl.col("tenant_id") == self.eraser.person.tenant_id) & pl.any_horizontal(
            one.fill_null(value=False) for one in own
        )


def messages(roots: Collection[Path], identities: Collection[str], *, dry_run: bool) -> int:
    """Remove the messages of these hand-offs from maildirs and outboxes; how many there were."""
    removed = 0
    for root in roots:
        for folder, _, names in os.walk(root):
            for name in names:
                # Read ones bear flags after a colon, unfinished ones a dot in front.
                digest, _, rest = name.lstrip(".").partition(".")
                if f"{digest}.{rest[:16]}" in identities:
                    removed += 1
                    if not dry_run:
                        (Path(folder) / name).unlink(missing_ok=True)
    return removed


def feedback(inbox: Inbox, addresses: Collection[str], *, dry_run: bool) -> int:
    """Take what names an address of theirs out of feedback that was read; how many lines and files."""
    wanted = [address.lower().encode() for address in addresses]
    return sum(_erase(inbox, found.name, wanted, dry_run=dry_run) for found in kept(inbox))


def _erase(inbox: Inbox, name: str, wanted: Collection[bytes], *, dry_run: bool) -> int:
    """Files in our own words lose lines; posts and mails go as a whole."""
    content = inbox.read(name) or b""
    if not any(text in content.lower() for text in wanted):
        return 0
    if name.count("/") > 1 or not name.endswith(".jsonl"):
        if not dry_run:
            inbox.remove(name)
        return 1
    lines = content.splitlines(keepends=True)
    left = [line for line in lines if not any(text in line.lower() for text in wanted)]
    if not dry_run:
        inbox.write(name, b"".join(left))
    return len(lines) - len(left)
