#!/usr/bin/env python3
"""Times the inference workloads of package bench in onnxruntime, 1.32.0 in the tables of docs/benchmarks.md.

usage: ort_bench.py [--threads N] [--seconds S] --models DIR WORKLOAD ...

The models are exported by torch.onnx.export (torch 2.15.0, onnx 1.23.2,
onnxscript 0.7.2) to DIR/WORKLOAD.onnx where they aren't there yet, in a process
of its own: this one holds onnxruntime alone. Prints JSON like torch_bench.py.
"""
import argparse, subprocess, sys
from pathlib import Path

ap = argparse.ArgumentParser(usage=__doc__)
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--seconds", type=float, default=10)
ap.add_argument("--models", type=Path, required=True)
ap.add_argument("--export", action="store_true", help=argparse.SUPPRESS)
ap.add_argument("workloads", nargs="+")
a = ap.parse_args()


def export(name, file):
    import nets, torch
    n = nets.make(name)
    part = file.with_suffix(".part")
    torch.onnx.export(n.model, (n.x,), str(part), dynamo=True, external_data=False)
    part.rename(file)


def run(name, file):
    import numpy, onnxruntime, timing
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = a.threads
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    arg = session.get_inputs()[0]
    r = numpy.random.default_rng(0)
    x = r.integers(0, 30522, arg.shape) if arg.type == "tensor(int64)" else r.standard_normal(arg.shape, dtype=numpy.float32)
    timing.measure(f"onnxruntime {onnxruntime.__version__}", a.threads, name, lambda: session.run(None, {arg.name: x}), a.seconds)


for name in a.workloads:
    file = a.models / f"{name}.onnx"
    if a.export:
        export(name, file)
        continue
    if not file.exists():
        subprocess.run([sys.executable, __file__, "--export", "--models", a.models, name], check=True, stdout=sys.stderr)
    run(name, file)
