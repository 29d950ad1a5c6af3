"""Losses of torch.nn, and the op cross_entropy.

A file of loss/testdata is made by a function that adds cases: add(NAME, FN,
INPUTS, ...), see losses. A new loss is such a function and its line in FILES;
loss/golden_test.go runs the cases, knowing of the loss what the attributes say."""

import math

import torch
import torch.nn.functional as F

from golden import Golden, indices, integers, levels, normal, probabilities, uniform, values

REDUCTIONS = ("mean", "sum", "none")


def losses(kind, seed, build, file=None, script="loss"):
    """An entry of FILES: the cases of a loss. build is called with the function add, which makes a case
    REDUCTION_NAME in each reduction:

    fn(*inputs, reduction) is the reference.
    inputs are the arguments of the config's Apply in Go, in its order; None for one that is absent. Every
        floating-point one gets a gradient, except those in constant.
    stack of them, the first ones, are one output of a model in a recipe, stacked on axis 1.
    config has the settings under the names of recipes, without type and reduction.
    """

    def make(path):
        g = Golden(script, path, seed)

        def add(name, fn, inputs, constant=(), stack=1, reductions=REDUCTIONS, **config):
            for reduction in reductions:
                g.case(f"{reduction}_{name}", kind, lambda *args: fn(*args, reduction), inputs, constant, stack=stack,
                       loss=dict(type=kind, reduction=reduction, **config))

        build(add)
        return g

    return {f"loss/testdata/{file or kind}.safetensors": make}


def add_cross_entropy(g, name, logits, target, weight=None, reduction="mean", ignore_index=-100, label_smoothing=0.0):
    """Inputs: logits [B C ...], target (class indices [B ...] or probabilities [B C ...]), weight [C] if any."""
    kind = "probabilities" if target(g.generator(name)).is_floating_point() else "indices"
    options = dict(reduction=reduction, ignore_index=ignore_index, label_smoothing=label_smoothing)
    g.case(name, "cross_entropy", lambda x, t, w: F.cross_entropy(x, t, w, **options), [logits, target, weight],
           constant=(2,), target=kind, weight=weight is not None, **options)


def add_loss(add, name, logits, target, weight=None, reductions=REDUCTIONS, ignore_index=-100, label_smoothing=0.0, z_loss=0.0):
    """F.cross_entropy, and z_loss times the square of logsumexp for each position that counts, times its label's weight."""

    def reference(x, t, reduction):
        w = torch.tensor(weight, dtype=x.dtype) if weight else None
        options = dict(weight=w, ignore_index=ignore_index, label_smoothing=label_smoothing)
        if not z_loss:
            return F.cross_entropy(x, t, reduction=reduction, **options)
        counts = torch.ones(x.shape[:1] + x.shape[2:], dtype=x.dtype)
        if not t.is_floating_point():
            counts = (t != ignore_index).double()
            if weight:
                counts = counts * w[t.clamp(min=0)]
        each = F.cross_entropy(x, t, reduction="none", **options) + counts * z_loss * torch.logsumexp(x, 1) ** 2
        return {"none": each, "sum": each.sum(), "mean": each.sum() / counts.sum()}[reduction]

    add(name, reference, [logits, target], reductions=reductions, class_weights=weight or [], ignore_index=ignore_index,
        label_smoothing=label_smoothing, z_loss=z_loss)


def ignoring(target, ignore_index, *positions):
    """target with the given flat positions replaced by ignore_index."""

    def make(gen):
        t = target(gen)
        t.view(-1)[list(positions)] = ignore_index
        return t

    return make


