"""Loads the model of a run folder into the same PyTorch network and prints its test accuracy.

python check_model.py runs/mnist --arch lenet

Exits with 1 when the accuracy is not the one that the run's metrics.jsonl ends with.
"""

import argparse
import json
from pathlib import Path

from safetensors.torch import load_file

from nets import NETS, report


def recorded(folder):
    """The accuracy in the last line of split test."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["accuracy"] for line in lines if line["split"] == "test"][-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="a run folder, or a safetensors file")
    parser.add_argument("--arch", choices=NETS, default="lenet")
    parser.add_argument("--data", default=Path(__file__).parents[2] / "data/mnist/files", help="folder of the IDX files")
    args = parser.parse_args()

    net = NETS[args.arch]()
    file = args.path / "model/model.safetensors" if args.path.is_dir() else args.path
    net.load_state_dict(load_file(file), strict=True)
    accuracy = report(net, args.data)
    if args.path.is_dir():
        ours = recorded(args.path)
        print(f"metrics.jsonl: accuracy {ours}")
        if ours != accuracy:
            raise SystemExit("the two programs disagree")


if __name__ == "__main__":
    main()
