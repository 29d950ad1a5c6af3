"""Batch norm in training mode, layer norm, RMS norm and group norm."""

import torch.nn.functional as F

from golden import Golden, normal, uniform

# name: (x, eps); x [B C ...]
BATCH_CASES = {
    "rank2": (normal(5, 3), 1e-5),
    "rank2_two_samples": (normal(2, 4), 1e-5),
    "rank2_one_channel": (normal(7, 1), 1e-5),
    "rank2_eps": (normal(6, 3), 0.1),
    "rank2_offset": (normal(9, 2, mean=1000), 1e-5),
    "rank3": (normal(3, 2, 5), 1e-5),
    "rank3_one_sample": (normal(1, 3, 7), 1e-5),
    "rank3_width1": (normal(4, 3, 1), 1e-3),
    "rank3_small_spread": (normal(3, 2, 5, mean=0.5, std=1e-3), 1e-5),
    "rank4": (normal(2, 3, 4, 3), 1e-5),
    "rank4_odd": (normal(3, 5, 3, 1), 1e-5),
    "rank4_one_sample": (normal(1, 2, 3, 5), 1e-5),
    "rank4_eps": (normal(2, 2, 3, 3), 1.0),
    "rank4_one_channel": (normal(3, 1, 2, 5), 1e-5),
    "rank4_offset": (normal(2, 3, 3, 3, mean=-50, std=3), 1e-5),
    "rank4_many_channels": (normal(2, 17, 2, 2), 1e-5),
    "rank4_constant": (lambda gen: normal(2, 2, 3, 2)(gen) * 0 + 3, 1e-5),  # variance 0
    "rank5": (normal(2, 2, 2, 3, 2), 1e-5),
}

# name: (x, number of normalised trailing axes, eps, weight, bias)
LAYER_CASES = {
    "rank2": (normal(3, 5), 1, 1e-5, True, True),
    "rank2_plain": (normal(4, 7), 1, 1e-5, False, False),
    "rank2_no_bias": (normal(3, 6), 1, 1e-5, True, False),
    "rank2_all": (normal(3, 4), 2, 1e-5, True, True),
    "rank2_eps": (normal(3, 5), 1, 0.1, True, True),
    "rank2_width1": (normal(4, 1), 1, 1e-5, True, True),
    "rank2_one_row": (normal(1, 9), 1, 1e-6, True, True),
    "rank2_constant": (lambda gen: normal(2, 5)(gen) * 0 + 3, 1, 1e-5, True, True),
    "rank2_offset": (normal(3, 8, mean=1000), 1, 1e-5, True, True),
    "rank2_small_spread": (normal(3, 8, std=1e-4), 1, 1e-5, False, False),
    "rank1": (normal(6), 1, 1e-5, True, True),
    "rank3": (normal(2, 3, 5), 1, 1e-5, True, True),
    "rank3_plain": (normal(2, 3, 5), 1, 1e-12, False, False),
    "rank3_two_axes": (normal(3, 2, 5), 2, 1e-5, True, True),
    "rank3_two_axes_no_bias": (normal(2, 3, 4), 2, 1e-3, True, False),
    "rank3_wide": (normal(1, 2, 67), 1, 1e-5, True, True),
    "rank4": (normal(2, 2, 3, 4), 1, 1e-5, True, True),
    "rank4_two_axes": (normal(2, 3, 3, 2), 2, 1e-5, True, True),
    "rank4_three_axes": (normal(3, 2, 3, 2), 3, 1e-5, True, True),
    "rank4_three_axes_plain": (normal(2, 2, 2, 3), 3, 1e-5, False, False),
    "rank4_size1_axes": (normal(2, 1, 5, 1), 3, 1e-5, True, True),
}


def build_batch(path):
    """Inputs x, weight, bias [C]; outputs y, the batch's mean and its biased variance [C]."""
    g = Golden("norm", path, seed=4)
    for name, (x, eps) in BATCH_CASES.items():
        channels = x(g.generator(name)).shape[1]

        def batch_norm(x, weight, bias):
            axes = [axis for axis in range(x.dim()) if axis != 1]
            y = F.batch_norm(x, None, None, weight, bias, training=True, eps=eps)
            return y, x.detach().mean(axes), x.detach().var(axes, unbiased=False)

        g.case(name, "batch_norm", batch_norm, [x, uniform(0.5, 2, channels), normal(channels)], eps=eps)
    return g


def build_layer(path):
    """Inputs x, weight, bias of the shape of the normalised axes, the last two optional."""
    g = Golden("norm", path, seed=5)
    for name, (x, count, eps, weight, bias) in LAYER_CASES.items():
        shape = list(x(g.generator(name)).shape)
        inner = shape[-count:]
        g.case(name, "layer_norm", lambda x, w, b: F.layer_norm(x, inner, w, b, eps),
               [x, uniform(0.5, 2, *inner) if weight else None, normal(*inner) if bias else None],
               axes=list(range(len(shape) - count, len(shape))), eps=eps, weight=weight, bias=bias)
    return g


