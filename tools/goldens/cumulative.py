"""Sums, products, logarithms of sums of exponentials, maxima and minima so far along an axis."""

import torch

from golden import Golden, levels, normal, values

# name: (x, axis)
CASES = {
    "rank1": (normal(7), 0), "size1": (normal(1), 0), "empty": (normal(0), 0), "rows": (normal(4, 3), 0), "columns": (normal(3, 5), 1), "negative": (normal(3, 4), -1),
    "middle": (normal(2, 5, 3), 1), "first": (normal(4, 2, 3), 0), "last": (normal(2, 2, 7), 2), "rank4": (normal(2, 3, 4, 2), 2), "no_lines": (normal(0, 3), 1),
    "wide": (normal(2, 37), 0), "long": (normal(41, 2), 0), "ones": (normal(1, 1, 5), -1),
}


def exclusive(fn, start):
    """fn over what comes before each element."""
    def run(x, axis):
        first = torch.full_like(x.narrow(axis, 0, 1), start)
        return torch.cat([first, fn(x, axis).narrow(axis, 0, x.shape[axis] - 1)], axis)

    return run


def build(path):
    g = Golden("cumulative", path, seed=74)
    fns = {"cumsum": (torch.cumsum, 0.0), "cumprod": (torch.cumprod, 1.0), "logcumsumexp": (torch.logcumsumexp, float("-inf"))}
    zeros = {
        "one_zero": (values(2, 3, 0, 4, 5), 0), "two_zeros": (values(2, 0, 3, 0, 5), 0), "first_zero": (values(0, 3, 4), 0), "last_zero": (values(2, 3, 0), 0),
        "all_zeros": (values(0, 0, 0), 0), "many_zeros": (levels(3, 4, 5), 1), "rows_of_zeros": (levels(2, 5, 3), 0),
    }
    for op, (fn, start) in fns.items():
        for name, (x, axis) in {**CASES, **(zeros if op == "cumprod" else {})}.items():
            g.case(f"{op}_{name}", op, lambda x: fn(x, axis), [x], axis=axis, reverse=False, exclusive=False)
        for name, (x, axis) in {k: v for k, v in {**CASES, **(zeros if op == "cumprod" else {})}.items() if k not in ("empty", "wide", "long", "ones", "no_lines")}.items():
            g.case(f"{op}_reverse_{name}", op, lambda x: fn(x.flip(axis), axis).flip(axis), [x], axis=axis, reverse=True, exclusive=False)
            e = exclusive(fn, start)
            g.case(f"{op}_exclusive_{name}", op, lambda x: e(x, axis), [x], axis=axis, reverse=False, exclusive=True)
            g.case(f"{op}_both_{name}", op, lambda x: e(x.flip(axis), axis).flip(axis), [x], axis=axis, reverse=True, exclusive=True)
    nan, inf = float("nan"), float("inf")
    special = {"ties": (levels(3, 3, 9), 1), "nan": (values(1, nan, 3, nan, 2), 0), "infinities": (values(-inf, 1, inf, 2, -inf), 0), "zeros": (values(0.0, -0.0, 0.0), 0)}
    for op, fn in {"cummax": torch.cummax, "cummin": torch.cummin}.items():
        for name, (x, axis) in {**CASES, **special}.items():
            g.case(f"{op}_{name}", op, lambda x: tuple(fn(x, axis)), [x], axis=axis)
    return g


FILES = {"ops/optest/testdata/cumulative.safetensors": build}
