"""Losses of torch.nn, and the op cross_entropy.

A file of loss/testdata is made by a function that adds cases: add(NAME, FN,
INPUTS, ...), see losses. A new loss is such a function and its line in FILES;
loss/golden_test.go runs the cases, knowing of the loss what the attributes say."""

import math

import torch
import torch.nn.functional as F

from golden import Golden, indices, integers, levels, normal, probabilities, uniform, values

REDUCTIONS = ("mean", "sum", "none")
EPSILON = float(torch.tensor(1e-12))  # of PyTorch's losses, in float32


def losses(kind, seed, build, file=None, script="loss"):
    """An entry of FILES: the cases of a loss. build is called with the function add, which makes a case
    REDUCTION_NAME in each reduction:

    fn(*inputs, reduction) is the reference.
    inputs are the arguments of the config's Apply in Go, in its order; None for one that is absent. Every
        floating-point one gets a gradient, except those in constant.
    stack of them, the first ones, are one output of a model in a recipe, stacked on axis 1.
    together says that each example is judged by the others of its batch.
    config has the settings under the names of recipes, without type and reduction.
    """

    def make(path):
        g = Golden(script, path, seed)

        def add(name, fn, inputs, constant=(), stack=1, reductions=REDUCTIONS, together=False, **config):
            for reduction in reductions:
                g.case(f"{reduction}_{name}", kind, lambda *args: fn(*args, reduction), inputs, constant, stack=stack,
                       **({"together": True} if together else {}), loss=dict(type=kind, reduction=reduction, **config))

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


def difference(op, *settings):
    """Cases of a function of prediction and target, both differentiable. settings go to both sides; the first ones to
    all cases, the others to one of their own."""

    def build(add):
        def case(name, x, y, **config):
            add(name, lambda x, y, reduction: op(x, y, reduction=reduction, **config), [x, y], **config)

        first, *others = settings or [{}]
        shapes = {"rank0": [], "rank1": [7], "rank1_size1": [1], "rank2": [3, 5], "rank3": [2, 1, 4], "rank4": [2, 3, 1, 2]}
        for name, shape in shapes.items():
            case(name, normal(*shape), normal(*shape), **first)
        case("equal_elements", levels(3, 4, 5), levels(3, 4, 5), **first)
        case("large", normal(3, 4, std=1e6), normal(3, 4), **first)
        case("empty_batch", normal(0, 3), normal(0, 3), **first)
        for config in others:
            case("_".join(f"{key}{value}" for key, value in config.items()), levels(7, 4, 5), normal(4, 5), **config)
            case("_".join(f"{key}{value}" for key, value in config.items()) + "_ties", levels(7, 4, 5), levels(7, 4, 5), **config)

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


def nll(add):
    """Inputs: logarithms of probabilities, class indices."""

    def case(name, x, t, weight=None, ignore_index=-100):
        def reference(x, t, reduction):
            w = torch.tensor(weight, dtype=x.dtype) if weight else None
            return F.nll_loss(x, t, w, ignore_index=ignore_index, reduction=reduction)

        add(name, reference, [x, t], class_weights=weight or [], ignore_index=ignore_index)

    logs = lambda *shape, std=1.0: lambda gen: (std * torch.randn(shape, generator=gen, dtype=torch.float64)).log_softmax(1)
    labels = integers(0, 4, 5)
    w3, w4 = [0.4, 2.5, 1.1], [0.3, 2.9, 1.2, 0.7]
    case("plain", logs(5, 4), labels)
    case("no_logarithms", normal(5, 4), labels)
    case("weight", logs(5, 4), labels, w4)
    case("ignore", logs(5, 4), ignoring(labels, -100, 1, 3))
    case("ignore_a_class", logs(7, 3), integers(0, 3, 7), w3, ignore_index=1)
    case("weight_ignore", logs(6, 3), ignoring(integers(0, 3, 6), -100, 2), w3)
    case("ignore_beyond", logs(6, 3), ignoring(integers(0, 3, 6), 255, 2, 5), w3, ignore_index=255)
    case("rank3", logs(2, 3, 5), ignoring(integers(0, 3, 2, 5), -100, 3), w3)
    case("image", logs(2, 3, 2, 3), integers(0, 3, 2, 2, 3))
    case("image_weight_ignore", logs(2, 3, 2, 3), ignoring(integers(0, 3, 2, 2, 3), -100, 0, 7), w3)
    case("rank5", logs(2, 3, 2, 1, 2), integers(0, 3, 2, 2, 1, 2), w3)
    case("one_class", logs(3, 1), indices([0, 0, 0]), [1.4])
    case("all_ignored", logs(3, 4), indices([-100] * 3))
    case("all_ignored_weight", logs(3, 4), indices([-100] * 3), w4)
    case("zero_weight", logs(4, 3), indices([0, 1, 1, 2]), [1.5, 0.0, 2.0])
    case("only_zero_weights", logs(2, 3), indices([1, 1]), [1.0, 0.0, 1.0])
    case("empty_batch", logs(0, 4), integers(0, 4, 0))
    case("large_logits", logs(4, 5, std=400), integers(0, 5, 4))
    case("probability_0", values2([[0.0, -math.inf], [-math.inf, 0.0]]), indices([0, 0]))


