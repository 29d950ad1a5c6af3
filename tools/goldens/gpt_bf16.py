"""200 steps of AdamW on a small GPT-2, in float32 and under torch.autocast in bfloat16, from the
same weights on the same tokens.

    param/KEY      initial parameters, numbers that bfloat16 holds, stored as such
    tokens         [STEPS B T+1]: what each step reads, and one token further on what it predicts
    loss/f32       the loss of each step in float32
    loss/bf16      and under autocast
"""

import torch
import torch.nn.functional as F
from torch import nn

from golden import Golden

LAYERS, WIDTH, HEADS, CONTEXT, VOCABULARY = 2, 64, 4, 32, 128
STEPS, BATCH, RATE = 200, 8, 1e-3


class Conv1D(nn.Module):
    """As in Transformers: one op for product and bias."""

    def __init__(self, c_in, c_out):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(c_in, c_out))
        self.bias = nn.Parameter(torch.empty(c_out))

    def forward(self, x):
        return torch.addmm(self.bias, x.flatten(0, 1), self.weight).unflatten(0, x.shape[:2])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_attn = Conv1D(WIDTH, 3 * WIDTH)
        self.c_proj = Conv1D(WIDTH, WIDTH)

    def forward(self, x):
        q, k, v = (y.unflatten(2, (HEADS, -1)).transpose(1, 2) for y in self.c_attn(x).split(WIDTH, 2))
        return self.c_proj(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_fc = Conv1D(WIDTH, 4 * WIDTH)
        self.c_proj = Conv1D(4 * WIDTH, WIDTH)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1 = nn.LayerNorm(WIDTH)
        self.attn = Attention()
        self.ln_2 = nn.LayerNorm(WIDTH)
        self.mlp = MLP()

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(VOCABULARY, WIDTH)
        self.wpe = nn.Embedding(CONTEXT, WIDTH)
        self.h = nn.ModuleList(Block() for _ in range(LAYERS))
        self.ln_f = nn.LayerNorm(WIDTH)

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for block in self.h:
            x = block(x)
        return self.ln_f(x)


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.transformer = Transformer()
        self.lm_head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, tokens):
        return self.lm_head(self.transformer(tokens))


def initial(key, shape, gen):
    if "ln_" in key:
        return torch.ones(shape) if key.endswith("weight") else torch.zeros(shape)
    if key.endswith("bias"):
        return torch.zeros(shape)
    std = 0.02 / (2 * LAYERS) ** 0.5 if "c_proj" in key else 0.02
    return (std * torch.randn(shape, generator=gen)).bfloat16().float()


def language(gen):
    """Each token is followed by one of four."""
    follow = torch.randint(0, VOCABULARY, [VOCABULARY, 4], generator=gen)
    tokens = torch.randint(0, VOCABULARY, [STEPS, BATCH, CONTEXT + 1], generator=gen)
    for t in range(CONTEXT):
        which = torch.randint(0, 4, [STEPS, BATCH], generator=gen)
        tokens[:, :, t + 1] = follow[tokens[:, :, t], which]
    return tokens


def train(weights, tokens, mixed):
    net = GPT()
    with torch.no_grad():
        for key, p in net.named_parameters():
            p.copy_(weights[key])
    opt = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.01)
    losses = []
    for batch in tokens:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
            logits = net(batch[:, :-1])
            loss = F.cross_entropy(logits.flatten(0, 1).float(), batch[:, 1:].flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def build(path):
    g = Golden("gpt_bf16", path, seed=64)
    gen = g.generator("gpt_bf16")
    weights = {key: initial(key, p.shape, gen) for key, p in GPT().named_parameters()}
    tokens = language(gen)
    for key, w in weights.items():
        g.put(f"param/{key}", w.bfloat16())
    g.put("tokens", tokens.to(torch.uint8))
    g.put("loss/f32", train(weights, tokens, False))
    g.put("loss/bf16", train(weights, tokens, True))
    g.add("gpt_bf16", op="gpt", rate=RATE)
    return g


FILES = {"model/gpt/testdata/bf16.safetensors": build}