# name: (x, number of normalised trailing axes, eps, weight)
RMS_CASES = {
    "rank2": (normal(3, 5), 1, 1e-5, True),
    "rank2_plain": (normal(4, 7), 1, 1e-5, False),
    "rank2_all": (normal(3, 4), 2, 1e-5, True),
    "rank2_eps": (normal(3, 5), 1, 0.1, True),
    "rank2_width1": (normal(4, 1), 1, 1e-5, True),
    "rank2_one_row": (normal(1, 9), 1, 1e-6, True),
    "rank2_zeros": (lambda gen: normal(2, 5)(gen) * 0, 1, 1e-5, True),
    "rank2_large": (normal(3, 8, mean=1000), 1, 1e-5, True),
    "rank2_small": (normal(3, 8, std=1e-4), 1, 1e-8, False),
    "rank1": (normal(6), 1, 1e-5, True),
    "rank3": (normal(2, 3, 5), 1, 1e-5, True),
    "rank3_two_axes": (normal(3, 2, 5), 2, 1e-5, True),
    "rank3_two_axes_plain": (normal(2, 3, 4), 2, 1e-3, False),
    "rank3_wide": (normal(1, 2, 67), 1, 1e-5, True),
    "rank4_three_axes": (normal(3, 2, 3, 2), 3, 1e-5, True),
}

# name: (x [B C ...], groups, eps, weight, bias)
GROUP_CASES = {
    "rank2": (normal(3, 4), 2, 1e-5, True, True),
    "rank2_one_group": (normal(3, 5), 1, 1e-5, True, True),
    "rank3": (normal(2, 4, 5), 2, 1e-5, True, True),
    "rank3_plain": (normal(2, 6, 5), 3, 1e-5, False, False),
    "rank3_no_bias": (normal(2, 6, 3), 2, 1e-3, True, False),
    "rank3_instance": (normal(3, 3, 7), 3, 1e-5, True, True),
    "rank3_one_group": (normal(2, 3, 5), 1, 0.1, True, True),
    "rank3_width1": (normal(4, 6, 1), 3, 1e-5, True, True),
    "rank3_one_sample": (normal(1, 4, 9), 2, 1e-5, True, True),
    "rank3_offset": (normal(2, 4, 9, mean=-50, std=3), 2, 1e-5, True, True),
    "rank3_small_spread": (normal(2, 4, 5, mean=0.5, std=1e-3), 2, 1e-5, False, False),
    "rank4": (normal(2, 6, 3, 5), 3, 1e-5, True, True),
    "rank4_pairs": (normal(2, 8, 2, 3), 4, 1e-5, True, True),
    "rank4_instance": (normal(2, 5, 3, 3), 5, 1e-5, True, True),
    "rank4_one_channel": (normal(3, 1, 3, 2), 1, 1e-5, True, True),
    "rank4_constant": (lambda gen: normal(2, 4, 3, 2)(gen) * 0 + 3, 2, 1e-5, True, True),  # variance 0
    "rank4_many_channels": (normal(1, 34, 2, 3), 17, 1e-5, True, True),
    "rank5": (normal(2, 4, 2, 3, 2), 2, 1e-5, True, True),
}


def build_rms(path):
    """Inputs x, and perhaps weight of the shape of the normalised axes."""
    g = Golden("norm", path, seed=43)
    for name, (x, count, eps, weight) in RMS_CASES.items():
        shape = list(x(g.generator(name)).shape)
        inner = shape[-count:]
        g.case(name, "rms_norm", lambda x, w: F.rms_norm(x, inner, w, eps), [x, uniform(0.5, 2, *inner) if weight else None],
               axes=list(range(len(shape) - count, len(shape))), eps=eps, weight=weight)
    return g


def build_group(path):
    """Inputs x, weight, bias [C], the last two optional; outputs y, and mean and biased variance [B groups]."""
    g = Golden("norm", path, seed=44)
    for name, (x, groups, eps, weight, bias) in GROUP_CASES.items():
        channels = x(g.generator(name)).shape[1]

        def group_norm(x, weight, bias):
            rows = x.detach().reshape(x.shape[0], groups, -1)
            return F.group_norm(x, groups, weight, bias, eps), rows.mean(2), rows.var(2, unbiased=False)

        g.case(name, "group_norm", group_norm,
               [x, uniform(0.5, 2, channels) if weight else None, normal(channels) if bias else None], groups=groups, eps=eps)
    return g


FILES = {
    "ops/optest/testdata/batch_norm.safetensors": build_batch,
    "ops/optest/testdata/layer_norm.safetensors": build_layer,
    "ops/optest/testdata/rms_norm.safetensors": build_rms,
    "ops/optest/testdata/group_norm.safetensors": build_group,
}
