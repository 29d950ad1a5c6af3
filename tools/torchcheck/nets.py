"""The networks that both programs know, with the keys of model.safetensors, and MNIST from IDX files."""

import gzip
import struct
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class LeNet(nn.Module):
    """Images [B 1 28 28], normalised by the mean and deviation of MNIST."""

    mean, std = 0.1307, 0.3081

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 5)
        self.conv2 = nn.Conv2d(32, 64, 5)
        self.fc1 = nn.Linear(64 * 4 * 4, 512)
        self.fc2 = nn.Linear(512, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class MLP(nn.Module):
    """Images [B 1 28 28], pixels in [0, 1]."""

    mean, std = 0.0, 1.0

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


NETS = {"lenet": LeNet, "mlp": MLP}


def read_idx(path):
    """An IDX file of bytes, plain or gzipped (NAME or NAME.gz), as an array."""
    path = Path(path)
    with path.open("rb") if path.exists() else gzip.open(f"{path}.gz") as f:
        zero, kind, rank = struct.unpack(">HBB", f.read(4))
        if zero != 0 or kind != 8:
            raise SystemExit(f"{path}: not an IDX file of bytes")
        shape = struct.unpack(f">{rank}I", f.read(4 * rank))
        return np.frombuffer(f.read(), np.uint8).reshape(shape)


def mnist(folder, split, net):
    """Images as the network wants them, and labels. split: train or t10k."""
    images = read_idx(Path(folder) / f"{split}-images-idx3-ubyte").astype(np.float32) / 255
    labels = read_idx(Path(folder) / f"{split}-labels-idx1-ubyte").astype(np.int64)
    images = (images - np.float32(net.mean)) / np.float32(net.std)
    return torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels)


@torch.no_grad()
def evaluate(net, images, labels, batch=1000):
    """Mean loss, and how many images are classified rightly."""
    net.eval()
    loss, right = 0.0, 0
    for x, y in zip(images.split(batch), labels.split(batch)):
        logits = net(x)
        loss += F.cross_entropy(logits, y, reduction="sum").item()
        right += (logits.argmax(1) == y).sum().item()
    return loss / len(labels), right


def report(net, folder):
    """Prints the score on the test images, and returns the accuracy."""
    images, labels = mnist(folder, "t10k", net)
    loss, right = evaluate(net, images, labels)
    print(f"test: {right} of {len(labels)} right, accuracy {right / len(labels):.4f}, loss {loss:.6f}")
    return right / len(labels)
