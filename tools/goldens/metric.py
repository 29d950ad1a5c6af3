"""Outputs, targets and what scikit-learn makes of them; perplexity by torch, psnr
and ssim by scikit-image, correlations by scipy, calibration error by torchmetrics.

    CASE/in/0, CASE/in/1    outputs and targets
    CASE/out/0              the metric, float64

The case's name of the metric is that of metric.New.
"""

import math

import scipy.stats
import sklearn.metrics as sk
import torch
import torchmetrics.functional as tm
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

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


def probabilities(metric):
    """A metric of probabilities, over the labels that are not -100."""
    def value(scores, labels):
        rows, labels = last(scores).softmax(1), labels.reshape(-1)
        keep = labels != -100
        return metric(labels[keep].numpy(), rows[keep].numpy())
    return value


def averaged(metric):
    """A metric of labels and predictions with its averages over the classes that occur."""
    return {f"{suffix}": classes(lambda labels, rows, average=average: metric(labels, rows.argmax(1).numpy(), average))
            for suffix, average in (("", "macro"), ("_weighted", "weighted"), ("_micro", "micro"))}


def one_by_one(metric):
    """The mean over classes of a metric of yes and no, in float32, so that rounding makes no order."""
    def value(labels, p):
        p = p.astype("float32")
        return sum(metric(labels == c, p[:, c]) for c in range(p.shape[1])) / p.shape[1]
    return value


def specificity(labels, predicted, average):
    occur = sorted(set(labels) | set(predicted))
    counts = [((labels != c) & (predicted != c), (labels != c) & (predicted == c), labels == c) for c in occur]
    if average == "micro":
        tn, fp = sum(a.sum() for a, _, _ in counts), sum(b.sum() for _, b, _ in counts)
        return tn / (tn + fp)
    weights = [1 if average == "macro" else s.sum() for _, _, s in counts]
    return sum(w * a.sum() / (a.sum() + b.sum()) for w, (a, b, _) in zip(weights, counts)) / sum(weights)


def columns(metric):
    def value(y, t):
        y, t = y.reshape(len(y), -1).numpy(), t.reshape(len(t), -1).numpy()
        return sum(metric(y[:, i], t[:, i]).statistic for i in range(y.shape[1])) / y.shape[1]
    return value


METRICS = {
    **{f"precision{s}": m for s, m in averaged(lambda l, p, a: sk.precision_score(l, p, average=a, zero_division=0)).items()},
    **{f"recall{s}": m for s, m in averaged(lambda l, p, a: sk.recall_score(l, p, average=a, zero_division=0)).items()},
    **{f"iou{s}": m for s, m in averaged(lambda l, p, a: sk.jaccard_score(l, p, average=a, zero_division=0)).items()},
    **{f"f1{s}": m for s, m in averaged(lambda l, p, a: sk.f1_score(l, p, average=a, zero_division=0)).items()},
    **{f"f2{s}": m for s, m in averaged(lambda l, p, a: sk.fbeta_score(l, p, beta=2, average=a, zero_division=0)).items()},
    **{f"f0.5{s}": m for s, m in averaged(lambda l, p, a: sk.fbeta_score(l, p, beta=0.5, average=a, zero_division=0)).items()},
    **{f"specificity{s}": m for s, m in averaged(specificity).items()},
    "balanced_accuracy": classes(lambda labels, rows: sk.recall_score(labels, rows.argmax(1).numpy(), labels=sorted(set(labels)), average="macro", zero_division=0)),
    "mcc": classes(lambda labels, rows: sk.matthews_corrcoef(labels, rows.argmax(1).numpy())),
    "kappa": classes(lambda labels, rows: sk.cohen_kappa_score(labels, rows.argmax(1).numpy())),
    "auroc": probabilities(one_by_one(sk.roc_auc_score)),
    "average_precision": probabilities(one_by_one(sk.average_precision_score)),
    "brier": probabilities(lambda labels, p: ((p - torch.nn.functional.one_hot(torch.tensor(labels), p.shape[1]).numpy()) ** 2).sum(1).mean()),
    "calibration_error": probabilities(lambda labels, p: tm.calibration_error(torch.tensor(p), torch.tensor(labels), task="multiclass", num_classes=p.shape[1], n_bins=15, norm="l1").item()),
    "binary_auroc": lambda y, t: sk.roc_auc_score(t.reshape(-1).numpy() > 0.5, y.reshape(-1).numpy()),
    "binary_average_precision": lambda y, t: sk.average_precision_score(t.reshape(-1).numpy() > 0.5, y.reshape(-1).numpy()),
    "mape": lambda y, t: sk.mean_absolute_percentage_error(t.reshape(-1).numpy(), y.reshape(-1).numpy()),
    "pearson": columns(scipy.stats.pearsonr),
    "spearman": columns(scipy.stats.spearmanr),
    "psnr": lambda y, t: peak_signal_noise_ratio(t.numpy(), y.numpy(), data_range=1.0),
    "ssim": lambda y, t: sum(
        structural_similarity(a, b, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        for a, b in zip(y.flatten(0, 1).numpy(), t.flatten(0, 1).numpy())) / y.shape[0] / y.shape[1],
    "accuracy": classes(lambda labels, rows: sk.accuracy_score(labels, rows.argmax(1).numpy())),
    "top3": classes(lambda labels, rows: sk.top_k_accuracy_score(labels, rows.numpy(), k=3, labels=range(rows.shape[1]))),
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

    for metric in ("balanced_accuracy", "mcc", "kappa", "auroc", "average_precision", "brier", "calibration_error",
                   *(f"{m}{s}" for m in ("precision", "recall", "iou", "f2", "f0.5", "specificity") for s in ("", "_weighted", "_micro")),
                   "f1_weighted", "f1_micro"):
        case(f"{metric}_plain", metric, normal(50, 6, dtype=torch.float64), labels(6, 50))
        case(f"{metric}_ignored", metric, lambda gen: torch.randint(-2, 3, (4, 5, 12), generator=gen).double(), labels(5, 4, 12, ignore=True))
    for metric in ("binary_auroc", "binary_average_precision"):
        case(f"{metric}_plain", metric, normal(40, 1), lambda gen: torch.randint(0, 2, (40, 1), generator=gen).float())
        case(f"{metric}_ties", metric, lambda gen: torch.randint(-3, 4, (60,), generator=gen).float(), lambda gen: torch.randint(0, 2, (60,), generator=gen).float())
    for metric in ("pearson", "spearman"):
        case(f"{metric}_plain", metric, normal(30), normal(30))
        case(f"{metric}_wide", metric, lambda gen: torch.randint(0, 6, (30, 3), generator=gen).double(), normal(30, 3, dtype=torch.float64))
    case("mape_plain", "mape", normal(50), normal(50))
    for metric in ("psnr", "ssim"):
        case(f"{metric}_images", metric, lambda gen: torch.rand(5, 2, 17, 13, generator=gen, dtype=torch.float64), lambda gen: torch.rand(5, 2, 17, 13, generator=gen, dtype=torch.float64))
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
