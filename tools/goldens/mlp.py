"""The first 100 losses of examples/mlp in float32: 784-128-10, ReLU, mean cross-entropy,
SGD 0.01 without momentum, batches of 64, pixels x/255.

    fc1.weight, fc1.bias, fc2.weight, fc2.bias   before the first step (PyTorch's initialisation)
    order    int32 [6400]: step s trains on the images order[64*s : 64*(s+1)]
    losses   float32 [100]: the loss of each step, before its update
"""

import gzip

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from golden import ROOT, Golden

MNIST = ROOT / "data/mnist/files"
SEED, BATCH, STEPS, LR = 32, 64, 100, 0.01


def read_idx(name, header):
    """The bytes of an IDX file after its header."""
    with gzip.open(MNIST / f"{name}.gz") as f:
        return np.frombuffer(f.read(), np.uint8, offset=header)


def train(net, images, labels, order):
    opt = torch.optim.SGD(net.parameters(), lr=LR)
    losses = []
    for step in range(STEPS):
        batch = order[step * BATCH:(step + 1) * BATCH]
        loss = F.cross_entropy(net(images[batch]), labels[batch])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses


def build(path):
    g = Golden("mlp", path, SEED)
    images = torch.from_numpy(read_idx("train-images-idx3-ubyte", 16).reshape(-1, 784).astype(np.float32)) / 255
    labels = torch.from_numpy(read_idx("train-labels-idx1-ubyte", 8).astype(np.int64))
    order = torch.randperm(len(labels), generator=g.generator("order"))[:STEPS * BATCH]

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    for key, p in net.named_parameters():
        g.put({"0": "fc1", "2": "fc2"}[key[0]] + key[1:], p)
    g.put("order", order.int())
    g.put("losses", torch.tensor(train(net, images, labels, order), dtype=torch.float32))
    g.add("mlp", op="mlp", batch=BATCH, steps=STEPS, lr=LR)
    return g


FILES = {"examples/mlp/testdata/losses.safetensors": build}
