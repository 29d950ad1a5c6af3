"""Layers of torch.nn with their state dicts, in float64.

    CASE/param/KEY, CASE/state/KEY   parameters and buffers at first
    CASE/in/I                        operand of call I, in training mode
    CASE/out/I, CASE/gout/I          its result, and a cotangent
    CASE/gin/I                       gradient of the operand, where it is floating-point
    CASE/grad/KEY                    gradients of the parameters, added up over the calls
    CASE/after/KEY                   buffers after all calls
    CASE/eval/0                      result for in/0 in evaluation mode, after all calls

The attributes of a case are the number of calls in training mode, and the layer
as a recipe has it in a list: what is called like an argument of PyTorch's class
means the same.
"""

import torch
from torch import nn

from golden import Golden, integers, normal, uniform
from net import fill


def layer(g, name, kind, net, inputs, train=True, **settings):
    """kind and settings are a layer of a recipe. Without train there is only the
    result in evaluation mode: for layers whose training is random."""
    gen = g.generator(name)
    net = net.double().train()
    fill(net, gen)
    for key, p in net.named_parameters():
        g.put(f"{name}/param/{key}", p)
    for key, b in net.named_buffers():
        g.put(f"{name}/state/{key}", b)
    ins = [make(gen) for make in inputs]
    for i, x in enumerate(ins):
        g.put(f"{name}/in/{i}", x)
        if not train:
            continue
        x = x.clone().requires_grad_(x.is_floating_point())
        y = net(x)
        cotangent = torch.randn(y.shape, generator=gen, dtype=torch.float64)
        y.backward(cotangent)
        for role, value in (("out", y), ("gout", cotangent), ("gin", x.grad)):
            if value is not None:
                g.put(f"{name}/{role}/{i}", value)
    for key, p in net.named_parameters():
        if train:
            g.put(f"{name}/grad/{key}", p.grad)
    for key, b in net.named_buffers():
        g.put(f"{name}/after/{key}", b)
    g.put(f"{name}/eval/0", net.eval()(ins[0]))
    g.add(name, calls=len(ins) if train else 0, layer={"type": kind, **settings})


def same(g, name, kind, make, sizes, inputs, **options):
    """A layer whose settings are the options of PyTorch's class, behind the sizes that follow from the operand."""
    layer(g, name, kind, make(*sizes, **options), inputs, **options)