def bce(add):
    """Inputs: probabilities, target (constant where a probability is 0 or 1: PyTorch's gradient by it is infinite there,
    the slope of the limited logarithms is not), weight."""

    def case(name, x, t, weight=None, class_weights=None, constant=(2,)):
        def reference(x, t, w, reduction):
            c = torch.tensor(class_weights, dtype=x.dtype) if class_weights else None
            return F.binary_cross_entropy(x, t, c if w is None else w, reduction=reduction)

        add(name, reference, [x, t, weight], constant=constant, class_weights=class_weights or [])

    p = lambda *shape: uniform(0.01, 0.99, *shape)
    w4 = [0.3, 2.9, 1.2, 0.7]
    case("rank0", p(), uniform(0, 1))
    case("rank1", p(7), hard(7))
    case("rank2", p(3, 4), hard(3, 4))
    case("rank4", p(2, 3, 1, 2), hard(2, 3, 1, 2))
    case("soft_targets", p(3, 4), uniform(0, 1, 3, 4))
    case("weight", p(3, 4), uniform(0, 1, 3, 4), uniform(0.2, 3, 3, 4))
    case("weight_of_class", p(3, 4), hard(3, 4), uniform(0.2, 3, 4))
    case("weight_of_sample", p(3, 4), hard(3, 4), uniform(0.2, 3, 3, 1))
    case("class_weights", p(3, 4), uniform(0, 1, 3, 4), class_weights=w4)
    case("one_class_weight", p(3, 4), hard(3, 4), class_weights=[2.5])
    case("zero_weight", p(4), hard(4), values(0, 1, 0, 2))
    case("empty_batch", p(0, 3), uniform(0, 1, 0, 3))
    certain = values(0, 0, 1, 1, 0, 1, 1e-13, 1 - 1e-13), values(0, 1, 0, 1, 0.25, 0.5, 1, 0)
    case("probabilities_0_and_1", *certain, constant=(1, 2))
    case("probabilities_0_and_1_weight", *certain, class_weights=[2.5], constant=(1, 2))


def kl_div(add):
    """Inputs: logarithms of probabilities, target (constant where it holds 0: PyTorch's gradient there is NaN)."""

    def case(name, x, t, constant=(), log_target=False):
        add(name, lambda x, t, reduction: F.kl_div(x, t, reduction=reduction, log_target=log_target), [x, t], constant,
            reductions=REDUCTIONS + ("batchmean",), log_target=log_target)

    logs = lambda *shape: lambda gen: torch.randn(shape, generator=gen, dtype=torch.float64).log_softmax(-1)
    p = lambda *shape: lambda gen: torch.randn(shape, generator=gen, dtype=torch.float64).softmax(-1)
    case("rank1", logs(5), p(5))
    case("rank2", logs(3, 4), p(3, 4))
    case("rank3", logs(2, 3, 4), p(2, 3, 4))
    case("rank4", logs(2, 3, 1, 2), p(2, 3, 1, 2))
    case("one_class", logs(3, 1), p(3, 1))
    case("equal", lambda gen: torch.full((2, 4), 0.25, dtype=torch.float64).log(), lambda gen: torch.full((2, 4), 0.25, dtype=torch.float64))
    case("target_0_and_1", logs(3, 4), lambda gen: torch.eye(4, dtype=torch.float64)[[2, 0, 3]], constant=(1,))
    case("no_probabilities", normal(3, 4), uniform(0.5, 3, 3, 4))
    case("large", normal(3, 4, std=1e4), p(3, 4))
    case("empty_batch", logs(0, 3), p(0, 3))
    case("log_target", logs(3, 4), logs(3, 4), log_target=True)
    case("log_target_rank3", logs(2, 3, 4), logs(2, 3, 4), log_target=True)
    case("log_target_empty_batch", logs(0, 3), logs(0, 3), log_target=True)


