"""Reductions over axes. max and min are torch.amax and torch.amin: equal elements share
the gradient equally. argmax and argmin give the first of equal elements; without an axis
they count over the whole tensor in row-major order."""

import math

import torch

from golden import Golden, bools, integers, levels, normal, values


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


# name: (function of x, axes, keepdim; attributes)
STATISTICS = {
    "var": [(lambda x, axes, keep, c=c: torch.var(x, axes, correction=c, keepdim=keep), dict(correction=c)) for c in (1, 0, 2.5)],
    "std": [(lambda x, axes, keep, c=c: torch.std(x, axes, correction=c, keepdim=keep), dict(correction=c)) for c in (1, 0)],
    "var_mean": [(lambda x, axes, keep: torch.var_mean(x, axes, correction=1, keepdim=keep), dict(correction=1))],
    "std_mean": [(lambda x, axes, keep: torch.std_mean(x, axes, correction=0, keepdim=keep), dict(correction=0))],
    "vector_norm": [(lambda x, axes, keep, p=p: torch.linalg.vector_norm(x if p else x.detach(), p, axes, keep),
                     dict(p={math.inf: "inf", -math.inf: "-inf"}.get(p, str(p))))
                    for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, math.inf, -math.inf, -1.0, -2.0)],
}
# Reductions of what is not 0.
TRUTH = {"any": torch.any, "all": torch.all, "count_nonzero": None}


def truth(op, x, axes, keepdim):
    if op == "count_nonzero":
        y = torch.count_nonzero(x, axes)
        for axis in sorted(axis % x.dim() for axis in axes) if keepdim else ():
            y = y.unsqueeze(axis)
        return y
    return TRUTH[op](x, axes, keepdim)


def rows(*numbers):
    return lambda gen: torch.tensor(numbers, dtype=torch.float64)


# Rows of zeros, of numbers that are equal, and with numbers that are none.
EDGES = rows([0.0, 0, 0], [0, 3, -4], [2, 2, -2], [math.inf, 1, 2], [-math.inf, 1, math.inf], [1e-200, 0, 1e200])


def build_statistics(path):
    g = Golden("reductions", path, seed=27)
    few = {name: CASES[name] for name in ("rank1", "rank2_rows", "rank2_negative_axis_keep", "rank3_outer_pair",
                                          "rank4_channel_keep", "ties", "no_rows")}
    for op, variants in STATISTICS.items():
        for fn, attrs in variants:
            label = "_".join([op, *map(str, attrs.values())])
            for name, (x, axes, keepdim) in few.items():
                g.case(f"{label}_{name}", op, lambda x: fn(x, axes, keepdim), [x], axes=axes, keepdim=keepdim, **attrs)
            g.case(f"{label}_edges", op, lambda x: fn(x, [1], False), [EDGES], axes=[1], keepdim=False, **attrs)
            g.case(f"{label}_nan", op, lambda x: fn(x, [1], False), [rows([1.0, math.nan, 3], [2, 1, 0])],
                   axes=[1], keepdim=False, **attrs)
            g.case(f"{label}_size1", op, lambda x: fn(x, [1], False), [normal(3, 1)], axes=[1], keepdim=False, **attrs)
            if attrs.get("p") not in ("inf", "-inf", "-1.0", "-2.0"):
                g.case(f"{label}_nothing", op, lambda x: fn(x, [0], False), [normal(0, 3)], axes=[0], keepdim=False, **attrs)
    g.case("logsumexp_edges", "logsumexp", lambda x: torch.logsumexp(x, [1]),
           [rows([-math.inf, -math.inf], [math.inf, 1], [math.inf, -math.inf], [math.nan, 1], [-math.inf, 2])], axes=[1], keepdim=False)
    g.case("logsumexp_nothing", "logsumexp", lambda x: torch.logsumexp(x, [0]), [normal(0, 3)], axes=[0], keepdim=False)
    for op in TRUTH:
        for name, (x, axes, keepdim) in {**few, "two_of_three": (levels(2, 2, 3, 4), [0, 2], True), "rank4": (levels(2, 2, 3, 2, 3), [1, 3], False),
                                         "nan": (rows([0.0, math.nan], [0, -0.0]), [1], False), "no_columns": (normal(3, 0), [1], False)}.items():
            g.case(f"{op}_{name}", op, lambda x: truth(op, x, axes, keepdim), [x], axes=axes, keepdim=keepdim)
        g.case(f"{op}_int", op, lambda x: truth(op, x, [1], False), [integers(-1, 2, 4, 3)], axes=[1], keepdim=False)
        g.case(f"{op}_bool", op, lambda x: truth(op, x, [0], False), [bools(3, 5)], axes=[0], keepdim=False)
    for op, fn in (("max", torch.amax), ("min", torch.amin)):
        g.case(f"{op}_bool", op, lambda x: fn(x, [1]), [bools(4, 3)], axes=[1], keepdim=False)
    return g


FILES = {
    "ops/optest/testdata/reductions.safetensors": build,
    "ops/optest/testdata/statistics.safetensors": build_statistics,
}