def build(path):
    g = Golden("layers", path, seed=32)
    three = lambda *shape: [normal(*shape, mean=0.5), normal(*shape, std=2.0), normal(*shape)]

    layer(g, "linear", "linear", nn.Linear(5, 3), [normal(4, 5)], out=3)
    layer(g, "linear_no_bias_rank3", "linear", nn.Linear(5, 1, bias=False), [normal(2, 3, 5)], out=1, bias=False)

    def conv(name, make, c_in, c_out, x, kernel, **options):
        net = make(c_in, c_out, kernel, **options)
        if options.get("padding") == "same":
            del options["padding"]
            options["same"] = True
        kind = type(net).__name__.lower().replace("transpose", "_transpose")
        layer(g, name, kind, net, [normal(*x)], out=c_out, kernel=kernel, **options)

    conv("conv1d", nn.Conv1d, 2, 3, (2, 2, 7), 3)
    conv("conv1d_options", nn.Conv1d, 4, 6, (2, 4, 11), 3, stride=2, padding=2, dilation=2, groups=2, bias=False)
    conv("conv2d", nn.Conv2d, 2, 3, (2, 2, 5, 6), (3, 3))
    conv("conv2d_uneven", nn.Conv2d, 2, 3, (2, 2, 7, 8), (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2))
    conv("conv2d_depthwise_no_bias", nn.Conv2d, 4, 4, (2, 4, 5, 5), (3, 3), padding=(1, 1), groups=4, bias=False)
    conv("conv3d", nn.Conv3d, 2, 3, (1, 2, 3, 4, 3), (2, 3, 2), stride=(1, 2, 1), padding=(0, 1, 1))
    for mode in ("zeros", "reflect", "replicate", "circular"):
        conv(f"conv1d_same_{mode}", nn.Conv1d, 2, 3, (2, 2, 6), 4, padding="same", padding_mode=mode)
        conv(f"conv2d_{mode}", nn.Conv2d, 2, 4, (2, 2, 5, 4), (3, 2), stride=(1, 2), padding=(2, 1), dilation=(2, 1), groups=2, padding_mode=mode)
    conv("conv2d_same", nn.Conv2d, 2, 2, (1, 2, 5, 6), (4, 3), padding="same", dilation=(1, 2), bias=False)

    conv("conv_transpose1d", nn.ConvTranspose1d, 2, 3, (2, 2, 5), 3)
    conv("conv_transpose1d_options", nn.ConvTranspose1d, 4, 6, (2, 4, 4), 3, stride=3, padding=2, output_padding=2, dilation=2, groups=2, bias=False)
    conv("conv_transpose2d", nn.ConvTranspose2d, 3, 2, (2, 3, 3, 4), (4, 4), stride=(2, 2), padding=(1, 1))
    conv("conv_transpose2d_options", nn.ConvTranspose2d, 4, 4, (2, 4, 4, 3), (3, 2), stride=(2, 1), padding=(1, 0), output_padding=(1, 1),
         dilation=(1, 2), groups=4)
    conv("conv_transpose3d", nn.ConvTranspose3d, 2, 3, (2, 2, 2, 3, 2), (2, 3, 2), stride=(1, 2, 2), padding=(0, 1, 0), output_padding=(0, 1, 1))

    def max_pool2d(name, x, **options):
        layer(g, name, "max_pool", nn.MaxPool2d(**options), [normal(*x)], **ours(options))

    def avg_pool2d(name, x, **options):
        layer(g, name, "avg_pool", nn.AvgPool2d(**options), [normal(*x)], **ours(options))

    max_pool2d("max_pool2d", (2, 3, 5, 6), kernel_size=2)
    max_pool2d("max_pool2d_options", (2, 2, 7, 6), kernel_size=(3, 2), stride=(2, 1), padding=(1, 1), dilation=(1, 2))
    avg_pool2d("avg_pool2d", (2, 3, 5, 6), kernel_size=2)
    avg_pool2d("avg_pool2d_padding", (2, 2, 7, 6), kernel_size=(3, 2), stride=(2, 1), padding=(1, 1))
    avg_pool2d("avg_pool2d_exclude_padding", (2, 2, 7, 6), kernel_size=(3, 2), stride=(2, 1), padding=(1, 1), count_include_pad=False)

    def batch_norm(name, make, inputs, channels, **options):
        same(g, name, "batch_norm", make, [channels], inputs, **options)

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

    batch_norm("batch_norm3d", nn.BatchNorm3d, three(2, 3, 2, 2, 3), 3)
    # PyTorch's own refuses to run on a CPU; with one process it is this.
    same(g, "sync_batch_norm", "sync_batch_norm", nn.BatchNorm2d, [3], three(2, 3, 2, 4), eps=0.01)
    same(g, "sync_batch_norm_rank2", "sync_batch_norm", nn.BatchNorm1d, [3], three(4, 3), momentum=0.2)

    layer(g, "layer_norm", "layer_norm", nn.LayerNorm(6), [normal(3, 2, 6)])
    layer(g, "layer_norm_two_axes", "layer_norm", nn.LayerNorm([3, 4], eps=0.1), [normal(2, 3, 4)], axes=2, eps=0.1)
    layer(g, "layer_norm_no_bias", "layer_norm", nn.LayerNorm(5, bias=False), [normal(2, 5)], bias=False)
    layer(g, "layer_norm_not_affine", "layer_norm", nn.LayerNorm(5, elementwise_affine=False), [normal(2, 5)], affine=False, bias=False)

    def group_norm(name, groups, channels, x, **options):
        layer(g, name, "group_norm", nn.GroupNorm(groups, channels, **options), [x], groups=groups, **options)

    group_norm("group_norm", 2, 4, normal(2, 4, 3, 2))
    group_norm("group_norm_rank2", 3, 6, normal(3, 6), eps=0.1)
    group_norm("group_norm_one_group", 1, 3, normal(2, 3, 5))
    group_norm("group_norm_not_affine", 2, 6, normal(2, 6, 3), affine=False)

    def instance_norm(name, make, inputs, channels, **options):
        same(g, name, "instance_norm", make, [channels], inputs, **options)

    instance_norm("instance_norm1d", nn.InstanceNorm1d, three(2, 3, 4), 3)
    instance_norm("instance_norm1d_affine", nn.InstanceNorm1d, [normal(3, 2, 5)], 2, eps=0.1, affine=True)
    instance_norm("instance_norm1d_tracking", nn.InstanceNorm1d, three(3, 2, 5), 2, momentum=0.3, track_running_stats=True)
    instance_norm("instance_norm2d", nn.InstanceNorm2d, [normal(2, 3, 2, 4)], 3, eps=0.01)
    instance_norm("instance_norm2d_affine", nn.InstanceNorm2d, [normal(1, 3, 2, 2)], 3, affine=True)
    instance_norm("instance_norm2d_tracking", nn.InstanceNorm2d, three(2, 3, 2, 4), 3, affine=True, track_running_stats=True)

    instance_norm("instance_norm3d", nn.InstanceNorm3d, [normal(2, 2, 2, 3, 2)], 2, eps=0.01)
    instance_norm("instance_norm3d_tracking", nn.InstanceNorm3d, three(2, 2, 2, 3, 2), 2, affine=True, track_running_stats=True)

    layer(g, "rms_norm", "rms_norm", nn.RMSNorm(6), [normal(3, 2, 6)])
    layer(g, "rms_norm_two_axes", "rms_norm", nn.RMSNorm([3, 4], eps=0.1), [normal(2, 3, 4)], axes=2, eps=0.1)
    layer(g, "rms_norm_not_affine", "rms_norm", nn.RMSNorm(5, elementwise_affine=False), [normal(2, 5)], affine=False)
    # Small numbers, for which the eps counts.
    layer(g, "rms_norm_default_eps", "rms_norm", nn.RMSNorm(5), [normal(2, 5, std=1e-8)])

    def local_response_norm(name, x, **options):
        same(g, name, "local_response_norm", nn.LocalResponseNorm, [], [x], **options)

    local_response_norm("local_response_norm", normal(2, 5, 3, 2, std=30), size=3)
    local_response_norm("local_response_norm_even", normal(2, 5, 3), size=4, alpha=0.5, beta=0.5, k=2)
    local_response_norm("local_response_norm_wide", normal(1, 3, 2, 2), size=7, alpha=1.0)

    layer(g, "embedding", "embedding", nn.Embedding(7, 3), [integers(0, 7, 2, 5), integers(0, 7, 4)], count=7, width=3)
    layer(g, "embedding_padding", "embedding", nn.Embedding(4, 3, padding_idx=2), [integers(0, 4, 3, 5)], count=4, width=3, padding_idx=2)
    layer(g, "prelu", "prelu", nn.PReLU(3), [normal(2, 3, 4)], per_channel=True)
    return g


