"""Einsum, diagonals, and products made of them. Attributes are the arguments of the Go functions."""

import torch
import torch.nn.functional as F

from golden import Golden, normal

# name: (equation, shapes)
EQUATIONS = {
    "matmul": ("ik,kj->ij", [3, 5], [5, 4]),
    "implicit": ("ik,kj", [3, 5], [5, 4]),
    "implicit_order": ("ba", [3, 5]),
    "capitals_first": ("aB,Bc,D", [2, 3], [3, 2], [2]),
    "spaces": (" i k , k j -> i j ", [3, 5], [5, 4]),
    "transpose": ("ij->ji", [3, 5]),
    "sum": ("ij->", [3, 5]),
    "implicit_sum": ("ii", [4, 4]),
    "row_sums": ("ij->i", [3, 5]),
    "diagonal": ("ii->i", [4, 4]),
    "trace": ("ii->", [5, 5]),
    "triple_diagonal": ("iii->i", [3, 3, 3]),
    "diagonal_inside": ("iji->ji", [3, 2, 3]),
    "two_diagonals": ("iijj->ij", [2, 2, 3, 3]),
    "diagonal_times": ("ii,i->i", [4, 4], [4]),
    "outer": ("i,j->ij", [3], [4]),
    "inner": ("i,i->", [7], [7]),
    "hadamard": ("ij,ij->ij", [3, 4], [3, 4]),
    "hadamard_turned": ("ij,ji->ij", [3, 4], [4, 3]),
    "row_dots": ("bi,bi->b", [3, 5], [3, 5]),
    "bilinear": ("bi,oij,bj->bo", [3, 2], [4, 2, 5], [3, 5]),
    "batched": ("bij,bjk->bik", [2, 3, 4], [2, 4, 5]),
    "ellipsis": ("...ij,...jk->...ik", [2, 3, 4], [2, 4, 5]),
    "ellipsis_broadcast": ("...ij,...jk->...ik", [2, 1, 3, 4], [5, 4, 2]),
    "ellipsis_one_side": ("...ij,jk->...ik", [2, 2, 3, 4], [4, 5]),
    "ellipsis_none": ("...i,i->...", [4], [4]),
    "ellipsis_implicit": ("...i,ij", [2, 3], [3, 2]),
    "ellipsis_summed": ("...i->i", [2, 3, 4]),
    "ellipsis_middle": ("i...j->j...i", [2, 3, 4, 5]),
    "ellipsis_last": ("i...->...i", [2, 3, 4]),
    "letter_of_one": ("ij,ij->ij", [3, 1], [3, 4]),
    "letter_of_one_summed": ("ij,jk->ik", [3, 1], [4, 2]),
    "attention": ("bqhd,bkhd->bhqk", [2, 3, 2, 4], [2, 5, 2, 4]),
    "three": ("ij,jk,kl->il", [2, 3], [3, 4], [4, 5]),
    "four": ("ab,bc,cd,de->ae", [5, 2], [2, 6], [6, 3], [3, 4]),
    "star": ("ai,bi,ci->abc", [2, 4], [3, 4], [2, 4]),
    "ring": ("ab,bc,ca->", [2, 3], [3, 4], [4, 2]),
    "lone_axes": ("ij,kl->", [2, 3], [4, 5]),
    "lone_axis": ("ijk,kl->il", [2, 3, 4], [4, 5]),
    "scalars": (",->", [], []),
    "scalar_times": (",ij->ij", [], [2, 3]),
    "one_operand": ("i->i", [4]),
    "empty_sum": ("ij,jk->ik", [3, 0], [0, 2]),
    "size1": ("ij,jk->ik", [1, 1], [1, 1]),
    "seven": ("a,a,a,a,a,a,a->a", *[[3]] * 7),
}


