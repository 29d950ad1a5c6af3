"""Losses of Keras and of timm. Those of Keras mean over the last axis: a new one of extent 1 gives each element."""

import math
import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch
import torch.nn.functional as F
from timm.loss import AsymmetricLossMultiLabel, AsymmetricLossSingleLabel, JsdCrossEntropy

from golden import integers, normal, probabilities, uniform, values
from loss import hard, losses


keras.config.set_floatx("float64")


def reduced(each, reduction):
    return {"none": each, "sum": each.sum(), "mean": each.mean()}[reduction]


def elements(op, each):
    """The loss of each element by its formula, compared with that of Keras, which computes in float32 inside."""

    def fn(x, y, reduction):
        made = each(x, y)
        near = op(y.detach()[..., None], x.detach()[..., None]).double()
        assert torch.allclose(near, made, rtol=1e-4, atol=1e-5), op
        return reduced(made, reduction)

    return fn


def signs(*shape):
    return lambda gen: torch.randint(0, 2, shape, generator=gen).double() * 2 - 1


def hinge(op, power):
    def build(add):
        def each(x, y):
            side = torch.where(y == 0, -torch.ones_like(y), y)
            return (1 - side * x).clamp(min=0) ** power

        fn = elements(op, each)
        add("rank1", fn, [normal(7), signs(7)], constant=(1,))
        add("rank2", fn, [normal(3, 4), signs(3, 4)], constant=(1,))
        add("rank3", fn, [normal(4, 2, 3), signs(4, 2, 3)], constant=(1,))
        add("zeros_and_ones", fn, [normal(4, 5), hard(4, 5)], constant=(1,))
        add("real_targets", fn, [normal(4, 5), uniform(0.2, 2, 4, 5)])
        add("far", fn, [values(9.0, -9.0, 1.0, 0.5), values(1, 1, -1, -1)], constant=(1,))
        add("empty_batch", fn, [normal(0, 3), signs(0, 3)], constant=(1,))

    return build


def numeric(op, each, low=None):
    """Cases of prediction and target; low keeps both away from a kink."""

    def build(add):
        fn = elements(op, each)
        make = normal if low is None else lambda *shape: uniform(low, 3, *shape)
        add("rank1", fn, [make(7), make(7)])
        add("rank2", fn, [make(3, 4), make(3, 4)])
        add("rank4", fn, [make(3, 2, 1, 2), make(3, 2, 1, 2)])
        add("below", fn, [values(-2.0, -1.0, 0.5, -3.0), values(0.0, 2.0, -1e-9, -0.5)], constant=(1,))
        add("moderate", fn, [uniform(15, 25, 4, 3), uniform(15, 25, 4, 3)])
        add("large", fn, [uniform(1e5, 1e6, 3, 4), uniform(1, 2, 3, 4)], constant=(1,))
        add("empty_batch", fn, [make(0, 3), make(0, 3)])

    return build


def cosine_similarity(add):
    def fn(x, y, r):
        """keras.losses.cosine_similarity, which computes in float32 inside."""
        unit = lambda v: v * (v * v).sum(-1, keepdim=True).clamp(min=1e-14).rsqrt()
        each = -(unit(x) * unit(y)).sum(-1)
        assert torch.allclose(keras.losses.cosine_similarity(y.detach(), x.detach()).double(), each, rtol=1e-4, atol=1e-6)
        return reduced(each, r)

    for name, shape in {"rank2": (4, 5), "rank3": (3, 2, 4), "width1": (4, 1), "wide": (3, 133)}.items():
        add(name, fn, [normal(*shape), normal(*shape)])
    add("small", fn, [normal(3, 4, std=1e-9), normal(3, 4)])
    add("zeros", fn, [normal(3, 4), lambda gen: torch.zeros(3, 4, dtype=torch.float64)], constant=(1,))
    add("empty_batch", fn, [normal(0, 3), normal(0, 3)])


