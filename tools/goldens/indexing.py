"""Gather, scatter-add, index-select, where, pad, concat, slice, and embedding."""

import torch
import torch.nn.functional as F

from golden import Golden, bools, indices, integers, normal


def build_indexing(path):
    g = Golden("indexing", path, seed=19)

    # gather: x, index -> out[..., i, ...] = x[..., index[..., i, ...], ...] along axis
    for name, x, index, axis in [
        ("rank1", [5], [7], 0), ("rank1_size1", [1], [3], 0), ("rank1_none", [4], [0], 0),
        ("rank2_rows", [4, 5], [6, 5], 0), ("rank2_columns", [3, 5], [3, 2], 1), ("rank2_fewer_rows", [4, 5], [2, 3], 1),
        ("rank2_one_column", [6, 4], [6, 1], 1), ("rank2_negative_axis", [3, 4], [3, 4], -1),
        ("rank3_middle", [2, 4, 3], [2, 5, 3], 1), ("rank3_first_corner", [3, 4, 3], [2, 3, 2], 0),
        ("rank3_last", [2, 2, 5], [2, 2, 7], 2), ("rank4", [2, 3, 2, 2], [2, 4, 2, 2], 1),
    ]:
        g.case(f"gather_{name}", "gather", lambda x, i: torch.gather(x, axis, i),
               [normal(*x), integers(0, x[axis], *index)], axis=axis)

    # scatter_add: x, index, source -> x with source added at index along axis
    for name, x, index, axis in [
        ("rank1", [5], [9], 0), ("rank1_size1", [1], [4], 0), ("rank1_none", [4], [0], 0),
        ("rank2_rows", [4, 3], [7, 3], 0), ("rank2_columns", [3, 4], [3, 6], 1), ("rank2_corner", [4, 4], [2, 3], 0),
        ("rank2_one_column", [5, 4], [5, 1], 1), ("rank2_negative_axis", [3, 4], [3, 3], -1),
        ("rank3_middle", [2, 3, 2], [2, 5, 2], 1), ("rank3_first", [3, 2, 2], [4, 2, 2], 0),
        ("rank3_last", [2, 2, 3], [2, 1, 5], 2), ("rank4", [2, 3, 2, 2], [2, 4, 1, 2], 1),
    ]:
        g.case(f"scatter_add_{name}", "scatter_add", lambda x, i, s: torch.scatter_add(x, axis, i, s),
               [normal(*x), integers(0, x[axis], *index), normal(*index)], axis=axis)

    # index_select: x, index [N] -> whole slices of x along axis
    for name, x, count, axis in [
        ("rank1", [5], 7, 0), ("rank1_size1", [1], 3, 0), ("rank1_none", [4], 0, 0), ("rank2_rows", [4, 3], 6, 0),
        ("rank2_columns", [3, 4], 5, 1), ("rank2_one", [4, 3], 1, 0), ("rank2_negative_axis", [3, 4], 3, -1),
        ("rank3_first", [4, 2, 3], 3, 0), ("rank3_middle", [2, 4, 3], 5, 1), ("rank3_last", [2, 2, 4], 3, 2),
        ("rank4", [2, 3, 2, 2], 4, 1), ("rank2_many", [3, 2], 20, 0),
    ]:
        g.case(f"index_select_{name}", "index_select", lambda x, i: torch.index_select(x, axis, i),
               [normal(*x), integers(0, x[axis], count)], axis=axis)

    # where: condition, x, y with broadcasting
    for name, condition, x, y in [
        ("same", [3, 4], [3, 4], [3, 4]), ("rank0", [], [], []), ("scalar_y", [3, 4], [3, 4], []),
        ("scalar_x", [3, 4], [], [3, 4]), ("row_condition", [4], [3, 4], [3, 4]), ("column_condition", [3, 1], [3, 4], [3, 4]),
        ("scalar_condition", [], [3, 4], [3, 4]), ("all_different", [3, 1], [1, 4], [2, 1, 1]), ("row_y", [2, 3], [2, 3], [3]),
        ("rank4", [2, 1, 3, 1], [2, 2, 3, 2], [2, 1, 2]), ("empty", [0, 3], [0, 3], [3]), ("size1", [1], [1, 1], [1]),
    ]:
        g.case(f"where_{name}", "where", torch.where, [bools(*condition), normal(*x), normal(*y)])

    # pad: low and high by axis, negative ones cut off
    for name, x, low, high, value in [
        ("rank1", [4], [1], [2], 0.0), ("rank1_low", [4], [3], [0], 0.0), ("rank1_value", [3], [1], [1], -2.5),
        ("rank1_cut", [6], [-2], [-1], 0.0), ("rank1_cut_and_pad", [5], [-2], [3], 1.0), ("rank1_empty", [0], [2], [1], 7.0),
        ("rank2", [2, 3], [1, 0], [0, 2], 0.0), ("rank2_value", [2, 3], [1, 2], [1, 1], 0.5),
        ("rank2_cut_and_pad", [4, 3], [-1, 1], [2, -1], 0.0), ("rank3", [2, 1, 3], [0, 1, 0], [1, 1, 2], 3.0),
        ("rank4_image", [1, 2, 3, 3], [0, 0, 1, 1], [0, 0, 1, 1], 0.0), ("rank2_none", [2, 3], [0, 0], [0, 0], 1.0),
    ]:
        widths = [n for pair in reversed(list(zip(low, high))) for n in pair]
        g.case(f"pad_{name}", "pad", lambda x: F.pad(x, widths, value=value), [normal(*x)], low=low, high=high, value=value)

    # concat: any number of inputs along axis
    for name, axis, *shapes in [
        ("rank1", 0, [3], [4]), ("rank1_one", 0, [3]), ("rank1_empty_part", 0, [3], [0], [2]), ("rank2_rows", 0, [2, 3], [1, 3]),
        ("rank2_columns", 1, [2, 3], [2, 1], [2, 4]), ("rank2_negative_axis", -1, [2, 3], [2, 2]),
        ("rank3_first", 0, [1, 2, 3], [2, 2, 3]), ("rank3_middle", 1, [2, 1, 3], [2, 4, 3]),
        ("rank3_last", 2, [2, 2, 1], [2, 2, 1], [2, 2, 3]), ("rank4", 1, [2, 3, 2, 2], [2, 1, 2, 2]),
        ("size1", 0, [1], [1]), ("five", 0, [1, 2], [2, 2], [3, 2], [1, 2], [2, 2]),
    ]:
        g.case(f"concat_{name}", "concat", lambda *parts: torch.cat(parts, axis), [normal(*shape) for shape in shapes], axis=axis)

    # slice: start, stop, step by axis
    for name, x, start, stop, step in [
        ("rank1", [7], [2], [5], [1]), ("rank1_step2", [7], [1], [7], [2]), ("rank1_step3_rest", [8], [0], [8], [3]),
        ("rank1_none", [4], [2], [2], [1]), ("rank1_whole", [4], [0], [4], [1]), ("rank1_step_over", [4], [1], [4], [9]),
        ("rank2", [4, 5], [1, 0], [3, 4], [1, 1]), ("rank2_steps", [5, 6], [0, 1], [5, 6], [2, 3]),
        ("rank2_one_row", [4, 3], [2, 0], [3, 3], [1, 1]), ("rank3", [3, 2, 4], [0, 1, 1], [2, 2, 4], [1, 1, 2]),
        ("rank4", [2, 3, 3, 2], [0, 0, 1, 1], [2, 3, 3, 2], [1, 2, 1, 1]), ("size1", [1], [0], [1], [1]),
    ]:
        where = tuple(slice(*bounds) for bounds in zip(start, stop, step))
        g.case(f"slice_{name}", "slice", lambda x: x[where], [normal(*x)], start=start, stop=stop, step=step)
    return g