class Separable(nn.Module):
    """keras.layers.SeparableConv2D, or SeparableConv1D."""

    def __init__(self, make, c_in, c_out, kernel, multiplier, bias=True, **options):
        super().__init__()
        self.depthwise = make(c_in, c_in * multiplier, kernel, groups=c_in, bias=False, **options)
        self.pointwise = make(c_in * multiplier, c_out, 1, bias=bias)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


class Unpooled(nn.Module):
    """Max-pooling, a layer, and what undoes the pooling."""

    def __init__(self, pool, unpool, layer=None, **options):
        super().__init__()
        self.pool, self.unpool = pool(return_indices=True, **options), unpool(**options)
        if layer:
            self.add_module("0", layer)
        self.inner = [layer] if layer else []

    def forward(self, x):
        y, index = self.pool(x)
        for layer in self.inner:
            y = layer(y)
        torch.use_deterministic_algorithms(False)  # it is, where windows don't overlap; PyTorch can't know
        y = self.unpool(y, index, output_size=x.shape)
        torch.use_deterministic_algorithms(True)
        return y


class Global(nn.Module):
    """Global pooling as of Keras."""

    def __init__(self, reduce):
        super().__init__()
        self.reduce = reduce

    def forward(self, x):
        return self.reduce(x.flatten(2), -1)


class Crop(nn.Module):
    """keras.layers.Cropping2D, and those of one and three axes."""

    def __init__(self, lo, hi):
        super().__init__()
        self.cut = [slice(a, -b if b else None) for a, b in zip(lo, hi)]

    def forward(self, x):
        return x[(slice(None), slice(None), *self.cut)]


