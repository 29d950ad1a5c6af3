"""One step of a small GPT-2, in float64, by the formulas of GPT2LMHeadModel and with its keys
and layouts: projections are stored [in out].

    param/KEY   parameters
    in/0, in/1  tokens [B T] and the tokens that follow them
    out/0       mean cross-entropy;  out/1  logits [B T V]
    grad/KEY    gradient of the loss for each parameter
"""

import torch
import torch.nn.functional as F
from torch import nn

from golden import Golden
from net import fill

WIDTH, HEADS, HIDDEN, CONTEXT, VOCABULARY, LAYERS = 8, 2, 12, 7, 11, 2


class Conv1D(nn.Module):
    def __init__(self, c_in, c_out, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(c_in, c_out))
        self.bias = nn.Parameter(torch.empty(c_out)) if bias else None

    def forward(self, x):
        y = x @ self.weight
        return y if self.bias is None else y + self.bias


class Attention(nn.Module):
    def __init__(self, bias):
        super().__init__()
        self.c_attn = Conv1D(WIDTH, 3 * WIDTH, bias)
        self.c_proj = Conv1D(WIDTH, WIDTH, bias)

    def forward(self, x):
        q, k, v = (y.unflatten(2, (HEADS, -1)).transpose(1, 2) for y in self.c_attn(x).split(WIDTH, 2))
        return self.c_proj(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, bias):
        super().__init__()
        self.c_fc = Conv1D(WIDTH, HIDDEN, bias)
        self.c_proj = Conv1D(HIDDEN, WIDTH, bias)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, bias):
        super().__init__()
        self.ln_1 = nn.LayerNorm(WIDTH, bias=bias)
        self.attn = Attention(bias)
        self.ln_2 = nn.LayerNorm(WIDTH, bias=bias)
        self.mlp = MLP(bias)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, bias):
        super().__init__()
        self.wte = nn.Embedding(VOCABULARY, WIDTH)
        self.wpe = nn.Embedding(CONTEXT, WIDTH)
        self.h = nn.ModuleList(Block(bias) for _ in range(LAYERS))
        self.ln_f = nn.LayerNorm(WIDTH, bias=bias)

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for block in self.h:
            x = block(x)
        return self.ln_f(x)


class GPT(nn.Module):
    def __init__(self, tied, bias, head_bias):
        super().__init__()
        self.transformer = Transformer(bias)
        self.lm_head = nn.Linear(WIDTH, VOCABULARY, bias=head_bias)
        if tied:
            self.lm_head.weight = self.transformer.wte.weight

    def forward(self, tokens):
        return self.lm_head(self.transformer(tokens))


def build(tied, bias, head_bias, seed):
    def step(path):
        g = Golden("gpt", path, seed)
        gen = g.generator("gpt")
        net = GPT(tied, bias, head_bias).double()
        fill(net, gen)
        tokens = torch.randint(0, VOCABULARY, [2, 6], generator=gen)
        for key, p in net.named_parameters():
            g.put(f"param/{key}", p)
        logits = net(tokens[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        for name, tensor in (("in/0", tokens[:, :-1]), ("in/1", tokens[:, 1:]), ("out/0", loss), ("out/1", logits)):
            g.put(name, tensor)
        for key, p in net.named_parameters():
            g.put(f"grad/{key}", p.grad)
        g.add("gpt", op="gpt")
        return g

    return step


FILES = {
    "model/gpt/testdata/tied.safetensors": build(True, True, False, seed=62),
    "model/gpt/testdata/untied.safetensors": build(False, False, True, seed=63),
}
