"""The workloads of package bench in PyTorch.

A workload is made by make(name): a model, its input, and what trains it. They
are the nets that `gradus bench` builds, of the same shapes, on random data.
"""
import re
from dataclasses import dataclass
from typing import Callable, Optional

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Net:
    model: nn.Module
    x: torch.Tensor
    labels: Optional[torch.Tensor] = None  # None: inference
    optimizer: Optional[Callable] = None


class Block(nn.Module):
    """ResNet's basic block: two 3x3 convolutions."""

    def __init__(s, i, o, stride):
        super().__init__()
        s.c1, s.b1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        s.c2, s.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        s.short = shortcut(i, o, stride)

    def forward(s, x):
        h = F.relu(s.b1(s.c1(x)))
        return F.relu(s.b2(s.c2(h)) + s.short(x))


class Bottleneck(nn.Module):
    """ResNet's bottleneck: 1x1, 3x3 with the stride, 1x1 to four times the width."""

    def __init__(s, i, width, stride):
        super().__init__()
        o = 4 * width
        s.c1, s.b1 = nn.Conv2d(i, width, 1, bias=False), nn.BatchNorm2d(width)
        s.c2, s.b2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        s.c3, s.b3 = nn.Conv2d(width, o, 1, bias=False), nn.BatchNorm2d(o)
        s.short = shortcut(i, o, stride)

    def forward(s, x):
        h = F.relu(s.b1(s.c1(x)))
        h = F.relu(s.b2(s.c2(h)))
        return F.relu(s.b3(s.c3(h)) + s.short(x))


def shortcut(i, o, stride):
    if stride == 1 and i == o:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))


def resnet20():
    layers, i = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for width in (16, 32, 64):
        for k in range(3):
            layers.append(Block(i, width, 2 if k == 0 and width > 16 else 1))
            i = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def resnet50():
    layers, i = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for width, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for k in range(count):
            layers.append(Bottleneck(i, width, 2 if k == 0 and width > 64 else 1))
            i = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


class Inverted(nn.Module):
    """MobileNet-V2's block: 1x1 to a larger width, depthwise 3x3, 1x1 back."""

    def __init__(s, i, o, stride, factor):
        super().__init__()
        w = i * factor
        s.net = nn.Sequential(*([] if factor == 1 else norm6(i, w, 1, 1)), *norm6(w, w, 3, stride, groups=w),
                              nn.Conv2d(w, o, 1, bias=False), nn.BatchNorm2d(o))
        s.same = stride == 1 and i == o

    def forward(s, x):
        return x + s.net(x) if s.same else s.net(x)


def norm6(i, o, kernel, stride, groups=1):
    return [nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(o), nn.ReLU6()]


def mobilenet():
    """MobileNet-V2 of width 1, without dropout."""
    layers, i = norm6(3, 32, 3, 2), 32
    for factor, o, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for k in range(count):
            layers.append(Inverted(i, o, stride if k == 0 else 1, factor))
            i = o
    return nn.Sequential(*layers, *norm6(i, 1280, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000))


class Characters(nn.Module):
    """A character model: vectors of 128, two recurrent layers of 256, vocabulary 128."""

    def __init__(s, recurrent):
        super().__init__()
        s.e, s.l, s.h = nn.Embedding(128, 128), recurrent(128, 256, 2, batch_first=True), nn.Linear(256, 128)

    def forward(s, i):
        return s.h(s.l(s.e(i))[0]).flatten(0, 1)