def build_shapes(path):
    """Layers that move elements, and those of three axes."""
    g = Golden("layers", path, seed=72)

    operands = [((2, 2, 5), (2,), (1,)), ((2, 2, 4, 3), (1, 2), (3, 0)), ((1, 2, 3, 4, 3), (1, 0, 2), (2, 1, 1))]
    for n, (x, lo, hi) in enumerate(operands, 1):
        for mode, name in (("zeros", "Zero"), ("reflect", "Reflection"), ("replicate", "Replication"), ("circular", "Circular")):
            layer_of = getattr(nn, f"{name}Pad{n}d")
            widths = [w for a, b in zip(reversed(lo), reversed(hi)) for w in (a, b)]
            layer(g, f"pad{n}d_{mode}", "pad", layer_of(tuple(widths)), [normal(*x)], before=lo, after=hi, mode=mode)
        layer(g, f"constant_pad{n}d", "constant_pad", getattr(nn, f"ConstantPad{n}d")(tuple(widths), -1.5), [normal(*x)], before=lo, after=hi, value=-1.5)
        cut = tuple(1 if size > 3 else 0 for size in x[2:])
        layer(g, f"crop{n}d", "crop", Crop([1] * n, cut), [normal(*x)], before=[1] * n, after=cut)
        for name, reduce in (("avg", torch.mean), ("max", torch.amax)):
            layer(g, f"global_{name}_pool{n}d", f"global_{name}_pool", Global(reduce), [normal(*x)])
        layer(g, f"channel_shuffle{n}d", "channel_shuffle", nn.ChannelShuffle(3), [normal(2, 6, *x[2:])], groups=3)
        options = dict(kernel_size=2, stride=2)
        layer(g, f"max_unpool{n}d", "max_unpool", Unpooled(getattr(nn, f"MaxPool{n}d"), getattr(nn, f"MaxUnpool{n}d"), **options), [normal(*x)], **ours(options))
    options = dict(kernel_size=(3, 2), stride=(3, 2), padding=(1, 1))
    layer(g, "max_unpool2d_layers", "max_unpool", Unpooled(nn.MaxPool2d, nn.MaxUnpool2d, nn.Conv2d(2, 2, 3, padding=1), **options), [normal(2, 2, 7, 5)],
          layers=[{"type": "conv2d", "out": 2, "kernel": 3, "padding": 1}], **ours(options))

    layer(g, "unflatten", "unflatten", nn.Unflatten(1, (2, 3)), [normal(2, 6, 4)], axis=1, shape=[2, 3])
    layer(g, "unflatten_free", "unflatten", nn.Unflatten(-1, (-1, 2)), [normal(2, 6)], shape=[-1, 2])

    for name, x, options in (("", (2, 3, 5, 6), dict(kernel_size=2)),
                             ("_options", (2, 2, 6, 5), dict(kernel_size=(2, 3), stride=(1, 2), padding=(1, 2), dilation=(3, 1)))):
        layer(g, "unfold" + name, "unfold", nn.Unfold(**{"stride": options["kernel_size"], **options}), [normal(*x)], **ours(options))
    layer(g, "fold", "fold", nn.Fold((4, 6), 2, stride=2), [normal(2, 12, 6)], out=(4, 6), kernel=2)
    layer(g, "fold_options", "fold", nn.Fold((6, 5), (2, 3), (3, 1), (1, 2), (1, 2)), [normal(2, 12, 20)],
          out=(6, 5), kernel=(2, 3), dilation=(3, 1), padding=(1, 2), stride=(1, 2))

    def fractional(name, make, x, kernel, out):
        net = make(kernel, output_size=out)
        del net._buffers["_random_samples"]
        net._random_samples = torch.full((x[0], x[1], len(x) - 2), 0.5, dtype=torch.float64)
        layer(g, name, "fractional_max_pool", net, [normal(*x)], train=False, kernel=kernel, out=out)

    fractional("fractional_max_pool2d", nn.FractionalMaxPool2d, (2, 3, 9, 8), 2, (5, 3))
    fractional("fractional_max_pool2d_one", nn.FractionalMaxPool2d, (1, 2, 4, 7), (3, 2), (1, 6))
    fractional("fractional_max_pool3d", nn.FractionalMaxPool3d, (1, 2, 5, 6, 7), (2, 1, 3), (3, 4, 2))

    for n, make in ((1, nn.Conv1d), (2, nn.Conv2d)):
        x = [normal(2, 3, *(7, 6)[:n])]
        layer(g, f"depthwise_conv{n}d", f"depthwise_conv{n}d", make(3, 6, 3, padding=1, groups=3), x, kernel=3, padding=1, multiplier=2)
        layer(g, f"depthwise_conv{n}d_options", f"depthwise_conv{n}d", make(3, 3, 2, stride=2, groups=3, bias=False), x, kernel=2, stride=2, bias=False)
        layer(g, f"separable_conv{n}d", f"separable_conv{n}d", Separable(make, 3, 4, 3, 2, padding=1), x, out=4, kernel=3, padding=1, multiplier=2)
        layer(g, f"separable_conv{n}d_options", f"separable_conv{n}d", Separable(make, 3, 2, 2, 1, bias=False, stride=2, dilation=2), x,
              out=2, kernel=2, bias=False, stride=2, dilation=2)

    for kind, net in (("channel_dropout", nn.Dropout2d(0.3)), ("alpha_dropout", nn.AlphaDropout(0.3)), ("feature_alpha_dropout", nn.FeatureAlphaDropout(0.3)),
                      ("dropout", nn.Dropout(0.3))):
        layer(g, kind, kind, net, [normal(2, 3, 2, 2)], train=False, p=0.3)
    layer(g, "gaussian_dropout", "gaussian_dropout", nn.Identity(), [normal(2, 3)], train=False, p=0.3)
    layer(g, "gaussian_noise", "gaussian_noise", nn.Identity(), [normal(2, 3)], train=False, std=0.3)
    return g


