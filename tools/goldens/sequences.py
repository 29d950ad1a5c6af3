"""One step of small networks for sequences, in float64. The networks stand here.

    param/KEY   parameters, by PyTorch's state-dict keys
    state/KEY   buffers
    in/0        tokens, or numbers;  in/1  classes; of a source and a target in/0, in/1 and in/2
    out/0       mean cross-entropy;  out/1  logits
    grad/KEY    gradient of the loss for each parameter

Parameters are drawn from N(0, 1/(width of the operand)), those of one axis from
N(0, 0.01); the vector of padding is 0. The case has the settings of ours.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from golden import Golden, normal


def shown(tokens, padding):
    return torch.ones_like(tokens, dtype=torch.bool) if padding is None else tokens != padding


class TextCNN(nn.Module):
    """Kim's, whose convolutions begin at tokens alone and see zeros behind the text."""

    def __init__(self, vocabulary, width, kernels, channels, dropout, classes, padding_idx=None):
        super().__init__()
        self.padding = padding_idx
        self.embedding = nn.Embedding(vocabulary, width, padding_idx)
        self.convs = nn.ModuleList(nn.Conv1d(width, channels, k) for k in kernels)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(len(kernels) * channels, classes)

    def forward(self, tokens):
        x, hidden = self.embedding(tokens).transpose(1, 2), ~shown(tokens, self.padding)[:, None]
        parts = []
        for conv in self.convs:
            y = F.relu(conv(F.pad(x, (0, conv.kernel_size[0] - 1))))
            parts.append(y.masked_fill(hidden, 0).max(2).values)
        return self.fc(self.dropout(torch.cat(parts, 1)))


class LSTMClassifier(nn.Module):
    """The last states, or the mean or maximum of all, of packed texts."""

    def __init__(self, vocabulary, width, cell, hidden, layers, bidirectional, pool, dropout, classes, padding_idx=None):
        super().__init__()
        self.padding, self.pool = padding_idx, pool
        self.embedding = nn.Embedding(vocabulary, width, padding_idx)
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
        self.rnn = kind(width, hidden, layers, batch_first=True, dropout=dropout, bidirectional=bidirectional)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear((1 + bidirectional) * hidden, classes)

    def forward(self, tokens):
        mask = shown(tokens, self.padding)
        packed = pack_padded_sequence(self.embedding(tokens), mask.sum(1), batch_first=True, enforce_sorted=False)
        y, h = self.rnn(packed)
        y = pad_packed_sequence(y, batch_first=True, total_length=tokens.shape[1])[0]
        if self.pool == "last":
            h = h[0] if isinstance(h, tuple) else h
            y = torch.cat(list(h[-2:] if self.rnn.bidirectional else h[-1:]), 1)
        elif self.pool == "mean":
            y = y.sum(1) / mask.sum(1, keepdim=True)
        else:
            y = y.masked_fill(~mask[:, :, None], -torch.inf).max(1).values
        return self.fc(self.dropout(y))


