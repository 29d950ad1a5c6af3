"""Activations: random values, the kinks of each function with their one-sided choices
of gradient, and values at which a careless formula overflows or cancels."""

import math

import torch
import torch.nn.functional as F

from golden import Golden, normal, values

# op: [(name, function of x, attributes)]
GELU = {
    "gelu": [
        ("none", lambda x: F.gelu(x), dict(approximate="none")),
        ("tanh", lambda x: F.gelu(x, approximate="tanh"), dict(approximate="tanh")),
    ],
}
OTHERS = {
    "relu": [("default", F.relu, {})],
    "relu6": [("default", F.relu6, {})],
    "leaky_relu": [(name, lambda x, s=slope: F.leaky_relu(x, s), dict(negative_slope=slope))
                   for name, slope in [("default", 0.01), ("steep", 0.5), ("over1", 1.5), ("zero", 0.0)]],
    "elu": [(name, lambda x, a=alpha: F.elu(x, a), dict(alpha=alpha))
            for name, alpha in [("default", 1.0), ("alpha3", 3.0), ("alpha_small", 0.1)]],
    "selu": [("default", F.selu, {})],
    "celu": [(name, lambda x, a=alpha: F.celu(x, a), dict(alpha=alpha))
             for name, alpha in [("default", 1.0), ("alpha3", 3.0), ("alpha_small", 0.1)]],
    "silu": [("default", F.silu, {})],
    "mish": [("default", F.mish, {})],
    "softplus": [(name, lambda x, b=beta, t=threshold: F.softplus(x, b, t), dict(beta=beta, threshold=threshold))
                 for name, beta, threshold in [("default", 1.0, 20.0), ("beta2", 2.0, 20.0), ("low_threshold", 0.5, 1.0)]],
    "softsign": [("default", F.softsign, {})],
    "hardswish": [("default", F.hardswish, {})],
    "hardsigmoid": [("default", F.hardsigmoid, {})],
    "hardtanh": [(name, lambda x, l=low, h=high: F.hardtanh(x, l, h), dict(min_val=low, max_val=high))
                 for name, low, high in [("default", -1.0, 1.0), ("oblong", -0.5, 2.0)]],
    "logsigmoid": [("default", F.logsigmoid, {})],
    "tanhshrink": [("default", F.tanhshrink, {})],
    "softshrink": [(name, lambda x, l=lambd: F.softshrink(x, l), dict(lambd=lambd))
                   for name, lambd in [("default", 0.5), ("wide", 2.0)]],
    "hardshrink": [(name, lambda x, l=lambd: F.hardshrink(x, l), dict(lambd=lambd))
                   for name, lambd in [("default", 0.5), ("wide", 2.0)]],
    "threshold": [(name, lambda x, t=at, v=value: F.threshold(x, t, v), dict(threshold=at, value=value))
                  for name, at, value in [("zero", 0.0, 0.0), ("one", 1.0, 20.0), ("negative", -0.5, -3.0)]],
}

KINKS = values(0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 6.0, -6.0, 1e-9, -1e-9, 1e-300, -1e-300)
SPECIAL = values(math.inf, -math.inf, math.nan, 1e300, -1e300)
EXTREMES = values(20.0, -20.0, 20.5, 40.0, -40.0, 100.0, -100.0, 709.0, -709.0, 750.0, -750.0, 1e5, -1e5, 1e-16, -1e-16)


def add(g, table, shapes):
    for op, variants in table.items():
        for variant, fn, attrs in variants:
            for name, x in shapes.items():
                g.case(f"{op}_{variant}_{name}", op, fn, [x], **attrs)
            g.case(f"{op}_{variant}_kinks", op, fn, [KINKS], **attrs)
            g.case(f"{op}_{variant}_extremes", op, fn, [EXTREMES], **attrs)
            g.case(f"{op}_{variant}_special", op, fn, [SPECIAL], **attrs)


def build_gelu(path):
    g = Golden("activations", path, seed=13)
    add(g, GELU, {"rank0": normal(), "rank1": normal(7), "rank1_size1": normal(1), "rank2": normal(3, 5, std=2),
                  "rank3": normal(2, 1, 5), "rank4": normal(2, 3, 1, 2), "empty": normal(0, 3), "wide": normal(67, std=4)})
    return g


def build_others(path):
    g = Golden("activations", path, seed=14)
    add(g, OTHERS, {"rank1": normal(17, std=3), "rank3": normal(2, 1, 5)})
    # prelu: inputs x, weight [1] or [C], C being axis 1
    for name, x, weight in [("one_weight", normal(2, 3, 4), normal(1)), ("by_channel", normal(2, 3, 4), normal(3)),
                            ("rank2_by_channel", normal(4, 5), normal(5)), ("rank4_by_channel", normal(2, 3, 2, 2), normal(3)),
                            ("rank1", normal(7), normal(1)), ("one_channel", normal(3, 1, 4), normal(1)),
                            ("kinks", KINKS, normal(1)), ("special", SPECIAL, normal(1))]:
        g.case(f"prelu_{name}", "prelu", F.prelu, [x, weight])
    return g


FILES = {
    "ops/optest/testdata/gelu.safetensors": build_gelu,
    "ops/optest/testdata/activations.safetensors": build_others,
}
