"""Writes reference.safetensors and half.safetensors beside this file.

Made with safetensors 0.8.0, numpy 2.4.6, torch 2.15.0.
"""

import os

import numpy as np
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

here = os.path.dirname(os.path.abspath(__file__))


def at(name):
    return os.path.join(here, name)


def ramp(dtype, *shape):
    return np.arange(int(np.prod(shape)), dtype=dtype).reshape(shape)


save_file(
    {
        "fc1.weight": ramp(np.float32, 2, 3) / np.float32(4),
        "fc1.bias": ramp(np.float32, 3) - np.float32(1),
        "double": ramp(np.float64, 2) + 0.1,
        "steps": np.array(1 << 40, dtype=np.int64),
        "big": np.array([2**64 - 1], dtype=np.uint64),
        "i32": -ramp(np.int32, 3),
        "u32": np.array([2**32 - 1], dtype=np.uint32),
        "bytes": ramp(np.uint8, 5),
        "mask": np.array([True, False, True]),
        "empty": np.zeros((0, 4), np.float32),
        'odd "name"\\\n\t\x01é/<&>\u2028': ramp(np.uint8, 1),
    },
    at("reference.safetensors"),
    metadata={"format": "pt \"quoted\" <é>"},
)

save_torch(
    {
        "a": torch.tensor([1.0, -2.0], dtype=torch.bfloat16),
        "b": torch.tensor([0.5], dtype=torch.float16),
        "c": torch.tensor([-3], dtype=torch.int8),
        "d": torch.tensor([4.0], dtype=torch.float32),
    },
    at("half.safetensors"),
)
