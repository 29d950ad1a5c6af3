"""Layers of Keras, and those of torch.nn that compare two operands, in float64; the format is that of layers.py."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import torch
from torch import nn

from golden import Golden, normal
from layers import layer

kl = keras.layers


class Keras(nn.Module):
    """A layer of Keras with parameters under our names, in our layout. params: name to a function that brings a
    parameter into Keras's layout, and one that brings Keras's into ours; in the order of Keras's."""

    def __init__(self, theirs, shape, **params):
        super().__init__()
        keras.utils.set_random_seed(1)
        theirs.build(shape)
        self.theirs = [theirs]  # in a list, so that its parameters are not this module's
        self.to_theirs = {}
        for variable, (name, (to_theirs, to_ours)) in zip(theirs.trainable_variables, params.items(), strict=True):
            self.to_theirs[name] = to_theirs
            self.register_parameter(name, nn.Parameter(to_ours(variable.value.detach().double()).clone()))

    def call(self, inputs):
        values = [f(getattr(self, name)) for name, f in self.to_theirs.items()]
        fixed = [v.value for v in self.theirs[0].non_trainable_variables]  # of random numbers that nothing draws
        return self.theirs[0].stateless_call(values, fixed, inputs)[0]

    def forward(self, x):
        return self.call(x)


class Checked(Keras):
    """A formula in float64 that agrees with a layer of Keras, which here computes in float32 in part."""

    def __init__(self, theirs, shape, formula, inputs=lambda x: x, **params):
        super().__init__(theirs, shape, **params)
        self.formula, self.inputs = formula, inputs

    def forward(self, x):
        y = self.formula(x, **dict(self.named_parameters()))
        torch.testing.assert_close(y, self.call(self.inputs(x)).to(y.dtype), rtol=1e-5, atol=1e-6)
        return y


def attention(scores):
    """Attention of a sequence with itself, given the formula of scores."""
    return lambda x, **params: scores(x, **params).softmax(-1) @ x


def dot(x, scale=1.0):
    return scale * (x @ x.transpose(1, 2))


def additive(x, scale=1.0):
    return (scale * torch.tanh(x[:, :, None] + x[:, None])).sum(-1)


class Pair(nn.Module):
    """A comparison of two vectors that lie one above the other."""

    def __init__(self, compare):
        super().__init__()
        self.compare = compare

    def forward(self, x):
        return self.compare(x[:, 0], x[:, 1])


class LogProb(nn.AdaptiveLogSoftmaxWithLoss):
    def forward(self, x):
        return self.log_prob(x)


same = (lambda p: p, lambda v: v)


def kernel(rank):
    """A kernel of a convolution: [out in taps] to [taps in out], and back."""
    axes = [*range(2, 2 + rank), 1, 0]
    back = [rank + 1, rank, *range(rank)]
    return lambda p: p.permute(axes), lambda v: v.permute(back)


def padded(*shape):
    """Sequences that end with steps of zeros."""
    def make(gen):
        x = normal(*shape)(gen)
        for i in range(shape[0]):
            x[i, shape[1] - i:] = 0
        return x
    return make


