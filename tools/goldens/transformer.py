"""Attention, layers and stacks of transformers of torch.nn with their state dicts, in float64
and in training mode without dropout.

    CASE/param/KEY                 parameters
    CASE/in/I                      operands: queries, keys, values; or sequence, memory
    CASE/mask/KIND                 masks, bool or numbers: attn, padding, memory, memory_padding
    CASE/out/I, CASE/gout/I        results (one, or with the weights of attention two) and cotangents
    CASE/gin/I, CASE/grad/KEY      gradients of operands and parameters
"""

import torch
from torch import nn

from golden import Golden, normal
from net import fill


def case(g, name, net, inputs, op, run, masks=None, same=False, **attrs):
    """attrs: the fields of the config in Go. With same, there is one operand for all."""
    gen = g.generator(name)
    net = net.double().train()
    fill(net, gen)
    for key, p in net.named_parameters():
        g.put(f"{name}/param/{key}", p)
    xs = [make(gen).requires_grad_() for make in inputs]
    for i, x in enumerate(xs):
        g.put(f"{name}/in/{i}", x)
    masks = {kind: make(gen) for kind, make in (masks or {}).items()}
    for kind, mask in masks.items():
        g.put(f"{name}/mask/{kind}", mask)
    ys = run(net, xs * 3 if same else xs, masks, attrs.get("causal", False))
    ys = ys if isinstance(ys, tuple) else (ys,)
    cotangents = [torch.randn(y.shape, generator=gen, dtype=torch.float64) for y in ys]
    torch.autograd.backward(ys, cotangents)
    for i, (y, cotangent) in enumerate(zip(ys, cotangents)):
        g.put(f"{name}/out/{i}", y)
        g.put(f"{name}/gout/{i}", cotangent)
    for i, x in enumerate(xs):
        g.put(f"{name}/gin/{i}", x.grad)
    for key, p in net.named_parameters():
        g.put(f"{name}/grad/{key}", p.grad)
    g.add(name, op=op, same=same, **attrs)


def hidden(*shape):
    """A mask that hides a third, never the first."""

    def make(gen):
        mask = torch.rand(shape, generator=gen) < 0.33
        mask[..., 0] = False
        return mask

    return make


def triangle(t, s):
    return torch.ones(t, s).triu(1).bool()


def attend(net, xs, masks, causal):
    attn = masks.get("attn")
    if causal:
        attn = triangle(xs[0].shape[1], xs[1].shape[1])
    return net(*xs, key_padding_mask=masks.get("padding"), attn_mask=attn, need_weights=False)[0]


def weigh(net, xs, masks, causal):
    """The weights of each head besides."""
    attn = masks.get("attn")
    if causal:
        attn = triangle(xs[0].shape[1], xs[1].shape[1])
    return net(*xs, key_padding_mask=masks.get("padding"), attn_mask=attn, average_attn_weights=False)


def encode(net, xs, masks, causal):
    attn = triangle(xs[0].shape[1], xs[0].shape[1]) if causal else masks.get("attn")
    padding = masks.get("padding")
    if isinstance(net, nn.TransformerEncoder):
        return net(xs[0], mask=attn, src_key_padding_mask=padding)
    return net(xs[0], src_mask=attn, src_key_padding_mask=padding)


def decode(net, xs, masks, causal):
    attn = triangle(xs[0].shape[1], xs[0].shape[1]) if causal else masks.get("attn")
    return net(*xs, tgt_mask=attn, memory_mask=masks.get("memory"), tgt_key_padding_mask=masks.get("padding"),
               memory_key_padding_mask=masks.get("memory_padding"))


def translate(net, xs, masks, causal):
    attn = triangle(xs[1].shape[1], xs[1].shape[1]) if causal else masks.get("attn")
    return net(*xs, tgt_mask=attn, src_key_padding_mask=masks.get("source_padding"), tgt_key_padding_mask=masks.get("padding"),
               memory_key_padding_mask=masks.get("memory_padding"))


