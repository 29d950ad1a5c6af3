"""Outputs, targets and what scikit-learn makes of them; perplexity by torch.

    CASE/in/0, CASE/in/1    outputs and targets
    CASE/out/0              the metric, float64

The case's name of the metric is that of metric.New.
"""

import math

import sklearn.metrics as sk
import torch

from golden import Golden


def last(scores):
    """Scores [N V ...] as [N*... V]."""
    return scores.movedim(1, -1).reshape(-1, scores.shape[1])


def classes(metric):
    """A metric of classes, over the labels that are not -100."""
    def value(scores, labels):
        rows, labels = last(scores), labels.reshape(-1)
        keep = labels != -100
        return metric(labels[keep].numpy(), rows[keep])
    return value


METRICS = {
    "accuracy": classes(lambda labels, rows: sk.accuracy_score(labels, rows.argmax(1).numpy())),
    "top3": classes(lambda labels, rows: sk.top_k_accuracy_score(labels, rows.numpy(), k=3, labels=range(rows.shape[1]))),
    "f1": classes(lambda labels, rows: sk.f1_score(labels, rows.argmax(1).numpy(), average="macro")),
    "binary_accuracy": lambda y, t: sk.accuracy_score(t.reshape(-1).numpy() > 0.5, y.reshape(-1).numpy() > 0),
    "perplexity": lambda y, t: math.exp(torch.nn.functional.cross_entropy(y, t).item()),
    "mae": lambda y, t: sk.mean_absolute_error(t.reshape(-1).numpy(), y.reshape(-1).numpy()),
    "mse": lambda y, t: sk.mean_squared_error(t.reshape(-1).numpy(), y.reshape(-1).numpy()),
    "rmse": lambda y, t: sk.root_mean_squared_error(t.reshape(-1).numpy(), y.reshape(-1).numpy()),
    "r2": lambda y, t: sk.r2_score(t.numpy(), y.numpy()),
}


def cases(path):
    g = Golden("metric", path, seed=81)

    def case(name, metric, outputs, targets):
        gen = g.generator(name)
        y, t = outputs(gen), targets(gen)
        g.add(name, op=metric)
        g.put(f"{name}/in/0", y)
        g.put(f"{name}/in/1", t)
        g.put(f"{name}/out/0", torch.tensor(float(METRICS[metric](y.double(), t.double() if t.is_floating_point() else t)), dtype=torch.float64))

    def normal(*shape, dtype=torch.float32):
        return lambda gen: torch.randn(shape, generator=gen, dtype=torch.float64).to(dtype)

    def labels(n, *shape, ignore=False):
        def make(gen):
            t = torch.randint(0, n, shape, generator=gen)
            return torch.where(torch.rand(shape, generator=gen) < 0.3, -100, t) if ignore else t
        return make

    for metric in ("accuracy", "top3", "f1", "perplexity"):
        case(f"{metric}_plain", metric, normal(50, 6), labels(6, 50))
        case(f"{metric}_ignored", metric, normal(40, 5, dtype=torch.float64), labels(5, 40, ignore=True))
        case(f"{metric}_images", metric, normal(3, 5, 4, 2), labels(5, 3, 4, 2, ignore=True))
    case("f1_absent", "f1", lambda gen: torch.eye(6)[torch.randint(0, 3, (20,), generator=gen)], labels(4, 20))
    case("binary", "binary_accuracy", normal(30, 1), lambda gen: torch.randint(0, 2, (30, 1), generator=gen).float())
    case("binary_labels", "binary_accuracy", normal(20, 3), lambda gen: torch.randint(0, 2, (20, 3), generator=gen).float())
    for metric in ("mae", "mse", "rmse", "r2"):
        case(f"{metric}_plain", metric, normal(50), normal(50))
        case(f"{metric}_column", metric, normal(20, 1), normal(20, 1))
    case("mae_wide", "mae", normal(20, 3), normal(20, 3))
    case("mse_wide", "mse", normal(20, 3), normal(20, 3))
    case("r2_wide", "r2", normal(40, 3, dtype=torch.float64), normal(40, 3, dtype=torch.float64))
    case("r2_offset", "r2", lambda gen: 1e4 + torch.randn(40, generator=gen, dtype=torch.float64), lambda gen: 1e4 + torch.randn(40, generator=gen, dtype=torch.float64))
    case("r2_constant", "r2", normal(20, 2), lambda gen: torch.stack([torch.full((20,), 0.1), torch.randn(20, generator=gen)], 1))
    case("r2_right", "r2", lambda gen: torch.full((5,), 0.1), lambda gen: torch.full((5,), 0.1))
    return g


FILES = {"metric/testdata/metric.safetensors": cases}
