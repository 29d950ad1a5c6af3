"""Layers of torch.nn with their state dicts, in float64.

    CASE/param/KEY, CASE/state/KEY   parameters and buffers at first
    CASE/in/I                        operand of call I, in training mode
    CASE/out/I, CASE/gout/I          its result, and a cotangent
    CASE/gin/I                       gradient of the operand, where it is floating-point
    CASE/grad/KEY                    gradients of the parameters, added up over the calls
    CASE/after/KEY                   buffers after all calls
    CASE/eval/0                      result for in/0 in evaluation mode, after all calls
"""

import torch
from torch import nn

from golden import Golden, integers, normal, uniform
from net import fill


def layer(g, name, net, inputs, **attrs):
    """attrs: the arguments of the layer's config in Go."""
    gen = g.generator(name)
    net = net.double().train()
    fill(net, gen)
    for key, p in net.named_parameters():
        g.put(f"{name}/param/{key}", p)
    for key, b in net.named_buffers():
        g.put(f"{name}/state/{key}", b)
    ins = [make(gen) for make in inputs]
    for i, x in enumerate(ins):
        x = x.clone().requires_grad_(x.is_floating_point())
        y = net(x)
        cotangent = torch.randn(y.shape, generator=gen, dtype=torch.float64)
        y.backward(cotangent)
        for kind, value in (("in", x), ("out", y), ("gout", cotangent), ("gin", x.grad)):
            if value is not None:
                g.put(f"{name}/{kind}/{i}", value)
    for key, p in net.named_parameters():
        g.put(f"{name}/grad/{key}", p.grad)
    for key, b in net.named_buffers():
        g.put(f"{name}/after/{key}", b)
    g.put(f"{name}/eval/0", net.eval()(ins[0]))
    g.add(name, op=type(net).__name__, calls=len(ins), **attrs)