class Block(nn.Module):
    """TemporalBlock of locuslab/TCN, with the weight norm that PyTorch has now."""

    def __init__(self, c_in, c_out, kernel, dilation, dropout):
        super().__init__()
        self.before = (kernel - 1) * dilation
        self.conv1 = weight_norm(nn.Conv1d(c_in, c_out, kernel, dilation=dilation))
        self.conv2 = weight_norm(nn.Conv1d(c_out, c_out, kernel, dilation=dilation))
        self.dropout = nn.Dropout(dropout)
        self.downsample = nn.Conv1d(c_in, c_out, 1) if c_in != c_out else None

    def forward(self, x):
        y = x
        for conv in (self.conv1, self.conv2):
            y = self.dropout(F.relu(conv(F.pad(y, (self.before, 0)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class TCN(nn.Module):
    def __init__(self, channels, kernel, dropout, each, outputs, vocabulary=0, width=0, in_channels=0, padding_idx=None):
        super().__init__()
        self.padding, self.each = padding_idx, each
        self.embedding = nn.Embedding(vocabulary, width, padding_idx) if vocabulary else None
        widths = [width if vocabulary else in_channels, *channels]
        self.network = nn.Sequential(*(Block(a, b, kernel, 2**i, dropout) for i, (a, b) in enumerate(zip(widths, channels))))
        self.linear = nn.Linear(widths[-1], outputs)

    def forward(self, x):
        lengths = shown(x, self.padding).sum(1) if self.embedding else None
        y = self.network((self.embedding(x) if self.embedding else x).transpose(1, 2)).transpose(1, 2)
        return self.linear(y if self.each else y[torch.arange(len(y)), lengths - 1])


class Seq2Seq(nn.Module):
    """torch.nn.Transformer between embeddings with sinusoids and a linear layer."""

    def __init__(self, source_vocabulary, target_vocabulary, context, width, heads, hidden, encoder_layers, decoder_layers, dropout, padding_idx):
        super().__init__()
        self.padding = padding_idx
        self.source_embedding = nn.Embedding(source_vocabulary, width, padding_idx)
        self.target_embedding = nn.Embedding(target_vocabulary, width, padding_idx)
        self.transformer = nn.Transformer(width, heads, encoder_layers, decoder_layers, hidden, dropout, batch_first=True)
        self.generator = nn.Linear(width, target_vocabulary)
        angle = torch.arange(context)[:, None] / 10000 ** (torch.arange(0, width, 2).double() / width)
        self.position = nn.Module()
        self.position.register_buffer("pe", torch.stack([angle.sin(), angle.cos()], 2).flatten(1))

    def forward(self, source, target):
        x, y = (e(t) + self.position.pe[: t.shape[1]] for e, t in ((self.source_embedding, source), (self.target_embedding, target)))
        hidden = source == self.padding
        causal = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool).triu(1)
        return self.generator(self.transformer(x, y, tgt_mask=causal, src_key_padding_mask=hidden, memory_key_padding_mask=hidden))


class RNNSeq2Seq(nn.Module):
    """Luong's with global attention and without input feeding, equations 5 to 7."""

    def __init__(self, source_vocabulary, target_vocabulary, width, cell, hidden, layers, score, dropout, padding_idx):
        super().__init__()
        self.padding = padding_idx
        self.source_embedding = nn.Embedding(source_vocabulary, width, padding_idx)
        self.target_embedding = nn.Embedding(target_vocabulary, width, padding_idx)
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
        self.encoder = kind(width, hidden, layers, batch_first=True, dropout=dropout)
        self.decoder = kind(width, hidden, layers, batch_first=True, dropout=dropout)
        self.attention = nn.Linear(hidden, hidden, bias=False) if score == "general" else None
        self.combine = nn.Linear(2 * hidden, hidden, bias=False)
        self.generator = nn.Linear(hidden, target_vocabulary)

    def forward(self, source, target):
        mask = shown(source, self.padding)
        packed = pack_padded_sequence(self.source_embedding(source), mask.sum(1), batch_first=True, enforce_sorted=False)
        y, last = self.encoder(packed)
        s = pad_packed_sequence(y, batch_first=True, total_length=source.shape[1])[0]
        h, _ = self.decoder(self.target_embedding(target), last)
        scores = torch.einsum("btd,bsd->bts", h, self.attention(s) if self.attention else s)
        found = scores.masked_fill(~mask[:, None], -torch.inf).softmax(2) @ s
        return self.generator(self.combine(torch.cat([found, h], 2)).tanh())


def fill(net, gen):
    with torch.no_grad():
        for key, p in net.named_parameters():
            noise = torch.randn(p.shape, generator=gen, dtype=p.dtype)
            p.copy_(noise / p[0].numel() ** 0.5 if p.dim() > 1 else 0.1 * noise)
        for m in net.modules():
            if isinstance(m, nn.Embedding) and m.padding_idx is not None:
                m.weight[m.padding_idx] = 0


def texts(vocabulary, length, lengths=(), padding=None):
    """Tokens of texts with their lengths, filled up with padding behind."""

    def make(gen):
        tokens = torch.randint(0, vocabulary, (len(lengths), length), generator=gen)
        if padding is not None:
            tokens = torch.where(tokens == padding, (padding + 1) % vocabulary, tokens)
            for row, n in zip(tokens, lengths):
                row[n:] = padding
        return tokens

    return make


def step(seed, name, make, operand, places=(), **settings):
    """One step of make(settings) on what operand makes of a generator."""

    def build(path):
        g = Golden("sequences", path, seed)
        gen = g.generator(name)
        net = make(**settings).double().train()
        fill(net, gen)
        ins = [make_one(gen) for make_one in (operand if isinstance(operand, tuple) else (operand,))]
        logits = net(*ins)
        target = torch.randint(0, logits.shape[-1], (len(logits), *places), generator=gen)
        for key, p in net.named_parameters():
            g.put(f"param/{key}", p)
        loss = F.cross_entropy(logits.movedim(-1, 1), target)
        loss.backward()
        for key, b in net.named_buffers():
            g.put(f"state/{key}", b)
        for i, tensor in enumerate([*ins, target]):
            g.put(f"in/{i}", tensor)
        for key, tensor in (("out/0", loss), ("out/1", logits)):
            g.put(key, tensor)
        for key, p in net.named_parameters():
            g.put(f"grad/{key}", p.grad)
        g.add(name, **settings)
        return g

    return build


TEXTCNN = dict(vocabulary=13, width=6, kernels=[2, 3, 5], channels=4, dropout=0, classes=10)
LSTM = dict(vocabulary=13, width=6, cell="lstm", hidden=5, layers=2, bidirectional=True, pool="last", dropout=0, classes=10)
RNN = dict(source_vocabulary=11, target_vocabulary=13, width=6, layers=2, dropout=0)
TCN_ = dict(channels=[4, 5, 5], kernel=2, dropout=0)

FILES = {
    "model/textcnn/testdata/step.safetensors": step(
        130, "textcnn", TextCNN, texts(13, 7, [7] * 5), **TEXTCNN),
    "model/textcnn/testdata/padding_step.safetensors": step(
        131, "textcnn", TextCNN, texts(13, 7, [7, 3, 1, 0, 5], 2), **TEXTCNN, padding_idx=2),
    "model/lstmclassifier/testdata/last_step.safetensors": step(
        132, "lstm_classifier", LSTMClassifier, texts(13, 7, [7, 3, 1, 5], 2), **LSTM, padding_idx=2),
    "model/lstmclassifier/testdata/mean_step.safetensors": step(
        133, "lstm_classifier", LSTMClassifier, texts(13, 7, [7, 3, 1, 5], 0), **LSTM | dict(pool="mean", cell="gru"), padding_idx=0),
    "model/lstmclassifier/testdata/max_step.safetensors": step(
        134, "lstm_classifier", LSTMClassifier, texts(13, 7, [7, 3, 1, 5], 0), **LSTM | dict(pool="max", layers=1), padding_idx=0),
    "model/lstmclassifier/testdata/full_step.safetensors": step(
        135, "lstm_classifier", LSTMClassifier, texts(13, 7, [7] * 4), **LSTM | dict(bidirectional=False, cell="gru")),
    "model/tcn/testdata/step.safetensors": step(
        136, "tcn", TCN, texts(13, 11, [11, 3, 1, 7], 0), **TCN_, each=False, vocabulary=13, width=6, padding_idx=0, outputs=10),
    "model/tcn/testdata/each_step.safetensors": step(
        137, "tcn", TCN, texts(13, 11, [11] * 3), [11], **TCN_, each=True, vocabulary=13, width=6, outputs=13),
    "model/tcn/testdata/series_step.safetensors": step(
        138, "tcn", TCN, normal(3, 11, 5), [11], **TCN_, each=True, in_channels=5, outputs=4),
    "model/seq2seq/testdata/step.safetensors": step(
        139, "seq2seq", Seq2Seq, (texts(11, 7, [7, 3, 5], 0), texts(13, 6, [6, 4, 2], 0)), [6],
        source_vocabulary=11, target_vocabulary=13, context=9, width=8, heads=2, hidden=12, encoder_layers=1, decoder_layers=2,
        dropout=0, padding_idx=0),
    "model/rnnseq/testdata/general_step.safetensors": step(
        140, "rnn_seq2seq", RNNSeq2Seq, (texts(11, 7, [7, 3, 5], 0), texts(13, 6, [6, 4, 2], 0)), [6],
        **RNN, cell="gru", hidden=5, score="general", padding_idx=0),
    "model/rnnseq/testdata/dot_step.safetensors": step(
        141, "rnn_seq2seq", RNNSeq2Seq, (texts(11, 7, [7] * 3), texts(13, 6, [6] * 3)), [6],
        **RNN, cell="lstm", hidden=4, score="dot", padding_idx=None),
}
