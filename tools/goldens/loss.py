"""Losses: cross-entropy (op and loss), mean squared and absolute error, binary
cross-entropy with logits. Every case states its reduction: none, mean or sum."""

import math

import torch
import torch.nn.functional as F

from golden import Golden, indices, integers, levels, normal, probabilities, uniform, values

REDUCTIONS = ("mean", "sum", "none")


def add_cross_entropy(g, name, logits, target, weight=None, reduction="mean", ignore_index=-100, label_smoothing=0.0):
    """Inputs: logits [B C ...], target (class indices [B ...] or probabilities [B C ...]), weight [C] if any."""
    kind = "probabilities" if target(g.generator(name)).is_floating_point() else "indices"
    options = dict(reduction=reduction, ignore_index=ignore_index, label_smoothing=label_smoothing)
    g.case(name, "cross_entropy", lambda x, t, w: F.cross_entropy(x, t, w, **options), [logits, target, weight],
           constant=(2,), target=kind, weight=weight is not None, **options)


def add_z_loss(g, name, logits, target, weight=None, reduction="mean", ignore_index=-100, label_smoothing=0.0, z=0.1):
    """cross_entropy, plus z times the square of logsumexp for each position that counts, times its label's weight."""
    kind = "probabilities" if target(g.generator(name)).is_floating_point() else "indices"

    def loss(x, t, w):
        losses = F.cross_entropy(x, t, w, ignore_index=ignore_index, reduction="none", label_smoothing=label_smoothing)
        counts = torch.ones_like(losses)
        if kind == "indices":
            counts = (t != ignore_index).double()
            if w is not None:
                counts = counts * w[t.clamp(min=0)]
        losses = losses + counts * z * torch.logsumexp(x, 1) ** 2
        return {"none": losses, "sum": losses.sum(), "mean": losses.sum() / counts.sum()}[reduction]

    g.case(name, "cross_entropy", loss, [logits, target, weight], constant=(2,), target=kind, weight=weight is not None,
           reduction=reduction, ignore_index=ignore_index, label_smoothing=label_smoothing, z_loss=z)


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


def build_cross_entropy_edges(path):
    g = Golden("loss", path, seed=9)
    one_hot = lambda gen: torch.eye(4, dtype=torch.float64)[[2, 0, 3]]
    for reduction in REDUCTIONS:
        add_cross_entropy(g, f"{reduction}_plain", normal(3, 10), integers(0, 10, 3), None, reduction)
        add_cross_entropy(g, f"{reduction}_options_together", normal(6, 5), ignoring(integers(0, 5, 6), 0, 2),
                          uniform(0.1, 2, 5), reduction, ignore_index=0, label_smoothing=0.25)
        add_cross_entropy(g, f"{reduction}_all_ignored", normal(3, 4), indices([-100] * 3), None, reduction)
        add_cross_entropy(g, f"{reduction}_all_ignored_weight_smoothing", normal(3, 4), indices([-100] * 3),
                          uniform(0.2, 3, 4), reduction, label_smoothing=0.1)
        add_cross_entropy(g, f"{reduction}_one_class", normal(3, 1), indices([0, 0, 0]), None, reduction)
        add_cross_entropy(g, f"{reduction}_one_class_smoothing", normal(3, 1), indices([0, 0, 0]), uniform(1, 2, 1),
                          reduction, label_smoothing=0.5)
        add_cross_entropy(g, f"{reduction}_one_hot", normal(3, 4), one_hot, None, reduction)
        add_cross_entropy(g, f"{reduction}_one_hot_weight_smoothing", normal(3, 4), one_hot, uniform(0.2, 3, 4),
                          reduction, label_smoothing=0.1)
        add_cross_entropy(g, f"{reduction}_probabilities_not_1_in_sum", normal(3, 4), uniform(0, 2, 3, 4), None, reduction)
        add_cross_entropy(g, f"{reduction}_empty_batch", normal(0, 4), integers(0, 4, 0), None, reduction)
        add_cross_entropy(g, f"{reduction}_zero_weight", normal(4, 3), indices([0, 1, 1, 2]), values(1.5, 0, 2), reduction)
        add_cross_entropy(g, f"{reduction}_smoothing1", normal(4, 3), indices([0, 1, 1, 2]), None, reduction,
                          label_smoothing=1.0)
    add_cross_entropy(g, "mean_only_zero_weights", normal(2, 3), indices([1, 1]), values(1, 0, 1))
    add_cross_entropy(g, "mean_certain_and_right", lambda gen: 1000 * torch.eye(3, dtype=torch.float64), indices([0, 1, 2]))
    add_cross_entropy(g, "mean_certain_and_wrong", lambda gen: 1000 * torch.eye(3, dtype=torch.float64), indices([1, 2, 0]))
    add_cross_entropy(g, "mean_infinite_logit", values2([[0.5, -math.inf, 1.0], [-math.inf, 2.0, -1.0]]), indices([2, 1]))
    return g


def values2(rows):
    return lambda gen: torch.tensor(rows, dtype=torch.float64)


