"""Loops: scans, written out as the loops that they are."""

import torch

from golden import Golden, normal


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


FILES = {"ops/optest/testdata/scan.safetensors": scans}
