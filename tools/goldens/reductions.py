"""Reductions over axes. max and min are torch.amax and torch.amin: equal elements share
the gradient equally. argmax and argmin give the first of equal elements; without an axis
they count over the whole tensor in row-major order."""

import math

import torch

from golden import Golden, levels, normal, values


def prod(x, axes, keepdim):
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keepdim)
    return x


OPS = {
    "sum": lambda x, axes, keepdim: torch.sum(x, axes, keepdim),
    "mean": lambda x, axes, keepdim: torch.mean(x, axes, keepdim),
    "max": torch.amax,
    "min": torch.amin,
    "prod": prod,
    "logsumexp": torch.logsumexp,
}

# name: (x, axes, keepdim)
CASES = {
    "rank1": (normal(7), [0], False),
    "rank1_size1": (normal(1), [0], False),
    "rank1_keep": (normal(5), [0], True),
    "rank2_rows": (normal(3, 5), [1], False),
    "rank2_columns": (normal(3, 5), [0], False),
    "rank2_negative_axis_keep": (normal(3, 5), [-1], True),
    "rank2_all": (normal(3, 5), [0, 1], False),
    "rank2_wide": (normal(2, 67), [1], False),
    "rank3_middle": (normal(2, 3, 4), [1], False),
    "rank3_outer_pair": (normal(2, 3, 4), [0, 2], False),
    "rank3_size1_keep": (normal(2, 1, 4), [1], True),
    "rank4_image": (normal(2, 3, 2, 3), [2, 3], False),
    "rank4_channel_keep": (normal(2, 3, 2, 2), [0, 2, 3], True),
    "ties": (levels(3, 4, 6), [1], False),
    "ties_pair": (levels(3, 3, 2, 4), [0, 2], True),
    "nan": (lambda gen: torch.tensor([[1.0, math.nan, 3.0], [2.0, 1.0, 0.0]], dtype=torch.float64), [1], False),
    "no_rows": (normal(0, 3), [1], False),
}

# name: (x, axis)
ARG_CASES = {
    "rank1": (normal(7), 0), "rank1_size1": (normal(1), 0), "rank2_rows": (normal(3, 5), 1),
    "rank2_columns": (normal(3, 5), 0), "rank2_negative_axis": (normal(4, 3), -1), "rank2_whole": (normal(3, 5), None),
    "rank2_wide": (normal(2, 67), 1), "rank3_middle": (normal(2, 5, 3), 1), "rank4_last": (normal(2, 1, 2, 5), 3),
    "size1_axis": (normal(3, 1, 2), 1), "ties": (levels(3, 4, 9), 1), "ties_columns": (levels(2, 9, 4), 0),
    "equal": (values(2, 2, 2), 0), "infinite": (values(-math.inf, -math.inf, math.inf, math.inf), 0),
    "nan": (values(1, math.nan, 3, math.nan), 0), "no_rows": (normal(0, 3), 1),
}


def build(path):
    g = Golden("reductions", path, seed=18)
    for op, fn in OPS.items():
        for name, (x, axes, keepdim) in CASES.items():
            g.case(f"{op}_{name}", op, lambda x: fn(x, axes, keepdim), [x], axes=axes, keepdim=keepdim)
    for op, axes in (("sum", [0]), ("prod", [0]), ("mean", [0])):
        g.case(f"{op}_of_nothing", op, lambda x: OPS[op](x, axes, False), [normal(0, 3)], axes=axes, keepdim=False)
    zeros = {"one_zero": [2.0, 0.0, -3.0, 1.5], "two_zeros": [2.0, 0.0, 0.0, 1.5]}
    for name, row in zeros.items():
        g.case(f"prod_{name}", "prod", lambda x: prod(x, [0], False), [values(*row)], axes=[0], keepdim=False)
    g.case("logsumexp_large", "logsumexp", lambda x: torch.logsumexp(x, [0]), [values(1000, 1000.5, -1000)],
           axes=[0], keepdim=False)
    for op in (torch.argmax, torch.argmin):
        for name, (x, axis) in ARG_CASES.items():
            for keepdim in (False, True) if name in ("rank2_rows", "rank3_middle") else (False,):
                g.case(f"{op.__name__}_{name}" + ("_keep" if keepdim else ""), op.__name__,
                       lambda x: op(x, axis, keepdim), [x], axis=axis, keepdim=keepdim)
    return g


FILES = {"ops/optest/testdata/reductions.safetensors": build}