def poisson_nll(add):
    """Inputs: prediction, target (constant where full meets 0: PyTorch's gradient there is NaN)."""

    def case(name, x, t, log_input=True, full=False, eps=1e-8, constant=()):
        add(name, lambda x, t, reduction: F.poisson_nll_loss(x, t, log_input=log_input, full=full, eps=eps, reduction=reduction),
            [x, t], constant, log_input=log_input, full=full, eps=eps)

    counts = lambda *shape: lambda gen: torch.randint(0, 9, shape, generator=gen).double()
    case("rank0", normal(), counts())
    case("rank1", normal(7), counts(7))
    case("rank2", normal(3, 4), counts(3, 4))
    case("rank4", normal(2, 3, 1, 2), counts(2, 3, 1, 2))
    case("full", normal(3, 4), counts(3, 4), full=True, constant=(1,))
    case("full_fractions", normal(4, 5), uniform(0, 3, 4, 5), full=True)
    case("rate", uniform(0.1, 5, 3, 4), counts(3, 4), log_input=False)
    case("rate_full", uniform(0.1, 5, 3, 4), counts(3, 4), log_input=False, full=True, constant=(1,))
    case("rate_eps", uniform(0.1, 5, 3, 4), counts(3, 4), log_input=False, eps=0.3)
    case("rate_0", values(0, 0, 0, 2), values(0, 1, 3, 0), log_input=False)
    case("rate_0_full", values(0, 0, 0, 2), values(0, 1, 3, 0), log_input=False, full=True, constant=(1,))
    case("large", values(50, -300, 80, 20), values(0, 1, 100, 1e6), full=True, constant=(1,))
    case("empty_batch", normal(0, 3), counts(0, 3), full=True)


def gaussian_nll(add):
    """Inputs: mean, variance, target; in a recipe mean and variance are one output."""

    def case(name, m, v, t, full=False, eps=1e-6, stack=2):
        add(name, lambda m, v, t, reduction: F.gaussian_nll_loss(m, t, v, full=full, eps=eps, reduction=reduction), [m, v, t],
            stack=stack, full=full, eps=eps)

    v = lambda *shape: uniform(0.1, 3, *shape)
    case("rank1", normal(7), v(7), normal(7))
    case("rank2", normal(3, 4), v(3, 4), normal(3, 4))
    case("rank3", normal(2, 3, 4), v(2, 3, 4), normal(2, 3, 4))
    case("full", normal(3, 4), v(3, 4), normal(3, 4), full=True)
    case("eps", normal(3, 4), uniform(0, 1, 3, 4), normal(3, 4), eps=0.5)
    case("eps_full", normal(3, 4), uniform(0, 1, 3, 4), normal(3, 4), eps=0.5, full=True)
    case("one_variance_an_example", normal(3, 4), v(3, 1), normal(3, 4), stack=1)
    case("one_variance_a_place", normal(2, 3, 4), v(2, 3, 1), normal(2, 3, 4), full=True, stack=1)
    case("variance_0", normal(4), values(0, 0, 1, 0), normal(4))
    case("certain_and_right", values(1, 2), values(0, 1e-9), values(1, 2))
    case("large", normal(3, 4, std=1e5), v(3, 4), normal(3, 4))
    case("empty_batch", normal(0, 3), v(0, 3), normal(0, 3))


def signs(*shape):
    """1 or -1."""
    return lambda gen: 2 * torch.randint(0, 2, shape, generator=gen).double() - 1


