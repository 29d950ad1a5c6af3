"""Casts to the floats of 16 bits and back."""

import math

import torch

from golden import Golden, normal, values

TYPES = {"bf16": torch.bfloat16, "f16": torch.float16}

# Numbers that float32 holds, so that PyTorch's way through float32 rounds once:
# halfway between neighbours, beside that, at both ends of the range, subnormal.
EDGES = values(
    0.0, -0.0, 1 + 2.0**-8, 1 + 3 * 2.0**-8, 1 + 2.0**-8 + 2.0**-20, 1 + 2.0**-11, 1 + 3 * 2.0**-11, -1 - 2.0**-11 - 2.0**-20,
    65504.0, 65519.0, 65520.0, -65521.0, 65536.0, 3.3895313892515355e38, 3.3961775292304601e38, -3.4028234663852886e38,
    2.0**-14, 2.0**-14 - 2.0**-24, 2.0**-24, 2.0**-25, 2.0**-25 + 2.0**-40, 3 * 2.0**-25, -5 * 2.0**-25,
    2.0**-126, 2.0**-126 - 2.0**-140, 2.0**-133, 2.0**-134, 2.0**-134 + 2.0**-140, 3 * 2.0**-134, -2.0**-149,
    math.inf, -math.inf, math.nan)


def build(path):
    g = Golden("half", path, seed=61)
    for name, to in TYPES.items():
        def fn(x):
            return x.float().to(to).double()

        g.case(f"{name}_edges", "cast", fn, [EDGES], constant=[0], to=name)
        for std in (1, 1e-6, 1e4, 1e-38):
            g.case(f"{name}_{std:g}", "cast", fn, [lambda gen: normal(37, std=std)(gen).float().double()], to=name)
        g.case(f"{name}_rank3", "cast", fn, [lambda gen: normal(2, 1, 5)(gen).float().double()], to=name)
    return g


FILES = {"ops/optest/testdata/half.safetensors": build}
