"""Scatter, index_copy, index_put, take_along_dim, and embedding bags. Where PyTorch leaves open
which of several elements wins, no index comes twice."""

import torch
import torch.nn.functional as F

from golden import Golden, indices, integers, levels, normal, values


def distinct(n, *shape, axis=0):
    """An index without repetitions along an axis."""
    def make(gen):
        count = shape[axis]
        rows = torch.rand([n if a == axis else s for a, s in enumerate(shape)], generator=gen).argsort(axis)
        return rows.narrow(axis, 0, count).contiguous()

    return make


# name: (x, index shape, axis)
CASES = {
    "rank1": ([5], [9], 0), "size1": ([1], [4], 0), "none": ([4], [0], 0), "rows": ([4, 3], [7, 3], 0), "columns": ([3, 4], [3, 6], 1), "corner": ([4, 4], [2, 3], 0),
    "one_column": ([5, 4], [5, 1], 1), "negative_axis": ([3, 4], [3, 3], -1), "middle": ([2, 3, 2], [2, 5, 2], 1), "first": ([3, 2, 2], [4, 2, 2], 0), "last": ([2, 2, 3], [2, 1, 5], 2),
    "rank4": ([2, 3, 2, 2], [2, 4, 1, 2], 1),
}


def build(path):
    g = Golden("scatter", path, seed=76)
    for name, (x, index, axis) in CASES.items():
        for reduce in ["sum", "prod", "mean", "amax", "amin"]:
            for self in [True] if name in ("size1", "first", "rank4") else [True, False]:
                g.case(f"reduce_{reduce}_{name}{'' if self else '_alone'}", f"scatter_{reduce}", lambda x, i, s: x.scatter_reduce(axis, i, s, reduce, include_self=self),
                       [normal(*x), integers(0, x[axis], *index), normal(*index)], axis=axis, include_self=self)
        small = list(index)
        small[axis] = min(index[axis], x[axis])
        g.case(f"set_{name}", "scatter_set", lambda x, i, s: x.scatter(axis, i, s), [normal(*x), distinct(x[axis], *small, axis=axis), normal(*small)], axis=axis)
    for name, x, src in [("zeros_in_x", values(0, 2, 0, 3), values(1, 2, 3, 4, 5, 6)), ("one_zero", values(2, 3, 4, 5), values(1, 0, 3, 4, 5, 6)), ("zeros", values(2, 3, 4, 5), values(1, 0, 0, 4, 0, 6))]:
        g.case(f"reduce_prod_{name}", "scatter_prod", lambda x, i, s: x.scatter_reduce(0, i, s, "prod"), [x, indices([0, 1, 1, 2, 0, 2]), src], axis=0, include_self=True)
    for reduce in ["amax", "amin"]:
        g.case(f"reduce_{reduce}_ties", f"scatter_{reduce}", lambda x, i, s: x.scatter_reduce(0, i, s, reduce), [levels(2, 4), integers(0, 4, 12), levels(2, 12)], axis=0, include_self=True)

    for name, x, count, axis in [
        ("rank1", [5], 3, 0), ("size1", [1], 1, 0), ("none", [4], 0, 0), ("rows", [4, 3], 2, 0), ("columns", [3, 4], 3, 1), ("all", [4, 3], 4, 0), ("negative_axis", [3, 4], 2, -1),
        ("first", [4, 2, 3], 3, 0), ("middle", [2, 4, 3], 2, 1), ("last", [2, 2, 4], 3, 2), ("rank4", [2, 3, 2, 2], 2, 1), ("one", [6, 2], 1, 0),
    ]:
        src = list(x)
        src[axis] = count
        g.case(f"index_copy_{name}", "index_copy", lambda x, i, s: x.index_copy(axis, i, s), [normal(*x), distinct(x[axis], count), normal(*src)], axis=axis)
        src[axis] = 5
        for reduce, self in [("prod", False), ("amax", True)]:
            g.case(f"index_reduce_{reduce}_{name}", f"index_{reduce}", lambda x, i, s: x.index_reduce(axis, i, s, reduce, include_self=self),
                   [normal(*x), integers(0, x[axis], 5), normal(*src)], axis=axis, include_self=self)

    # x[index0, index1, ...]: x, values, indices
    for name, x, *index in [
        ("vector", [6], [4]), ("matrix", [4, 5], [6], [6]), ("rows", [4, 5], [3]), ("rows_by_matrix", [4, 5], [2, 3]), ("broadcast", [4, 5], [3, 1], [2]), ("scalars", [4, 5], [], []),
        ("rank3", [3, 4, 2], [5], [5]), ("rank3_all", [3, 4, 2], [3], [3], [3]), ("none", [3, 4], [0], [0]), ("size1", [1, 1], [1], [1]), ("rank4", [2, 3, 2, 2], [2, 2], [1, 2]),
        ("scalar_and_vector", [3, 4], [], [5]),
    ]:
        sizes = torch.broadcast_shapes(*index)
        named = list(sizes) + x[len(index):]
        index = [integers(0, n, *s) for n, s in zip(x, index)]
        g.case(f"gather_nd_{name}", "gather_nd", lambda x, *i: x[i], [normal(*x), *index])
        g.case(f"index_put_add_{name}", "index_put_add", lambda x, v, *i: x.index_put(i, v, accumulate=True), [normal(*x), normal(*named), *index])
        if sizes.numel() <= 1:
            g.case(f"index_put_{name}", "index_put", lambda x, v, *i: x.index_put(i, v), [normal(*x), normal(*named), *index])
    for name, x, value, *index in [
        ("diagonal", [4, 5], [3], [0, 1, 3], [0, 1, 3]), ("scalar_value", [4, 5], [], [0, 2, 3], [1, 1, 0]), ("row_value", [4, 5], [5], [0, 2]), ("rows", [4, 5], [2, 5], [3, 1]),
        ("column", [4, 3], [4], [0, 1, 2, 3], [1, 1, 1, 1]), ("rank3", [3, 2, 2], [2, 2], [0, 2], [1, 0]), ("all", [2, 2], [4], [0, 0, 1, 1], [0, 1, 0, 1]), ("one_row", [3, 4], [4], [2]),
        ("value_of_one", [3, 4], [1, 1], [2, 0]),
    ]:
        g.case(f"index_put_{name}", "index_put", lambda x, v, *i: x.index_put(i, v), [normal(*x), normal(*value), *[indices(i) for i in index]])
    for name, x, index, axis in [
        ("rank1", [5], [3], 0), ("row_index", [4, 3], [1, 3], 0), ("column_index", [4, 5], [4, 2], 1), ("broadcast_index", [4, 5], [1, 2], 1), ("broadcast_x", [1, 5], [4, 2], 1),
        ("rank3", [2, 1, 4], [1, 3, 2], 2), ("negative", [2, 3, 4], [2, 3, 1], -1), ("first", [4, 2], [3, 2], 0), ("argsort", [3, 5], [3, 5], 1), ("size1", [1, 1], [1, 1], 0),
        ("none", [3, 4], [3, 0], 1), ("both", [1, 4, 2], [3, 2, 1], 1),
    ]:
        g.case(f"take_along_{name}", "take_along", lambda x, i: torch.take_along_dim(x, i, axis), [normal(*x), integers(0, x[axis], *index)], axis=axis)

    for mode in ["sum", "mean", "max"]:
        for name, index, offsets, padding, scaled in [
            ("matrix", integers(0, 6, 3, 4), None, None, False), ("one_word", integers(0, 6, 3, 1), None, None, False), ("offsets", integers(0, 6, 9), [0, 2, 5], None, False),
            ("empty_bag", integers(0, 6, 5), [0, 0, 3, 3], None, False), ("last_empty", integers(0, 6, 4), [0, 2, 4], None, False), ("one_bag", integers(0, 6, 5), [0], None, False),
            ("padding", integers(0, 4, 3, 5), None, 2, False), ("padding_offsets", integers(0, 3, 9), [0, 3, 6], 1, False), ("only_padding", indices([[2, 2], [1, 2]]), None, 2, False),
            ("no_words", integers(0, 6, 0), [0, 0], None, False), ("scaled", integers(0, 6, 3, 4), None, None, True), ("scaled_offsets", integers(0, 6, 9), [0, 4], 3, True),
            ("repeated", indices([[1, 1, 1], [0, 1, 0]]), None, None, False),
        ]:
            if scaled and mode != "sum" or mode == "max" and name == "repeated":
                continue
            scale = (lambda gen: torch.randn(index(gen).shape, generator=gen, dtype=torch.float64)) if scaled else None
            g.case(f"bag_{mode}_{name}", "embedding_bag",
                   lambda w, i, o, s: F.embedding_bag(i, w, o, mode=mode, per_sample_weights=s, padding_idx=padding),
                   [normal(6, 3), index, indices(offsets) if offsets else None, scale], mode=mode, padding_idx=padding)
    return g


FILES = {"ops/optest/testdata/scatter.safetensors": build}