class Pair(nn.Module):
    """A layer of two operands that lie one above the other."""

    def __init__(self, weight, bias, call):
        super().__init__()
        self.weight, self.bias, self.call = weight, bias, call

    def forward(self, x):
        return self.call(x[:, 0], x[:, 1], self.weight, self.bias)


class SpatialTransformer(nn.Sequential):
    """Moves images by affine maps that layers find out."""

    def __init__(self, mode, padding, corners, *layers):
        super().__init__(*layers)
        self.options = mode, padding, corners

    def forward(self, x):
        theta = super().forward(x).reshape(-1, 2, 3) + torch.eye(3, dtype=x.dtype)[:2]
        mode, padding, corners = self.options
        return nn.functional.grid_sample(x, nn.functional.affine_grid(theta, x.shape, corners), mode, padding, corners)


def build_weights(path):
    """Layers whose weights are made of others, bags of embeddings, and layers of two operands."""
    g = Golden("layers", path, seed=74)
    weight_norm, spectral_norm = nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm
    three = lambda *shape: [normal(*shape, mean=0.5), normal(*shape, std=2.0), normal(*shape)]
    inner = [
        ("linear", lambda: nn.Linear(5, 3), (4, 5), {"type": "linear", "out": 3}),
        ("linear_no_bias", lambda: nn.Linear(5, 3, bias=False), (4, 5), {"type": "linear", "out": 3, "bias": False}),
        ("conv1d", lambda: nn.Conv1d(2, 3, 3), (2, 2, 6), {"type": "conv1d", "out": 3, "kernel": 3}),
        ("conv2d", lambda: nn.Conv2d(4, 6, (2, 3), groups=2), (2, 4, 3, 4), {"type": "conv2d", "out": 6, "kernel": [2, 3], "groups": 2}),
        ("conv3d", lambda: nn.Conv3d(2, 3, 2), (1, 2, 3, 2, 3), {"type": "conv3d", "out": 3, "kernel": 2}),
        ("conv_transpose1d", lambda: nn.ConvTranspose1d(3, 2, 3), (2, 3, 4), {"type": "conv_transpose1d", "out": 2, "kernel": 3}),
        ("conv_transpose2d", lambda: nn.ConvTranspose2d(3, 2, 2), (2, 3, 3, 2), {"type": "conv_transpose2d", "out": 2, "kernel": 2}),
        ("conv_transpose3d", lambda: nn.ConvTranspose3d(2, 2, 2), (1, 2, 2, 2, 2), {"type": "conv_transpose3d", "out": 2, "kernel": 2}),
    ]
    for name, make, x, settings in inner:
        layer(g, f"weight_norm_{name}", "weight_norm", weight_norm(make()), [normal(*x)], layer=settings)
        torch.manual_seed(0)  # of the vectors
        layer(g, f"spectral_norm_{name}", "spectral_norm", spectral_norm(make()), three(*x), layer=settings)
    torch.manual_seed(0)
    layer(g, "spectral_norm_options", "spectral_norm", spectral_norm(nn.Linear(4, 6), n_power_iterations=3, eps=1e-3), three(3, 4),
          layer={"type": "linear", "out": 6}, n_power_iterations=3, eps=1e-3)

    net = nn.Bilinear(4, 4, 3)
    layer(g, "bilinear", "bilinear", Pair(net.weight, net.bias, nn.functional.bilinear), [normal(5, 2, 4)], out=3)
    net = nn.Bilinear(3, 3, 1, bias=False)
    layer(g, "bilinear_no_bias", "bilinear", Pair(net.weight, None, nn.functional.bilinear), [normal(2, 2, 3)], out=1, bias=False)

    find = lambda: (nn.Conv2d(2, 2, 2), nn.Flatten(), nn.Linear(24, 6))
    found = [{"type": "conv2d", "out": 2, "kernel": 2}, {"type": "flatten"}, {"type": "linear"}]
    layer(g, "spatial_transformer", "spatial_transformer", SpatialTransformer("bilinear", "zeros", False, *find()), [normal(2, 2, 4, 5)], layers=found)
    layer(g, "spatial_transformer_border", "spatial_transformer", SpatialTransformer("bilinear", "border", True, *find()), [normal(2, 2, 4, 5)],
          layers=found, border=True, align_corners=True)

    for mode in ("mean", "sum", "max"):
        layer(g, f"embedding_bag_{mode}", "embedding_bag", nn.EmbeddingBag(7, 3, mode=mode), [integers(0, 7, 4, 5)], count=7, width=3, mode=mode)
        layer(g, f"embedding_bag_{mode}_padding", "embedding_bag", nn.EmbeddingBag(4, 3, mode=mode, padding_idx=1), [integers(0, 4, 6, 2)],
              count=4, width=3, mode=mode, padding_idx=1)
    layer(g, "embedding_max_norm", "embedding", nn.Embedding(5, 3, max_norm=0.8), [integers(0, 5, 2, 4)], count=5, width=3, max_norm=0.8)
    layer(g, "embedding_by_frequency", "embedding", nn.Embedding(4, 3, padding_idx=2, scale_grad_by_freq=True), [integers(0, 4, 3, 5)],
          count=4, width=3, padding_idx=2, scale_grad_by_freq=True)
    return g


