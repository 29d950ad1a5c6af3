"""Rotary embeddings by the formulas of Hugging Face Transformers (Llama: halves; GPT-J: pairs),
and gated linear units."""

import itertools

import torch
import torch.nn.functional as F

from golden import Golden, indices, integers, normal

# Frequencies in place of those of a base, and a scale of what is turned.
SCALINGS = {"none": None, "list": ([1.5, 0.25, 0.03125, 0.75], 1.0), "list_scaled": ([0.5, 0.125, 0.0, -0.25], 1.375)}


def rotate(x, positions, base, dims, interleaved, given):
    """x [B T H K], positions [T], [B T] or none."""
    scale = 1.0
    f = 1 / base ** (torch.arange(0, dims, 2, dtype=torch.float64) / dims)
    if given:
        f, scale = torch.tensor(given[0], dtype=torch.float64)[: dims // 2], given[1]
    if positions is None:
        positions = torch.arange(x.shape[1])
    angle = (positions.double()[..., None] * f)[..., None, :]
    part, rest = x[..., :dims], x[..., dims:]
    if interleaved:
        cos, sin = (scale * wave(angle).repeat_interleave(2, -1) for wave in (torch.cos, torch.sin))
        turned = torch.stack((-part[..., 1::2], part[..., ::2]), -1).flatten(-2)
    else:
        cos, sin = (scale * torch.cat((wave(angle), wave(angle)), -1) for wave in (torch.cos, torch.sin))
        turned = torch.cat((-part[..., dims // 2:], part[..., : dims // 2]), -1)
    return torch.cat((part * cos + turned * sin, rest), -1)


def build_rope(path):
    g = Golden("rope", path, seed=66)

    def add(name, x, positions=None, base=10000.0, dims=None, interleaved=False, scaling="none"):
        dims = x[3] if dims is None else dims
        given = SCALINGS[scaling]
        attrs = {"frequencies": given[0][: dims // 2], "scale": given[1]} if given else {}
        g.case(name, "rope", lambda x, p: rotate(x, p, base, dims, interleaved, given), [normal(*x), positions],
               base=base, dims=dims, interleaved=interleaved, **attrs)

    for interleaved, scaling, partial in itertools.product((False, True), SCALINGS, (False, True)):
        name = f"{'pairs' if interleaved else 'halves'}_{scaling}{'_partial' if partial else ''}"
        add(name, (2, 3, 2, 8), integers(0, 500, 3) if partial else None, dims=6 if partial else None,
            interleaved=interleaved, scaling=scaling)
    add("positions_of_samples", (2, 4, 1, 4), integers(0, 5000, 2, 4))
    add("positions_of_samples_pairs", (3, 2, 2, 6), integers(-9, 9, 3, 2), interleaved=True, base=100.0)
    add("far", (1, 3, 1, 4), indices([0, 131071, 1000000]), base=500000.0)
    add("no_dims", (1, 2, 1, 3), dims=0)
    add("one_pair", (1, 5, 3, 2))
    add("odd_width", (1, 2, 2, 5), dims=4)
    add("long", (1, 19, 2, 34), base=50.0)
    return g


def build_glu(path):
    g = Golden("rope", path, seed=67)
    for name, shape, axis in (("rank1", (6,), 0), ("rank2", (3, 4), -1), ("first", (4, 3), 0), ("rank3", (2, 6, 3), 1),
                              ("one", (5, 2), -1), ("empty", (0, 4), 1)):
        g.case(f"glu_{name}", "glu", lambda x: F.glu(x, axis), [normal(*shape)], axis=axis)
    for op, f in (("swiglu", F.silu), ("geglu", F.gelu), ("reglu", F.relu)):
        for name, shape in (("rank1", (7,)), ("rank2", (3, 4)), ("rank3", (2, 1, 5)), ("empty", (0, 2))):
            g.case(f"{op}_{name}", op, lambda gate, x: f(gate) * x, [normal(*shape), normal(*shape)])
    return g


FILES = {"ops/optest/testdata/rope.safetensors": build_rope, "ops/optest/testdata/glu.safetensors": build_glu}
