"""Reads the event files of run folders with TensorBoard's own reader and compares them with
metrics.jsonl: every metric of every line, and nothing else (python check.py RUN ...)."""

import json
import math
import pathlib
import sys

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def check(run):
    want = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        step, _, split = record.pop("step"), record.pop("epoch"), record.pop("split")
        for name, value in record.items():
            want.setdefault(f"{name}/{split}", []).append((step, math.nan if value is None else value))
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    assert events.file_version == 2.0, events.file_version
    tags = events.Tags()["scalars"]
    assert sorted(tags) == sorted(want), (tags, sorted(want))
    n = 0
    for tag in tags:
        got = events.Scalars(tag)
        assert [e.step for e in got] == [step for step, _ in want[tag]], tag
        for e, (_, value) in zip(got, want[tag]):
            assert e.value == np.float32(value) or not math.isfinite(e.value) and math.isnan(value), (tag, e, value)
            n += 1
    print(f"{run}: {n} values of {len(tags)} metrics agree")


if __name__ == "__main__":
    for path in sys.argv[1:]:
        check(pathlib.Path(path))
