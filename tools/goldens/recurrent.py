"""RNN, LSTM and GRU: one direction of one layer for the ops, layers and cells of
torch.nn, and a character model.

The ops take the products of the inputs with their weight: here an identity. The
files of layers and model hold

    CASE/param/KEY           parameters
    CASE/in/I, CASE/out/I    operands (x, first states, perhaps lengths) and results
    CASE/gout/I, CASE/gin/I  cotangents of the results, gradients of operands
    CASE/grad/KEY            gradients of the parameters

and the model the mean cross-entropy as its one result.
"""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from golden import Golden, indices, integers, normal, uniform
from net import fill

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


# name: (class, In, Hidden, layers, bidirectional, bias, B, T, lengths, first states)
LAYERS = {
    "rnn": (nn.RNN, 3, 4, 1, False, True, 2, 3, None, False),
    "rnn_relu_deep": (nn.RNN, 4, 3, 2, True, True, 3, 4, [4, 2, 3], True),
    "rnn_no_bias": (nn.RNN, 2, 5, 3, False, False, 2, 3, None, True),
    "lstm": (nn.LSTM, 5, 3, 1, False, True, 2, 4, None, False),
    "lstm_states": (nn.LSTM, 3, 4, 1, False, True, 3, 2, None, True),
    "lstm_deep": (nn.LSTM, 2, 3, 3, False, True, 2, 5, None, True),
    "lstm_bidirectional": (nn.LSTM, 4, 2, 1, True, True, 3, 4, None, True),
    "lstm_deep_bidirectional": (nn.LSTM, 3, 4, 2, True, True, 2, 3, None, False),
    "lstm_lengths": (nn.LSTM, 3, 2, 1, False, True, 4, 5, [2, 5, 1, 3], True),
    "lstm_deep_bidirectional_lengths": (nn.LSTM, 3, 5, 2, True, True, 3, 6, [3, 6, 4], True),
    "lstm_no_bias_lengths": (nn.LSTM, 1, 3, 2, True, False, 2, 3, [3, 2], False),
    "lstm_one": (nn.LSTM, 1, 1, 1, False, True, 1, 1, None, True),
    "gru": (nn.GRU, 5, 3, 1, False, True, 2, 4, None, False),
    "gru_states": (nn.GRU, 3, 4, 1, False, True, 3, 2, None, True),
    "gru_deep": (nn.GRU, 2, 3, 3, False, True, 2, 5, None, True),
    "gru_bidirectional": (nn.GRU, 4, 2, 1, True, True, 3, 4, None, True),
    "gru_deep_bidirectional": (nn.GRU, 3, 4, 2, True, True, 2, 3, None, False),
    "gru_lengths": (nn.GRU, 3, 2, 1, False, True, 4, 5, [2, 5, 1, 3], True),
    "gru_deep_bidirectional_lengths": (nn.GRU, 3, 5, 2, True, True, 3, 6, [3, 6, 4], True),
    "gru_no_bias_lengths": (nn.GRU, 1, 3, 2, True, False, 2, 3, [3, 2], False),
    "gru_one": (nn.GRU, 1, 1, 1, False, True, 1, 1, None, True),
}

# As LAYERS, with the projection's size at the end.
PROJECTED = {
    "lstm_projected": (3, 5, 1, False, True, 2, 4, None, False, 2),
    "lstm_projected_states": (3, 4, 1, False, True, 3, 3, None, True, 3),
    "lstm_projected_deep_bidirectional": (2, 4, 2, True, True, 2, 3, None, True, 3),
    "lstm_projected_deep_bidirectional_lengths": (3, 4, 2, True, True, 3, 5, [2, 5, 1], True, 2),
    "lstm_projected_no_bias_lengths": (3, 4, 2, True, False, 2, 4, [4, 2], False, 1),
}

# name: (class, In, Hidden, bias, B, first states)
CELLS = {
    "rnn_cell": (nn.RNNCell, 3, 4, True, 2, True),
    "rnn_cell_relu": (nn.RNNCell, 4, 3, True, 3, True),
    "rnn_cell_no_bias": (nn.RNNCell, 2, 3, False, 2, False),
    "lstm_cell": (nn.LSTMCell, 3, 4, True, 2, True),
    "lstm_cell_no_states": (nn.LSTMCell, 2, 5, True, 3, False),
    "lstm_cell_no_bias": (nn.LSTMCell, 4, 2, False, 3, True),
    "gru_cell": (nn.GRUCell, 3, 4, True, 2, True),
    "gru_cell_no_states": (nn.GRUCell, 2, 5, True, 3, False),
    "gru_cell_no_bias": (nn.GRUCell, 4, 2, False, 3, True),
}