def build(path):
    g = Golden("einsum", path, seed=72)
    for name, (equation, *shapes) in EQUATIONS.items():
        g.case(f"einsum_{name}", "einsum", lambda *xs: torch.einsum(equation, *xs), [normal(*s) for s in shapes], equation=equation)

    for name, x, offset, rows, cols in [
        ("square", [4, 4], 0, 0, 1), ("wide", [3, 5], 0, 0, 1), ("tall", [5, 3], 0, 0, 1), ("above", [3, 5], 2, 0, 1), ("below", [5, 3], -2, 0, 1), ("turned", [3, 5], 1, 1, 0),
        ("outside", [3, 3], 4, 0, 1), ("batch", [2, 3, 4], 1, -2, -1), ("outer_axes", [3, 2, 4], 0, 0, 2), ("rank4", [2, 3, 4, 3], -1, 1, 3), ("size1", [1, 1], 0, 0, 1),
        ("empty", [0, 3], 0, 0, 1), ("corner", [3, 4], 3, 0, 1), ("row", [1, 5], 3, 0, 1), ("column", [5, 1], -4, 0, 1),
    ]:
        g.case(f"diagonal_{name}", "diagonal", lambda x: torch.diagonal(x, offset, rows, cols), [normal(*x)], offset=offset, rows=rows, cols=cols)
    for name, x in [
        ("vector", [3]), ("size1", [1]), ("empty", [0]), ("rows", [2, 3]), ("rank3", [2, 1, 4]), ("wide", [7]), ("ones", [1, 1]), ("no_rows", [0, 3]), ("rank4", [1, 2, 2, 3]),
        ("rows_of_one", [4, 1]), ("pair", [2]), ("odd", [3, 5]),
    ]:
        g.case(f"diag_embed_{name}", "diag_embed", torch.diag_embed, [normal(*x)])
    for name, x in [
        ("square", [4, 4]), ("wide", [3, 5]), ("tall", [5, 3]), ("size1", [1, 1]), ("row", [1, 4]), ("column", [4, 1]), ("empty", [0, 3]), ("odd", [7, 7]), ("pair", [2, 2]),
        ("large", [17, 17]), ("nothing", [0, 0]), ("three", [3, 3]),
    ]:
        g.case(f"trace_{name}", "trace", torch.trace, [normal(*x)])
    for name, x, y, xa, ya in [
        ("matmul", [3, 4], [4, 5], [1], [0]), ("two", [2, 3, 4], [3, 4, 5], [1, 2], [0, 1]), ("swapped", [2, 3, 4], [4, 3, 5], [1, 2], [1, 0]), ("outer", [2, 3], [4], [], []),
        ("all", [2, 3], [2, 3], [0, 1], [0, 1]), ("negative", [2, 3], [4, 3], [-1], [-1]), ("first", [4, 2], [4, 3], [0], [0]), ("vectors", [5], [5], [0], [0]),
        ("rank4", [2, 3, 2, 4], [4, 2, 3], [3, 0], [0, 1]), ("size1", [1, 1], [1, 1], [1], [0]), ("empty", [2, 0], [0, 3], [1], [0]), ("scalar", [], [3], [], []),
    ]:
        g.case(f"tensordot_{name}", "tensordot", lambda x, y: torch.tensordot(x, y, (xa, ya)), [normal(*x), normal(*y)], x=xa, y=ya)
    for name, lead, i, j, o, bias in [
        ("rows", [3], 2, 4, 5, True), ("plain", [3], 2, 4, 5, False), ("one_row", [1], 2, 3, 2, True), ("vector", [], 2, 3, 4, True), ("rank3", [2, 3], 3, 2, 4, True),
        ("size1", [1], 1, 1, 1, True), ("no_rows", [0], 2, 3, 4, True), ("one_output", [4], 3, 3, 1, False), ("wide", [2], 7, 5, 3, True), ("rank4", [2, 1, 3], 2, 2, 2, False),
        ("one_input", [3], 1, 5, 2, True), ("odd", [5], 3, 7, 3, True),
    ]:
        g.case(f"bilinear_{name}", "bilinear", F.bilinear, [normal(*lead, i), normal(*lead, j), normal(o, i, j), normal(o) if bias else None])
    for name, m, n in [
        ("plain", 3, 4), ("size1", 1, 1), ("row", 1, 5), ("column", 5, 1), ("empty", 0, 3), ("empty_right", 3, 0), ("square", 4, 4), ("odd", 7, 3), ("pair", 2, 2), ("wide", 2, 17),
        ("tall", 17, 2), ("three", 3, 3),
    ]:
        g.case(f"outer_{name}", "outer", torch.outer, [normal(m), normal(n)])
    return g


FILES = {"ops/optest/testdata/einsum.safetensors": build}
