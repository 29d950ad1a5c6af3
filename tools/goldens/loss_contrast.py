"""Contrastive losses, margins of angles, and distillation: of the papers' formulas, compared with Transformers and Keras where these have them."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch
import torch.nn.functional as F

from golden import indices, integers, normal, uniform
from loss import losses


def reduced(each, reduction):
    return {"none": each, "sum": each.sum(), "mean": each.mean()}[reduction]


def cosines(x, y):
    return F.normalize(x, dim=-1, eps=1e-7) @ F.normalize(y, dim=-1, eps=1e-7).T


def pairs(add, fn, **config):
    add("plain", fn, [normal(5, 4), normal(5, 4)], stack=2, together=True, **config)
    add("wide", fn, [normal(4, 67), normal(4, 67)], stack=2, together=True, **config)
    add("alike", fn, [normal(6, 3, mean=2), normal(6, 3, mean=2)], stack=2, together=True, **config)
    add("one", fn, [normal(1, 4), normal(1, 4)], stack=2, together=True, **config)
    add("empty_batch", fn, [normal(0, 4), normal(0, 4)], stack=2, together=True, **config)


def info_nce(add):
    from transformers.models.clip.modeling_clip import image_text_contrastive_loss

    for temperature in (0.07, 0.5):

        def fn(x, y, r, t=temperature):
            if not len(x):
                return reduced((x + y).sum(1), r)
            z = cosines(x, y) / t
            own = torch.arange(len(x))
            each = (F.cross_entropy(z, own, reduction="none") + F.cross_entropy(z.T, own, reduction="none")) / 2
            assert torch.allclose(image_text_contrastive_loss(z), each.mean())
            return reduced(each, r)

        pairs(lambda name, *args, **kw: add(f"{name}{temperature}", *args, **kw), fn, temperature=temperature)


def siglip(add):
    for temperature, bias in ((0.1, -10.0), (0.5, 0.3)):

        def fn(x, y, r, t=temperature, b=bias):
            z = cosines(x, y) / t + b
            own = torch.eye(len(x), dtype=x.dtype)
            return reduced(-F.logsigmoid(z * (2 * own - 1)).sum(-1), r)  # SiglipModel.forward

        pairs(lambda name, *args, **kw: add(f"{name}{temperature}", *args, **kw), fn, temperature=temperature, bias=bias)


def nt_xent(add):
    for temperature in (0.5, 0.1):

        def fn(x, y, r, t=temperature):
            n = len(x)
            if not n:
                return reduced((x + y).sum(1), r)
            v = torch.cat([x, y])
            z = (cosines(v, v) / t).masked_fill(torch.eye(2 * n, dtype=torch.bool), -1e30)
            each = F.cross_entropy(z, torch.arange(2 * n).roll(n), reduction="none")
            return reduced((each[:n] + each[n:]) / 2, r)

        pairs(lambda name, *args, **kw: add(f"{name}{temperature}", *args, **kw), fn, temperature=temperature)


def supervised_contrastive(add):
    for temperature in (0.07, 0.5):

        def fn(x, labels, r, t=temperature):
            b, views, d = x.shape
            if not b:
                return reduced(x.sum((1, 2)), r)
            # The authors' SupConLoss with contrast_mode "all"; views of an example lie together.
            v = x.reshape(b * views, d)
            y = labels.repeat_interleave(views)
            z = cosines(v, v) / t
            other = ~torch.eye(b * views, dtype=torch.bool)
            alike = ((y[:, None] == y) & other).double()
            logs = z - z.masked_fill(~other, -1e30).logsumexp(1, keepdim=True)
            each = -(alike * logs).sum(1) / alike.sum(1).clamp(min=1)
            return reduced(each.reshape(b, views).mean(1), r)

        case = lambda name, x, t: add(f"{name}{temperature}", fn, [x, t], together=True, temperature=temperature)
        case("plain", normal(5, 2, 4), indices([0, 1, 0, 2, 1]))
        case("one_view", normal(6, 1, 4), indices([0, 1, 0, 2, 1, 1]))
        case("three_views", normal(3, 3, 5), indices([7, 7, -2]))
        case("nobody_alike", normal(3, 1, 4), indices([0, 1, 2]))
        case("empty_batch", normal(0, 2, 4), integers(0, 2, 0))


def sphere(*shape):
    return lambda gen: F.normalize(torch.randn(shape, generator=gen, dtype=torch.float64), dim=-1)


def circle(add):
    for gamma, margin in ((80.0, 0.4), (3.0, 0.25)):

        def fn(x, labels, r, gamma=gamma, m=margin):
            n = len(x)
            if not n:
                return x.sum(1) if r == "none" else x.sum() if r == "sum" else x.sum() / 0
            d = (1 - x @ x.T).clamp(min=0)
            same = labels[:, None] == labels
            near, far = same & ~torch.eye(n, dtype=torch.bool), ~same
            pull = (gamma * (m + d).clamp(min=0) * (d - m)).masked_fill(~near, -1e30).logsumexp(1)
            push = (gamma * (1 + m - d).clamp(min=0) * (1 - m - d)).masked_fill(~far, -1e30).logsumexp(1)
            each = F.softplus(pull + push, threshold=1e9)
            near_keras = keras.losses.circle(labels, x.detach(), gamma=gamma, margin=m).double()
            assert torch.allclose(near_keras, each, rtol=1e-4, atol=1e-4)
            if r == "mean":  # as keras.losses.Circle, whose mask is where the loss is above 0
                return each.sum() / (near.any(1) & far.any(1)).double().sum()
            return reduced(each, r)

        case = lambda name, x, t: add(f"{name}{gamma}", fn, [x, t], together=True, gamma=gamma, margin=margin)
        case("plain", sphere(6, 4), indices([0, 1, 0, 2, 1, 2]))
        case("some_alone", sphere(5, 3), indices([0, 1, 0, 2, 0]))
        case("wide", sphere(7, 40), indices([0, 1, 0, 1, 1, 0, 1]))
        case("empty_batch", sphere(0, 4), integers(0, 2, 0))


def margin(kind):
    def build(add):
        def case(name, x, t, scale, margin):
            def fn(x, labels, r):
                hit = F.one_hot(labels, x.shape[1]).bool()
                if kind == "arc_face":
                    m = torch.tensor(margin, dtype=x.dtype)
                    turned = torch.where(x > torch.cos(torch.pi - m), torch.cos(torch.acos(x) + m), x - m * torch.sin(m))
                else:
                    turned = x - margin
                return reduced(F.cross_entropy(scale * torch.where(hit, turned, x), labels, reduction="none"), r)

            add(name, fn, [x, t], scale=scale, margin=margin)

        case("plain", uniform(-0.9, 0.9, 5, 4), integers(0, 4, 5), 64.0, 0.5)
        case("small_scale", uniform(-0.9, 0.9, 5, 4), integers(0, 4, 5), 4.0, 0.35)
        case("no_margin", uniform(-0.9, 0.9, 5, 4), integers(0, 4, 5), 8.0, 0.0)
        case("large_margin", uniform(-0.9, 0.9, 7, 4), integers(0, 4, 7), 8.0, 1.5)
        case("far", uniform(-0.99, -0.8, 5, 4), integers(0, 4, 5), 8.0, 0.5)
        case("empty_batch", uniform(-0.9, 0.9, 0, 4), integers(0, 4, 0), 64.0, 0.5)

    return build


def distillation(add):
    def case(name, x, t, y, temperature=2.0, alpha=0.5):
        def fn(x, teacher, labels, r):
            soft = F.kl_div((x / temperature).log_softmax(1), (teacher / temperature).softmax(1), reduction="none").sum(1)
            return reduced(alpha * temperature**2 * soft + (1 - alpha) * F.cross_entropy(x, labels, reduction="none"), r)

        add(name, fn, [x, t, y], constant=(1,), stack=2, temperature=temperature, alpha=alpha)

    case("plain", normal(5, 4), normal(5, 4), integers(0, 4, 5))
    case("hot", normal(5, 4), normal(5, 4, std=3), integers(0, 4, 5), 10.0, 0.9)
    case("teacher_alone", normal(5, 4), normal(5, 4), integers(0, 4, 5), 1.0, 1.0)
    case("labels_alone", normal(5, 4), normal(5, 4), integers(0, 4, 5), 3.0, 0.0)
    case("wide", normal(3, 67), normal(3, 67), integers(0, 67, 3), 4.0, 0.3)
    case("empty_batch", normal(0, 4), normal(0, 4), integers(0, 4, 0))


FILES = {}
for seed, (kind, build) in enumerate(
    dict(
        info_nce=info_nce,
        siglip=siglip,
        nt_xent=nt_xent,
        supervised_contrastive=supervised_contrastive,
        circle=circle,
        arc_face=margin("arc_face"),
        cos_face=margin("cos_face"),
        distillation=distillation,
    ).items(),
    start=140,
):
    FILES.update(losses(kind, seed, build, script="loss_contrast"))
