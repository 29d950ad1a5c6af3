"""Blocks at a place given by tensors. Inputs: x, (block,) and one int64 start an axis, clamped."""

import torch

from golden import Golden, indices, normal

# name: (x, size, starts)
CASES = {
    "vector": ([7], [3], [2]), "at_start": ([7], [3], [0]), "at_end": ([7], [3], [4]), "above": ([7], [3], [6]), "far_above": ([7], [3], [1 << 40]), "below": ([7], [3], [-2]),
    "whole": ([4, 3], [4, 3], [2, -1]), "nothing": ([4, 3], [0, 3], [2, 0]), "rows": ([5, 3], [2, 3], [1, 0]), "columns": ([3, 5], [3, 2], [0, 2]),
    "inner": ([5, 6], [2, 3], [2, 1]), "both_clamped": ([5, 6], [2, 3], [9, -9]), "rank3": ([2, 5, 3], [1, 2, 3], [1, 2, 0]), "middle": ([2, 5, 3], [2, 1, 3], [0, 4, 0]),
    "last": ([2, 3, 5], [2, 3, 2], [0, 0, 3]), "cache": ([2, 2, 7, 3], [2, 2, 1, 3], [0, 0, 5, 0]), "rank4": ([2, 3, 4, 5], [1, 2, 3, 4], [1, 1, 1, 1]), "scalar": ([], [], []),
    "size1": ([1], [1], [0]), "odd": ([9, 11], [7, 5], [1, 3]),
}


def block(x, size, starts):
    return tuple(slice(at, at + s) for at, s in zip((max(0, min(int(i), d - s)) for i, d, s in zip(starts, x.shape, size)), size))


def update(x, u, *starts):
    y = x.clone()
    y[block(x, u.shape, starts)] = u
    return y


def build(path):
    g = Golden("dynamic", path, seed=73)
    for name, (x, size, starts) in CASES.items():
        at = [indices(s) for s in starts]
        g.case(f"slice_{name}", "dynamic_slice", lambda x, *starts: x[block(x, size, starts)], [normal(*x), *at], size=size)
        g.case(f"update_{name}", "dynamic_update", update, [normal(*x), normal(*size), *at])
    return g


FILES = {"ops/optest/testdata/dynamic.safetensors": build}