def margin_ranking(add):
    """Inputs: two scores, target; in a recipe the scores are one output."""

    def case(name, x1, x2, t, margin=0.0):
        add(name, lambda x1, x2, t, reduction: F.margin_ranking_loss(x1, x2, t, margin=margin, reduction=reduction), [x1, x2, t],
            constant=(2,), stack=2, margin=margin)

    for margin in (0.0, 0.5, -0.3):
        case(f"rank1_margin{margin}", normal(7), normal(7), signs(7), margin)
        case(f"rank2_margin{margin}", normal(3, 4), normal(3, 4), signs(3, 4), margin)
    case("ties", levels(3, 20), levels(3, 20), signs(20))
    case("ties_margin1", levels(3, 20), levels(3, 20), signs(20), 1.0)
    case("large", normal(6, std=1e6), normal(6, std=1e6), signs(6), 1.0)
    case("empty_batch", normal(0), normal(0), signs(0))


def hinge_embedding(add):
    """Inputs: distances, target."""

    def case(name, x, t, margin=1.0):
        add(name, lambda x, t, reduction: F.hinge_embedding_loss(x, t, margin=margin, reduction=reduction), [x, t], constant=(1,),
            margin=margin)

    for margin in (1.0, 0.5, -0.3):
        case(f"rank1_margin{margin}", normal(7), signs(7), margin)
        case(f"rank2_margin{margin}", normal(3, 4), signs(3, 4), margin)
    case("rank0", normal(), signs())
    case("rank4", normal(2, 3, 1, 2), signs(2, 3, 1, 2))
    case("ties", levels(5, 20), signs(20))
    case("other_targets", normal(8), values(0, 0, 1, -1, 2, -2, 0.5, 0))
    case("large", normal(6, std=1e6), signs(6))
    case("empty_batch", normal(0, 3), signs(0, 3))


def soft_margin(add):
    """Inputs: logits, target. PyTorch's overflows; where logits are large, the reference is a form that does not."""

    def case(name, x, t):
        add(name, lambda x, t, reduction: F.soft_margin_loss(x, t, reduction=reduction), [x, t], constant=(1,))

    case("rank0", normal(), signs())
    case("rank1", normal(7), signs(7))
    case("rank2", normal(3, 4), signs(3, 4))
    case("rank4", normal(2, 3, 1, 2), signs(2, 3, 1, 2))
    case("soft_targets", normal(3, 4), uniform(-1, 1, 3, 4))
    case("zero", values(0, -0.0), values(1, -1))
    case("empty_batch", normal(0, 3), signs(0, 3))
    reduce = {"none": lambda y: y, "mean": torch.mean, "sum": torch.sum}
    add("large", lambda x, t, reduction: reduce[reduction](-F.logsigmoid(x * t)),
        [values(1000, -1000, 1000, -1000, 40, -40), values(1, 1, -1, -1, 1, 1)], constant=(1,))


def multi_label_soft_margin(add):
    """Inputs: logits, target."""

    def case(name, x, t, weight=None):
        def reference(x, t, reduction):
            w = torch.tensor(weight, dtype=x.dtype) if weight else None
            return F.multilabel_soft_margin_loss(x, t, w, reduction=reduction)

        add(name, reference, [x, t], constant=(1,), class_weights=weight or [])

    w4 = [0.3, 2.9, 1.2, 0.7]
    case("rank2", normal(3, 4), hard(3, 4))
    case("weight", normal(3, 4), hard(3, 4), w4)
    case("rank3", normal(2, 3, 4), hard(2, 3, 4), w4)
    case("soft_targets", normal(3, 4), uniform(0, 1, 3, 4))
    case("one_class", normal(3, 1), hard(3, 1), [1.5])
    case("zero_weight", normal(3, 4), hard(3, 4), [0.0, 1.0, 0.0, 2.0])
    case("large_logits", values2([[1000, -1000, 1000, -1000], [40, -40, 0, 0]]), values2([[1, 1, 0, 0], [1, 1, 0.5, 1]]))
    case("empty_batch", normal(0, 4), hard(0, 4))


