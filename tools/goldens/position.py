"""Positions in attention, by Hugging Face Transformers and torchvision.

    rope: NAME/out/0      frequencies in float32; attributes: the config, dims, base, length and scale
    alibi: NAME/out/0     slopes
    bias: NAME/param/KEY, NAME/out/0, NAME/gout/0, NAME/grad/KEY
"""

import torch
from torchvision.models.swin_transformer import ShiftedWindowAttention
from transformers import LlamaConfig, T5Config, logging
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.t5.modeling_t5 import T5Attention

from golden import Golden

logging.set_verbosity_error()  # the settings are small on purpose

SCALINGS = {
    "linear": dict(rope_type="linear", factor=4.0),
    "dynamic": dict(rope_type="dynamic", factor=2.0),
    "dynamic_long": dict(rope_type="dynamic", factor=3.0, length=150),
    "yarn": dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=512),
    "yarn_exact": dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=4096, beta_fast=24.0, beta_slow=2.0, truncate=False),
    "yarn_factor": dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64, attention_factor=1.25),
    "yarn_mscale": dict(rope_type="yarn", factor=40.0, original_max_position_embeddings=4096, mscale=1.0, mscale_all_dim=0.8),
    "longrope_short": dict(rope_type="longrope", factor=8.0, original_max_position_embeddings=64, length=64),
    "longrope_long": dict(rope_type="longrope", factor=8.0, original_max_position_embeddings=64, length=65),
    "longrope_factor": dict(rope_type="longrope", factor=0.5, original_max_position_embeddings=64, length=65, attention_factor=1.5),
    "longrope_less": dict(rope_type="longrope", factor=0.5, original_max_position_embeddings=64, length=9),
    "llama3": dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=256),
    "proportional": dict(rope_type="proportional", factor=2.0, partial_rotary_factor=0.3),
    "proportional_all": dict(rope_type="proportional", factor=1.0, partial_rotary_factor=1.0),
}


def build_rope(path):
    g = Golden("position", path, seed=71)
    for name, how in SCALINGS.items():
        for dims, base in ((16, 10000.0), (64, 500000.0)):
            parameters = dict(how, rope_theta=base)
            length = parameters.pop("length", 40)
            if how["rope_type"] == "longrope":
                parameters["short_factor"] = [1 + i / 8 for i in range(dims // 2)]
                parameters["long_factor"] = [1 + i * i / 4 for i in range(dims // 2)]
            config = LlamaConfig(hidden_size=2 * dims, num_attention_heads=2, head_dim=dims, max_position_embeddings=100,
                                 rope_parameters=parameters)
            f, scale = ROPE_INIT_FUNCTIONS[how["rope_type"]](config, seq_len=length)
            g.put(f"{name}_{dims}/out/0", f)
            attrs = {key: v for key, v in parameters.items() if key not in ("rope_theta", "rope_type")}
            if how["rope_type"] == "dynamic":
                attrs["max_position_embeddings"] = 100
            g.add(f"{name}_{dims}", op=how["rope_type"], dims=dims, base=base, length=length, scale=scale, config=attrs)
    for heads in (1, 2, 3, 4, 6, 8, 12, 16, 20, 25):
        alibi = build_alibi_tensor(torch.ones(1, 2), heads, torch.float64)  # [heads 1 2]: slope times place
        g.put(f"alibi_{heads}/out/0", alibi[:, 0, 1])
        g.add(f"alibi_{heads}", op="alibi", heads=heads)
    return g


def bias(g, name, key, table, compute, **attrs):
    gen = g.generator(name)
    with torch.no_grad():
        table.copy_(torch.randn(table.shape, generator=gen, dtype=torch.float64))
    y = compute()
    cotangent = torch.randn(y.shape, generator=gen, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(y, [table], cotangent)
    g.put(f"{name}/param/{key}", table)
    g.put(f"{name}/out/0", y)
    g.put(f"{name}/gout/0", cotangent)
    g.put(f"{name}/grad/{key}", gradient)
    g.add(name, **attrs)


def build_bias(path):
    g = Golden("position", path, seed=72)
    for name, buckets, distance, both, queries, keys in (
            ("t5", 32, 128, True, 5, 7), ("t5_decoder", 32, 128, False, 7, 5), ("t5_far", 32, 128, True, 2, 300),
            ("t5_far_decoder", 32, 128, False, 300, 2), ("t5_small", 8, 20, True, 9, 40), ("t5_small_decoder", 6, 11, False, 30, 3)):
        config = T5Config(d_model=8, d_kv=4, num_heads=2, relative_attention_num_buckets=buckets,
                          relative_attention_max_distance=distance, is_decoder=not both)
        layer = T5Attention(config, has_relative_attention_bias=True, layer_idx=0).double()
        bias(g, name, "relative_attention_bias.weight", layer.relative_attention_bias.weight,
             lambda: layer.compute_bias(queries, keys), op="t5", heads=2, buckets=buckets, max_distance=distance,
             bidirectional=both, queries=queries, keys=keys)
    for name, window, heads in (("swin", [3, 3], 2), ("swin_oblong", [2, 4], 3), ("swin_one", [1, 1], 1)):
        layer = ShiftedWindowAttention(4 * heads, window, [0, 0], heads).double()
        bias(g, name, "relative_position_bias_table", layer.relative_position_bias_table,
             layer.get_relative_position_bias, op="swin", heads=heads, window=window)
    return g


FILES = {"nn/testdata/rope.safetensors": build_rope, "nn/testdata/position_bias.safetensors": build_bias}
