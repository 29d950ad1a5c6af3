"""Trains a network shortly in PyTorch and writes OUT/model/model.safetensors for Gradus to evaluate.

python make_model.py OUT --arch lenet
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from nets import NETS, mnist, report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder to write")
    parser.add_argument("--arch", choices=NETS, default="lenet")
    parser.add_argument("--data", default=Path(__file__).parents[2] / "data/mnist/files", help="folder of the IDX files")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    net = NETS[args.arch]()
    images, labels = mnist(args.data, "train", net)
    opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for step in range(args.steps):
        batch = torch.randint(0, len(labels), [args.batch])
        loss = F.cross_entropy(net(images[batch]), labels[batch])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if (step + 1) % 50 == 0:
            print(f"step {step + 1}: loss {loss.item():.4f}")

    file = args.out / "model/model.safetensors"
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(net.state_dict(), file)
    print(f"wrote {file}")
    report(net, args.data)


if __name__ == "__main__":
    main()