def build_difference(op, seed):
    """Inputs: prediction, target, both differentiable."""

    def build(path):
        g = Golden("loss", path, seed=seed)
        name = op.__name__.removesuffix("_loss")
        shapes = {"rank0": [], "rank1": [7], "rank1_size1": [1], "rank2": [3, 5], "rank3": [2, 1, 4], "rank4": [2, 3, 1, 2]}
        for reduction in REDUCTIONS:
            def add(case, x, y):
                g.case(f"{reduction}_{case}", name, lambda x, y: op(x, y, reduction=reduction), [x, y], reduction=reduction)

            for case, shape in shapes.items():
                add(case, normal(*shape), normal(*shape))
            add("equal_elements", levels(3, 4, 5), levels(3, 4, 5))
            add("large", normal(3, 4, std=1e6), normal(3, 4))
            add("empty_batch", normal(0, 3), normal(0, 3))
        return g

    return build


def build_bce_with_logits(path):
    """Inputs: logits, target, then weight and pos_weight where the attribute says so."""
    g = Golden("loss", path, seed=12)
    for reduction in REDUCTIONS:
        def add(name, x, t, weight=None, pos_weight=None):
            g.case(f"{reduction}_{name}", "bce_with_logits",
                   lambda x, t, w, p: F.binary_cross_entropy_with_logits(x, t, w, reduction=reduction, pos_weight=p),
                   [x, t, weight, pos_weight], constant=(2, 3), reduction=reduction,
                   weight=weight is not None, pos_weight=pos_weight is not None)

        hard = lambda *shape: lambda gen: torch.randint(0, 2, shape, generator=gen).double()
        add("rank1", normal(7), hard(7))
        add("rank2", normal(3, 4), hard(3, 4))
        add("soft_targets", normal(3, 4), uniform(0, 1, 3, 4))
        add("weight", normal(3, 4), uniform(0, 1, 3, 4), uniform(0.2, 3, 3, 4))
        add("weight_of_class", normal(3, 4), hard(3, 4), uniform(0.2, 3, 4))
        add("weight_of_sample", normal(3, 4), hard(3, 4), uniform(0.2, 3, 3, 1))
        add("pos_weight", normal(3, 4), hard(3, 4), None, uniform(0.2, 3, 4))
        add("pos_weight_soft_targets", normal(3, 4), uniform(0, 1, 3, 4), None, uniform(0.2, 3, 4))
        add("both", normal(3, 4), uniform(0, 1, 3, 4), uniform(0.2, 3, 3, 4), uniform(0.2, 3, 4))
        add("both_rank3", normal(2, 3, 2), hard(2, 3, 2), uniform(0.2, 3, 3, 1), uniform(0.2, 3, 2))
        add("large_logits", values(1000, -1000, 1000, -1000, 40, -40, 0, -0.0), values(1, 1, 0, 0, 0, 1, 0.5, 1))
        add("large_logits_pos_weight", values(1000, -1000, 1000, -1000, 40, -40, 0, 0), values(1, 1, 0, 0, 0, 1, 0.5, 1),
            None, values(2.5))
        add("zero_weight", normal(4), hard(4), values(0, 1, 0, 2))
        add("empty_batch", normal(0, 3), uniform(0, 1, 0, 3))
    return g


def build_z_loss(path):
    g = Golden("loss", path, seed=49)
    labels = integers(0, 4, 5)
    for reduction in REDUCTIONS:
        add_z_loss(g, f"{reduction}", normal(5, 4), labels, reduction=reduction)
        add_z_loss(g, f"{reduction}_ignore_smoothing", normal(5, 4, std=3), ignoring(labels, -100, 0, 4), None, reduction, label_smoothing=0.1)
        add_z_loss(g, f"{reduction}_weight_ignore_a_class", normal(5, 4), labels, uniform(0.2, 3, 4), reduction, ignore_index=2)
        add_z_loss(g, f"{reduction}_weight_smoothing", normal(5, 4), labels, uniform(0.2, 3, 4), reduction, label_smoothing=0.3, z=0.7)
        add_z_loss(g, f"{reduction}_image", normal(2, 3, 2, 2), integers(0, 3, 2, 2, 2), None, reduction, z=1e-4)
        add_z_loss(g, f"{reduction}_probabilities", normal(4, 3), probabilities(4, 3), None, reduction)
        add_z_loss(g, f"{reduction}_probabilities_weight_smoothing", normal(4, 3, mean=5), probabilities(4, 3), uniform(0.2, 3, 3),
                   reduction, label_smoothing=0.2)
    add_z_loss(g, "mean_one_class", normal(3, 1), indices([0, 0, 0]))
    return g


FILES = {
    "loss/testdata/z_loss.safetensors": build_z_loss,
    "ops/optest/testdata/cross_entropy.safetensors": build_cross_entropy_op,
    "loss/testdata/cross_entropy.safetensors": build_cross_entropy_edges,
    "loss/testdata/mse.safetensors": build_difference(F.mse_loss, 10),
    "loss/testdata/l1.safetensors": build_difference(F.l1_loss, 11),
    "loss/testdata/bce_with_logits.safetensors": build_bce_with_logits,
}