def module(g, name, net, ins, run, **attrs):
    """ins: tensors, of which floating-point ones get a gradient."""
    gen = g.generator(name)
    net = net.double()
    fill(net, gen)
    for key, p in net.named_parameters():
        g.put(f"{name}/param/{key}", p)
    ins = [make(gen) for make in ins]
    for i, x in enumerate(ins):
        g.put(f"{name}/in/{i}", x)
        x.requires_grad_(x.is_floating_point())
    outs = run(net, *ins)
    cotangents = [torch.randn(y.shape, generator=gen, dtype=torch.float64) for y in outs]
    torch.autograd.backward(outs, cotangents)
    for i, (y, cotangent) in enumerate(zip(outs, cotangents)):
        g.put(f"{name}/out/{i}", y)
        g.put(f"{name}/gout/{i}", cotangent)
    for i, x in enumerate(ins):
        if x.grad is not None:
            g.put(f"{name}/gin/{i}", x.grad)
    for key, p in net.named_parameters():
        g.put(f"{name}/grad/{key}", p.grad)
    g.add(name, op=type(net).__name__, **attrs)


def flat(y, last):
    return [y, *last] if isinstance(last, tuple) else [y, last]


def build_layers(path):
    """in: x, then the first states if there are any, then lengths if there are any."""
    g = Golden("recurrent", path, seed=44)
    for name, (cls, wide, d, layers, both, bias, b, t, lengths, states) in LAYERS.items():
        extra = {"nonlinearity": "relu" if "relu" in name else "tanh"} if cls is nn.RNN else {}
        count = (2 if cls is nn.LSTM else 1) if states else 0
        ins = [normal(b, t, wide)] + [normal(layers * (1 + both), b, d)] * count + ([indices(lengths)] if lengths else [])

        def run(net, x, *more):
            first = None if not count else tuple(more[:2]) if count == 2 else more[0]
            if lengths:
                x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            y, last = net(x, first)
            if lengths:
                y, _ = pad_packed_sequence(y, batch_first=True, total_length=t)
            return flat(y, last)

        module(g, name, cls(wide, d, layers, bias=bias, batch_first=True, bidirectional=both, **extra), ins, run,
               In=wide, Hidden=d, Layers=layers, Bias=bias, Bidirectional=both, Dropout=0, States=count, Lengths=bool(lengths), **extra)
    for name, (wide, d, layers, both, bias, b, t, lengths, states, size) in PROJECTED.items():
        count, directions = 2 if states else 0, layers * (1 + both)
        ins = [normal(b, t, wide)] + ([normal(directions, b, size), normal(directions, b, d)] if states else [])
        ins += [indices(lengths)] if lengths else []

        def run(net, x, *more):
            if lengths:
                x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            y, last = net(x, tuple(more[:2]) if count else None)
            if lengths:
                y, _ = pad_packed_sequence(y, batch_first=True, total_length=t)
            return flat(y, last)

        module(g, name, nn.LSTM(wide, d, layers, bias=bias, batch_first=True, bidirectional=both, proj_size=size), ins, run,
               In=wide, Hidden=d, Layers=layers, Bias=bias, Bidirectional=both, Dropout=0, States=count, Lengths=bool(lengths),
               proj_size=size)
    for name, (cls, wide, d, bias, b, states) in CELLS.items():
        extra = {"nonlinearity": "relu" if "relu" in name else "tanh"} if cls is nn.RNNCell else {}
        count = (2 if cls is nn.LSTMCell else 1) if states else 0

        def run(net, x, *first):
            last = net(x, None if not first else tuple(first) if len(first) == 2 else first[0])
            return last if isinstance(last, tuple) else [last]

        module(g, name, cls(wide, d, bias, **extra), [normal(b, wide)] + [normal(b, d)] * count, run,
               In=wide, Hidden=d, Bias=bias, States=count, **extra)
    return g


class CharLSTM(nn.Module):
    def __init__(self, vocabulary, width, hidden, layers):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, hidden, layers, batch_first=True)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, x):
        return self.head(self.lstm(self.embedding(x))[0])


def build_model(path):
    """in: tokens and targets [B T]; out: the mean cross-entropy, then logits [B T Vocabulary]."""
    g = Golden("recurrent", path, seed=45)

    def run(net, x, targets):
        logits = net(x)
        return [F.cross_entropy(logits.flatten(0, 1), targets.flatten()), logits]

    module(g, "charlstm", CharLSTM(11, 6, 5, 2), [integers(0, 11, 3, 7), integers(0, 11, 3, 7)], run,
           vocabulary=11, width=6, hidden=5, layers=2, dropout=0)
    return g


FILES = {
    "ops/optest/testdata/rnn.safetensors": lambda path: build("rnn", path, 41),
    "ops/optest/testdata/lstm.safetensors": lambda path: build("lstm", path, 42),
    "ops/optest/testdata/gru.safetensors": lambda path: build("gru", path, 43),
    "nn/testdata/recurrent.safetensors": build_layers,
    "model/charlstm/testdata/step.safetensors": build_model,
}
