"""Writes the files of reference values that are missing or differ (python make.py [FILE ...]),
or only says which do (python make.py --check [FILE ...]). FILE is a part of a path, such as
"optest/testdata/conv"; without one, all files."""

import argparse
import importlib
import sys

import torch

import golden

SCRIPTS = [
    "activations",
    "attention",
    "attention_layers",
    "audio",
    "augment",
    "bert",
    "control",
    "conv",
    "cumulative",
    "dot",
    "dynamic",
    "einsum",
    "elementwise",
    "experts",
    "gpt",
    "gpt_bf16",
    "half",
    "image",
    "indexing",
    "layers",
    "layers_keras",
    "linalg",
    "loss",
    "loss_contrast",
    "loss_ctc",
    "loss_keras",
    "loss_scale",
    "metric",
    "mlp",
    "moves",
    "net",
    "norm",
    "optim",
    "optim_keras",
    "optim_more",
    "pool",
    "position",
    "recurrent",
    "reductions",
    "rope",
    "scatter",
    "schedule",
    "sequences",
    "softmax",
    "sorting",
    "transformer",
    "vision",
    "vit",
]


def pinned_torch():
    for line in (golden.ROOT / "tools/goldens/requirements.txt").read_text().splitlines():
        if line.startswith("torch=="):
            return line.removeprefix("torch==")
    raise SystemExit("requirements.txt names no torch")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the stored files, write nothing")
    parser.add_argument("file", nargs="*", help="parts of the paths to make")
    args = parser.parse_args()
    if not args.check and golden.TORCH != pinned_torch():
        raise SystemExit(f"torch is {golden.TORCH}; the stored values are made by {pinned_torch()} (requirements.txt)")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    bad = made = 0
    for script in SCRIPTS:
        for path, build in importlib.import_module(script).FILES.items():
            if args.file and not any(part in path for part in args.file):
                continue
            made += 1
            file = build(path)
            lines = file.differences()
            if not lines:
                print(f"{path}: {len(file.cases)} cases, same")
            elif args.check:
                bad += 1
                print(f"{path}: {len(lines)} differences")
                for line in lines[:10]:
                    print(f"    {line}")
            else:
                print(f"{path}: {len(file.cases)} cases, {file.write() / 1024:.0f} KiB written")
    if not made:
        raise SystemExit("no file matches")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
