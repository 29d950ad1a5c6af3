"""Softmax and log-softmax along one axis."""

import math

import torch

from golden import Golden, levels, normal

CASES = {
    "rank1": (normal(7), 0),
    "rank1_size1": (normal(1), 0),
    "rank2_last": (normal(3, 5), 1),
    "rank2_first": (normal(3, 5), 0),
    "rank2_negative_axis": (normal(4, 3), -1),
    "rank2_size1": (normal(4, 1), 1),
    "rank2_wide": (normal(2, 67), 1),
    "rank2_large": (normal(3, 6, std=300), 1),
    "rank2_offset": (normal(3, 6, mean=-5000), 1),
    "rank2_ties": (levels(2, 3, 6), 1),
    "rank2_empty": (normal(0, 4), 1),
    "rank3_last": (normal(2, 3, 5), 2),
    "rank3_middle": (normal(2, 5, 3), 1),
    "rank3_first": (normal(5, 2, 3), 0),
    "rank4_middle": (normal(2, 3, 2, 3), 1),
    "rank4_size1": (normal(2, 1, 3, 1), 1),
}


def masked(gen):
    x = normal(3, 5)(gen)
    x[0, 2] = x[1, :4] = -math.inf
    return x


def build(op):
    def make(path):
        g = Golden("softmax", path, seed=6 if op is torch.softmax else 7)
        for name, (x, axis) in CASES.items():
            g.case(name, op.__name__, lambda x: op(x, axis), [x], axis=axis)
        g.case("rank2_masked", op.__name__, lambda x: op(x, 1), [masked], axis=1)
        return g

    return make


FILES = {
    "ops/optest/testdata/softmax.safetensors": build(torch.softmax),
    "ops/optest/testdata/log_softmax.safetensors": build(torch.log_softmax),
}
