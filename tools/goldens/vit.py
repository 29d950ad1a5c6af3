"""One step of a small vision transformer, in float64, of torch.nn's modules in the order and
with the keys of torchvision's VisionTransformer.

    param/KEY   parameters
    in/0, in/1  images and class indices
    out/0       mean cross-entropy;  out/1  logits
    grad/KEY    gradient of the loss for each parameter
"""

from collections import OrderedDict
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from golden import Golden
from net import fill

WIDTH, HEADS, HIDDEN, SIZE, PATCH, LAYERS, CLASSES = 8, 2, 12, 6, 3, 2, 5


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.ln_2 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Dropout(0), nn.Linear(HIDDEN, WIDTH), nn.Dropout(0))

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.self_attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    def __init__(self, token):
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.empty(1, (SIZE // PATCH) ** 2 + token, WIDTH))
        self.layers = nn.Sequential(OrderedDict((f"encoder_layer_{i}", Layer()) for i in range(LAYERS)))
        self.ln = nn.LayerNorm(WIDTH, eps=1e-6)

    def forward(self, x):
        return self.ln(self.layers(x + self.pos_embedding))


class ViT(nn.Module):
    """With a token of the class, or with the mean of the patches, which torchvision does not have."""

    def __init__(self, token):
        super().__init__()
        self.class_token = nn.Parameter(torch.empty(1, 1, WIDTH)) if token else None
        self.conv_proj = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.encoder = Encoder(token)
        self.heads = nn.Sequential(OrderedDict(head=nn.Linear(WIDTH, CLASSES)))

    def forward(self, x):
        x = self.conv_proj(x).flatten(2).transpose(1, 2)
        if self.class_token is None:
            return self.heads(self.encoder(x).mean(1))
        x = torch.cat((self.class_token.expand(len(x), -1, -1), x), 1)
        return self.heads(self.encoder(x)[:, 0])


def build(path, token=True):
    g = Golden("vit", path, seed=65)
    gen = g.generator("vit")
    net = ViT(token).double()
    fill(net, gen)
    x = torch.randn([3, 3, SIZE, SIZE], generator=gen, dtype=torch.float64)
    target = torch.randint(0, CLASSES, [3], generator=gen)
    for key, p in net.named_parameters():
        g.put(f"param/{key}", p)
    logits = net(x)
    loss = F.cross_entropy(logits, target)
    loss.backward()
    for name, tensor in (("in/0", x), ("in/1", target), ("out/0", loss), ("out/1", logits)):
        g.put(name, tensor)
    for key, p in net.named_parameters():
        g.put(f"grad/{key}", p.grad)
    g.add("vit", op="vit")
    return g


FILES = {
    "model/vit/testdata/step.safetensors": build,
    "model/vit/testdata/mean_step.safetensors": partial(build, token=False),
}
