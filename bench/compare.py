#!/usr/bin/env python3
"""Compare Gradus with PyTorch on the same machine, in turn.

usage: compare.py [--threads N] [--rounds N] [--seconds S] [--gradus PATH] [workload ...]

Run it with the Python of an environment that has torch. Each round measures
PyTorch, Gradus, compiled PyTorch and Gradus again; the table has the median of
the rounds' medians, and the ratio ours over the better of the two peers: below
1 we are faster. Efficiency is (arithmetic / time) over the best rate that a
square product reached in this run, ours or the peer's.
"""
import argparse, json, re, statistics, subprocess, sys
from pathlib import Path

ap = argparse.ArgumentParser()
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--rounds", type=int, default=3)
ap.add_argument("--seconds", type=float, default=5)
ap.add_argument("--gradus", default="gradus")
ap.add_argument("workloads", nargs="*", default=["matmul", "mlp", "cnn", "resnet20", "lstm", "gpt"])
a = ap.parse_args()
peer = Path(__file__).parent / "peers" / "torch_bench.py"
common = ["--threads", str(a.threads), "--seconds", str(a.seconds)]


def torch(*flags):
    out = subprocess.run([sys.executable, str(peer), *common, *flags, *a.workloads], check=True, capture_output=True, text=True).stdout
    return {m[1]: float(m[2]) for m in re.finditer(r"^RESULT \S+ \S+ (\S+) median=([\d.]+)ms", out, re.M)}


flops, peak = {}, {}


def gradus():
    out = subprocess.run([a.gradus, "bench", "--json", *common, *a.workloads], check=True, capture_output=True, text=True).stdout
    rows = [json.loads(line) for line in out.splitlines()]
    for r in rows:
        flops[r["workload"]] = r["gflops"] * r["median_ms"] / 1e3
        peak[r["workload"]] = r["peak_bytes"]
    return {r["workload"]: r["median_ms"] for r in rows}


runs = {"torch": [], "compiled": [], "gradus": []}
for i in range(a.rounds):
    runs["torch"].append(torch())
    runs["gradus"].append(gradus())
    runs["compiled"].append(torch("--compile"))
    runs["gradus"].append(gradus())
    print(f"round {i + 1} of {a.rounds} done", file=sys.stderr, flush=True)

median = {k: {w: statistics.median(r[w] for r in rs) for w in a.workloads} for k, rs in runs.items()}
rate = 0.0
if "matmul" in a.workloads:
    rate = flops["matmul"] / min(min(r["matmul"] for r in rs) for rs in runs.values()) * 1e3
print("| workload | PyTorch ms | compiled ms | Gradus ms | ratio | GFLOP/s | efficiency | peak MB |")
print("|---|---|---|---|---|---|---|---|")
for w in a.workloads:
    t, c, g = (median[k][w] for k in ("torch", "compiled", "gradus"))
    gf = flops[w] / g * 1e3
    eff = f"{gf / rate:.2f}" if rate else "-"
    print(f"| {w} | {t:.3f} | {c:.3f} | {g:.3f} | {g / min(t, c):.2f} | {gf:.0f} | {eff} | {peak[w] / 1e6:.0f} |")
