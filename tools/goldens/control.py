"""Loops and conditions, written out in Python."""

import torch

from golden import Golden, integers, normal, uniform


def rnn(reverse=False):
    def f(h, x, w, u, b):
        ys = [None] * len(x)
        for t in order(len(x), reverse):
            ys[t] = h = torch.tanh(x[t] @ w + h @ u + b)
        return h, stack(ys, h)

    return f


def cumulative(reverse=False):
    def f(c, x):
        ys = [None] * len(x)
        for t in order(len(x), reverse):
            ys[t] = c = c + x[t]
        return c, stack(ys, c)

    return f


def two(reverse=False):
    """Two carries, two inputs, two results a step, one captured value."""

    def f(a, b, x, z, w):
        ys, zs = [None] * len(x), [None] * len(x)
        for t in order(len(x), reverse):
            ys[t], zs[t] = a * b, a - z[t]
            a, b = a * 0.5 + x[t] * b, torch.sin(a) + b * w
        return a, b, stack(ys, a), stack(zs, a)

    return f


def power(n):
    """No inputs: the number of the iteration counts."""

    def f(c, w):
        ys = []
        for t in range(n):
            ys.append(c * (t + 1))
            c = torch.sin(c) * w + t
        return c, stack(ys, c)

    return f


def map_(x, w):
    return stack([torch.exp(x[t]) * w for t in range(len(x))], w)


def last(c, x):
    """No results a step."""
    for t in range(len(x)):
        c = c * x[t] + 1
    return c


def nested(c, x, w, v):
    """A scan in a scan; w is captured by the inner one, v by both."""
    ys = []
    for t in range(len(x)):
        d = c * v
        for s in range(x.shape[1]):
            d = torch.tanh(d * w + x[t, s] * v + c)
        c = c + d
        ys.append(d)
    return c, stack(ys, c)


def order(n, reverse):
    return reversed(range(n)) if reverse else range(n)


def stack(ys, like):
    return torch.stack(ys) if ys else like.new_zeros(0, *like.shape)


