"""The process in which one way of a stage runs: `python -m benchmarks.worker SETTING STAGE WAY`."""

import json
import sys
from dataclasses import asdict

from benchmarks.harness import Setting, measure
from benchmarks.stages import STAGES


def main(setting_json: str, stage_name: str, way_name: str) -> None:
    setting = Setting(**json.loads(setting_json))
    stage = next(stage for stage in STAGES if stage.name == stage_name)
    if not way_name:
        if stage.prepare is not None:
            stage.prepare(setting)
        return
    way = next(way for way in stage.ways if way.name == way_name)
    print(json.dumps(asdict(measure(stage, way, setting))))


if __name__ == "__main__":
    main(*sys.argv[1:])