def build_embedding(path):
    """Inputs: weight [V D], indices of any shape. The row padding_idx gets no gradient."""
    g = Golden("indexing", path, seed=26)
    for name, weight, index, padding_idx in [
        ("rank0", [5, 3], integers(0, 5), None), ("rank1", [5, 3], integers(0, 5, 4), None),
        ("rank1_repeated", [3, 4], indices([1, 1, 1, 2, 1]), None), ("rank1_none", [3, 4], integers(0, 3, 0), None),
        ("rank2", [7, 3], integers(0, 7, 2, 5), None), ("rank3", [4, 2], integers(0, 4, 2, 1, 3), None),
        ("padding", [5, 3], integers(0, 5, 3, 4), 0), ("padding_last", [5, 3], integers(0, 5, 3, 4), 4),
        ("padding_negative", [5, 3], integers(0, 5, 3, 4), -1), ("padding_only", [4, 3], indices([2, 2, 2]), 2),
        ("padding_unused", [4, 3], indices([0, 1, 3, 1]), 2), ("width1", [6, 1], integers(0, 6, 5), None),
        ("one_word", [1, 4], indices([0, 0]), None), ("wide", [3, 37], integers(0, 3, 2, 2), 1),
        ("ends", [6, 2], indices([0, 5, 5, 0]), None),
    ]:
        g.case(name, "embedding", lambda w, i: F.embedding(i, w, padding_idx=padding_idx), [normal(*weight), index],
               padding_idx=padding_idx)
    return g


FILES = {
    "ops/optest/testdata/indexing.safetensors": build_indexing,
    "ops/optest/testdata/embedding.safetensors": build_embedding,
}