def build(path):
    g = Golden("transformer", path, seed=64)

    def attention(name, inputs, masks=None, width=6, heads=2, key_width=None, value_width=None, bias=True, bias_kv=False,
                  zero=False, weights=False, **attrs):
        net = nn.MultiheadAttention(width, heads, 0.0, bias, bias_kv, zero, kdim=key_width, vdim=value_width, batch_first=True)
        attrs |= dict(add_zero_attn=zero) if zero else {}
        case(g, name, net, inputs, "MultiheadAttention", weigh if weights else attend, masks, width=width, heads=heads,
             key_width=key_width or width, value_width=value_width or width, bias=bias, add_bias_kv=bias_kv, **attrs)

    one, three = [normal(2, 4, 6)], [normal(2, 4, 6), normal(2, 5, 6), normal(2, 5, 6)]
    attention("self", one, same=True)
    attention("self_causal", one, same=True, causal=True)
    attention("self_padding", one, {"padding": hidden(2, 4)}, same=True)
    attention("self_mask", one, {"attn": hidden(4, 4)}, same=True, bias=False)
    attention("self_mask_padding", one, {"attn": hidden(4, 4), "padding": hidden(2, 4)}, same=True)
    attention("self_mask_of_heads", one, {"attn": hidden(4, 4, 4)}, same=True)
    attention("self_numbers", one, {"attn": normal(4, 4)}, same=True)
    attention("self_numbers_of_heads_padding", one, {"attn": normal(4, 4, 4), "padding": normal(2, 4)}, same=True)
    attention("self_bias_kv", one, same=True, bias_kv=True)
    attention("self_bias_kv_causal", one, same=True, bias_kv=True, causal=True)
    attention("self_one_head", [normal(1, 3, 5)], same=True, width=5, heads=1)
    attention("cross", three)
    attention("cross_padding", three, {"padding": hidden(2, 5)}, bias=False)
    attention("cross_bias_kv_masks", three, {"attn": hidden(4, 5), "padding": hidden(2, 5)}, bias_kv=True)
    attention("cross_bias_kv_numbers", three, {"attn": normal(4, 5)}, bias_kv=True)
    attention("self_zero", one, same=True, zero=True)
    attention("self_zero_causal", one, same=True, zero=True, causal=True)
    attention("cross_zero_bias_kv_masks", three, {"attn": hidden(4, 5), "padding": hidden(2, 5)}, bias_kv=True, zero=True)
    attention("cross_zero_numbers", three, {"attn": normal(4, 4, 5)}, zero=True)
    attention("weights", one, same=True, weights=True)
    attention("weights_causal", one, same=True, weights=True, causal=True)
    attention("weights_masks_more", three, {"attn": hidden(4, 5), "padding": hidden(2, 5)}, bias_kv=True, zero=True, weights=True)
    attention("weights_widths", [normal(2, 4, 6), normal(2, 5, 3), normal(2, 5, 2)], {"attn": normal(4, 5)}, key_width=3, value_width=2,
              heads=3, weights=True)
    attention("widths", [normal(2, 4, 6), normal(2, 5, 3), normal(2, 5, 2)], key_width=3, value_width=2, heads=3)
    attention("widths_no_bias", [normal(2, 1, 6), normal(2, 3, 6), normal(2, 3, 2)], value_width=2, bias=False)

    for name, first, activation, bias in (("", False, "relu", True), ("_norm_first", True, "gelu", True),
                                          ("_no_bias", False, "gelu", False), ("_norm_first_no_bias", True, "relu", False)):
        options = dict(width=4, heads=2, hidden=5, activation=activation, layer_norm_eps=1e-4, norm_first=first, bias=bias)
        made = dict(dropout=0.0, activation=activation, layer_norm_eps=1e-4, batch_first=True, norm_first=first, bias=bias)
        x, memory = normal(2, 3, 4), normal(2, 4, 4)
        case(g, "encoder_layer" + name, nn.TransformerEncoderLayer(4, 2, 5, **made), [x], "TransformerEncoderLayer", encode,
             {"padding": hidden(2, 3)} if bias else None, causal=not bias, **options)
        case(g, "decoder_layer" + name, nn.TransformerDecoderLayer(4, 2, 5, **made), [x, memory], "TransformerDecoderLayer",
             decode, {"memory_padding": hidden(2, 4), "memory": hidden(3, 4)} if first else {"padding": hidden(2, 3)},
             causal=first, **options)
        layer = nn.TransformerEncoderLayer(4, 2, 5, **made)
        norm = nn.LayerNorm(4, 1e-4, bias=bias) if first else None
        case(g, "encoder" + name, nn.TransformerEncoder(layer, 2, norm, enable_nested_tensor=False), [x], "TransformerEncoder",
             encode, {"attn": hidden(3, 3)} if bias else None, layers=2, norm=first, causal=False, **options)
        full = nn.Transformer(4, 2, 2, 1, 5, **made)
        case(g, "transformer" + name, full, [x, memory], "Transformer", translate,
             {"memory_padding": hidden(2, 3), "attn": hidden(4, 4)} if not first else {"source_padding": hidden(2, 3), "padding": hidden(2, 4)},
             encoder_layers=2, decoder_layers=1, causal=first, **options)
        layer = nn.TransformerDecoderLayer(4, 2, 5, **made)
        norm = nn.LayerNorm(4, 1e-4, bias=bias) if first else None
        case(g, "decoder" + name, nn.TransformerDecoder(layer, 2, norm), [x, memory], "TransformerDecoder", decode,
             layers=2, norm=first, causal=bias, **options)
    return g


FILES = {"nn/testdata/transformer.safetensors": build}
