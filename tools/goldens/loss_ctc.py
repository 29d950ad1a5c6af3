"""CTC. Inputs: logits [B T C], targets [B S], lengths of both or None."""

import torch
import torch.nn.functional as F

from golden import indices, integers, normal
from loss import losses


def table(*rows):
    return lambda gen: torch.tensor(rows, dtype=torch.int64)


def ctc(add):
    def case(name, x, t, times=None, labels=None, **options):
        settings = dict(blank=0, zero_infinity=False)
        settings.update(options)

        def reference(x, t, times, labels, reduction):
            if times is None:
                times = torch.full([x.shape[0]], x.shape[1])
            if labels is None:
                labels = ((t >= 0) & (t != settings["blank"])).long().cumprod(1).sum(1)
            if not x.shape[0]:  # PyTorch wants an example
                return {"none": x.sum((1, 2)), "sum": x.sum(), "mean": x.sum((1, 2)).mean()}[reduction]
            logs = x.log_softmax(2).transpose(0, 1)
            loss = lambda zero: F.ctc_loss(logs, t.clamp(min=0), times, labels, settings["blank"], reduction, zero)
            # PyTorch's gradient of an infinite loss is NaN; that of one which counts 0 is 0.
            finite = loss(True)
            return finite if settings["zero_infinity"] else loss(False).detach() + finite - finite.detach()

        add(name, reference, [x, t, times, labels], **settings)

    case("plain", normal(4, 8, 5), integers(1, 5, 4, 3))
    case("filled_up", normal(4, 8, 5), table([1, 2, 3, 4], [3, 0, 0, 0], [2, 1, -1, -1], [4, 4, 2, 0]))
    case("repeated", normal(3, 9, 4), table([1, 1, 1], [2, 2, 3], [3, 2, 2]))
    case("just_enough_times", normal(3, 5, 4), table([1, 1, 1], [2, 2, 3], [3, 2, 1]))
    case("empty_targets", normal(3, 6, 4), table([0, 0], [1, 0], [0, 2]))
    case("no_labels", normal(3, 6, 4), lambda gen: torch.zeros(3, 0, dtype=torch.int64))
    case("one_time", normal(3, 1, 4), table([1], [0], [3]))
    case("blank_last", normal(4, 7, 5), integers(0, 4, 4, 3), blank=4)
    case("long", normal(2, 60, 12), integers(1, 12, 2, 20))
    case("sure", normal(3, 8, 5, std=8), integers(1, 5, 3, 3))
    case("lengths", normal(4, 8, 5), integers(1, 5, 4, 4), indices([8, 5, 7, 6]), indices([4, 2, 0, 3]))
    case("lengths_of_times", normal(3, 8, 5), table([1, 2], [3, 0], [4, 4]), indices([8, 3, 4]))
    case("impossible", normal(3, 3, 4), table([1, 1, 1], [2, 3, 0], [1, 2, 2]))
    case("impossible_zero", normal(4, 3, 4), table([1, 1, 1], [2, 3, 0], [1, 2, 2], [3, 0, 0]), zero_infinity=True)
    case("no_times_zero", normal(3, 4, 4), table([1, 2], [2, 0], [3, 3]), indices([0, 4, 1]), indices([2, 1, 2]), zero_infinity=True)
    case("empty_batch", normal(0, 4, 3), integers(1, 3, 0, 2))


FILES = losses("ctc", 130, ctc, script="loss_ctc")
