"""Scaled dot-product attention, composed of plain operations, for every option and every
pair of options. Where torch.nn.functional.scaled_dot_product_attention has the options, it
must agree."""

import itertools

import torch
import torch.nn.functional as F

from golden import Golden, indices, integers, normal, uniform

B, H = 2, 4


def attend(q, k, v, position, lengths, q_segments, k_segments, mask, bias, slopes, sinks,
           scale=None, causal=False, window=None, soft_cap=None):
    """q [B T H K], k and v [B S G K]; a query that sees no key gives 0."""
    t, s = q.shape[1], k.shape[1]
    share = q.shape[2] // k.shape[2]
    kh, vh = k.repeat_interleave(share, 2), v.repeat_interleave(share, 2)
    a = torch.einsum("bthk,bshk->bhts", q, kh) * (q.shape[3] ** -0.5 if scale is None else scale)
    if soft_cap is not None:
        a = soft_cap * torch.tanh(a / soft_cap)
    if bias is not None:
        a = a + bias
    query = torch.arange(t).view(1, 1, t, 1)
    if position is not None:
        query = query + position.view(-1, 1, 1, 1)
    key = torch.arange(s)
    if slopes is not None:
        a = a - slopes.view(-1, 1, 1) * (query - key).abs()
    visible = torch.ones_like(a, dtype=torch.bool)
    if causal:
        visible &= key <= query
    if window is not None:
        visible &= (key >= query - window[0]) & (key <= query + window[1])
    if lengths is not None:
        visible &= key < lengths.view(-1, 1, 1, 1)
    if q_segments is not None:
        visible &= q_segments.view(-1, 1, t, 1) == k_segments.view(-1, 1, 1, s)
    if mask is not None:
        visible &= mask
    a = a.masked_fill(~visible, -torch.inf)
    sink = torch.full_like(a[..., :1], -torch.inf) if sinks is None else sinks.view(-1, 1, 1).expand_as(a[..., :1])
    top = torch.maximum(a.amax(-1, keepdim=True), sink).detach()
    e = torch.exp(a - top.masked_fill(top == -torch.inf, 0))
    total = e.sum(-1, keepdim=True) + torch.exp(sink - top.masked_fill(top == -torch.inf, 0))
    p = e / total.masked_fill(total == 0, 1)
    return torch.einsum("bhts,bshk->bthk", p, vh)


def check(out, q, k, v, mask, bias, scale=None, causal=False):
    """Compares with PyTorch's own function, which has these options alone."""
    if mask is not None and bias is not None:
        bias, mask = bias.masked_fill(~mask, -torch.inf), None
    if causal and (mask is not None or bias is not None):
        return
    heads = lambda x: x.detach().transpose(1, 2)
    want = F.scaled_dot_product_attention(heads(q), heads(k), heads(v), mask if bias is None else bias.detach(),
                                          is_causal=causal, scale=scale, enable_gqa=True)
    torch.testing.assert_close(out.detach(), want.transpose(1, 2), rtol=1e-12, atol=1e-12)


def some(*shape):
    """A mask that hides a third of the keys, never the first."""

    def make(gen):
        mask = torch.rand(shape, generator=gen) < 0.7
        mask[..., 0] = True
        return mask

    return make


# Option: (index of its operand or None, how to make it, attributes of the call)
OPTIONS = {
    "scale": (None, None, {"scale": 0.3}),
    "causal": (None, None, {"causal": True}),
    "position": (3, indices([2, 0]), {"causal": True}),
    "window": (None, None, {"window": [2, 1]}),
    "lengths": (4, indices([4, 3]), {}),
    "segments": (5, lambda t, s: (indices(segments(t)), indices(segments(s))), {}),
    "mask": (7, lambda t, s: some(B, 1, t, s), {}),
    "bias": (8, lambda t, s: normal(1, H, t, s), {}),
    "slopes": (9, uniform(0.1, 0.6, H), {}),
    "sinks": (10, normal(H), {}),
    "soft_cap": (None, None, {"soft_cap": 0.8}),
    "groups": (None, None, {}),
}


def segments(n):
    return [[0] * 2 + [1] * (n - 2), [0] * (n - 1) + [3]]


def add(g, name, options, t=4, s=5, width=3, value=3, groups=H, operands=None):
    """operands: by index, in place of those of the options."""
    inputs, attrs = [None] * 11, {}
    for option in options:
        index, make, more = OPTIONS[option]
        attrs.update(more)
        if option == "groups":
            groups = 2
        elif option == "segments":
            inputs[5], inputs[6] = make(t, s)
        elif option in ("mask", "bias"):
            inputs[index] = make(t, s)
        elif index is not None:
            inputs[index] = make
    for index, make in (operands or {}).items():
        inputs[index] = make
    inputs[:3] = [normal(B, t, H, width), normal(B, s, groups, width), normal(B, s, groups, value)]

    def run(q, k, v, *rest):
        out = attend(q, k, v, *rest, **attrs)
        if all(r is None for i, r in enumerate(rest) if i not in (4, 5)) and not {"window", "soft_cap"} & attrs.keys():
            check(out, q, k, v, rest[4], rest[5], **attrs)
        return out

    g.case(name, "attention", run, inputs, constant=(9,), **attrs)


def build(path):
    g = Golden("attention", path, seed=60)
    add(g, "plain", [])
    add(g, "one_query", [], t=1)
    add(g, "one_key", ["bias"], s=1)
    add(g, "wide_value", ["causal"], value=5)
    add(g, "one_group", ["causal"], groups=1, t=5)
    add(g, "narrow", [], width=1, value=1)
    add(g, "mask_all_axes", [], operands={7: some(B, H, 4, 5)})
    add(g, "mask_keys", [], operands={7: some(1, 1, 1, 5)})
    add(g, "mask_heads_queries", [], operands={7: some(1, H, 4, 5)})
    add(g, "bias_all_axes", [], operands={8: normal(B, H, 4, 5)})
    add(g, "bias_keys", ["mask"], operands={8: normal(B, 1, 1, 5)})
    add(g, "bias_queries", ["causal"], operands={8: normal(1, 1, 4, 5)})
    add(g, "nothing_to_see", [], operands={4: indices([0, 5])})
    add(g, "before_all_keys", ["causal"], operands={3: indices([-2, 1])})
    for option in OPTIONS:
        add(g, option, [option])
    return g


def build_pairs(path):
    g = Golden("attention", path, seed=61)
    for pair in itertools.combinations(OPTIONS, 2):
        add(g, "+".join(pair), pair, t=3, s=4, width=2, value=2)
    return g


FILES = {
    "ops/optest/testdata/attention.safetensors": build,
    "ops/optest/testdata/attention_pairs.safetensors": build_pairs,
}