def binary_focal_reference(y, x, apply_class_balancing, alpha, gamma, from_logits, label_smoothing):
    """keras.losses.binary_focal_crossentropy of each element; that one computes in float32 inside."""
    near = keras.losses.binary_focal_crossentropy(y[..., None], x.detach()[..., None], apply_class_balancing, alpha, gamma, from_logits, label_smoothing)
    y = y * (1 - label_smoothing) + label_smoothing / 2
    p = x.sigmoid() if from_logits else x
    q = p.clip(1e-7, 1 - 1e-7)
    each = (1 - (y * p + (1 - y) * (1 - p))) ** gamma * F.binary_cross_entropy(q, y, reduction="none")
    if apply_class_balancing:
        each = each * (y * alpha + (1 - y) * (1 - alpha))
    assert torch.allclose(near.double(), each, rtol=1e-5, atol=1e-6)
    return each


def binary_focal(add):
    def case(name, x, t, **options):
        settings = dict(apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=True, label_smoothing=0.0)
        settings.update(options)
        add(name, lambda x, y, r: reduced(binary_focal_reference(y, x, **settings), r), [x, t], constant=(1,), **settings)

    case("plain", normal(3, 4), hard(3, 4))
    case("soft", normal(7), uniform(0, 1, 7))
    case("balanced", normal(3, 4), hard(3, 4), apply_class_balancing=True)
    case("options", normal(4, 3, 2), hard(4, 3, 2), apply_class_balancing=True, alpha=0.4, gamma=3.5, label_smoothing=0.2)
    case("gamma0", normal(3, 4), hard(3, 4), gamma=0.0)
    case("gamma1", normal(3, 4), hard(3, 4), gamma=1.0)
    case("probabilities", uniform(0.01, 0.99, 3, 4), hard(3, 4), from_logits=False)
    case("probabilities_options", uniform(0.01, 0.99, 5), uniform(0, 1, 5), from_logits=False, apply_class_balancing=True, label_smoothing=0.1)
    case("certain", values(0.0, 1.0, 0.0, 1.0), values(1, 0, 0, 1), from_logits=False)
    case("empty_batch", normal(0, 4), hard(0, 4))


def last(x):
    """Classes last."""
    return x.movedim(1, -1)


def one_hot(t, x):
    return last(t) if t.is_floating_point() else F.one_hot(t, x.shape[1]).to(x.dtype)


def categorical_hinge(add):
    def fn(x, t, r):
        """keras.losses.categorical_hinge, which computes in float32 inside, and takes no maximum of nothing."""
        x, t = last(x), one_hot(t, x)
        if not x.shape[0]:
            return reduced(x.sum(1), r)
        each = (1 + ((1 - t) * x).amax(-1) - (t * x).sum(-1)).clamp(min=0)
        assert torch.allclose(keras.losses.categorical_hinge(t.detach(), x.detach()).double(), each, rtol=1e-5, atol=1e-6)
        return reduced(each, r)

    add("labels", fn, [normal(5, 4), integers(0, 4, 5)])
    add("image", fn, [normal(3, 4, 2, 2), integers(0, 4, 3, 2, 2)])
    add("probabilities", fn, [normal(5, 4), probabilities(5, 4)], constant=(1,))
    add("far", fn, [normal(6, 3, std=9), integers(0, 3, 6)])
    add("empty_batch", fn, [normal(0, 4), integers(0, 4, 0)])


def categorical_focal(add):
    def case(name, x, t, **options):
        settings = dict(alpha=[0.25], gamma=2.0, from_logits=True, label_smoothing=0.0)
        settings.update(options)

        def reference(x, t, r):
            alpha = torch.tensor(settings["alpha"], dtype=x.dtype)
            return reduced(keras.losses.categorical_focal_crossentropy(one_hot(t, x), last(x), **{**settings, "alpha": alpha}), r)

        add(name, reference, [x, t], constant=(1,), **settings)

    case("labels", normal(5, 4), integers(0, 4, 5))
    case("image", normal(3, 4, 2, 2), integers(0, 4, 3, 2, 2))
    case("soft", normal(5, 4), probabilities(5, 4))
    case("options", normal(5, 4), integers(0, 4, 5), alpha=[0.1, 0.9, 0.4, 1.3], gamma=3.5, label_smoothing=0.2)
    case("gamma0", normal(5, 4), integers(0, 4, 5), gamma=0.0)
    case("probabilities", uniform(0.05, 1, 5, 4), integers(0, 4, 5), from_logits=False)
    case("probabilities_image", uniform(0.05, 1, 3, 4, 2), integers(0, 4, 3, 2), from_logits=False, alpha=[1.0])
    case("empty_batch", normal(0, 4), integers(0, 4, 0))


