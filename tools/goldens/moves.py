"""Functions that move elements: flip, roll, tile, repeat, stack, pad modes, triangles and the like.
Attributes are the arguments of the Go functions."""

import torch
import torch.nn.functional as F

from golden import Golden, bools, indices, integers, normal


def widths(low, high):
    return [n for pair in reversed(list(zip(low, high))) for n in pair]


def build(path):
    g = Golden("moves", path, seed=71)

    def one(op, name, fn, x, **attrs):
        g.case(f"{op}_{name}", op, fn, [normal(*x)], **attrs)

    for name, x, axes in [
        ("rank1", [5], [0]), ("size1", [1], [0]), ("empty", [0], [0]), ("rows", [3, 4], [0]), ("columns", [3, 4], [1]), ("both", [3, 5], [0, 1]),
        ("negative", [2, 3, 4], [-1]), ("outer", [2, 3, 4], [0, 2]), ("middle", [2, 3, 4], [1]), ("all", [2, 3, 2], [2, 0, 1]),
        ("image", [1, 2, 3, 5], [3]), ("none", [2, 3], []), ("empty_inner", [2, 0, 3], [0, 1]),
    ]:
        one("flip", name, lambda x: torch.flip(x, axes), x, axes=axes)

    for name, x, shifts, axes in [
        ("rank1", [5], [2], [0]), ("back", [5], [-1], [0]), ("over", [5], [12], [0]), ("far_back", [5], [-13], [0]), ("whole", [4], [4], [0]),
        ("size1", [1], [3], [0]), ("empty", [0, 2], [1], [0]), ("rows", [3, 4], [1], [0]), ("columns", [3, 4], [1], [-1]), ("both", [3, 4], [1, 2], [0, 1]),
        ("rank3", [2, 3, 4], [1, -1], [2, 0]), ("rank4", [1, 2, 5, 3], [2, 1], [2, 3]), ("twice", [5], [1, 2], [0, 0]),
    ]:
        one("roll", name, lambda x: torch.roll(x, shifts, axes), x, shifts=shifts, axes=axes)

    for name, x, repeats in [
        ("rank1", [3], [2]), ("once", [3], [1]), ("none", [3], [0]), ("rows", [2, 3], [3, 1]), ("columns", [2, 3], [1, 2]), ("both", [2, 3], [2, 3]),
        ("new_axis", [3], [2, 2]), ("new_axes", [2], [2, 1, 3]), ("last_only", [2, 3], [2]), ("rank3", [2, 1, 3], [1, 4, 2]), ("scalar", [], [3]),
        ("rank4", [1, 2, 1, 2], [2, 1, 3, 2]), ("no_numbers", [2, 3], []),
    ]:
        one("tile", name, lambda x: torch.tile(x, repeats), x, repeats=repeats)

    for name, x, n, axis in [
        ("rank1", [3], 2, 0), ("once", [3], 1, 0), ("none", [3], 0, 0), ("rows", [2, 3], 3, 0), ("columns", [2, 3], 2, 1), ("negative", [2, 3], 2, -1),
        ("middle", [2, 3, 4], 2, 1), ("first", [2, 3, 4], 3, 0), ("rank4", [1, 2, 3, 2], 2, 2), ("size1", [1], 5, 0), ("empty", [0, 2], 2, 0), ("odd", [3, 5], 7, 1),
    ]:
        one("repeat_interleave", name, lambda x: torch.repeat_interleave(x, n, axis), x, n=n, axis=axis)

    for name, axis, count, x in [
        ("vectors", 0, 3, [4]), ("columns", 1, 3, [4]), ("last", -1, 2, [4]), ("one", 0, 1, [3]), ("scalars", 0, 4, []), ("scalars_last", -1, 2, []),
        ("rank2", 1, 2, [2, 3]), ("rank2_last", 2, 3, [2, 3]), ("rank3", -2, 2, [2, 1, 3]), ("many", 0, 7, [2]), ("empty", 0, 2, [0]), ("size1", 1, 2, [1, 1]),
    ]:
        g.case(f"stack_{name}", "stack", lambda *xs: torch.stack(xs, axis), [normal(*x)] * count, axis=axis)

    for name, x, axis, lengths in [
        ("rank1", [6], 0, [1, 2, 3]), ("one", [4], 0, [4]), ("with_nothing", [4], 0, [0, 3, 1]), ("rows", [5, 2], 0, [2, 3]), ("columns", [2, 5], 1, [4, 1]),
        ("negative", [2, 3, 4], -1, [2, 2]), ("middle", [2, 5, 3], 1, [1, 3, 1]), ("ones", [3], 0, [1, 1, 1]), ("rank4", [1, 4, 2, 2], 1, [3, 1]),
        ("size1", [1, 1], 0, [1]), ("empty", [0], 0, [0, 0]), ("odd", [7, 3], 0, [5, 2]),
    ]:
        one("split", name, lambda x: torch.split(x, lengths, axis), x, axis=axis, lengths=lengths)

    for name, x, n, axis in [
        ("even", [6], 3, 0), ("uneven", [7], 3, 0), ("fewer", [5], 4, 0), ("more", [2], 5, 0), ("one", [4], 1, 0), ("rows", [5, 2], 2, 0), ("columns", [2, 5], 2, 1),
        ("negative", [2, 3, 4], 2, -1), ("middle", [2, 9, 2], 4, 1), ("size1", [1], 3, 0), ("rank4", [2, 6, 1, 2], 3, 1), ("odd", [11], 3, 0),
    ]:
        one("chunk", name, lambda x: torch.chunk(x, n, axis), x, n=n, axis=axis)

    for name, x, axis in [
        ("vector", [3], 0), ("rows", [3, 2], 0), ("columns", [3, 2], 1), ("negative", [2, 3, 2], -1), ("middle", [2, 3, 2], 1), ("one", [1, 4], 0),
        ("first", [2, 2, 3], 0), ("rank4", [1, 2, 2, 3], 2), ("of_empty", [2, 0], 0), ("size1", [1], 0), ("last", [5, 4], -1), ("odd", [7], 0),
    ]:
        one("unbind", name, lambda x: torch.unbind(x, axis), x, axis=axis)

    for name, x, axes in [
        ("all", [1, 3, 1], []), ("nothing", [2, 3], []), ("first", [1, 3, 1], [0]), ("last", [1, 3, 1], [-1]), ("both", [1, 3, 1], [0, 2]), ("to_scalar", [1, 1], []),
        ("scalar", [], []), ("empty", [0, 1], [1]), ("middle", [2, 1, 3], [1]), ("rank4", [2, 1, 3, 1], [3]), ("of_one", [1], [0]), ("negative", [2, 1, 1], [-1, -2]),
    ]:
        one("squeeze", name, (lambda x: torch.squeeze(x, axes)) if axes else torch.squeeze, x, axes=axes)

    for name, x, dims in [
        ("row", [3], [2, 3]), ("column", [2, 1], [2, 4]), ("scalar", [], [2, 2]), ("keep", [2, 1], [-1, 3]), ("keep_all", [2, 3], [-1, -1]), ("new", [3, 1], [2, 3, 4]),
        ("keep_new", [3, 1], [2, -1, 4]), ("ones", [1, 1], [1, 1]), ("empty", [1, 2], [0, 2]), ("rank4", [1, 3, 1, 2], [2, 3, 5, 2]), ("same", [4], [4]), ("size1", [1], [7]),
    ]:
        one("expand", name, lambda x: x.expand(dims), x, dims=dims)

    for name, x, source, target in [
        ("first_to_last", [2, 3, 4], 0, 2), ("last_to_first", [2, 3, 4], 2, 0), ("negative", [2, 3, 4], -1, 0), ("to_middle", [2, 3, 4], 0, 1), ("same", [2, 3], 1, 1),
        ("rank1", [3], 0, 0), ("matrix", [2, 3], 0, 1), ("channels_last", [2, 3, 4, 5], 1, -1), ("channels_first", [2, 3, 4, 5], -1, 1), ("rank4", [1, 2, 3, 4], 2, 0),
        ("empty", [0, 2, 3], 0, -1), ("size1", [1, 3, 1], 0, 1),
    ]:
        one("move_axis", name, lambda x: torch.movedim(x, source, target), x, source=source, target=target)

    for mode, cases in {
        "reflect": [
            ("rank3", [1, 2, 5], [0, 0, 2], [0, 0, 3]), ("low", [2, 1, 4], [0, 0, 3], [0, 0, 0]), ("high", [2, 1, 4], [0, 0, 0], [0, 0, 3]), ("most", [1, 1, 3], [0, 0, 2], [0, 0, 2]),
            ("image", [1, 2, 4, 3], [0, 0, 1, 2], [0, 0, 3, 1]), ("image_rows", [2, 1, 3, 3], [0, 0, 2, 0], [0, 0, 1, 0]), ("image_columns", [1, 1, 3, 4], [0, 0, 0, 3], [0, 0, 0, 1]),
            ("volume", [1, 1, 3, 2, 3], [0, 0, 1, 1, 2], [0, 0, 2, 0, 1]), ("none", [1, 2, 3], [0, 0, 0], [0, 0, 0]), ("two", [1, 1, 2], [0, 0, 1], [0, 0, 1]),
            ("odd", [3, 2, 7], [0, 0, 5], [0, 0, 4]), ("square", [1, 1, 2, 2], [0, 0, 1, 1], [0, 0, 1, 1]),
        ],
        "replicate": [
            ("rank3", [1, 2, 5], [0, 0, 2], [0, 0, 3]), ("low", [2, 1, 4], [0, 0, 3], [0, 0, 0]), ("high", [2, 1, 4], [0, 0, 0], [0, 0, 7]), ("one", [1, 1, 1], [0, 0, 2], [0, 0, 2]),
            ("image", [1, 2, 4, 3], [0, 0, 1, 2], [0, 0, 3, 1]), ("image_rows", [2, 1, 3, 3], [0, 0, 2, 0], [0, 0, 1, 0]), ("image_columns", [1, 1, 3, 4], [0, 0, 0, 3], [0, 0, 0, 1]),
            ("volume", [1, 1, 3, 2, 3], [0, 0, 1, 1, 2], [0, 0, 2, 0, 1]), ("none", [1, 2, 3], [0, 0, 0], [0, 0, 0]), ("two", [1, 1, 2], [0, 0, 1], [0, 0, 1]),
            ("odd", [3, 2, 7], [0, 0, 5], [0, 0, 4]), ("square", [1, 1, 2, 2], [0, 0, 3, 1], [0, 0, 1, 5]),
        ],
        "circular": [
            ("rank3", [1, 2, 5], [0, 0, 2], [0, 0, 3]), ("low", [2, 1, 4], [0, 0, 3], [0, 0, 0]), ("high", [2, 1, 4], [0, 0, 0], [0, 0, 4]), ("most", [1, 1, 3], [0, 0, 3], [0, 0, 3]),
            ("image", [1, 2, 4, 3], [0, 0, 1, 2], [0, 0, 3, 1]), ("image_rows", [2, 1, 3, 3], [0, 0, 2, 0], [0, 0, 1, 0]), ("image_columns", [1, 1, 3, 4], [0, 0, 0, 3], [0, 0, 0, 1]),
            ("volume", [1, 1, 3, 2, 3], [0, 0, 1, 1, 2], [0, 0, 2, 0, 1]), ("none", [1, 2, 3], [0, 0, 0], [0, 0, 0]), ("one", [1, 1, 1], [0, 0, 1], [0, 0, 1]),
            ("odd", [3, 2, 7], [0, 0, 5], [0, 0, 4]), ("square", [1, 1, 2, 2], [0, 0, 1, 1], [0, 0, 1, 2]),
        ],
    }.items():
        for name, x, low, high in cases:
            count = len(x) - 2  # torch pads behind batch and channels only
            one(f"pad_{mode}", name, lambda x: F.pad(x, widths(low[-count:], high[-count:]), mode=mode), x, low=low, high=high)

    for op in ["tril", "triu"]:
        for name, x, diagonal in [
            ("square", [4, 4], 0), ("wide", [3, 5], 0), ("tall", [5, 3], 0), ("above", [4, 4], 1), ("below", [4, 4], -1), ("all", [3, 3], 9), ("nothing", [3, 3], -9),
            ("batch", [2, 3, 4], 0), ("batches", [2, 1, 3, 3], 1), ("size1", [1, 1], 0), ("empty", [0, 3], 0), ("row", [1, 5], 2), ("column", [5, 1], -2),
        ]:
            one(op, name, lambda x: getattr(torch, op)(x, diagonal), x, diagonal=diagonal)

    for name, x, mask, value in [
        ("same", [3, 4], [3, 4], 2.5), ("row", [3, 4], [4], 0.0), ("column", [3, 4], [3, 1], -1.0), ("scalar", [3, 4], [], 7.0), ("rank3", [2, 3, 2], [3, 2], -1e9),
        ("rank4", [2, 2, 3, 3], [2, 1, 3, 3], 0.5), ("heads", [2, 2, 3, 3], [2, 1, 1, 3], 0.5), ("size1", [1], [1], 3.0), ("empty", [0, 2], [2], 1.0), ("vector", [7], [7], 1.0),
        ("odd", [5, 3], [5, 3], -0.0), ("of_scalar", [], [], 4.0),
    ]:
        g.case(f"masked_fill_{name}", "masked_fill", lambda x, m: x.masked_fill(m, value), [normal(*x), bools(*mask)], value=value)

    for name, idx, n in [
        ("vector", integers(0, 5, 7), 5), ("scalar", integers(0, 4), 4), ("matrix", integers(0, 3, 2, 5), 3), ("one_class", integers(0, 1, 3), 1), ("none", integers(0, 3, 0), 3),
        ("rank3", integers(0, 6, 2, 1, 3), 6), ("ends", indices([0, 6, 0, 6]), 7), ("many", integers(0, 130, 2), 130), ("same", indices([2, 2]), 3), ("unused", indices([1]), 9),
        ("size1", integers(0, 2, 1), 2), ("rank4", integers(0, 3, 1, 2, 1, 2), 3),
    ]:
        g.case(f"one_hot_{name}", "one_hot", lambda i: F.one_hot(i, n), [idx], n=n)

    def grid(op, name, fn, **attrs):  # the input names a graph and is not used
        g.case(f"{op}_{name}", op, lambda _: fn(), [normal()], constant=(0,), **attrs)

    for name, start, end, step in [
        ("count", 0, 5, 1), ("odd", 1, 8, 2), ("exact_end", 1, 9, 2), ("down", 5, 0, -1), ("fraction", 0, 1, 0.3), ("half", -1, 1, 0.25), ("nothing", 3, 3, 1),
        ("negative", -4, -1, 1), ("one", 2, 2.5, 1), ("step_over", 0, 3, 10), ("down_fraction", 1, -1, -0.4), ("large", 1e6, 1e6 + 5, 1.5),
    ]:
        grid("arange", name, lambda: torch.arange(start, end, step, dtype=torch.float64), start=start, end=end, step=step)
    for name, start, end, n in [
        ("unit", 0, 1, 5), ("two", 0, 1, 2), ("one", 3, 7, 1), ("none", 0, 1, 0), ("down", 2, -1, 7), ("same", 4, 4, 3), ("odd", -1, 1, 9), ("tenths", 0, 1, 11),
        ("sevenths", 0, 1, 8), ("negative", -5, -2, 4), ("large", 0, 1e6, 6), ("three", 0.1, 0.7, 3),
    ]:
        grid("linspace", name, lambda: torch.linspace(start, end, n, dtype=torch.float64), start=start, end=end, n=n)
    for name, sizes in [
        ("one", [3]), ("two", [3, 4]), ("three", [2, 3, 4]), ("size1", [1, 1]), ("row", [1, 5]), ("column", [5, 1]), ("square", [3, 3]), ("four", [2, 1, 2, 3]),
        ("empty", [0, 2]), ("wide", [2, 9]), ("tall", [9, 2]), ("odd", [3, 5, 7]),
    ]:
        g.case(f"meshgrid_{name}", "meshgrid", lambda *xs: torch.meshgrid(*xs, indexing="ij"), [normal(n) for n in sizes])
    return g


FILES = {"ops/optest/testdata/moves.safetensors": build}