def build(path):
    g = Golden("layers", path, seed=32)
    three = lambda *shape: [normal(*shape, mean=0.5), normal(*shape, std=2.0), normal(*shape)]

    layer(g, "linear", nn.Linear(5, 3), [normal(4, 5)], In=5, Out=3, Bias=True)
    layer(g, "linear_no_bias_rank3", nn.Linear(5, 1, bias=False), [normal(2, 3, 5)], In=5, Out=1, Bias=False)
    layer(g, "linear_rank1", nn.Linear(2, 3), [normal(2)], In=2, Out=3, Bias=True)

    def conv1d(name, c_in, c_out, size, kernel, stride=1, padding=0, dilation=1, groups=1, bias=True):
        layer(g, name, nn.Conv1d(c_in, c_out, kernel, stride, padding, dilation, groups, bias), [normal(2, c_in, size)],
              In=c_in, Out=c_out, Kernel=kernel, Stride=stride, Padding=padding, Dilation=dilation, Groups=groups, Bias=bias)

    def conv2d(name, c_in, c_out, size, kernel, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1, bias=True):
        layer(g, name, nn.Conv2d(c_in, c_out, kernel, stride, padding, dilation, groups, bias), [normal(2, c_in, *size)],
              In=c_in, Out=c_out, Kernel=kernel, Stride=stride, Padding=padding, Dilation=dilation, Groups=groups, Bias=bias)

    conv1d("conv1d", 2, 3, 7, 3)
    conv1d("conv1d_options", 4, 6, 11, 3, stride=2, padding=2, dilation=2, groups=2, bias=False)
    conv2d("conv2d", 2, 3, (5, 6), (3, 3))
    conv2d("conv2d_uneven", 2, 3, (7, 8), (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2))
    conv2d("conv2d_depthwise_no_bias", 4, 4, (5, 5), (3, 3), padding=(1, 1), groups=4, bias=False)

    layer(g, "conv3d", nn.Conv3d(2, 3, (2, 3, 2), (1, 2, 1), (0, 1, 1)), [normal(1, 2, 3, 4, 3)], In=2, Out=3, Kernel=(2, 3, 2),
          Stride=(1, 2, 1), Padding=(0, 1, 1), Dilation=(1, 1, 1), Groups=1, Bias=True)
    for mode in ("zeros", "reflect", "replicate", "circular"):
        layer(g, f"conv1d_same_{mode}", nn.Conv1d(2, 3, 4, padding="same", padding_mode=mode), [normal(2, 2, 6)],
              In=2, Out=3, Kernel=4, Stride=1, Same=True, PaddingMode=mode, Dilation=1, Groups=1, Bias=True)
        layer(g, f"conv2d_{mode}", nn.Conv2d(2, 4, (3, 2), (1, 2), (2, 1), (2, 1), 2, padding_mode=mode), [normal(2, 2, 5, 4)],
              In=2, Out=4, Kernel=(3, 2), Stride=(1, 2), Padding=(2, 1), PaddingMode=mode, Dilation=(2, 1), Groups=2, Bias=True)
    layer(g, "conv2d_same", nn.Conv2d(2, 2, (4, 3), padding="same", dilation=(1, 2), bias=False), [normal(1, 2, 5, 6)],
          In=2, Out=2, Kernel=(4, 3), Stride=(1, 1), Same=True, Dilation=(1, 2), Groups=1, Bias=False)

    def conv_transpose(name, make, c_in, c_out, size, kernel, stride, padding, output_padding, dilation, groups=1, bias=True):
        layer(g, name, make(c_in, c_out, kernel, stride, padding, output_padding, groups, bias, dilation), [normal(2, c_in, *size)],
              In=c_in, Out=c_out, Kernel=kernel, Stride=stride, Padding=padding, OutputPadding=output_padding, Dilation=dilation,
              Groups=groups, Bias=bias)

    conv_transpose("conv_transpose1d", nn.ConvTranspose1d, 2, 3, [5], 3, 1, 0, 0, 1)
    conv_transpose("conv_transpose1d_options", nn.ConvTranspose1d, 4, 6, [4], 3, 3, 2, 2, 2, groups=2, bias=False)
    conv_transpose("conv_transpose2d", nn.ConvTranspose2d, 3, 2, (3, 4), (4, 4), (2, 2), (1, 1), (0, 0), (1, 1))
    conv_transpose("conv_transpose2d_options", nn.ConvTranspose2d, 4, 4, (4, 3), (3, 2), (2, 1), (1, 0), (1, 1), (1, 2), groups=4)
    conv_transpose("conv_transpose3d", nn.ConvTranspose3d, 2, 3, (2, 3, 2), (2, 3, 2), (1, 2, 2), (0, 1, 0), (0, 1, 1), (1, 1, 1))

    layer(g, "max_pool2d", nn.MaxPool2d(2), [normal(2, 3, 5, 6)], Kernel=(2, 2), Stride=(2, 2), Padding=(0, 0), Dilation=(1, 1))
    layer(g, "max_pool2d_options", nn.MaxPool2d((3, 2), (2, 1), (1, 1), (1, 2)), [normal(2, 2, 7, 6)],
          Kernel=(3, 2), Stride=(2, 1), Padding=(1, 1), Dilation=(1, 2))
    layer(g, "avg_pool2d", nn.AvgPool2d(2), [normal(2, 3, 5, 6)], Kernel=(2, 2), Stride=(2, 2), Padding=(0, 0), CountIncludePad=True)
    layer(g, "avg_pool2d_padding", nn.AvgPool2d((3, 2), (2, 1), (1, 1)), [normal(2, 2, 7, 6)],
          Kernel=(3, 2), Stride=(2, 1), Padding=(1, 1), CountIncludePad=True)
    layer(g, "avg_pool2d_exclude_padding", nn.AvgPool2d((3, 2), (2, 1), (1, 1), count_include_pad=False), [normal(2, 2, 7, 6)],
          Kernel=(3, 2), Stride=(2, 1), Padding=(1, 1), CountIncludePad=False)

    def batch_norm(name, make, inputs, channels, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True):
        layer(g, name, make(channels, eps, momentum, affine, track_running_stats), inputs,
              Channels=channels, Eps=eps, Momentum=momentum, Affine=affine, TrackRunningStats=track_running_stats)

    batch_norm("batch_norm1d", nn.BatchNorm1d, three(4, 3), 3)
    batch_norm("batch_norm1d_time", nn.BatchNorm1d, three(2, 3, 4), 3, eps=0.1, momentum=0.3)
    batch_norm("batch_norm1d_two_elements", nn.BatchNorm1d, [normal(2, 3)], 3)
    batch_norm("batch_norm2d", nn.BatchNorm2d, three(2, 3, 2, 4), 3)
    batch_norm("batch_norm2d_cumulative", nn.BatchNorm2d, three(2, 3, 2, 2), 3, momentum=None)
    batch_norm("batch_norm2d_momentum1", nn.BatchNorm2d, three(2, 1, 3, 2), 1, momentum=1.0)
    batch_norm("batch_norm2d_momentum0", nn.BatchNorm2d, three(2, 2, 3, 2), 2, momentum=0.0)
    batch_norm("batch_norm2d_not_affine", nn.BatchNorm2d, three(3, 2, 2, 2), 2, affine=False)
    batch_norm("batch_norm2d_not_tracking", nn.BatchNorm2d, three(3, 2, 2, 2), 2, track_running_stats=False)
    batch_norm("batch_norm2d_bare", nn.BatchNorm2d, three(3, 2, 2, 2), 2, affine=False, track_running_stats=False)

    layer(g, "layer_norm", nn.LayerNorm(6), [normal(3, 2, 6)], Shape=[6], Eps=1e-5, Affine=True, Bias=True)
    layer(g, "layer_norm_two_axes", nn.LayerNorm([3, 4], eps=0.1), [normal(2, 3, 4)], Shape=[3, 4], Eps=0.1, Affine=True, Bias=True)
    layer(g, "layer_norm_no_bias", nn.LayerNorm(5, bias=False), [normal(2, 5)], Shape=[5], Eps=1e-5, Affine=True, Bias=False)
    layer(g, "layer_norm_not_affine", nn.LayerNorm(5, elementwise_affine=False), [normal(2, 5)],
          Shape=[5], Eps=1e-5, Affine=False, Bias=False)

    def group_norm(name, groups, channels, x, eps=1e-5, affine=True):
        layer(g, name, nn.GroupNorm(groups, channels, eps, affine), [x], Groups=groups, Channels=channels, Eps=eps, Affine=affine)

    group_norm("group_norm", 2, 4, normal(2, 4, 3, 2))
    group_norm("group_norm_rank2", 3, 6, normal(3, 6), eps=0.1)
    group_norm("group_norm_one_group", 1, 3, normal(2, 3, 5))
    group_norm("group_norm_not_affine", 2, 6, normal(2, 6, 3), affine=False)

    def instance_norm(name, make, inputs, channels, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False):
        layer(g, name, make(channels, eps, momentum, affine, track_running_stats), inputs,
              Channels=channels, Eps=eps, Momentum=momentum, Affine=affine, TrackRunningStats=track_running_stats)

    instance_norm("instance_norm1d", nn.InstanceNorm1d, three(2, 3, 4), 3)
    instance_norm("instance_norm1d_affine", nn.InstanceNorm1d, [normal(3, 2, 5)], 2, eps=0.1, affine=True)
    instance_norm("instance_norm1d_tracking", nn.InstanceNorm1d, three(3, 2, 5), 2, momentum=0.3, track_running_stats=True)
    instance_norm("instance_norm2d", nn.InstanceNorm2d, [normal(2, 3, 2, 4)], 3, eps=0.01)
    instance_norm("instance_norm2d_affine", nn.InstanceNorm2d, [normal(1, 3, 2, 2)], 3, affine=True)
    instance_norm("instance_norm2d_tracking", nn.InstanceNorm2d, three(2, 3, 2, 4), 3, affine=True, track_running_stats=True)

    layer(g, "rms_norm", nn.RMSNorm(6), [normal(3, 2, 6)], Shape=[6], Eps=None, Affine=True)
    layer(g, "rms_norm_two_axes", nn.RMSNorm([3, 4], eps=0.1), [normal(2, 3, 4)], Shape=[3, 4], Eps=0.1, Affine=True)
    layer(g, "rms_norm_not_affine", nn.RMSNorm(5, elementwise_affine=False), [normal(2, 5)], Shape=[5], Eps=None, Affine=False)
    # Small numbers, for which the eps counts.
    layer(g, "rms_norm_default_eps", nn.RMSNorm(5), [normal(2, 5, std=1e-8)], Shape=[5], Eps=None, Affine=True)

    layer(g, "local_response_norm", nn.LocalResponseNorm(3), [normal(2, 5, 3, 2, std=30)], Size=3, Alpha=1e-4, Beta=0.75, K=1)
    layer(g, "local_response_norm_even", nn.LocalResponseNorm(4, alpha=0.5, beta=0.5, k=2), [normal(2, 5, 3)], Size=4, Alpha=0.5, Beta=0.5, K=2)
    layer(g, "local_response_norm_wide", nn.LocalResponseNorm(7, alpha=1.0), [normal(1, 3, 2, 2)], Size=7, Alpha=1.0, Beta=0.75, K=1)

    layer(g, "embedding", nn.Embedding(7, 3), [integers(0, 7, 2, 5), integers(0, 7, 4)], Count=7, Width=3)
    layer(g, "embedding_padding", nn.Embedding(4, 3, padding_idx=2), [integers(0, 4, 3, 5)], Count=4, Width=3, PaddingIdx=2)
    layer(g, "prelu", nn.PReLU(3), [normal(2, 3, 4)], N=3)
    return g


