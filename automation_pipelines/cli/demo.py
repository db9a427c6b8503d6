"""`automation demo`: a CRM to play with, and the ready campaigns started over it.

What happens then is the ordinary system's: the schedules, `automation tick`, or `make demo`.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import click
import sqlalchemy as sa
import yaml
from rich.table import Table

from automation_pipelines import playbooks
from automation_pipelines.catalogue.sources import CRM_SOURCES
from automation_pipelines.cli.campaigns import known_here
from automation_pipelines.cli.front import MOMENT, Front
from automation_pipelines.cli.tables import say
from automation_pipelines.demo.advance import advance
from automation_pipelines.demo.crm import build_crm
from automation_pipelines.errors import ConfigurationError, RefusedError
from automation_pipelines.ledger import coupons
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.settings import Settings
from automation_pipelines.validation import load

STARTED_BEFORE = timedelta(days=2)
"""Campaigns count from then, so that yesterday's moments exist."""

_PROMOTION = "promotion.yaml"
_CODES = 500
"""Codes to give away: for each tenant's happiest customers of some weeks."""


@dataclass(frozen=True, slots=True)
class DemoNotes:
    """What the demo remembers of itself: the time it speaks for, and the CRM it may rebuild."""

    as_of: datetime
    crm: str

    @staticmethod
    def path(settings: Settings) -> Path:
        """Where they are kept."""
        return settings.home / "demo" / "notes.json"

    @classmethod
    def read(cls, settings: Settings) -> "DemoNotes | None":
        """The notes of the last `automation demo` here."""
        path = cls.path(settings)
        if not path.is_file():
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(datetime.fromisoformat(found["as_of"]), found["crm"])

    def write(self, settings: Settings) -> None:
        """Keep them."""
        path = self.path(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"as_of": self.as_of.isoformat(), "crm": self.crm}), encoding="utf-8")


@click.command()
@click.option("--customers", default=5_000, show_default=True, help="Size of the CRM.")
@click.option("--as-of", "as_of", type=MOMENT, help="The time the demo speaks for; default: now.")
@click.option("--force", is_flag=True, help="Build the demo's CRM anew.")
@click.pass_obj
def demo(front: Front, *, customers: int, as_of: datetime | None, force: bool) -> None:
    """Build a demo CRM where AUTOMATION_CRM_URL says, and start the ready campaigns over it."""
    settings, moment = front.settings, as_of or front.now
    front.installation.initialise(front.now)
    _crm(settings, moment, customers, force=force)
    coupons.add(front.database, "friends", (f"FRIEND-{number:04}" for number in range(1, _CODES + 1)))
    _campaigns(front, moment - STARTED_BEFORE, _promotion(settings, moment.date(), force=force))


def _crm(settings: Settings, as_of: datetime, customers: int, *, force: bool) -> None:
    url = _hidden(settings.crm)
    before = DemoNotes.read(settings)
    ours = before is not None and before.crm == url
    taken = _tables(settings.crm)
    if taken and force and not ours:
        msg = (
            f"{url} has tables {', '.join(taken)} that this demo did not build: it will not replace them. "
            "Name an empty database in AUTOMATION_CRM_URL"
        )
        raise RefusedError(msg)
    if taken and not force and ours and before is not None and before.as_of < as_of:
        advance(settings.crm, since=before.as_of, until=as_of)
        say(f"The CRM at {url} has lived on.")
    elif taken and not force:
        say(f"The CRM at {url} is used as it is.")
    else:
        rows = build_crm(settings.crm, as_of=as_of, customers=customers)
        say(f"Built a CRM at {url}: " + ", ".join(f"{count:,} {name}" for name, count in rows.items()))
        ours = True
    DemoNotes(as_of, url if ours else "").write(settings)


def _hidden(crm: str) -> str:
    try:
        return sa.make_url(crm).set(query={}).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        # Not shown: what is no URL may still hold the password of a mistyped one.
        msg = "the demo CRM is a database, and AUTOMATION_CRM_URL names none: write sqlite:///file or postgresql://…"
        raise ConfigurationError(msg) from None


def _tables(crm: str) -> list[str]:
    """The tables there that a source of ours is called like."""
    url = sa.make_url(crm)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return []
    driver = "postgresql+psycopg" if url.get_backend_name() == "postgresql" else url.drivername
    engine = sa.create_engine(url.set(drivername=driver), hide_parameters=True)
    try:
        return sorted(set(sa.inspect(engine).get_table_names()) & CRM_SOURCES.keys())
    except sa.exc.OperationalError as error:
        msg = f"the CRM at {_hidden(crm)} cannot be reached: {error.orig}"
        raise ConfigurationError(msg) from None
    finally:
        engine.dispose()


def _promotion(settings: Settings, day: date, *, force: bool) -> Path:
    """The promotion's own copy, for the day of the demo."""
    copy = settings.home / "demo" / _PROMOTION
    if force or not copy.is_file():
        text = (playbooks.FOLDER / _PROMOTION).read_text(encoding="utf-8")
        written = str(yaml.safe_load(text)["schedule"]["date"])
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text.replace(written, day.isoformat()), encoding="utf-8")
    return copy


def _campaigns(front: Front, started: datetime, promotion: Path) -> None:
    files = [path for path in sorted(playbooks.FOLDER.glob("*.yaml")) if path.name != _PROMOTION]
    drafts = load([*files, promotion], known_here(front.settings, front.sqlfiles))
    store = CampaignStore(front.database)
    table = Table("campaign", "audience", "steps", "state", title="Campaigns", title_justify="left")
    for draft in drafts:
        spec = draft.spec
        applied = store.apply(spec, draft.text, draft.templates, front.user, started)
        if applied.state == "draft":
            store.start(spec.id, front.user, started)
        state = store.states()[spec.id]
        table.add_row(spec.id, spec.audience, ", ".join(step.id for step in spec.steps), state)
    say(table)
