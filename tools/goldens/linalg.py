"""Factors of small matrices, systems of equations, determinants, norms, and Fourier transforms of real
lines. Vectors of eigh and svd get the sign that makes their component of the largest magnitude positive."""

import torch

from golden import Golden, normal

# names of square shapes
SQUARE = {
    "one": [1, 1], "two": [2, 2], "three": [3, 3], "five": [5, 5], "seven": [7, 7], "twelve": [12, 12], "batch": [2, 3, 3], "batches": [2, 1, 4, 4], "batch_of_ones": [3, 1, 1],
    "none": [0, 3, 3], "pairs": [5, 2, 2], "odd": [3, 5, 5],
}
SHAPES = {
    "one": [1, 1], "square": [3, 3], "tall": [5, 3], "wide": [3, 5], "column": [4, 1], "row": [1, 4], "batch": [2, 4, 3], "batch_wide": [2, 2, 4], "rank4": [2, 1, 3, 3],
    "taller": [11, 4], "wider": [2, 9], "none": [0, 3, 2],
}


def definite(*shape):
    def make(gen):
        x = normal(*shape)(gen)
        return x @ x.mT + 0.5 * torch.eye(shape[-1], dtype=torch.float64)

    return make


def symmetric(*shape):
    def make(gen):
        x = normal(*shape)(gen)
        return x + x.mT

    return make


def pivoting(*shape):
    """Zeros on the diagonal, and far from singular."""
    def make(gen):
        x = normal(*shape)(gen)
        n = shape[-1]
        eye = torch.eye(n, dtype=torch.float64)
        return x - x * eye + 4 * eye.roll(1, 0) if n > 1 else x + 3

    return make


def signs(v):
    """Of the component of the largest magnitude of each column."""
    if v.numel() == 0:
        return torch.ones_like(v[..., :1, :])
    return v.gather(-2, v.abs().argmax(-2, keepdim=True)).sign().detach()


def eigh(a):
    w, v = torch.linalg.eigh(a)
    return w, v * signs(v)


def svd(a):
    u, s, vt = torch.linalg.svd(a, full_matrices=False)
    f = signs(u)
    return u * f, s, vt * f.mT


def build_linalg(path):
    g = Golden("linalg", path, seed=77)
    for name, shape in SQUARE.items():
        g.case(f"cholesky_{name}", "cholesky", torch.linalg.cholesky, [definite(*shape)])
        g.case(f"eigh_{name}", "eigh", eigh, [symmetric(*shape)])
        g.case(f"det_{name}", "det", torch.linalg.det, [pivoting(*shape)])
        g.case(f"slogdet_{name}", "slogdet", lambda a: (torch.linalg.slogdet(a)[0].detach(), torch.linalg.slogdet(a)[1]), [pivoting(*shape)])
        g.case(f"logdet_{name}", "logdet", torch.logdet, [definite(*shape)])
        g.case(f"inverse_{name}", "inverse", torch.linalg.inv, [pivoting(*shape)])
    for name, a, b in [
        ("one", [1, 1], [1, 1]), ("vector", [3, 3], [3, 1]), ("matrix", [4, 4], [4, 2]), ("wide", [2, 2], [2, 7]), ("batch", [2, 3, 3], [2, 3, 2]), ("shared_a", [3, 3], [2, 3, 2]),
        ("shared_b", [2, 3, 3], [3, 2]), ("rank4", [2, 1, 2, 2], [1, 3, 2, 2]), ("seven", [7, 7], [7, 3]), ("nothing", [3, 3], [3, 0]), ("none", [0, 2, 2], [0, 2, 1]), ("odd", [5, 5], [5, 5]),
    ]:
        g.case(f"solve_{name}", "solve", torch.linalg.solve, [pivoting(*a), normal(*b)])
        for upper in [False, True]:
            for unit in [False, True]:
                def triangle(gen):  # the other triangle is not read
                    return normal(*a)(gen) + 2 * torch.eye(a[-1], dtype=torch.float64)

                g.case(f"triangular_{name}{'_upper' * upper}{'_unit' * unit}", "solve_triangular",
                       lambda a, b: torch.linalg.solve_triangular(a, b, upper=upper, unitriangular=unit), [triangle, normal(*b)], upper=upper, unit=unit, transpose=False)
        g.case(f"triangular_{name}_transpose", "solve_triangular", lambda a, b: torch.linalg.solve_triangular(a.mT, b, upper=True),
               [triangle, normal(*b)], upper=False, unit=False, transpose=True)
    for name, shape in SHAPES.items():
        g.case(f"qr_{name}", "qr", lambda a: tuple(torch.linalg.qr(a)), [normal(*shape)])
        g.case(f"svd_{name}", "svd", svd, [normal(*shape)])
        if name != "none":
            for op, order in {"nuclear_norm": "nuc", "spectral_norm": 2, "max_column_sum": 1, "max_row_sum": float("inf")}.items():
                g.case(f"{op}_{name}", op, lambda a: torch.linalg.matrix_norm(a, order), [normal(*shape)])
    return g


def build_fft(path):
    """rfft: x -> frequencies as pairs; irfft: pairs -> n real numbers."""
    g = Golden("linalg", path, seed=78)
    for name, shape, axis in [
        ("one", [1], 0), ("two", [2], 0), ("three", [3], 0), ("eight", [8], 0), ("twelve", [12], 0), ("prime", [17], 0), ("large_prime", [101], 0), ("twice_a_prime", [46], 0),
        ("odd", [15], 0), ("thirteen", [13], 0), ("rows", [3, 10], 1), ("columns", [6, 4], 0), ("negative", [2, 3, 7], -1), ("middle", [2, 9, 3], 1), ("rank4", [2, 2, 5, 2], 2), ("none", [0, 4], 1),
    ]:
        n = shape[axis]
        g.case(f"rfft_{name}", "rfft", lambda x: torch.view_as_real(torch.fft.rfft(x, dim=axis)), [normal(*shape)], axis=axis)
        half = list(shape)
        half[axis] = n // 2 + 1
        g.case(f"irfft_{name}", "irfft", lambda y: torch.fft.irfft(torch.view_as_complex(y), n, dim=axis), [normal(*half, 2)], n=n, axis=axis)
    return g


FILES = {
    "ops/optest/testdata/linalg.safetensors": build_linalg,
    "ops/optest/testdata/fft.safetensors": build_fft,
}
