"""Element-wise functions of one and of two operands."""

import math

import torch

from golden import Golden, bools, integers, levels, normal, uniform, values

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
    "asinh": (torch.asinh, ANY), "acosh": (torch.acosh, (1.01, 9)), "atanh": (torch.atanh, (-0.99, 0.99)),
    "erfinv": (torch.erfinv, (-0.99, 0.99)), "lgamma": (torch.lgamma, (-3.9, 12)), "digamma": (torch.digamma, (-3.9, 12)),
    "frac": (torch.frac, ANY), "logit": (torch.logit, (0.01, 0.99)),
}

# Functions without a gradient, of any type.
TESTS = {"isnan": torch.isnan, "isinf": torch.isinf, "isfinite": torch.isfinite, "logical_not": torch.logical_not}

BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum,
    "minimum": torch.minimum, "pow": torch.pow, "atan2": torch.atan2,
    "remainder": torch.remainder, "fmod": torch.fmod, "hypot": torch.hypot, "copysign": torch.copysign,
    "logaddexp": torch.logaddexp,
}

# Every number of the first list meets every one of the second.
EDGES = (0.0, -0.0, 1.0, -1.0, 2.5, -3.0, math.inf, -math.inf, math.nan)
LEFT = values(*[x for x in EDGES for _ in EDGES])
RIGHT = values(*[y for _ in EDGES for y in EDGES])

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
    for name, x in [("rank1", uniform(0, 1, 9)), ("limits", values(0.1, 0.9, 0.05, 0.95, 0.0, 1.0, -3.0, 4.0, math.nan))]:
        for eps in (0.1, 1e-6, 0.0):
            g.case(f"logit_{name}_{eps}", "logit", lambda x: torch.logit(x, eps), [x], eps=eps)
    for op, fn in TESTS.items():
        g.case(f"{op}_special", op, fn, [SPECIAL])
        g.case(f"{op}_int", op, fn, [integers(-1, 2, 7)])
    for name, x in [("int", integers(-9, 9, 11)), ("bool", bools(5))]:
        g.case(f"not_{name}", "not", torch.bitwise_not, [x])
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
    for op in ("pow", "atan2", "remainder", "fmod", "hypot", "copysign", "logaddexp"):
        g.case(f"{op}_edges", op, BINARY[op], [LEFT, RIGHT])
    floor_divide = lambda x, y: torch.floor_divide(x.detach(), y.detach())  # PyTorch has no gradient
    g.case("floor_divide_edges", "floor_divide", floor_divide, [LEFT, RIGHT])
    for name, (x, y) in PAIRS.items():
        g.case(f"floor_divide_{name}", "floor_divide", floor_divide, [normal(*x, std=5), normal(*y)])
        g.case(f"lerp_{name}", "lerp", torch.lerp, [normal(*x), normal(*y), uniform(-1, 2, *x)])
    for weight in (0.0, 0.25, 0.5, 1.0, -2.0):
        g.case(f"lerp_{weight}", "lerp", lambda x, y: torch.lerp(x, y, weight), [normal(3, 4), normal(4)], weight=weight)
    g.case("lerp_edges", "lerp", torch.lerp, [values(0, 1, math.inf, math.nan), values(1, 1, 1, 1), values(0.3, 0.7, 0.5, 0.1)])
    build_clamp(g)
    build_whole(g)
    g.case("pow_whole", "pow", torch.pow, [values(-2, -1.5, 3, 0, 1), values(2, 3, 0, 2, 5)])
    return g


def build_clamp(g):
    """With numbers for limits the gradient at a limit is 0, with tensors it is shared."""
    for name, x in [("rank1", normal(17, std=2)), ("rank3", normal(2, 1, 5)), ("empty", normal(0, 3)), ("edges", values(*EDGES))]:
        for low, high in [(-1.0, 1.0), (-1.0, None), (None, 1.0), (1.0, -1.0), (1.0, 1.0), (-0.3, 2.5)]:
            g.case(f"clamp_{name}_{low}_{high}", "clamp", lambda x: torch.clamp(x, low, high), [x], low=low, high=high)
    numbers = (-1.0, 0.0, 1.0, math.nan)
    three = [values(*v) for v in zip(*[(x, low, high) for x in numbers for low in numbers for high in numbers])]
    g.case("clamp_between_edges", "clamp_between", torch.clamp, three)
    for name, (x, y) in PAIRS.items():
        g.case(f"clamp_between_{name}", "clamp_between", torch.clamp, [normal(*x), normal(*y, mean=-0.7), normal(*y, mean=0.7)])
        g.case(f"clamp_above_{name}", "clamp_between", lambda x, y, _: torch.clamp(x, min=y), [normal(*x), normal(*y), None])
        g.case(f"clamp_below_{name}", "clamp_between", lambda x, _, y: torch.clamp(x, max=y), [normal(*x), None, normal(*y)])


def build_whole(g):
    """Integers and bools. No divisor is 0: PyTorch raises an error there."""
    nonzero = lambda low, high, *shape: lambda gen: integers(low, high, *shape)(gen) * 2 + 1
    for name, (x, y) in PAIRS.items():
        for op, fn in (("remainder", torch.remainder), ("fmod", torch.fmod), ("floor_divide", torch.floor_divide),
                       ("div_trunc", lambda x, y: torch.div(x, y, rounding_mode="trunc"))):
            g.case(f"{op}_int_{name}", op, fn, [integers(-20, 20, *x), nonzero(-4, 4, *y)])
        g.case(f"pow_int_{name}", "pow", torch.pow, [integers(-4, 5, *x), integers(0, 6, *y)])
        for op, fn in (("and", torch.bitwise_and), ("or", torch.bitwise_or), ("xor", torch.bitwise_xor)):
            g.case(f"{op}_int_{name}", op, fn, [integers(-99, 99, *x), integers(-99, 99, *y)])
            g.case(f"{op}_bool_{name}", op, fn, [bools(*x), bools(*y)])
        for op, fn in (("shift_left", torch.bitwise_left_shift), ("shift_right", torch.bitwise_right_shift)):
            g.case(f"{op}_int_{name}", op, fn, [integers(-99, 99, *x), integers(-2, 70, *y)])
        for op, fn in (("logical_and", torch.logical_and), ("logical_or", torch.logical_or), ("logical_xor", torch.logical_xor)):
            g.case(f"{op}_int_{name}", op, fn, [integers(-1, 2, *x), integers(-1, 2, *y)])
    for op, fn in (("logical_and", torch.logical_and), ("logical_or", torch.logical_or), ("logical_xor", torch.logical_xor)):
        g.case(f"{op}_edges", op, fn, [LEFT, RIGHT])
        g.case(f"{op}_mixed", op, fn, [bools(9), normal(9)])


FILES = {
    "ops/optest/testdata/unary.safetensors": build_unary,
    "ops/optest/testdata/binary.safetensors": build_binary,
}