def multi_margin(add):
    """Inputs: scores, class indices. PyTorch's sum over no examples is NaN; ours is 0."""

    def case(name, x, t, weight=None, p=1, margin=1.0, reductions=REDUCTIONS):
        def reference(x, t, reduction):
            w = torch.tensor(weight, dtype=x.dtype) if weight else None
            return F.multi_margin_loss(x, t, p=p, margin=margin, weight=w, reduction=reduction)

        add(name, reference, [x, t], reductions=reductions, class_weights=weight or [], p=p, margin=margin)

    w4 = [0.3, 2.9, 1.2, 0.7]
    for p in (1, 2):
        for margin in (1.0, 0.4, -0.2):
            case(f"p{p}_margin{margin}", normal(5, 4), integers(0, 4, 5), None, p, margin)
        case(f"p{p}_weight", normal(5, 4), integers(0, 4, 5), w4, p, 0.7)
        case(f"p{p}_ties", levels(3, 6, 4), integers(0, 4, 6), w4, p)
        case(f"p{p}_large", normal(4, 5, std=1e4), integers(0, 5, 4), None, p)
    case("one_class", normal(3, 1), indices([0, 0, 0]))
    case("zero_weight", normal(4, 3), indices([0, 1, 1, 2]), [1.5, 0.0, 2.0])
    case("empty_batch", normal(0, 4), integers(0, 4, 0), reductions=("mean", "none"))


def multi_label_margin(add):
    """Inputs: scores, class indices ended by -1 or, in the cases hot_*, 1 for the classes and 0 for others. PyTorch's sum
    over no examples is NaN; ours is 0."""

    def case(name, x, t, reductions=REDUCTIONS):
        add(name, lambda x, t, reduction: F.multilabel_margin_loss(x, t, reduction=reduction), [x, t], reductions=reductions)

    rows = lambda *numbers: lambda gen: torch.tensor(numbers, dtype=torch.int64)
    some = rows([3, 0, -1, 1], [2, -1, 3, 0], [0, 1, 2, 3], [-1, 0, 1, 2], [1, 1, -1, 0])
    case("plain", normal(5, 4), some)
    case("ties", levels(3, 5, 4), some)
    case("large", normal(5, 4, std=1e4), some)
    case("one_class", normal(2, 1), rows([0], [-1]))
    case("none_counts", normal(2, 4), rows([-1, 0, 1, 2], [-1, -1, -1, -1]))
    case("wide", normal(2, 37), lambda gen: torch.stack([torch.randperm(37, generator=gen).where(torch.arange(37) < n, -1) for n in (5, 20)]))
    case("empty_batch", normal(0, 4), integers(0, 4, 0, 4), reductions=("mean", "none"))

    def of_hot(x, t, reduction):
        lists = [row.nonzero().flatten().tolist() for row in t]
        labels = torch.tensor([list + [-1] * (t.shape[1] - len(list)) for list in lists], dtype=torch.int64).reshape(t.shape)
        return F.multilabel_margin_loss(x, labels, reduction=reduction)

    add("hot", of_hot, [normal(5, 4), hard(5, 4)], constant=(1,))
    add("hot_ties", of_hot, [levels(3, 5, 6), hard(5, 6)], constant=(1,))
    add("hot_empty_batch", of_hot, [normal(0, 4), hard(0, 4)], constant=(1,), reductions=("mean", "none"))


def cosine_embedding(add):
    """Inputs: two vectors, target; in a recipe the vectors are one output."""

    def case(name, x1, x2, t, margin=0.0, fn=F.cosine_embedding_loss):
        add(name, lambda x1, x2, t, reduction: fn(x1, x2, t, margin=margin, reduction=reduction), [x1, x2, t], constant=(2,), stack=2,
            margin=margin)

    for margin in (0.0, 0.5, -0.5):
        case(f"rank2_margin{margin}", normal(6, 4), normal(6, 4), signs(6), margin)
    case("batch1", normal(1, 6), normal(1, 6), signs(1))
    case("other_targets", normal(3, 4), normal(3, 4), values(0, 2, 1))
    case("equal_vectors", values2([[1, 2], [3, 1], [1, 1]]), values2([[1, 2], [3, 1], [2, 1]]), values(1, -1, 1))
    case("ties", values2([[1, 0], [0, 2]]), values2([[0, 3], [1, 0]]), values(-1, -1))
    case("zero_vectors", values2([[0, 0], [1, 2]]), values2([[1, 2], [0, 0]]), values(1, -1), -1.0)
    case("large", normal(4, 3, std=1e8), normal(4, 3, std=1e8), signs(4))
    case("empty_batch", normal(0, 4), normal(0, 4), signs(0))