def generalized_cross_entropy(add):
    def case(name, x, t, q=0.5, from_logits=True):
        def reference(x, t, r):
            p = x.softmax(1) if from_logits else x
            return reduced(keras.losses.categorical_generalized_cross_entropy(t, last(p), q), r)

        add(name, reference, [x, t], q=q, from_logits=from_logits)

    case("labels", normal(5, 4), integers(0, 4, 5))
    case("image", normal(3, 4, 2, 2), integers(0, 4, 3, 2, 2), q=0.7)
    case("near_cross_entropy", normal(5, 4), integers(0, 4, 5), q=0.01)
    case("near_error", normal(5, 4), integers(0, 4, 5), q=0.99)
    case("probabilities", uniform(0.05, 1, 5, 4), integers(0, 4, 5), from_logits=False)
    case("empty_batch", normal(0, 4), integers(0, 4, 0))


def overlap(op, *settings):
    def build(add):
        for config in settings:
            tag = "_".join(f"{k}{v}" for k, v in config.items()) or "plain"

            def fn(x, y, r, config=config):
                if not x.shape[0]:
                    return reduced(x.sum(-1), r)  # Keras takes no sum over nothing
                return reduced(op(y, x, axis=tuple(range(1, x.ndim)), **config), r)

            add(f"{tag}_rank2", fn, [uniform(0, 1, 4, 5), hard(4, 5)], constant=(1,), **config)
            add(f"{tag}_image", fn, [uniform(0, 1, 3, 2, 4, 4), hard(3, 2, 4, 4)], constant=(1,), **config)
            add(f"{tag}_soft", fn, [uniform(0, 1, 4, 5), uniform(0, 1, 4, 5)], **config)
            add(f"{tag}_nothing", fn, [uniform(0, 1, 3, 4), lambda gen: torch.zeros(3, 4, dtype=torch.float64)], constant=(1,), **config)
            add(f"{tag}_empty_batch", fn, [uniform(0, 1, 0, 4), hard(0, 4)], constant=(1,), **config)

    return build


def asymmetric_multi_label(add):
    def case(name, x, t, **options):
        settings = dict(gamma_neg=4.0, gamma_pos=1.0, clip=0.05, eps=1e-8, smoothing=0.0, disable_focal_gradient=False, class_weights=[], pos_weight=[])
        settings.update(options)

        def reference(x, y, r):
            s = dict(settings)
            tensor = lambda list: torch.tensor(list, dtype=x.dtype) if list else None
            weight, pos_weight = tensor(s.pop("class_weights")), tensor(s.pop("pos_weight"))
            s["disable_torch_grad_focal_loss"] = s.pop("disable_focal_gradient")
            double, torch.Tensor.float = torch.Tensor.float, lambda v: v.double()  # it computes in float32
            try:
                return AsymmetricLossMultiLabel(**s, weight=weight, pos_weight=pos_weight, reduction=r)(x, y)
            finally:
                torch.Tensor.float = double

        add(name, reference, [x, t], constant=(1,), **settings)

    w4 = [0.3, 2.9, 1.2, 0.7]
    case("plain", normal(3, 4), hard(3, 4))
    case("soft", normal(3, 4), uniform(0.1, 0.9, 3, 4))
    case("symmetric", normal(3, 4), hard(3, 4), gamma_neg=0.0, gamma_pos=0.0, clip=0.0)
    case("stopped", normal(3, 4), hard(3, 4), disable_focal_gradient=True)
    case("options", normal(5, 4), hard(5, 4), gamma_neg=2.5, gamma_pos=1.5, clip=0.1, smoothing=0.2, class_weights=w4, pos_weight=[2.5])
    case("pos_weight", normal(5, 4), hard(5, 4), pos_weight=w4, eps=1e-4)
    case("empty_batch", normal(0, 4), hard(0, 4))


