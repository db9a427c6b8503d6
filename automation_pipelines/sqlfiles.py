"""Finds SQL files: the user's own directory first, file by file, then the shipped ones.

Knows nothing of engines. A file holds one statement; its leading comment lines say what a row is
and may declare directives, such as `-- text ids: id, customer_id`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from automation_pipelines.errors import ConfigurationError

_PACKAGE = Path(__file__).parent
# In the wheel `sql/` lies inside the package, in a checkout beside it.
SHIPPED = next((p for p in (_PACKAGE / "sql", _PACKAGE.parent / "sql") if p.is_dir()), _PACKAGE / "sql")


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One statement and where it was found."""

    path: Path
    text: str

    @property
    def empty(self) -> bool:
        """Whether it holds nothing but comments."""
        return all(not line.strip() or line.lstrip().startswith("--") for line in self.text.splitlines())

    @property
    def shipped(self) -> bool:
        """Whether it is ours and not the user's own."""
        return self.path.is_relative_to(SHIPPED)

    def directive(self, name: str) -> tuple[str, ...]:
        """The comma-separated words after `-- <name>:` in the leading comments; empty without it."""
        for line in self.text.splitlines():
            if not line.startswith("--"):
                break
            head, _, rest = line.removeprefix("--").partition(":")
            if head.strip() == name:
                return tuple(word.strip() for word in rest.split(",") if word.strip())
        return ()


@dataclass(frozen=True, slots=True)
class SqlFiles:
    """The SQL of one installation; `own` takes precedence over the shipped files one by one."""

    own: Path | None = None

    def find(self, folder: str, name: str) -> SqlFile:
        """`sql/<folder>/<name>.sql`; `ConfigurationError` naming the places looked at."""
        places = [root / folder / f"{name}.sql" for root in (self.own, SHIPPED) if root]
        for path in places:
            if path.is_file():
                return SqlFile(path, path.read_text(encoding="utf-8"))
        looked = " or ".join(str(path) for path in places)
        msg = f"no SQL file for {folder}/{name}: create {looked}"
        raise ConfigurationError(msg)

    def names(self, folder: str) -> tuple[str, ...]:
        """The names of all files in `folder`, own and shipped, sorted."""
        roots: Iterable[Path] = (root / folder for root in (self.own, SHIPPED) if root)
        return tuple(sorted({path.stem for root in roots for path in root.glob("*.sql")}))

    def idle(self) -> tuple[Path, ...]:
        """Own files that nothing reads: misnamed, or in the wrong folder. An action may be new."""
        own = sorted(self.own.rglob("*.sql")) if self.own else []
        replaced = {path.relative_to(SHIPPED) for path in SHIPPED.glob("*/*.sql")}
        return tuple(
            path
            for path in own
            if path.relative_to(str(self.own)) not in replaced
            and path.parent.relative_to(str(self.own)) != Path("actions")
        )
