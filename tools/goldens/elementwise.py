"""Element-wise functions of one and of two operands."""

import math

import torch

from golden import Golden, levels, normal, uniform, values

SPECIAL = values(0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 1e-300, -1e-300, 1e300, math.inf, -math.inf, math.nan)

# op: (function, interval of the random values)
ANY = (-4, 4)
POSITIVE = (0.01, 9)
UNARY = {
    "abs": (torch.abs, ANY), "neg": (torch.neg, ANY), "sign": (torch.sign, ANY), "square": (torch.square, ANY),
    "exp": (torch.exp, (-20, 20)), "expm1": (torch.expm1, ANY), "exp2": (torch.exp2, ANY),
    "log": (torch.log, POSITIVE), "log1p": (torch.log1p, (-0.99, 5)), "log2": (torch.log2, POSITIVE),
    "log10": (torch.log10, POSITIVE), "sqrt": (torch.sqrt, POSITIVE), "rsqrt": (torch.rsqrt, POSITIVE),
    "reciprocal": (torch.reciprocal, POSITIVE), "sin": (torch.sin, (-30, 30)), "cos": (torch.cos, (-30, 30)),
    "tan": (torch.tan, (-1.4, 1.4)), "asin": (torch.asin, (-0.99, 0.99)), "acos": (torch.acos, (-0.99, 0.99)),
    "atan": (torch.atan, ANY), "sinh": (torch.sinh, ANY), "cosh": (torch.cosh, ANY), "tanh": (torch.tanh, ANY),
    "sigmoid": (torch.sigmoid, (-30, 30)), "erf": (torch.erf, ANY), "erfc": (torch.erfc, ANY),
    "floor": (torch.floor, ANY), "ceil": (torch.ceil, ANY), "round": (torch.round, ANY), "trunc": (torch.trunc, ANY),
}

BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum,
    "minimum": torch.minimum, "pow": torch.pow, "atan2": torch.atan2,
}

# Shapes that broadcast.
PAIRS = {
    "same": ([3, 4], [3, 4]), "row": ([3, 4], [4]), "column": ([3, 4], [3, 1]), "scalar": ([2, 3], []),
    "outer": ([3, 1], [1, 4]), "rank3": ([2, 1, 3], [4, 1]), "size1": ([1], [1, 1]), "empty": ([0, 3], [1, 3]),
}


def build_unary(path):
    """The case OP_special holds zeros, infinities and NaN, also outside the function's domain."""
    g = Golden("elementwise", path, seed=15)
    for op, (fn, (low, high)) in UNARY.items():
        g.case(f"{op}_rank1", op, fn, [uniform(low, high, 37)])
        g.case(f"{op}_rank3", op, fn, [uniform(low, high, 2, 1, 5)])
        g.case(f"{op}_special", op, fn, [SPECIAL])
    return g


def build_binary(path):
    """The gradient of maximum and minimum is shared equally on a tie."""
    g = Golden("elementwise", path, seed=16)
    for op, fn in BINARY.items():
        for name, (x, y) in PAIRS.items():
            base = uniform(0.1, 3, *x) if op in ("pow", "div") else normal(*x)
            g.case(f"{op}_{name}", op, fn, [base, uniform(0.5, 2, *y) if op in ("pow", "div") else normal(*y)])
    for op in ("maximum", "minimum"):
        g.case(f"{op}_ties", op, BINARY[op], [levels(3, 4, 5), levels(3, 5)])
        g.case(f"{op}_nan", op, BINARY[op], [values(1, math.nan, 2, math.nan), values(math.nan, 1, 2, math.nan)])
    g.case("div_zero", "div", torch.div, [values(1, -1, 0, 1), values(0, 0, 0, -0.0)])
    g.case("pow_whole", "pow", torch.pow, [values(-2, -1.5, 3, 0, 1), values(2, 3, 0, 2, 5)])
    return g


FILES = {
    "ops/optest/testdata/unary.safetensors": build_unary,
    "ops/optest/testdata/binary.safetensors": build_binary,
}