def build_cross_entropy_op(path):
    g = Golden("loss", path, seed=8)
    labels = integers(0, 4, 5)
    for reduction in REDUCTIONS:
        add_cross_entropy(g, reduction, normal(5, 4), labels, reduction=reduction)
        add_cross_entropy(g, f"{reduction}_weight", normal(5, 4), labels, uniform(0.2, 3, 4), reduction)
        add_cross_entropy(g, f"{reduction}_ignore", normal(5, 4), ignoring(labels, -100, 1, 3), None, reduction)
        add_cross_entropy(g, f"{reduction}_smoothing", normal(5, 4), labels, None, reduction, label_smoothing=0.1)
        add_cross_entropy(g, f"{reduction}_weight_smoothing", normal(5, 4), labels, uniform(0.2, 3, 4), reduction,
                          label_smoothing=0.3)
        add_cross_entropy(g, f"{reduction}_ignore_smoothing", normal(5, 4), ignoring(labels, -100, 0, 4), None,
                          reduction, label_smoothing=0.2)
        add_cross_entropy(g, f"{reduction}_weight_ignore_smoothing", normal(6, 3), ignoring(integers(0, 3, 6), -100, 2),
                          uniform(0.2, 3, 3), reduction, label_smoothing=0.1)
        add_cross_entropy(g, f"{reduction}_ignore_a_class", normal(7, 3), integers(0, 3, 7), uniform(0.2, 3, 3),
                          reduction, ignore_index=1)
        add_cross_entropy(g, f"{reduction}_rank3", normal(2, 3, 5), ignoring(integers(0, 3, 2, 5), -100, 3),
                          uniform(0.2, 3, 3), reduction, label_smoothing=0.1)
        add_cross_entropy(g, f"{reduction}_probabilities", normal(4, 3), probabilities(4, 3), None, reduction)
        add_cross_entropy(g, f"{reduction}_probabilities_weight_smoothing", normal(4, 3), probabilities(4, 3),
                          uniform(0.2, 3, 3), reduction, label_smoothing=0.1)
        add_cross_entropy(g, f"{reduction}_probabilities_rank3", normal(2, 3, 4), probabilities(2, 3, 4),
                          uniform(0.2, 3, 3), reduction)
    add_cross_entropy(g, "mean_rank4", normal(2, 3, 2, 3), integers(0, 3, 2, 2, 3), uniform(0.2, 3, 3))
    add_cross_entropy(g, "mean_large_logits", normal(4, 5, std=400), integers(0, 5, 4))
    add_cross_entropy(g, "mean_wide", normal(2, 67), integers(0, 67, 2), label_smoothing=0.1)
    return g


def cross_entropy(add):
    labels = integers(0, 4, 5)
    w3, w4, w5 = [0.4, 2.5, 1.1], [0.3, 2.9, 1.2, 0.7], [0.1, 1.9, 0.8, 1.2, 0.5]
    ce = lambda *args, **options: add_loss(add, *args, **options)
    ce("plain", normal(3, 10), integers(0, 10, 3))
    ce("weight", normal(5, 4), labels, w4)
    ce("ignore", normal(5, 4), ignoring(labels, -100, 1, 3))
    ce("smoothing", normal(5, 4), labels, label_smoothing=0.1)
    ce("weight_smoothing", normal(5, 4), labels, w4, label_smoothing=0.3)
    ce("ignore_smoothing", normal(5, 4), ignoring(labels, -100, 0, 4), label_smoothing=0.2)
    ce("weight_ignore_smoothing", normal(6, 3), ignoring(integers(0, 3, 6), -100, 2), w3, label_smoothing=0.1)
    ce("ignore_a_class", normal(7, 3), integers(0, 3, 7), w3, ignore_index=1)
    ce("options_together", normal(6, 5), ignoring(integers(0, 5, 6), 0, 2), w5, ignore_index=0, label_smoothing=0.25)
    ce("rank3", normal(2, 3, 5), ignoring(integers(0, 3, 2, 5), -100, 3), w3, label_smoothing=0.1)
    ce("rank4", normal(2, 3, 2, 3), integers(0, 3, 2, 2, 3), w3)
    ce("wide", normal(2, 67), integers(0, 67, 2), label_smoothing=0.1)
    ce("probabilities", normal(4, 3), probabilities(4, 3))
    ce("probabilities_weight_smoothing", normal(4, 3), probabilities(4, 3), w3, label_smoothing=0.1)
    ce("probabilities_rank3", normal(2, 3, 4), probabilities(2, 3, 4), w3)
    ce("probabilities_not_1_in_sum", normal(3, 4), uniform(0, 2, 3, 4))
    one_hot = lambda gen: torch.eye(4, dtype=torch.float64)[[2, 0, 3]]
    ce("one_hot", normal(3, 4), one_hot)
    ce("one_hot_weight_smoothing", normal(3, 4), one_hot, w4, label_smoothing=0.1)
    ce("all_ignored", normal(3, 4), indices([-100] * 3))
    ce("all_ignored_weight_smoothing", normal(3, 4), indices([-100] * 3), w4, label_smoothing=0.1)
    ce("one_class", normal(3, 1), indices([0, 0, 0]))
    ce("one_class_smoothing", normal(3, 1), indices([0, 0, 0]), [1.4], label_smoothing=0.5)
    ce("empty_batch", normal(0, 4), integers(0, 4, 0))
    ce("zero_weight", normal(4, 3), indices([0, 1, 1, 2]), [1.5, 0.0, 2.0])
    ce("only_zero_weights", normal(2, 3), indices([1, 1]), [1.0, 0.0, 1.0])
    ce("smoothing1", normal(4, 3), indices([0, 1, 1, 2]), label_smoothing=1.0)
    ce("large_logits", normal(4, 5, std=400), integers(0, 5, 4))
    certain = lambda gen: 1000 * torch.eye(3, dtype=torch.float64)
    ce("certain_and_right", certain, indices([0, 1, 2]))
    ce("certain_and_wrong", certain, indices([1, 2, 0]))
    ce("infinite_logit", values2([[0.5, -math.inf, 1.0], [-math.inf, 2.0, -1.0]]), indices([2, 1]))
    ce("z", normal(5, 4), labels, z_loss=0.1)
    ce("z_ignore_smoothing", normal(5, 4, std=3), ignoring(labels, -100, 0, 4), label_smoothing=0.2, z_loss=0.1)
    ce("z_weight_ignore_a_class", normal(5, 4), labels, w4, ignore_index=2, z_loss=0.1)
    ce("z_weight_smoothing", normal(5, 4), labels, w4, label_smoothing=0.3, z_loss=0.7)
    ce("z_image", normal(2, 3, 2, 2), integers(0, 3, 2, 2, 2), z_loss=1e-4)
    ce("z_probabilities", normal(4, 3), probabilities(4, 3), z_loss=0.1)
    ce("z_probabilities_weight_smoothing", normal(4, 3, mean=5), probabilities(4, 3), w3, label_smoothing=0.2, z_loss=0.1)
    ce("z_one_class", normal(3, 1), indices([0, 0, 0]), z_loss=0.1)