def ours(options):
    """The settings for PyTorch's options: a few have other names."""
    names = {"kernel_size": "kernel", "norm_type": "norm", "output_size": "out"}
    return {names.get(key, key): value for key, value in options.items()}


def build_pools(path):
    """Pooling, resizing and pixel shuffle."""
    g = Golden("layers", path, seed=48)

    def pool(name, kind, make, x, **options):
        layer(g, name, kind, make(**options), [x], **ours(options))

    for size in (5, 6, 7, 8):
        pool(f"max_pool1d_{size}_ceil", "max_pool", nn.MaxPool1d, normal(2, 2, size), kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=True)
    pool("max_pool1d", "max_pool", nn.MaxPool1d, normal(2, 3, 7), kernel_size=2)
    pool("max_pool2d_ceil", "max_pool", nn.MaxPool2d, normal(2, 2, 5, 6), kernel_size=2, ceil_mode=True)
    pool("max_pool2d_ceil_options", "max_pool", nn.MaxPool2d, normal(2, 2, 8, 7), kernel_size=(3, 2), stride=(3, 4), padding=(1, 1), dilation=(2, 1),
         ceil_mode=True)
    for include in (False, True):
        suffix = "_include" if include else ""
        for size in (5, 6, 7, 8):
            pool(f"avg_pool1d_{size}_ceil{suffix}", "avg_pool", nn.AvgPool1d, normal(2, 2, size), kernel_size=4, stride=3, padding=2,
                 ceil_mode=True, count_include_pad=include)
        pool(f"avg_pool2d_ceil{suffix}", "avg_pool", nn.AvgPool2d, normal(2, 2, 6, 6), kernel_size=(3, 2), stride=(2, 3), padding=(1, 0),
             ceil_mode=True, count_include_pad=include)
    pool("avg_pool1d", "avg_pool", nn.AvgPool1d, normal(2, 3, 8), kernel_size=3, stride=2)
    pool("avg_pool2d_divisor", "avg_pool", nn.AvgPool2d, normal(2, 2, 5, 4), kernel_size=(3, 2), stride=(2, 1), padding=(1, 1), divisor_override=5)
    pool("avg_pool2d_divisor_ceil", "avg_pool", nn.AvgPool2d, normal(2, 2, 5, 5), kernel_size=2, ceil_mode=True, divisor_override=-3)
    pool("lp_pool1d", "lp_pool", nn.LPPool1d, uniform(0.1, 2, 2, 3, 8), norm_type=3, kernel_size=3, stride=2)
    pool("lp_pool2d", "lp_pool", nn.LPPool2d, normal(2, 2, 5, 6), norm_type=2, kernel_size=(2, 3))
    pool("lp_pool2d_ceil", "lp_pool", nn.LPPool2d, uniform(0.1, 2, 2, 2, 5, 3), norm_type=1.5, kernel_size=2, ceil_mode=True)
    pool("max_pool3d", "max_pool", nn.MaxPool3d, normal(1, 2, 4, 5, 4), kernel_size=2)
    pool("max_pool3d_options", "max_pool", nn.MaxPool3d, normal(1, 2, 5, 6, 5), kernel_size=(3, 2, 2), stride=(2, 1, 2), padding=(1, 1, 0),
         dilation=(1, 2, 1), ceil_mode=True)
    pool("avg_pool3d", "avg_pool", nn.AvgPool3d, normal(1, 2, 4, 5, 4), kernel_size=2)
    pool("avg_pool3d_options", "avg_pool", nn.AvgPool3d, normal(1, 2, 5, 6, 5), kernel_size=(3, 2, 2), stride=(2, 1, 2), padding=(1, 1, 0),
         ceil_mode=True, count_include_pad=False)
    pool("avg_pool3d_divisor", "avg_pool", nn.AvgPool3d, normal(1, 2, 4, 4, 4), kernel_size=(3, 2, 2), padding=1, divisor_override=7)
    pool("lp_pool3d", "lp_pool", nn.LPPool3d, uniform(0.1, 2, 1, 2, 4, 5, 4), norm_type=3, kernel_size=(2, 3, 2))
    pool("adaptive_avg_pool3d", "adaptive_avg_pool", nn.AdaptiveAvgPool3d, normal(1, 2, 4, 5, 3), output_size=(2, 3, 3))
    pool("adaptive_max_pool3d", "adaptive_max_pool", nn.AdaptiveMaxPool3d, normal(1, 2, 4, 5, 3), output_size=(3, 2, 1))
    pool("adaptive_avg_pool1d", "adaptive_avg_pool", nn.AdaptiveAvgPool1d, normal(2, 3, 7), output_size=3)
    pool("adaptive_avg_pool2d", "adaptive_avg_pool", nn.AdaptiveAvgPool2d, normal(2, 3, 5, 6), output_size=(2, 3))
    pool("adaptive_avg_pool2d_global", "adaptive_avg_pool", nn.AdaptiveAvgPool2d, normal(2, 3, 5, 4), output_size=1)
    pool("adaptive_max_pool1d", "adaptive_max_pool", nn.AdaptiveMaxPool1d, normal(2, 3, 7), output_size=4)
    pool("adaptive_max_pool2d", "adaptive_max_pool", nn.AdaptiveMaxPool2d, normal(2, 2, 5, 7), output_size=(3, 2))

    def upsample(name, x, torch_mode="nearest", **options):
        net = nn.Upsample(mode=torch_mode, **options)
        mode = torch_mode.removeprefix("bi").removeprefix("tri")
        layer(g, name, "upsample", net, [normal(*x)], mode=mode, **options)

    upsample("upsample", (2, 3, 3, 4), scale_factor=2)
    upsample("upsample_size", (2, 2, 3, 4), size=(5, 3))
    upsample("upsample_linear", (2, 2, 4), "linear", scale_factor=3)
    upsample("upsample_bilinear", (2, 2, 3, 4), "bilinear", size=(7, 5))
    upsample("upsample_bilinear_corners", (1, 2, 3, 4), "bilinear", scale_factor=(2, 3), align_corners=True)
    upsample("upsample_trilinear", (1, 2, 2, 3, 2), "trilinear", size=(3, 4, 5))
    upsample("upsample_bicubic", (1, 2, 3, 4), "bicubic", scale_factor=2)
    upsample("upsample_bicubic_corners", (1, 2, 3, 4), "bicubic", size=(5, 6), align_corners=True)
    layer(g, "pixel_shuffle", "pixel_shuffle", nn.PixelShuffle(2), [normal(2, 8, 3, 2)], factor=2)
    layer(g, "pixel_unshuffle", "pixel_unshuffle", nn.PixelUnshuffle(3), [normal(2, 2, 3, 6)], factor=3)
    return g