def asymmetric_single_label(add):
    def case(name, x, t, **options):
        settings = dict(gamma_neg=4.0, gamma_pos=1.0, label_smoothing=0.1)
        settings.update(options)

        def reference(x, t, r):
            each = AsymmetricLossSingleLabel(settings["gamma_pos"], settings["gamma_neg"], settings["label_smoothing"], reduction="none")
            return reduced(each(last(x).reshape(-1, x.shape[1]), t.reshape(-1)).reshape(t.shape), r)

        add(name, reference, [x, t], **settings)

    case("plain", normal(5, 4), integers(0, 4, 5))
    case("image", normal(3, 4, 2, 2), integers(0, 4, 3, 2, 2))
    case("options", normal(5, 4), integers(0, 4, 5), gamma_neg=2.5, gamma_pos=1.5, label_smoothing=0.0)
    case("symmetric", normal(5, 4), integers(0, 4, 5), gamma_neg=0.0, gamma_pos=0.0)
    case("empty_batch", normal(0, 4), integers(0, 4, 0))


def jsd_cross_entropy(add):
    def case(name, x, t, **options):
        settings = dict(alpha=12.0, label_smoothing=0.1)
        settings.update(options)

        def reference(x, t, r):
            views = x.shape[1]
            one = JsdCrossEntropy(views, settings["alpha"], settings["label_smoothing"])
            # It means over a batch: each example is one of its own.
            each = [one(x[i], t[i : i + 1].repeat(views)) for i in range(x.shape[0])]
            return reduced(torch.stack(each) if each else x.sum((1, 2)), r)

        add(name, reference, [x, t], **settings)

    case("plain", normal(4, 3, 5), integers(0, 5, 4))
    case("two_views", normal(4, 2, 5), integers(0, 5, 4), alpha=3.0, label_smoothing=0.0)
    case("one_view", normal(4, 1, 5), integers(0, 5, 4))
    case("sure", normal(3, 3, 4, std=2), integers(0, 4, 3))
    case("empty_batch", normal(0, 3, 5), integers(0, 5, 0))


def files(**made):
    """name=(seed, build)"""
    all = {}
    for kind, (seed, build) in made.items():
        all.update(losses(kind, seed, build, script="loss_keras"))
    return all


FILES = files(
    hinge=(110, hinge(keras.losses.hinge, 1)),
    squared_hinge=(111, hinge(keras.losses.squared_hinge, 2)),
    log_cosh=(112, numeric(keras.losses.log_cosh, lambda x, y: (x - y) + F.softplus(-2 * (x - y), threshold=1e9) - math.log(2))),
    mape=(113, numeric(keras.losses.mean_absolute_percentage_error, lambda x, y: 100 * ((y - x) / y.abs().clamp(min=1e-7)).abs(), low=0.1)),
    msle=(114, numeric(keras.losses.mean_squared_logarithmic_error, lambda x, y: ((x.clamp(min=1e-7) + 1).log() - (y.clamp(min=1e-7) + 1).log()) ** 2, low=0.1)),
    cosine_similarity=(115, cosine_similarity),
    binary_focal=(116, binary_focal),
    categorical_hinge=(117, categorical_hinge),
    categorical_focal=(118, categorical_focal),
    generalized_cross_entropy=(119, generalized_cross_entropy),
    dice=(120, overlap(keras.losses.dice, {})),
    tversky=(121, overlap(keras.losses.tversky, {}, {"alpha": 0.3, "beta": 0.9})),
    asymmetric_multi_label=(122, asymmetric_multi_label),
    asymmetric_single_label=(123, asymmetric_single_label),
    jsd_cross_entropy=(124, jsd_cross_entropy),
)