def collatz(x):
    """A loop whose length depends on the values."""
    n, steps = x.clone(), torch.zeros_like(x)
    while (n > 1).any():
        odd = n % 2 == 1
        n, steps = torch.where(n <= 1, n, torch.where(odd, 3 * n + 1, n // 2)), steps + (n > 1)
    return n, steps


def newton(x, tolerance):
    """Square roots, until they are near enough."""
    r = torch.ones_like(x)
    while (r * r - x).abs().max() > tolerance:
        r = (r + x / r) / 2
    return r


def counted(x, n):
    for i in range(n):
        x = torch.sin(x) + i
    return x


def branch(pred):
    """Both branches use x, only one y or z."""
    def f(x, y, z):
        if pred:
            return torch.sin(x) * y, x + y
        return torch.exp(-x) * z, x * 1

    return f


def gated(x, w, v):
    """A condition in a loop: rows with a positive sum go one way, others another."""
    c = torch.zeros_like(w)
    for t in range(len(x)):
        c = torch.tanh(c * w + x[t]) if x[t].sum() > 0 else c * v
    return c


def choose(index, count):
    def f(x, y):
        return [lambda: x + y, lambda: x * y, lambda: torch.sin(x), lambda: y * 2][min(max(index, 0), count - 1)]()

    return f


def scans(path):
    g = Golden("control", path, seed=31)
    for name, b, i, h, n, reverse in [("rnn", 3, 4, 5, 6, False), ("rnn_reverse", 2, 3, 4, 5, True), ("rnn_one_step", 2, 3, 4, 1, False),
                                      ("rnn_long", 1, 2, 3, 23, False), ("rnn_wide", 2, 17, 33, 3, True)]:
        g.case(name, "rnn", rnn(reverse), [normal(b, h), normal(n, b, i), normal(i, h, std=0.5), normal(h, h, std=0.5), normal(h)], reverse=reverse)
    for name, shape, n, reverse in [("sum", (3,), 4, False), ("sum_reverse", (2, 3), 5, True), ("sum_scalar", (), 7, False), ("sum_row", (1, 67), 3, False),
                                    ("sum_empty_slice", (0, 3), 2, False)]:
        g.case(name, "cumulative", cumulative(reverse), [normal(*shape), normal(n, *shape)], reverse=reverse)
    for name, shape, n, reverse in [("two", (3,), 5, False), ("two_reverse", (2, 2), 4, True), ("two_scalar", (), 3, False), ("two_one_step", (5,), 1, True)]:
        g.case(name, "two", two(reverse), [normal(*shape), normal(*shape), normal(n, *shape), normal(n, *shape), normal()], reverse=reverse)
    for name, shape, n in [("power", (3,), 4), ("power_one", (2, 3), 1), ("power_scalar", (), 9)]:
        g.case(name, "power", power(n), [normal(*shape), normal(*shape)], length=n)
    for name, shape, n in [("map", (3, 2), 5), ("map_scalar", (), 4)]:
        g.case(name, "map", map_, [normal(n, *shape), normal(*shape)])
    for name, shape, n in [("last", (4,), 3), ("last_one", (2, 3), 1)]:
        g.case(name, "last", last, [normal(*shape), normal(n, *shape)])
    for name, shape, n, m in [("nested", (3,), 3, 4), ("nested_one", (2, 2), 1, 3), ("nested_scalar", (), 4, 1)]:
        g.case(name, "nested", nested, [normal(*shape), normal(n, m, *shape), normal(*shape), normal()])
    return g


def whiles(path):
    g = Golden("control", path, seed=32)
    for name, shape in [("collatz", (5,)), ("collatz_scalar", ()), ("collatz_matrix", (2, 3)), ("collatz_one", (1,))]:
        g.case(name, "collatz", collatz, [integers(1, 30, *shape)])
    for name, shape, tolerance in [("newton", (5,), 1e-3), ("newton_far", (2, 3), 1e-9), ("newton_scalar", (), 1e-6), ("newton_at_once", (3,), 1e3),
                                   ("newton_wide", (67,), 1e-4)]:
        g.case(name, "newton", lambda x: newton(x, tolerance), [uniform(1, 9, *shape)], constant=(0,), tolerance=tolerance)
    for name, shape, n in [("counted", (3,), 5), ("counted_one", (2, 2), 1), ("counted_none", (4,), 0), ("counted_long", (), 50)]:
        g.case(name, "counted", lambda x: counted(x, n), [normal(*shape)], constant=(0,), length=n)
    return g


def conds(path):
    g = Golden("control", path, seed=33)
    for name, shape, pred in [("yes", (3,), True), ("no", (3,), False), ("yes_matrix", (2, 5), True), ("no_matrix", (2, 5), False), ("yes_scalar", (), True),
                              ("no_scalar", (), False), ("no_empty", (0, 2), False), ("yes_wide", (131,), True)]:
        x, y, z = normal(*shape), normal(*shape), normal(*shape)
        g.case(name, "branch", lambda x, y, z: tuple(a + 0 * (y + z) for a in branch(pred)(x, y, z)), [x, y, z], pred=pred)
    for name, shape, n in [("gated", (3,), 6), ("gated_one", (2,), 1), ("gated_matrix", (2, 3), 5), ("gated_scalar", (), 7)]:
        g.case(name, "gated", lambda x, w, v: gated(x, w, v) + 0 * (w + v + x.sum()), [normal(n, *shape), normal(*shape), normal(*shape)])
    for index in (-3, 0, 1, 2, 3, 9):
        g.case(f"switch_{index}", "switch", lambda x, y: choose(index, 4)(x, y) + 0 * (x + y), [normal(4), normal(4)], index=index, count=4)
    for index in (0, 1, 5):
        g.case(f"switch_of_two_{index}", "switch", lambda x, y: choose(index, 2)(x, y), [normal(2, 3), normal(2, 3)], index=index, count=2)
    return g


FILES = {
    "ops/optest/testdata/scan.safetensors": scans,
    "ops/optest/testdata/while.safetensors": whiles,
    "ops/optest/testdata/cond.safetensors": conds,
}
