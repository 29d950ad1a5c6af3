"""A small BERT in float64, by the formulas and with the keys of BertModel and BertForMaskedLM of
Hugging Face Transformers. Sequences have token types and lengths.

masked_lm.safetensors, one step of a model with the head that guesses tokens:

    param/KEY   parameters
    in/0..3     tokens, tokens to be guessed and token types, all [B T]; lengths [B]
    out/0       mean cross-entropy of all places;  out/1  logits [B T V]
    grad/KEY    gradient of the loss for each parameter

pooled.safetensors, the model with its pooler:

    param/KEY   parameters
    in/0..2     tokens, token types, lengths
    out/0       states [B T D];  out/1  the state of each sequence [B D]
"""

import torch
import torch.nn.functional as F
from torch import nn

from golden import Golden
from net import fill

WIDTH, HEADS, HIDDEN, CONTEXT, TYPES, VOCABULARY, LAYERS = 8, 2, 12, 7, 2, 11, 2


class Embeddings(nn.Module):
    def __init__(self):
        super().__init__()
        self.word_embeddings = nn.Embedding(VOCABULARY, WIDTH, padding_idx=0)
        self.position_embeddings = nn.Embedding(CONTEXT, WIDTH)
        self.token_type_embeddings = nn.Embedding(TYPES, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, tokens, types):
        places = self.position_embeddings(torch.arange(tokens.shape[1]))
        return self.LayerNorm(self.word_embeddings(tokens) + self.token_type_embeddings(types) + places)


class Output(nn.Module):
    def __init__(self, c_in):
        super().__init__()
        self.dense = nn.Linear(c_in, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, y, x):
        return self.LayerNorm(self.dense(y) + x)


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, mask):
        q, k, v = (m(x).unflatten(2, (HEADS, -1)).transpose(1, 2) for m in (self.query, self.key, self.value))
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.ModuleDict({"self": SelfAttention(), "output": Output(WIDTH)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(WIDTH, HIDDEN)})
        self.output = Output(HIDDEN)

    def forward(self, x, mask):
        x = self.attention["output"](self.attention["self"](x, mask), x)
        return self.output(F.gelu(self.intermediate["dense"](x)), x)


class Bert(nn.Module):
    def __init__(self, pooler):
        super().__init__()
        self.embeddings = Embeddings()
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer() for _ in range(LAYERS))})
        if pooler:
            self.pooler = nn.ModuleDict({"dense": nn.Linear(WIDTH, WIDTH)})

    def forward(self, tokens, types, lengths):
        mask = (torch.arange(tokens.shape[1]) < lengths[:, None])[:, None, None, :]
        x = self.embeddings(tokens, types)
        for layer in self.encoder["layer"]:
            x = layer(x, mask)
        return x

    def pool(self, x):
        return torch.tanh(self.pooler["dense"](x[:, 0]))


class Transform(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(WIDTH, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x):
        return self.LayerNorm(F.gelu(self.dense(x)))


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.empty(VOCABULARY))
        self.transform = Transform()


class MaskedLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.bert = Bert(pooler=False)
        self.cls = nn.ModuleDict({"predictions": Head()})

    def forward(self, tokens, types, lengths):
        head = self.cls["predictions"]
        x = head.transform(self.bert(tokens, types, lengths))
        return F.linear(x, self.bert.embeddings.word_embeddings.weight, head.bias)


def batch(gen):
    tokens = torch.randint(0, VOCABULARY, [3, 6], generator=gen)
    types = torch.randint(0, TYPES, [3, 6], generator=gen)
    return tokens, types, torch.tensor([6, 4, 1])


def masked_lm(path):
    g = Golden("bert", path, seed=68)
    gen = g.generator("masked_lm")
    net = MaskedLM().double()
    fill(net, gen)
    tokens, types, lengths = batch(gen)
    target = torch.randint(0, VOCABULARY, tokens.shape, generator=gen)
    logits = net(tokens, types, lengths)
    loss = F.cross_entropy(logits.flatten(0, 1), target.flatten())
    loss.backward()
    for name, tensor in (("in/0", tokens), ("in/1", target), ("in/2", types), ("in/3", lengths), ("out/0", loss), ("out/1", logits)):
        g.put(name, tensor)
    for key, p in net.named_parameters():
        g.put(f"param/{key}", p)
        g.put(f"grad/{key}", p.grad)
    g.add("masked_lm", op="masked_lm")
    return g


def pooled(path):
    g = Golden("bert", path, seed=69)
    gen = g.generator("pooled")
    net = Bert(pooler=True).double()
    fill(net, gen)
    inputs = batch(gen)
    states = net(*inputs)
    for i, tensor in enumerate(inputs):
        g.put(f"in/{i}", tensor)
    g.put("out/0", states)
    g.put("out/1", net.pool(states))
    for key, p in net.named_parameters():
        g.put(f"param/{key}", p)
    g.add("pooled", op="pooled")
    return g


FILES = {
    "model/bert/testdata/masked_lm.safetensors": masked_lm,
    "model/bert/testdata/pooled.safetensors": pooled,
}
