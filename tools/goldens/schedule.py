"""Learning rates over runs of 1000 steps, of torch.optim.lr_scheduler and of the schedules of
transformers.

    CASE/out/0    the rate of each step, float64 [1000]
    CASE/in/0     for plateau: the metric of an evaluation after each step

The case's config is what optim/schedule is to build for a rate of LR.
"""

import math
import warnings

import torch
import transformers
from torch.optim import lr_scheduler as lrs

from golden import Golden

STEPS = 1000
LR = 0.25


def rates(make, metrics=None):
    """The rates that a scheduler sets; make gets an optimizer at LR."""
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler = make(opt)
    out = []
    for step in range(STEPS):
        out.append(opt.param_groups[0]["lr"])
        opt.step()
        scheduler.step(*([metrics[step]] if metrics is not None else []))
    return torch.tensor(out, dtype=torch.float64)


def warm(n, then):
    """A rise by equal amounts before another scheduler."""
    return lambda opt: lrs.SequentialLR(opt, [lrs.LinearLR(opt, 1 / n, total_iters=n - 1), then(opt)], [n])


def cases(path):
    g = Golden("schedule", path, seed=80)
    warnings.filterwarnings("ignore", module="torch.optim.lr_scheduler")

    def case(name, kind, make, metrics=None, **config):
        g.add(name, op=kind, lr=LR, config=config)
        if metrics is not None:
            g.put(f"{name}/in/0", metrics)
            metrics = metrics.tolist()
        g.put(f"{name}/out/0", rates(make, metrics))

    linear = {"steps": 100}
    zero = {"share": 0.1, "start": 0.0}
    case("constant", "constant", lambda o: lrs.ConstantLR(o, 1))
    case("constant_warm", "constant", lambda o: lrs.LinearLR(o, 0.2, total_iters=50), warmup={"steps": 50, "start": 0.2})
    case("constant_warm_equal", "constant", lambda o: lrs.LinearLR(o, 0.01, total_iters=99), warmup=linear)
    case("constant_transformers", "constant", lambda o: transformers.get_constant_schedule_with_warmup(o, 100), warmup=zero)
    case("step", "step", lambda o: lrs.StepLR(o, 150, 0.3), every={"steps": 150}, gamma=0.3)
    case("step_warm", "step", warm(100, lambda o: lrs.StepLR(o, 250, 0.5)), every={"share": 0.25}, gamma=0.5, warmup=linear)
    case("multi_step", "multi_step", lambda o: lrs.MultiStepLR(o, [300, 650, 650, 900], 0.2),
         milestones=[{"steps": 900}, {"steps": 300}, {"share": 0.65}, {"steps": 650}], gamma=0.2)
    case("multi_step_warm", "multi_step", warm(100, lambda o: lrs.MultiStepLR(o, [400, 650], 0.1)),
         milestones=[{"share": 0.5}, {"share": 0.75}], gamma=0.1, warmup=linear)
    case("exponential", "exponential", lambda o: lrs.ExponentialLR(o, 0.995), every={"steps": 1}, gamma=0.995)
    case("exponential_span", "exponential", lambda o: lrs.ExponentialLR(o, 0.1 ** (1 / 400)), every={"share": 0.4}, gamma=0.1)
    case("cosine", "cosine", lambda o: lrs.CosineAnnealingLR(o, STEPS, eta_min=0.1 * LR), final=0.1)
    case("cosine_warm", "cosine", warm(100, lambda o: lrs.CosineAnnealingLR(o, 900)), warmup={"share": 0.1})
    case("cosine_transformers", "cosine", lambda o: transformers.get_cosine_schedule_with_warmup(o, 100, STEPS), warmup=zero)
    case("cosine_min_transformers", "cosine",
         lambda o: transformers.get_cosine_with_min_lr_schedule_with_warmup(o, 100, STEPS, min_lr_rate=0.3), final=0.3, warmup=zero)
    case("linear", "linear", lambda o: lrs.LinearLR(o, 1.0, 0.2, STEPS), final=0.2)
    case("linear_transformers", "linear", lambda o: transformers.get_linear_schedule_with_warmup(o, 100, STEPS), warmup=zero)
    case("polynomial", "polynomial", lambda o: lrs.PolynomialLR(o, STEPS, 2.5), power=2.5)
    case("polynomial_transformers", "polynomial",
         lambda o: transformers.get_polynomial_decay_schedule_with_warmup(o, 100, STEPS, lr_end=0.1 * LR, power=0.5),
         power=0.5, final=0.1, warmup=zero)
    case("inverse_sqrt", "inverse_sqrt", lambda o: transformers.get_inverse_sqrt_schedule(o, 100), warmup=zero)
    case("inverse_sqrt_timescale", "inverse_sqrt", lambda o: transformers.get_inverse_sqrt_schedule(o, 50, 300),
         timescale=300, warmup={"steps": 50, "start": 0.0})
    case("inverse_sqrt_plain", "inverse_sqrt", lambda o: transformers.get_inverse_sqrt_schedule(o, 0))
    case("one_cycle", "one_cycle", lambda o: lrs.OneCycleLR(o, LR, total_steps=STEPS, cycle_momentum=False))
    case("one_cycle_linear", "one_cycle",
         lambda o: lrs.OneCycleLR(o, LR, total_steps=STEPS, cycle_momentum=False, anneal_strategy="linear",
                                  pct_start=0.45, div_factor=10, final_div_factor=100),
         rise=0.45, div=10.0, final_div=100.0, anneal="linear")
    case("one_cycle_three", "one_cycle",
         lambda o: lrs.OneCycleLR(o, LR, total_steps=STEPS, cycle_momentum=False, three_phase=True), three_phases=True)
    for shape, theirs in [("linear", "linear"), ("sqrt", "1-sqrt"), ("cosine", "cosine")]:
        case(f"wsd_{shape}", "wsd",
             lambda o: transformers.get_wsd_schedule(o, 100, 200, num_training_steps=STEPS, min_lr_ratio=0.05, decay_type=theirs),
             decay={"share": 0.2}, shape=shape, final=0.05, warmup={"steps": 100, "start": 0.05})
    case("restarts", "cosine_restarts", lambda o: lrs.CosineAnnealingWarmRestarts(o, 200, 4, 0.1 * LR), cycles=2, growth=4.0, final=0.1)
    case("restarts_equal", "cosine_restarts", lambda o: lrs.CosineAnnealingWarmRestarts(o, 250), cycles=4)
    case("restarts_transformers", "cosine_restarts",
         lambda o: transformers.get_cosine_with_hard_restarts_schedule_with_warmup(o, 100, STEPS, 7), cycles=7, warmup=zero)
    gen = g.generator("metric")
    noise = torch.randn(STEPS, generator=gen, dtype=torch.float64)
    falling = torch.tensor([math.exp(-t / 100) for t in range(STEPS)], dtype=torch.float64)
    falling = falling + 0.1 + 0.02 * noise
    falling[[30, 31, 200]] = math.nan
    case("plateau", "plateau", lambda o: lrs.ReduceLROnPlateau(o), metrics=falling)
    case("plateau_options", "plateau",
         lambda o: lrs.ReduceLROnPlateau(o, factor=0.5, patience=3, threshold=1e-2, cooldown=5, min_lr=0.05 * LR),
         metrics=falling, factor=0.5, patience=3, threshold=1e-2, cooldown=5, final=0.05)
    case("plateau_maximize", "plateau", lambda o: lrs.ReduceLROnPlateau(o, mode="max", factor=0.8, patience=7),
         metrics=1 - falling, maximize=True, factor=0.8, patience=7)
    return g


FILES = {"optim/schedule/testdata/schedule.safetensors": cases}