class Gated(nn.Module):
    """act(a) * b for the halves a and b along the last axis."""

    def __init__(self, act):
        super().__init__()
        self.act = act

    def forward(self, x):
        a, b = x.chunk(2, -1)
        return self.act(a) * b


class Hardsigmoid(nn.Module):
    """nn.Hardsigmoid, whose gradient PyTorch takes with a sixth in float32."""

    def forward(self, x):
        return nn.functional.relu6(x + 3) / 6


def build_activations(path):
    """Activations, with and without their options."""
    g = Golden("layers", path, seed=71)

    def activation(kind, make, **options):
        names = {"dim": "axis", "negative_slope": "slope", "approximate": "tanh"}
        settings = {names.get(key, key): value == "tanh" if key == "approximate" else value for key, value in options.items()}
        name = kind + "".join(f"_{value}" for value in options.values())
        layer(g, name, kind, make(**options), [normal(3, 4, 6, std=3.0)], **settings)

    for make in (nn.ReLU, nn.ReLU6, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Tanh, nn.Sigmoid, Hardsigmoid, nn.Softsign,
                 nn.Tanhshrink, nn.Softplus, nn.ELU, nn.CELU, nn.Hardshrink, nn.Softshrink, nn.Hardtanh, nn.Identity):
        activation(make.__name__.lower(), make)
    activation("log_sigmoid", nn.LogSigmoid)
    activation("leaky_relu", nn.LeakyReLU)
    activation("leaky_relu", nn.LeakyReLU, negative_slope=0.3)
    activation("prelu", nn.PReLU)
    activation("elu", nn.ELU, alpha=0.7)
    activation("celu", nn.CELU, alpha=-1.5)
    activation("gelu", nn.GELU, approximate="tanh")
    activation("softplus", nn.Softplus, beta=2.0, threshold=1.5)
    activation("hardshrink", nn.Hardshrink, lambd=1.25)
    activation("softshrink", nn.Softshrink, lambd=2.0)
    activation("hardtanh", nn.Hardtanh, min_val=-0.5, max_val=2.5)
    activation("threshold", nn.Threshold, threshold=0.5, value=-2.0)
    activation("rrelu", nn.RReLU, lower=0.25, upper=0.25)
    layer(g, "rrelu_random", "rrelu", nn.RReLU(), [normal(3, 4)], train=False)
    for make, kind in ((nn.Softmax, "softmax"), (nn.LogSoftmax, "log_softmax"), (nn.Softmin, "softmin"), (nn.GLU, "glu")):
        activation(kind, make, dim=-1)
        activation(kind, make, dim=1)
    layer(g, "softmax2d", "softmax2d", nn.Softmax2d(), [normal(2, 3, 2, 4)])
    layer(g, "swiglu", "swiglu", Gated(nn.SiLU()), [normal(2, 3, 6)])
    layer(g, "geglu", "geglu", Gated(nn.GELU()), [normal(2, 3, 6)])
    layer(g, "reglu", "reglu", Gated(nn.ReLU()), [normal(2, 6)])
    return g


FILES = {
    "nn/testdata/layers.safetensors": build,
    "nn/testdata/pools.safetensors": build_pools,
    "nn/testdata/activations.safetensors": build_activations,
    "nn/testdata/shapes.safetensors": build_shapes,
    "nn/testdata/weights.safetensors": build_weights,
}
