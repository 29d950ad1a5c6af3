"""Attention layers of Hugging Face Transformers and Keras, in float64 and in training mode without dropout.

    CASE/param/KEY             parameters
    CASE/in/I                  sequence, perhaps memory
    CASE/out/0, CASE/gout/0    result and a cotangent
    CASE/gin/I, CASE/grad/KEY  gradients of operands and parameters
"""

import torch
from transformers import LlamaConfig, T5Config, logging
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.llama.modeling_llama import LlamaAttention
from transformers.models.t5.modeling_t5 import T5Attention

from golden import Golden, normal
from net import fill

logging.set_verbosity_error()


def case(g, name, net, inputs, run, renamed=lambda key: key, **attrs):
    """attrs: the fields of the config in Go. renamed: keys of the reference to those in Go."""
    gen = g.generator(name)
    net = net.double()
    fill(net, gen)
    xs = [make(gen).requires_grad_() for make in inputs]
    y = run(net, *xs)
    cotangent = torch.randn(y.shape, generator=gen, dtype=torch.float64)
    y.backward(cotangent)
    g.put(f"{name}/out/0", y)
    g.put(f"{name}/gout/0", cotangent)
    for i, x in enumerate(xs):
        g.put(f"{name}/in/{i}", x)
        g.put(f"{name}/gin/{i}", x.grad)
    for key, p in net.named_parameters():
        g.put(f"{name}/param/{renamed(key)}", p)
        g.put(f"{name}/grad/{renamed(key)}", p.grad)
    g.add(name, **attrs)


def band(t, causal, window):
    """Additive mask of scores: -inf where a key is hidden."""
    far = torch.arange(t)[:, None] - torch.arange(t)
    hidden = (far < 0) & causal | (far >= (window or t + 1))
    return torch.zeros(t, t, dtype=torch.float64).masked_fill(hidden, -torch.inf)


def build(path):
    g = Golden("attention_layers", path, seed=73)

    def llama(name, width=16, heads=4, kv=2, head=None, t=5, bias=False, causal=True, window=None, base=10000.0, alibi=False):
        config = LlamaConfig(hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv, head_dim=head or width // heads,
                             attention_bias=bias, max_position_embeddings=100,
                             rope_parameters={"rope_type": "default", "rope_theta": base})
        config._attn_implementation = "sdpa"  # eager attention rounds to float32
        mask = band(t, causal, window)
        if alibi:
            slopes = build_alibi_tensor(torch.ones(1, 2), heads, torch.float64)[:, 0, 1]
            far = (torch.arange(t)[:, None] - torch.arange(t)).abs()
            mask = mask - slopes[:, None, None] * far

        def run(net, x):
            places = torch.arange(t)[None]
            f = base ** -(torch.arange(0, config.head_dim, 2, dtype=torch.float64) / config.head_dim)  # the class has float32
            angle = (0 if alibi else 1) * places[..., None] * torch.cat((f, f))
            return net(x, (angle.cos(), angle.sin()), mask.expand(1, heads, t, t))[0]

        case(g, name, LlamaAttention(config, 0), [normal(2, t, width)], run, width=width, heads=heads, kv_heads=kv,
             head_width=head, bias=bias, out_bias=bias, causal=causal, window=window, alibi=alibi, rope=None if alibi else {"base": base})

    llama("grouped")
    llama("multi_query", kv=1, bias=True, base=50.0)
    llama("as_many", kv=4, causal=False)
    llama("head_width", head=6, heads=3, kv=3, width=12)
    llama("window", t=7, window=3)
    llama("alibi", alibi=True, heads=3, kv=1, width=12)
    llama("alibi_both_ways", alibi=True, causal=False, heads=6, kv=2, width=12)

    def t5(name, decoder, cross):
        config = T5Config(d_model=6, d_kv=4, num_heads=2, relative_attention_num_buckets=8, relative_attention_max_distance=10,
                          is_decoder=decoder, dropout_rate=0.0)
        config._attn_implementation = "sdpa"  # eager attention rounds to float32
        t, s = 5, 4 if cross else 5

        def run(net, x, *memory):
            keys = {"key_value_states": memory[0]} if memory else {}
            mask = None if cross else band(t, decoder, None)[None, None]
            return net(x, mask=mask, **keys)[0]

        def renamed(key):
            return "relative_position." + key if key.startswith("relative") else key.replace(".weight", "_proj.weight")

        case(g, name, T5Attention(config, has_relative_attention_bias=True, layer_idx=0), [normal(2, t, 6)] + [normal(2, s, 6)] * cross,
             run, renamed, width=6, heads=2, kv_heads=2, head_width=4, scale=1.0, causal=decoder,
             relative_position={"buckets": 8, "max_distance": 10, "bidirectional": not decoder})

    t5("t5", False, False)
    t5("t5_decoder", True, False)
    t5("t5_cross", False, True)
    return g


FILES = {"nn/testdata/attention_layers.safetensors": build}
