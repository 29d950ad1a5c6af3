"""Sorting and what is made of it. Where PyTorch leaves open what becomes of equal elements, there are none."""

import torch

from golden import Golden, levels, normal, values

nan, inf = float("nan"), float("inf")

# name: (x, axis)
CASES = {
    "rank1": (normal(7), 0), "size1": (normal(1), 0), "rows": (normal(4, 3), 0), "columns": (normal(3, 5), 1), "negative": (normal(3, 4), -1),
    "middle": (normal(2, 5, 3), 1), "first": (normal(4, 2, 3), 0), "last": (normal(2, 2, 7), 2), "rank4": (normal(2, 3, 4, 2), 2), "no_lines": (normal(0, 3), 1),
    "wide": (normal(2, 57), 1), "long": (normal(61, 2), 0), "nan": (values(1, nan, -3, nan, 2), 0), "infinities": (values(-inf, 1, inf, 2, -1), 0),
}
TIES = {"empty": (normal(0), 0), "ties": (levels(3, 3, 9), 1), "zeros": (values(0.0, -0.0, -1, 0.0, -0.0), 0), "ties_inside": (levels(2, 2, 50, 2), 1), "equal": (levels(1, 5), 0)}


def build(path):
    g = Golden("sorting", path, seed=75)
    for name, (x, axis) in {**CASES, **TIES}.items():
        for descending in [False, True]:
            g.case(f"sort_{name}{'_down' * descending}", "sort", lambda x: tuple(torch.sort(x, dim=axis, descending=descending, stable=True)), [x],
                   axis=axis, descending=descending)
    for name, (x, axis) in CASES.items():
        size = x(g.generator(name)).shape[axis]
        for k in sorted({1, min(3, size)} if size > 20 else {1, min(3, size), size}):
            if name in ("nan", "infinities") and k > 1:
                continue  # equal ones
            for largest in [True, False]:
                g.case(f"topk_{name}_{k}_{'largest' if largest else 'smallest'}", "topk", lambda x: tuple(torch.topk(x, k, axis, largest=largest)), [x],
                       k=k, axis=axis, largest=largest)
            if name != "nan":
                g.case(f"kthvalue_{name}_{k}", "kthvalue", lambda x: tuple(torch.kthvalue(x, k, axis)), [x], k=k, axis=axis)
        if name != "nan":
            g.case(f"median_{name}", "median", lambda x: tuple(torch.median(x, axis)), [x], axis=axis)
        if name not in ("infinities", "no_lines"):
            for q in [0.0, 0.4, 1.0]:  # which NaN gets the gradient is open
                g.case(f"quantile_{name}_{q}", "quantile", lambda x: torch.quantile(x, q, axis), [x], constant=(0,) if name == "nan" else (), q=q, axis=axis)
    g.case("median_nan", "median", lambda x: tuple(torch.median(x, 0)), [values(1, 2, nan, -3, 2)], axis=0)

    def rising(*shape):
        return lambda gen: normal(*shape)(gen).sort(-1)[0]

    for name, rows, x in [
        ("row", rising(7), normal(5)), ("row_matrix", rising(4), normal(2, 3)), ("rows", rising(3, 5), normal(3, 4)), ("rank3", rising(2, 3, 5), normal(2, 3, 2)),
        ("scalar", rising(5), normal()), ("ties", lambda gen: levels(3, 9)(gen).sort()[0], levels(5, 8)), ("empty_row", normal(0), normal(3)), ("no_values", rising(4), normal(0)),
        ("special", values(-inf, -1, 0, 2, inf), values(nan, inf, -inf, 0, -0.0, 2)), ("one", rising(1), normal(4)), ("long", rising(200), normal(60)), ("no_rows", rising(0, 4), normal(0, 2)),
        ("rows_of_ties", lambda gen: levels(4, 3, 9)(gen).sort()[0], levels(5, 3, 8)),
    ]:
        for right in [False, True]:
            g.case(f"searchsorted_{name}{'_right' * right}", "searchsorted", lambda s, v: torch.searchsorted(s, v, right=right), [rows, x], constant=(0, 1), right=right)
    return g


FILES = {"ops/optest/testdata/sorting.safetensors": build}