def build_pools(path):
    """Pooling, resizing and pixel shuffle."""
    g = Golden("layers", path, seed=48)
    for size in (5, 6, 7, 8):
        layer(g, f"max_pool1d_{size}_ceil", nn.MaxPool1d(3, 2, 1, 1, ceil_mode=True), [normal(2, 2, size)],
              Kernel=3, Stride=2, Padding=1, Dilation=1, CeilMode=True)
    layer(g, "max_pool1d", nn.MaxPool1d(2), [normal(2, 3, 7)], Kernel=2, Stride=2, Padding=0, Dilation=1)
    layer(g, "max_pool2d_ceil", nn.MaxPool2d(2, ceil_mode=True), [normal(2, 2, 5, 6)], Kernel=(2, 2), Stride=(2, 2), Padding=(0, 0),
          Dilation=(1, 1), CeilMode=True)
    layer(g, "max_pool2d_ceil_options", nn.MaxPool2d((3, 2), (3, 4), (1, 1), (2, 1), ceil_mode=True), [normal(2, 2, 8, 7)],
          Kernel=(3, 2), Stride=(3, 4), Padding=(1, 1), Dilation=(2, 1), CeilMode=True)
    for include in (False, True):
        for size in (5, 6, 7, 8):
            layer(g, f"avg_pool1d_{size}_ceil" + ("_include" if include else ""), nn.AvgPool1d(4, 3, 2, True, include), [normal(2, 2, size)],
                  Kernel=4, Stride=3, Padding=2, CeilMode=True, CountIncludePad=include)
        layer(g, "avg_pool2d_ceil" + ("_include" if include else ""), nn.AvgPool2d((3, 2), (2, 3), (1, 0), True, include), [normal(2, 2, 6, 6)],
              Kernel=(3, 2), Stride=(2, 3), Padding=(1, 0), CeilMode=True, CountIncludePad=include)
    layer(g, "avg_pool1d", nn.AvgPool1d(3, 2), [normal(2, 3, 8)], Kernel=3, Stride=2, Padding=0, CountIncludePad=True)
    layer(g, "avg_pool2d_divisor", nn.AvgPool2d((3, 2), (2, 1), (1, 1), divisor_override=5), [normal(2, 2, 5, 4)],
          Kernel=(3, 2), Stride=(2, 1), Padding=(1, 1), CountIncludePad=True, DivisorOverride=5)
    layer(g, "avg_pool2d_divisor_ceil", nn.AvgPool2d(2, ceil_mode=True, divisor_override=-3), [normal(2, 2, 5, 5)],
          Kernel=(2, 2), Stride=(2, 2), Padding=(0, 0), CountIncludePad=True, CeilMode=True, DivisorOverride=-3)
    layer(g, "lp_pool1d", nn.LPPool1d(3, 3, 2), [uniform(0.1, 2, 2, 3, 8)], Norm=3, Kernel=3, Stride=2)
    layer(g, "lp_pool2d", nn.LPPool2d(2, (2, 3)), [normal(2, 2, 5, 6)], Norm=2, Kernel=(2, 3), Stride=(2, 3))
    layer(g, "lp_pool2d_ceil", nn.LPPool2d(1.5, 2, ceil_mode=True), [uniform(0.1, 2, 2, 2, 5, 3)], Norm=1.5, Kernel=(2, 2), Stride=(2, 2), CeilMode=True)
    layer(g, "adaptive_avg_pool1d", nn.AdaptiveAvgPool1d(3), [normal(2, 3, 7)], Out=3)
    layer(g, "adaptive_avg_pool2d", nn.AdaptiveAvgPool2d((2, 3)), [normal(2, 3, 5, 6)], Out=(2, 3))
    layer(g, "adaptive_avg_pool2d_global", nn.AdaptiveAvgPool2d(1), [normal(2, 3, 5, 4)], Out=(1, 1))
    layer(g, "adaptive_max_pool1d", nn.AdaptiveMaxPool1d(4), [normal(2, 3, 7)], Out=4)
    layer(g, "adaptive_max_pool2d", nn.AdaptiveMaxPool2d((3, 2)), [normal(2, 2, 5, 7)], Out=(3, 2))
    layer(g, "upsample", nn.Upsample(scale_factor=2), [normal(2, 3, 3, 4)], ScaleFactor=(2, 2), Mode="nearest")
    layer(g, "upsample_size", nn.Upsample((5, 3)), [normal(2, 2, 3, 4)], Size=(5, 3), Mode="nearest")
    layer(g, "upsample_linear", nn.Upsample(scale_factor=(3,), mode="linear"), [normal(2, 2, 4)], ScaleFactor=(3,), Mode="linear")
    layer(g, "upsample_bilinear", nn.Upsample((7, 5), mode="bilinear"), [normal(2, 2, 3, 4)], Size=(7, 5), Mode="linear")
    layer(g, "upsample_bilinear_corners", nn.Upsample(scale_factor=(2, 3), mode="bilinear", align_corners=True), [normal(1, 2, 3, 4)],
          ScaleFactor=(2, 3), Mode="linear", AlignCorners=True)
    layer(g, "pixel_shuffle", nn.PixelShuffle(2), [normal(2, 8, 3, 2)], Factor=2)
    layer(g, "pixel_unshuffle", nn.PixelUnshuffle(3), [normal(2, 2, 3, 6)], Factor=3)
    return g


FILES = {"nn/testdata/layers.safetensors": build, "nn/testdata/pools.safetensors": build_pools}