def triplet_cases(case):
    three = lambda *shape, std=1.0: [normal(*shape, std=std) for _ in range(3)]
    for swap in (False, True):
        case(f"rank2_swap{swap}", three(6, 4), swap=swap)
        case(f"rank3_swap{swap}", three(3, 2, 5), margin=0.5, swap=swap)
        case(f"large_swap{swap}", three(4, 3, std=1e6), swap=swap)
        case(f"margin_swap{swap}", three(6, 4), margin=3.0, swap=swap)
    case("width1", three(5, 1))
    case("empty_batch", three(0, 4))


def triplet_margin(add):
    """Inputs: anchor, positive, negative; in a recipe they are one output."""

    def case(name, inputs, margin=1.0, p=2.0, eps=1e-6, swap=False):
        add(name, lambda a, p_, n, reduction: F.triplet_margin_loss(a, p_, n, margin=margin, p=p, eps=eps, swap=swap, reduction=reduction),
            inputs, stack=3, margin=margin, p=p, eps=eps, swap=swap)

    triplet_cases(case)
    three = [normal(6, 4) for _ in range(3)]
    for p in (1.0, 1.5, 3.0, 4.0):
        case(f"p{p}", three, p=p)
        case(f"p{p}_swap", three, p=p, swap=True, margin=0.3)
    case("eps", three, eps=0.1)
    case("equal_vectors", [lambda gen: torch.ones(2, 3, dtype=torch.float64)] * 3)
    case("equal_distances", [values2([[0, 0], [0, 0]]), values2([[1, 0], [0, 2]]), values2([[0, 1], [3, 0]])], eps=0.0)


def triplet_margin_with_distance(add):
    """Inputs: anchor, positive, negative; in a recipe they are one output."""
    functions = {
        "euclidean": None,
        "squared_euclidean": lambda x, y: (x - y).square().sum(-1),
        "manhattan": lambda x, y: (x - y).abs().sum(-1),
        "chebyshev": lambda x, y: (x - y).abs().amax(-1),
        "cosine": lambda x, y: 1 - (x * y).sum(-1) / ((x.square().sum(-1) + EPSILON) * (y.square().sum(-1) + EPSILON)).sqrt(),
    }

    def case(name, inputs, margin=1.0, swap=False, distance="euclidean"):
        fn = functions[distance]
        add(name, lambda a, p, n, reduction: F.triplet_margin_with_distance_loss(
            a, p, n, distance_function=fn, margin=margin, swap=swap, reduction=reduction), inputs, stack=3, margin=margin, swap=swap,
            distance=distance)

    triplet_cases(case)
    three = [normal(6, 4) for _ in range(3)]
    for distance in functions:
        case(distance, three, distance=distance)
        case(f"{distance}_swap", three, distance=distance, swap=True, margin=0.3)


FILES = {
    "ops/optest/testdata/cross_entropy.safetensors": build_cross_entropy_op,
    **losses("cross_entropy", 9, cross_entropy),
    **losses("mse", 10, difference(F.mse_loss)),
    **losses("l1", 11, difference(F.l1_loss)),
    **losses("bce_with_logits", 12, bce_with_logits),
    **losses("huber", 50, difference(F.huber_loss, {"delta": 1.0}, {"delta": 0.3}, {"delta": 2.0})),
    **losses("smooth_l1", 51, difference(F.smooth_l1_loss, {"beta": 1.0}, {"beta": 0.3}, {"beta": 2.0}, {"beta": 0.0})),
    **losses("nll", 52, nll),
    **losses("bce", 53, bce),
    **losses("kl_div", 54, kl_div),
    **losses("poisson_nll", 55, poisson_nll),
    **losses("gaussian_nll", 56, gaussian_nll),
    **losses("margin_ranking", 57, margin_ranking),
    **losses("hinge_embedding", 58, hinge_embedding),
    **losses("soft_margin", 59, soft_margin),
    **losses("multi_label_soft_margin", 60, multi_label_soft_margin),
    **losses("multi_margin", 61, multi_margin),
    **losses("multi_label_margin", 62, multi_label_margin),
    **losses("cosine_embedding", 63, cosine_embedding),
    **losses("triplet_margin", 64, triplet_margin),
    **losses("triplet_margin_with_distance", 65, triplet_margin_with_distance),
}