def build(path):
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        return build_float64(path)
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def build_float64(path):
    g = Golden("layers_keras", path, seed=90)

    for name, axis, std in (("unit_norm", -1, 1.0), ("unit_norm_axis", 1, 1e-3)):
        unit = lambda x: nn.functional.normalize(x, dim=axis)
        layer(g, name, "unit_norm", Checked(kl.UnitNormalization(axis), (3, 4, 5), unit), [normal(3, 4, 5, std=std)], axis=axis)

    crops = [(kl.Cropping1D, (1, 2), [1], [2]), (kl.Cropping2D, ((1, 0), (2, 1)), [1, 2], [0, 1]),
             (kl.Cropping3D, ((0, 1), (1, 1), (0, 2)), [0, 1, 0], [1, 1, 2])]
    for make, cropping, before, after in crops:
        n = len(before)
        last = [0, *range(2, n + 2), 1]  # Cropping1D knows channels last alone
        first = [0, n + 1, *range(1, n + 1)]

        class Crop(nn.Module):
            def forward(self, x, theirs=make(cropping)):
                return theirs(x.permute(last)).permute(first)

        layer(g, f"crop{n}d", "crop", Crop(), [normal(2, 3, *[4, 5, 6][:n])], before=before, after=after)

    def einsum(name, equation, out, bias, x, sizes, letters=""):
        net = Keras(kl.EinsumDense(equation, output_shape=out, bias_axes=bias), x, **{"kernel": same, **({"bias": same} if bias else {})})
        layer(g, name, "einsum_dense", net, [normal(*x)], equation=equation, sizes=sizes, **({"bias": bias} if bias else {}))

    einsum("einsum_dense", "ab,bc->ac", 4, "c", (3, 5), {"c": 4})
    einsum("einsum_dense_heads", "abc,cde->abde", (None, 2, 3), "de", (2, 4, 5), {"d": 2, "e": 3})
    einsum("einsum_dense_bias_inside", "abc,cde->abde", (None, 2, 3), "d", (2, 4, 5), {"d": 2, "e": 3})
    einsum("einsum_dense_back", "abde,dec->abc", (None, 5), None, (2, 4, 2, 3), {"c": 5})
    einsum("einsum_dense_ellipsis", "...x,xy->...y", 4, "y", (2, 3, 5), {"y": 4})

    def conv_lstm(name, make, x, filters, size, bias=True, **options):
        theirs = make(filters, size, use_bias=bias, return_sequences=True, data_format="channels_first", **options)
        rank = len(x) - 3
        params = {"weight_ih": kernel(rank), "weight_hh": kernel(rank), **({"bias": same} if bias else {})}
        settings = {"same": True} if options.get("padding") == "same" else {}
        if "strides" in options:
            settings["stride"] = options["strides"]
        layer(g, name, "conv_lstm", Keras(theirs, x, **params), [normal(*x)], hidden=filters, kernel=size, bias=bias, **settings)

    conv_lstm("conv_lstm1d", kl.ConvLSTM1D, (2, 4, 3, 7), 2, [3])
    conv_lstm("conv_lstm2d", kl.ConvLSTM2D, (2, 3, 2, 5, 6), 3, [3, 2], padding="same")
    conv_lstm("conv_lstm2d_strides", kl.ConvLSTM2D, (1, 3, 2, 7, 6), 2, [3, 3], bias=False, strides=[2, 1])
    conv_lstm("conv_lstm3d", kl.ConvLSTM3D, (1, 2, 2, 3, 4, 3), 1, [2, 2, 2])

    def attend(name, kind, theirs, scores, scale):
        three = lambda x: [x, x, x]
        net = Checked(theirs, [(2, 4, 3)] * 3, attention(scores), three, **({"scale": same} if scale else {}))
        layer(g, name, kind, net, [normal(2, 4, 3)], scale=scale)

    attend("dot_attention", "dot_attention", kl.Attention(), dot, False)
    attend("dot_attention_scale", "dot_attention", kl.Attention(use_scale=True), dot, True)
    attend("additive_attention", "additive_attention", kl.AdditiveAttention(), additive, True)
    attend("additive_attention_plain", "additive_attention", kl.AdditiveAttention(use_scale=False), additive, False)
    layer(g, "masking", "masking", Keras(kl.Masking(), (3, 5, 2)), [padded(3, 5, 2)])

    layer(g, "cosine_similarity", "cosine_similarity", Pair(nn.CosineSimilarity()), [normal(4, 2, 5)])
    layer(g, "cosine_similarity_eps", "cosine_similarity", Pair(nn.CosineSimilarity(eps=2.0)), [normal(4, 2, 5)], eps=2.0)
    layer(g, "pairwise_distance", "pairwise_distance", Pair(nn.PairwiseDistance()), [normal(4, 2, 5)])
    layer(g, "pairwise_distance_options", "pairwise_distance", Pair(nn.PairwiseDistance(p=3.0, eps=0.1, keepdim=True)), [normal(4, 2, 5)],
          p=3.0, eps=0.1, keepdim=True)

    layer(g, "adaptive_log_softmax", "adaptive_log_softmax", LogProb(8, 12, [3, 7], div_value=2.0), [normal(4, 8)],
          classes=12, cutoffs=[3, 7], div_value=2.0)
    layer(g, "adaptive_log_softmax_bias", "adaptive_log_softmax", LogProb(8, 9, [5], head_bias=True), [normal(3, 8)],
          classes=9, cutoffs=[5], head_bias=True)
    return g


FILES = {"nn/testdata/keras.safetensors": build}
