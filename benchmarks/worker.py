"""The process in which a part of a stage runs: `python -m benchmarks.worker SETTING STAGE PART`."""

import json
import sys
from dataclasses import asdict

from benchmarks.harness import Setting, measure
from benchmarks.stages import STAGES


def main(setting_json: str, stage_name: str, part: str) -> None:
    """Run `before` or `after` of a stage, or measure the way of that name and print its result."""
    setting = Setting(**json.loads(setting_json))
    stage = next(stage for stage in STAGES if stage.name == stage_name)
    match part:
        case "before" if stage.before:
            stage.before(setting)
        case "after" if stage.after:
            stage.after(setting)
        case _:
            way = next(way for way in stage.ways if way.name == part)
            print(json.dumps(asdict(measure(stage, way, setting))))


if __name__ == "__main__":
    main(*sys.argv[1:])