def values2(rows):
    return lambda gen: torch.tensor(rows, dtype=torch.float64)


def difference(op, **config):
    """Cases of a function of prediction and target, both differentiable; config goes to both sides."""

    def build(add):
        fn = lambda x, y, reduction: op(x, y, reduction=reduction, **config)
        shapes = {"rank0": [], "rank1": [7], "rank1_size1": [1], "rank2": [3, 5], "rank3": [2, 1, 4], "rank4": [2, 3, 1, 2]}
        for name, shape in shapes.items():
            add(name, fn, [normal(*shape), normal(*shape)], **config)
        add("equal_elements", fn, [levels(3, 4, 5), levels(3, 4, 5)], **config)
        add("large", fn, [normal(3, 4, std=1e6), normal(3, 4)], **config)
        add("empty_batch", fn, [normal(0, 3), normal(0, 3)], **config)

    return build


def hard(*shape):
    """0 or 1."""
    return lambda gen: torch.randint(0, 2, shape, generator=gen).double()


def bce_with_logits(add):
    """Inputs: logits, target, weight."""

    def bce(name, x, t, weight=None, pos_weight=None, class_weights=None):
        def reference(x, t, w, reduction):
            p = torch.tensor(pos_weight, dtype=x.dtype) if pos_weight else None
            c = torch.tensor(class_weights, dtype=x.dtype) if class_weights else None
            return F.binary_cross_entropy_with_logits(x, t, c if w is None else w, reduction=reduction, pos_weight=p)

        add(name, reference, [x, t, weight], constant=(2,), pos_weight=pos_weight or [], class_weights=class_weights or [])

    w4 = [0.3, 2.9, 1.2, 0.7]
    bce("rank1", normal(7), hard(7))
    bce("rank2", normal(3, 4), hard(3, 4))
    bce("soft_targets", normal(3, 4), uniform(0, 1, 3, 4))
    bce("weight", normal(3, 4), uniform(0, 1, 3, 4), uniform(0.2, 3, 3, 4))
    bce("weight_of_class", normal(3, 4), hard(3, 4), uniform(0.2, 3, 4))
    bce("weight_of_sample", normal(3, 4), hard(3, 4), uniform(0.2, 3, 3, 1))
    bce("class_weights", normal(3, 4), hard(3, 4), class_weights=w4)
    bce("pos_weight", normal(3, 4), hard(3, 4), pos_weight=w4)
    bce("pos_weight_soft_targets", normal(3, 4), uniform(0, 1, 3, 4), pos_weight=w4)
    bce("one_pos_weight", normal(3, 4), uniform(0, 1, 3, 4), pos_weight=[2.5])
    bce("both", normal(3, 4), uniform(0, 1, 3, 4), uniform(0.2, 3, 3, 4), w4)
    bce("both_of_class", normal(3, 4), hard(3, 4), None, w4, w4[::-1])
    bce("both_rank3", normal(2, 3, 2), hard(2, 3, 2), uniform(0.2, 3, 3, 1), [0.4, 2.1])
    extremes = [values(1000, -1000, 1000, -1000, 40, -40, 0, -0.0), values(1, 1, 0, 0, 0, 1, 0.5, 1)]
    bce("large_logits", *extremes)
    bce("large_logits_pos_weight", *extremes, pos_weight=[2.5])
    bce("zero_weight", normal(4), hard(4), values(0, 1, 0, 2))
    bce("empty_batch", normal(0, 3), uniform(0, 1, 0, 3))


FILES = {
    "ops/optest/testdata/cross_entropy.safetensors": build_cross_entropy_op,
    **losses("cross_entropy", 9, cross_entropy),
    **losses("mse", 10, difference(F.mse_loss)),
    **losses("l1", 11, difference(F.l1_loss)),
    **losses("bce_with_logits", 12, bce_with_logits),
}
