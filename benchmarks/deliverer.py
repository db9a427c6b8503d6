"""A delivery worker of the benchmark: `python -m benchmarks.deliverer SETTING NAME PORT`."""

import json
import os
import resource
import secrets
import sys
from dataclasses import dataclass
from time import perf_counter

from pydantic import SecretStr

from automation_pipelines.channels import build_channels
from automation_pipelines.delivery import deliver
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.settings import Settings
from benchmarks.harness import AS_OF, Setting
from benchmarks.programme import open_ledger


@dataclass(frozen=True, slots=True)
class Done:
    """What one worker did, from its first claim on."""

    completed: int
    seconds: float
    megabytes: int


def main(setting_json: str, name: str, port: str) -> None:
    """Deliver all that is due to the server on that port."""
    setting = Setting(**json.loads(setting_json))
    settings = Settings(
        home=setting.home,
        smtp_url=SecretStr(f"smtp://127.0.0.1:{port}?tls=none"),
        public_url="https://post.example.org",
        link_secret=SecretStr(secrets.token_urlsafe(32)),
    )
    database, channels = open_ledger(setting, name), build_channels(settings)
    campaigns, owner = CampaignStore(database), f"worker-{os.getpid()}"
    started = perf_counter()
    done = deliver(database, channels, campaigns, settings, clock=lambda: AS_OF, owner=owner)
    seconds = perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps([done.completed, seconds, peak]))


if __name__ == "__main__":
    main(*sys.argv[1:])
