"""One direction of one layer of RNN, LSTM and GRU over a sequence, from torch.

The ops take the products of the inputs with their weight: here an identity.
"""

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from golden import Golden, indices, normal, uniform

FUNCTIONS = {"rnn_tanh": torch.rnn_tanh, "rnn_relu": torch.rnn_relu, "lstm": torch.lstm, "gru": torch.gru}
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}

# name: (B, T, D, reverse, lengths)
CASES = {
    "plain": (2, 3, 4, False, None),
    "reverse": (3, 4, 2, True, None),
    "lengths": (3, 4, 3, False, [4, 1, 2]),
    "lengths_reverse": (4, 5, 3, True, [2, 5, 1, 3]),
    "one_sample": (1, 5, 3, False, None),
    "one_sample_reverse": (1, 4, 5, True, None),
    "one_step": (3, 1, 2, False, None),
    "one_step_reverse": (2, 1, 3, True, None),
    "one_unit": (2, 4, 1, False, None),
    "one_of_all": (1, 1, 1, False, None),
    "full_lengths": (2, 3, 2, False, [3, 3]),
    "full_lengths_reverse": (2, 3, 2, True, [3, 3]),
    "one_sample_short": (1, 3, 2, True, [2]),
    "long": (2, 23, 3, False, None),
    "wide": (3, 2, 19, False, None),
    "wide_lengths_reverse": (5, 3, 17, True, [3, 1, 2, 3, 2]),
}


def run(kind, x, weight, bias, states, lengths, reverse):
    """y, then the last states."""
    wide, d = x.shape[2], weight.shape[1]
    zeros = torch.zeros(wide, dtype=x.dtype)
    if kind == "gru":
        bias, other = bias[: 3 * d], torch.cat([zeros[: 2 * d], bias[3 * d :]])
    else:
        other = zeros
    weights = [torch.eye(wide, dtype=x.dtype), weight, bias, other]
    states = [h[None] for h in states]
    if reverse:  # the second of two directions
        weights = [torch.zeros_like(w) for w in weights] + weights
        states = [torch.cat([torch.zeros_like(h), h]) for h in states]
    data, sizes = x, ()
    if lengths is not None:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        data, sizes = packed.data, (packed.batch_sizes,)
        states = [h[:, packed.sorted_indices] for h in states]
    hx = states if kind == "lstm" else states[0]
    rest = (True, 1, 0.0, True, reverse) + (() if sizes else (True,))
    y, *last = FUNCTIONS[kind](data, *sizes, hx, weights, *rest)
    if lengths is not None:
        y, _ = pad_packed_sequence(packed._replace(data=y), batch_first=True, total_length=x.shape[1])
        last = [h[:, packed.unsorted_indices] for h in last]
    return (y[..., -d:], *(h[-1] for h in last))


def build(kind, path, seed):
    """Inputs x, weight, bias, h0, (LSTM) c0 and perhaps lengths; outputs y, h, (LSTM) c."""
    g = Golden("recurrent", path, seed=seed)
    count = 2 if kind == "lstm" else 1
    for variant in ("rnn_tanh", "rnn_relu") if kind == "rnn" else (kind,):
        for name, (b, t, d, reverse, lengths) in CASES.items():
            wide = GATES[variant] * d

            def recurrent(x, weight, bias, *more):
                return run(variant, x, weight, bias, more[:count], more[count] if lengths else None, reverse)

            inputs = [normal(b, t, wide), uniform(-0.8, 0.8, wide, d), normal(wide + d if kind == "gru" else wide)]
            inputs += [normal(b, d)] * count + ([indices(lengths)] if lengths else [])
            g.case(f"{variant}_{name}" if kind == "rnn" else name, kind, recurrent, inputs, relu=variant == "rnn_relu", reverse=reverse)
    return g


FILES = {
    "ops/optest/testdata/rnn.safetensors": lambda path: build("rnn", path, 41),
    "ops/optest/testdata/lstm.safetensors": lambda path: build("lstm", path, 42),
    "ops/optest/testdata/gru.safetensors": lambda path: build("gru", path, 43),
}