class Decoder(nn.Module):
    """A pre-norm layer of GPT-2."""

    def __init__(s, d, heads):
        super().__init__()
        s.heads, s.l1, s.l2 = heads, nn.LayerNorm(d), nn.LayerNorm(d)
        s.qkv, s.o, s.f1, s.f2 = nn.Linear(d, 3 * d), nn.Linear(d, d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(s, x):
        b, t, d = x.shape
        q, k, v = s.qkv(s.l1(x)).view(b, t, 3, s.heads, d // s.heads).permute(2, 0, 3, 1, 4)
        x = x + s.o(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, d))
        return x + s.f2(F.gelu(s.f1(s.l2(x)), approximate="tanh"))


class GPT(nn.Module):
    """GPT-2's shape with learned positions and a head of its own."""

    def __init__(s, layers, d, heads, context, vocabulary):
        super().__init__()
        s.t, s.p = nn.Embedding(vocabulary, d), nn.Embedding(context, d)
        s.b, s.ln, s.h = nn.ModuleList(Decoder(d, heads) for _ in range(layers)), nn.LayerNorm(d), nn.Linear(d, vocabulary, bias=False)

    def forward(s, i):
        x = s.t(i) + s.p.weight
        for b in s.b:
            x = b(x)
        return s.h(s.ln(x)).flatten(0, 1)


class Encoder(nn.Module):
    """A post-norm layer of BERT."""

    def __init__(s, d, heads, hidden):
        super().__init__()
        s.heads, s.l1, s.l2 = heads, nn.LayerNorm(d, eps=1e-12), nn.LayerNorm(d, eps=1e-12)
        s.q, s.k, s.v, s.o = (nn.Linear(d, d) for _ in range(4))
        s.f1, s.f2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(s, x):
        b, t, d = x.shape
        q, k, v = (f(x).view(b, t, s.heads, d // s.heads).transpose(1, 2) for f in (s.q, s.k, s.v))
        x = s.l1(x + s.o(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d)))
        return s.l2(x + s.f2(F.gelu(s.f1(x))))


class BERT(nn.Module):
    """BERT-base without dropout: what it makes of tokens, [B T D]."""

    def __init__(s, layers=12, d=768, heads=12, hidden=3072, vocabulary=30522, positions=512):
        super().__init__()
        s.words, s.positions, s.types, s.ln = nn.Embedding(vocabulary, d), nn.Embedding(positions, d), nn.Embedding(2, d), nn.LayerNorm(d, eps=1e-12)
        s.layers = nn.ModuleList(Encoder(d, heads, hidden) for _ in range(layers))
        for table in (s.words, s.positions, s.types):
            nn.init.normal_(table.weight, std=0.02)

    def forward(s, i):
        x = s.ln(s.words(i) + s.positions.weight[: i.shape[1]] + s.types.weight[0])
        for layer in s.layers:
            x = layer(x)
        return x


class MaskedLM(nn.Module):
    """BERT-base with its masked-language head, tied to the embedding."""

    def __init__(s):
        super().__init__()
        s.bert = BERT()
        vocabulary, d = s.bert.words.weight.shape
        s.transform, s.ln, s.h = nn.Linear(d, d), nn.LayerNorm(d, eps=1e-12), nn.Linear(d, vocabulary)
        s.h.weight = s.bert.words.weight

    def forward(s, i):
        return s.h(s.ln(F.gelu(s.transform(s.bert(i))))).flatten(0, 1)


def mlp():
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn():
    return nn.Sequential(nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(1024, 512), nn.ReLU(), nn.Linear(512, 10))


def whole(n, *dims):
    return torch.randint(0, n, dims)


def uniform(*dims):
    return torch.rand(dims) * 2 - 1


def sgd(lr, **kw):
    return lambda params: torch.optim.SGD(params, lr=lr, fused=True, **kw)


def adam(params):
    return torch.optim.Adam(params, lr=1e-3, fused=True)


def adamw(lr, betas, decay):
    return lambda params: torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=decay, fused=True)


pretraining = adamw(3e-4, (0.9, 0.95), 0.1)
momentum = sgd(0.1, momentum=0.9, weight_decay=1e-4)

NETS = {
    "mlp": lambda: Net(mlp(), uniform(64, 784), whole(10, 64), sgd(0.01)),
    "cnn": lambda: Net(cnn(), uniform(64, 1, 28, 28), whole(10, 64), sgd(0.01)),
    "resnet20": lambda: Net(resnet20(), torch.randn(32, 3, 32, 32), whole(10, 32), momentum),
    "lstm": lambda: Net(Characters(nn.LSTM), whole(128, 32, 64), whole(128, 32 * 64), adam),
    "gpt": lambda: Net(GPT(4, 256, 4, 128, 256), whole(256, 8, 128), whole(256, 8 * 128), pretraining),
    "resnet50": lambda: Net(resnet50(), torch.randn(8, 3, 224, 224), whole(1000, 8), momentum),
    "mobilenet": lambda: Net(mobilenet(), torch.randn(16, 3, 96, 96), whole(1000, 16), momentum),
    "bert": lambda: Net(MaskedLM(), whole(30522, 4, 128), whole(30522, 4 * 128), adamw(5e-5, (0.9, 0.999), 0.01)),
    "gpt512": lambda: Net(GPT(8, 512, 8, 256, 256), whole(256, 4, 256), whole(256, 4 * 256), pretraining),
    "gru": lambda: Net(Characters(nn.GRU), whole(128, 32, 64), whole(128, 32 * 64), adam),
    "wide": lambda: Net(nn.Sequential(nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 4096)), uniform(256, 4096), whole(4096, 256), adam),
    "resnet50-infer": lambda: Net(resnet50().eval(), torch.randn(1, 3, 224, 224)),
    "bert-infer": lambda: Net(BERT().eval(), whole(30522, 1, 128)),
    "mlp-infer": lambda: Net(mlp().eval(), uniform(1, 784)),
}


def make(name):
    torch.manual_seed(0)
    return NETS[name]()


def matmul(name):
    """The operands of a product: matmul[-SIZE or -ROWSxINNERxCOLS][-nn, -nt, -tn or -tt]."""
    m = re.fullmatch(r"matmul(?:-(\d+)(?:x(\d+)x(\d+))?)?(?:-([nt])([nt]))?", name)
    rows = int(m[1] or 1024)
    inner, cols = int(m[2] or rows), int(m[3] or rows)
    torch.manual_seed(0)
    a = torch.randn(inner, rows).T if m[4] == "t" else torch.randn(rows, inner)
    b = torch.randn(cols, inner).T if m[5] == "t" else torch.randn(inner, cols)
    return a, b
