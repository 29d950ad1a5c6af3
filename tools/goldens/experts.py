"""Mixtures of experts: Mixtral of Hugging Face Transformers, and the same layer token by token with a
capacity, all in float64.

    CASE/param/KEY             parameters
    CASE/in/0, CASE/in/1       tokens; a mask, bool, if there is one
    CASE/out/0, CASE/gout/0    result and a cotangent
    CASE/out/1                 what is added to the loss, whose gradient counts once
    CASE/gin/0, CASE/grad/KEY  gradients of the tokens and the parameters
"""

import math
from unittest.mock import patch

import torch
import torch.nn.functional as F
from transformers import MixtralConfig, logging
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock, load_balancing_loss_func
from transformers.models.switch_transformers.modeling_switch_transformers import router_z_loss_func

from golden import Golden, normal
from net import fill

logging.set_verbosity_error()


def put(g, name, net, x, mask, run, **attrs):
    gen = g.generator(name)
    net = net.double()
    fill(net, gen)
    x = x(gen).requires_grad_()
    with patch.object(torch.Tensor, "float", lambda self: self):  # Transformers rounds to float32
        y, added = run(net, x, mask)
    cotangent = torch.randn(y.shape, generator=gen, dtype=torch.float64)
    torch.autograd.backward([y, added], [cotangent, torch.ones((), dtype=torch.float64)])
    for key, v in (("in/0", x), ("out/0", y), ("out/1", added), ("gout/0", cotangent), ("gin/0", x.grad)):
        g.put(f"{name}/{key}", v)
    if mask is not None:
        g.put(f"{name}/in/1", mask)
    for key, p in net.named_parameters():
        g.put(f"{name}/param/{key}", p)
        g.put(f"{name}/grad/{key}", p.grad)
    g.add(name, **attrs)


class Experts(torch.nn.Module):
    """The formula of the layer in Go, a token at a time."""

    def __init__(self, width, hidden, experts):
        super().__init__()
        self.gate = torch.nn.Linear(width, experts, bias=False)
        self.experts = torch.nn.Module()
        self.experts.up_proj = torch.nn.Parameter(torch.empty(experts, hidden, width))
        self.experts.down_proj = torch.nn.Parameter(torch.empty(experts, width, hidden))

    def forward(self, x, k, capacity, renormalize, f):
        rows = x.reshape(-1, x.shape[-1])
        p = self.gate(rows).softmax(-1)
        w, e = p.topk(k)
        if renormalize:
            w = w / w.sum(-1, keepdim=True)
        room = [math.ceil(capacity * k * len(rows) / p.shape[1])] * p.shape[1]
        y = [torch.zeros_like(row) for row in rows]
        for j in range(k):
            for n, row in enumerate(rows):
                if room[e[n, j]] > 0:
                    room[e[n, j]] -= 1
                    y[n] = y[n] + w[n, j] * (self.experts.down_proj[e[n, j]] @ f(self.experts.up_proj[e[n, j]] @ row))
        return torch.stack(y).reshape(x.shape)


def build(path):
    g = Golden("experts", path, seed=74)

    def mixtral(name, b=2, t=7, width=6, hidden=5, experts=4, k=2, balance=0.01, z=0.0, masked=False, act="silu"):
        config = MixtralConfig(hidden_size=width, intermediate_size=hidden, num_local_experts=experts, num_experts_per_tok=k,
                               hidden_act=act)
        mask = None
        if masked:
            mask = torch.ones(b, t).bool()
            mask[0, t - 2:] = False

        def run(net, x, mask):
            logits = net.gate(x)[0]
            some = (torch.ones(b * t) if mask is None else mask.flatten()).double()
            p = logits.softmax(-1)
            chosen = F.one_hot(p.topk(k).indices, experts).sum(1)
            even = experts * (some @ chosen.double() / some.sum() * (some @ p / some.sum())).sum()
            theirs = load_balancing_loss_func((logits,), experts, k, mask)  # counts in float32
            torch.testing.assert_close(even.float(), theirs.float(), rtol=1e-6, atol=0, check_dtype=False)
            return net(x), balance * even + z * router_z_loss_func(logits.reshape(b, t, experts))

        put(g, name, MixtralSparseMoeBlock(config), normal(b, t, width), mask, run, width=width, hidden=hidden, experts=experts,
            top_k=k, gated=True, activation=act, renormalize=True, balance_loss=balance, z_loss=z)

    mixtral("mixtral")
    mixtral("mixtral_z", z=0.001, act="gelu")
    mixtral("mixtral_masked", masked=True, k=3, experts=5)
    mixtral("mixtral_one", k=1, b=1, t=1)
    mixtral("mixtral_all", k=3, experts=3, balance=0.0)
    mixtral("mixtral_many", b=3, t=20, experts=7)
    mixtral("mixtral_one_expert", k=1, experts=1, balance=0.5)

    def bounded(name, capacity, k=1, b=2, t=9, width=4, hidden=3, experts=3, renormalize=False, act="relu"):
        def run(net, x, _):
            return net(x, k, capacity, renormalize, getattr(F, act)), 0.0 * x.sum()

        put(g, name, Experts(width, hidden, experts), normal(b, t, width), None, run, width=width, hidden=hidden, experts=experts,
            top_k=k, gated=False, activation=act, renormalize=renormalize, capacity_factor=capacity)

    bounded("capacity", 1.0)
    bounded("capacity_more", 1.25, k=2, renormalize=True, act="gelu")
    bounded("capacity_little", 0.3, k=2, act="silu")
    bounded("capacity_enough", 9.0, k=2)
    return g


FILES = {"nn/testdata/experts.safetensors": build}
