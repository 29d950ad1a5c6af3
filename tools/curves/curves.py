"""Trains in PyTorch what tools/curves has written, and prints losses as JSON.

    python tools/curves/curves.py NET DUMP.safetensors --steps N [--pieces N] [--precision P] [--evaluate]

NET is lenet, gpt or lstm. The settings of optimizer and schedule are those of
the recipes mnist, char-gpt and char-lstm, for a run of --total steps. Losses are
means over the targets of a whole batch, also where it is computed in pieces.
"""
import argparse
import json
import math
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import nn


class LeNet(nn.Module):
    def __init__(self, shapes):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 5), nn.Conv2d(32, 64, 5)
        self.fc1, self.fc2 = nn.Linear(1024, 512), nn.Linear(512, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class LSTM(nn.Module):
    def __init__(self, shapes, dropout):
        super().__init__()
        vocabulary, width = shapes["embedding.weight"]
        hidden = shapes["head.weight"][1]
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, hidden, 2, batch_first=True, dropout=dropout)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, x):
        return self.head(self.lstm(self.embedding(x))[0])


class GPT(nn.Module):
    def __init__(self, shapes, dropout):
        super().__init__()
        from transformers import GPT2Config, GPT2LMHeadModel
        vocabulary, width = shapes["transformer.wte.weight"]
        layers = 1 + max(int(k.split(".")[2]) for k in shapes if k.startswith("transformer.h."))
        heads = width // 32
        self.model = GPT2LMHeadModel(GPT2Config(
            vocab_size=vocabulary, n_positions=shapes["transformer.wpe.weight"][0], n_embd=width, n_layer=layers, n_head=heads,
            n_inner=shapes["transformer.h.0.mlp.c_fc.weight"][1], resid_pdrop=dropout, embd_pdrop=dropout, attn_pdrop=dropout,
            tie_word_embeddings=False, bos_token_id=None, eos_token_id=None))

    def load_state_dict(self, state, strict=True):
        return self.model.load_state_dict(state, strict=strict)

    def forward(self, x):
        return self.model(x).logits


def cosine(step, total, warmup, final):
    """The factor of the rate: equal steps up, then half a cosine down to final."""
    if step < warmup:
        return (step + 1) / warmup
    return final + (1 - final) * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


def settings(net, parameters, total):
    if net == "lenet":
        optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
        return optimizer, lambda s: cosine(s, total, int(0.1 * total + 1e-9), 0), None
    rate = lambda s: cosine(s, total, int(0.05 * total + 1e-9), 0.1)
    if net == "lstm":
        return torch.optim.Adam(parameters, lr=0.002), rate, 1.0
    return torch.optim.AdamW(parameters, lr=0.001, weight_decay=0.1, betas=(0.9, 0.95)), rate, 1.0


def main():
    p = argparse.ArgumentParser()
    p.add_argument("net", choices=["lenet", "gpt", "lstm"])
    p.add_argument("dump")
    p.add_argument("--steps", type=int, default=200)
    p.add_argument("--total", type=int, required=True)
    p.add_argument("--pieces", type=int, default=1)
    p.add_argument("--dropout", type=float, default=0)
    p.add_argument("--precision", default="float32", choices=["float64", "float32", "bfloat16", "float16"],
                   help="bfloat16 and float16 are autocast's; float64 tells what rounding does to a curve")
    p.add_argument("--lr", type=float, help="highest rate, instead of the recipe's")
    p.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="autocast to float16 is slow on a CPU: 11 to 16 s a step")
    p.add_argument("--seed", type=int, default=1, help="of dropout")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--evaluate", action="store_true", help="print the validation loss after every epoch, not the losses")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    f = safe_open(a.dump, "pt")
    init = {k[5:]: f.get_tensor(k) for k in f.keys() if k.startswith("init.")}
    shapes = {k: tuple(v.shape) for k, v in init.items()}
    model = LeNet(shapes) if a.net == "lenet" else (GPT if a.net == "gpt" else LSTM)(shapes, a.dropout)
    model.load_state_dict(init)
    wide = torch.float64 if a.precision == "float64" else torch.float32
    model.to(a.device, wide)
    optimizer, rate, clip = settings(a.net, model.parameters(), a.total)
    base = a.lr or optimizer.param_groups[0]["lr"]
    dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(a.precision)
    scaler = torch.amp.GradScaler(a.device, enabled=a.precision == "float16")

    def losses(x, y):
        """The sum over targets, and how many there are."""
        with torch.autocast(a.device, dtype=dtype or torch.bfloat16, enabled=dtype is not None):
            out = model(x.to(wide) if x.is_floating_point() else x)
        return F.cross_entropy(out.to(wide).flatten(0, -2), y.flatten(), reduction="sum", ignore_index=-100), (y != -100).sum()

    def get(name):
        return f.get_tensor(name).to(a.device)

    epoch, valid = int(f.metadata()["steps_per_epoch"]), sorted({k.split(".")[1] for k in f.keys() if k.startswith("validation.")})
    curve, norms, times, began = [], [], [], time.time()
    for step in range(a.steps):
        start = time.time()
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = base * rate(step)
        x, y = get(f"batch.{step:05d}.0"), get(f"batch.{step:05d}.1")
        rows, total, count = -(-len(x) // a.pieces), 0.0, (y != -100).sum()
        optimizer.zero_grad()
        for i in range(0, len(x), rows):
            s, _ = losses(x[i:i + rows], y[i:i + rows])
            scaler.scale(s / count).backward()
            total += s.item()
        scaler.unscale_(optimizer)
        if clip:
            norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), clip).item())
        scaler.step(optimizer)
        scaler.update()
        curve.append(total / count.item())
        times.append(time.time() - start)
        if a.evaluate and (step + 1) % epoch == 0:
            took = time.time() - began
            model.eval()
            s = n = 0
            with torch.no_grad():
                for v in valid:
                    t, c = losses(get(f"validation.{v}.0"), get(f"validation.{v}.1"))
                    s, n = s + t.item(), n + c.item()
            print(f"epoch {(step + 1) // epoch}: train {sum(curve[-epoch:]) / epoch:.4f} validation {s / n:.4f} {took:.1f} s", flush=True)
            began = time.time()
    if not a.evaluate:
        json.dump({"losses": [round(v, 8) for v in curve]}, sys.stdout)
        print()
    print(f"median of a step {1000 * statistics.median(times):.1f} ms", file=sys.stderr)


main()
