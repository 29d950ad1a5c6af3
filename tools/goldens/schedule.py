"""Learning rates over runs of 1000 steps, of torch.optim.lr_scheduler, of the schedules of
transformers and Keras, and of torchtitan.

    CASE/out/0    the rate of each step, float64 [1000]
    CASE/in/0     for plateau: the metric of an evaluation after each step

The case's config is what optim/schedule is to build for a rate of LR. Cases with a caption to draw are
the curves in the picture of docs/schedules.md, which tools/schedules makes. Where a scheduler of PyTorch has
a closed form, that is taken: the rates that it sets come from a recursion, and drift.

swalr.safetensors: an exponential schedule, and from step start on SWALR in steps to the rate swa.
"""

import math
import os
import warnings

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
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
        closed = getattr(scheduler, "_get_closed_form_lr", None)
        out.append(closed()[0] if closed else opt.param_groups[0]["lr"])
        opt.step()
        scheduler.step(*([metrics[step]] if metrics is not None else []))
    return torch.tensor(out, dtype=torch.float64)


def warm(n, then):
    """A rise by equal amounts before another scheduler."""
    return lambda opt: lrs.SequentialLR(opt, [lrs.LinearLR(opt, 1 / n, total_iters=n - 1), then(opt)], [n])


def of_keras(schedule):
    """The rates of a schedule of Keras, in float64."""
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        return torch.stack([schedule(torch.tensor(step)).detach().reshape(()) for step in range(STEPS)]).double()
    finally:
        keras.config.set_floatx(before)


def torchtitan(warmup, decay, shape, low):
    """linear_warmup_stable_decay of torchtitan (components/optimizer/lr_scheduler.py at b5bcd76), for LambdaLR."""
    stable = STEPS + 1 - warmup - decay

    def factor(step):
        if step < warmup:
            return (step + 1) / warmup
        if step < warmup + stable:
            return 1.0
        progress = (step + 1 - warmup - stable) / decay
        part = {"linear": 1 - progress, "sqrt": 1 - math.sqrt(progress), "cosine": 0.5 * (1 + math.cos(math.pi * progress))}[shape]
        return low + (1 - low) * part

    return factor


def cases(path):
    g = Golden("schedule", path, seed=80)
    warnings.filterwarnings("ignore", module="torch.optim.lr_scheduler")

    def add(name, kind, draw, config):
        g.add(name, op=kind, lr=LR, config=config, **({"draw": draw} if draw else {}))

    def case(name, kind, make, metrics=None, draw=None, **config):
        add(name, kind, draw, config)
        if metrics is not None:
            g.put(f"{name}/in/0", metrics)
            metrics = metrics.tolist()
        g.put(f"{name}/out/0", rates(make, metrics))

    linear = {"steps": 100}
    zero = {"share": 0.1, "start": 0.0}
    case("constant", "constant", lambda o: lrs.ConstantLR(o, 1), draw="constant")
    case("constant_warm", "constant", lambda o: lrs.LinearLR(o, 0.2, total_iters=50), warmup={"steps": 50, "start": 0.2})
    case("constant_warm_equal", "constant", lambda o: lrs.LinearLR(o, 0.01, total_iters=99), warmup=linear, draw="linear warm-up")
    case("constant_transformers", "constant", lambda o: transformers.get_constant_schedule_with_warmup(o, 100), warmup=zero)
    case("step", "step", lambda o: lrs.StepLR(o, 150, 0.3), every={"steps": 150}, gamma=0.3, draw="every 150 steps")
    case("step_warm", "step", warm(100, lambda o: lrs.StepLR(o, 250, 0.5)), every={"share": 0.25}, gamma=0.5, warmup=linear, draw="warm-up, every 250")
    case("multi_step", "multi_step", lambda o: lrs.MultiStepLR(o, [300, 650, 650, 900], 0.2),
         milestones=[{"steps": 900}, {"steps": 300}, {"share": 0.65}, {"steps": 650}], gamma=0.2, draw="at 3 milestones")
    case("multi_step_warm", "multi_step", warm(100, lambda o: lrs.MultiStepLR(o, [400, 650], 0.1)),
         milestones=[{"share": 0.5}, {"share": 0.75}], gamma=0.1, warmup=linear, draw="warm-up, at 2")
    case("exponential", "exponential", lambda o: lrs.ExponentialLR(o, 0.995), every={"steps": 1}, gamma=0.995, draw="0.995 a step")
    case("exponential_span", "exponential", lambda o: lrs.ExponentialLR(o, 0.1 ** (1 / 400)), every={"share": 0.4}, gamma=0.1, draw="0.1 in 400 steps")
    case("cosine", "cosine", lambda o: lrs.CosineAnnealingLR(o, STEPS, eta_min=0.1 * LR), final=0.1, draw="half a wave")
    case("cosine_warm", "cosine", warm(100, lambda o: lrs.CosineAnnealingLR(o, 900)), warmup={"share": 0.1})
    case("cosine_transformers", "cosine", lambda o: transformers.get_cosine_schedule_with_warmup(o, 100, STEPS), warmup=zero)
    case("cosine_min_transformers", "cosine",
         lambda o: transformers.get_cosine_with_min_lr_schedule_with_warmup(o, 100, STEPS, min_lr_rate=0.3), final=0.3, warmup=zero)
    case("linear", "linear", lambda o: lrs.LinearLR(o, 1.0, 0.2, STEPS), final=0.2, draw="to a fifth")
    case("linear_transformers", "linear", lambda o: transformers.get_linear_schedule_with_warmup(o, 100, STEPS), warmup=zero, draw="warm-up, to 0")
    case("polynomial", "polynomial", lambda o: lrs.PolynomialLR(o, STEPS, 2.5), power=2.5, draw="power 2.5")
    case("polynomial_transformers", "polynomial",
         lambda o: transformers.get_polynomial_decay_schedule_with_warmup(o, 100, STEPS, lr_end=0.1 * LR, power=0.5),
         power=0.5, final=0.1, warmup=zero, draw="power 0.5")
    case("inverse_sqrt", "inverse_sqrt", lambda o: transformers.get_inverse_sqrt_schedule(o, 100), warmup=zero, draw="timescale 100")
    case("inverse_sqrt_timescale", "inverse_sqrt", lambda o: transformers.get_inverse_sqrt_schedule(o, 50, 300),
         timescale=300, warmup={"steps": 50, "start": 0.0}, draw="timescale 300")
    case("inverse_sqrt_plain", "inverse_sqrt", lambda o: transformers.get_inverse_sqrt_schedule(o, 0))
    case("one_cycle", "one_cycle", lambda o: lrs.OneCycleLR(o, LR, total_steps=STEPS, cycle_momentum=False), draw="cosine")
    case("one_cycle_linear", "one_cycle",
         lambda o: lrs.OneCycleLR(o, LR, total_steps=STEPS, cycle_momentum=False, anneal_strategy="linear",
                                  pct_start=0.45, div_factor=10, final_div_factor=100),
         rise=0.45, div=10.0, final_div=100.0, anneal="linear", draw="linear")
    case("one_cycle_three", "one_cycle",
         lambda o: lrs.OneCycleLR(o, LR, total_steps=STEPS, cycle_momentum=False, three_phase=True), three_phases=True, draw="three phases")
    for shape, theirs in [("linear", "linear"), ("sqrt", "1-sqrt"), ("cosine", "cosine")]:
        case(f"wsd_{shape}", "wsd",
             lambda o: transformers.get_wsd_schedule(o, 100, 200, num_training_steps=STEPS, min_lr_ratio=0.05, decay_type=theirs),
             decay={"share": 0.2}, shape=shape, final=0.05, warmup={"steps": 100, "start": 0.05}, draw=shape)
    case("restarts", "cosine_restarts", lambda o: lrs.CosineAnnealingWarmRestarts(o, 200, 4, 0.1 * LR), cycles=2, growth=4.0, final=0.1)
    case("restarts_equal", "cosine_restarts", lambda o: lrs.CosineAnnealingWarmRestarts(o, 250), cycles=4, draw="equal cycles")
    case("restarts_transformers", "cosine_restarts",
         lambda o: transformers.get_cosine_with_hard_restarts_schedule_with_warmup(o, 100, STEPS, 7), cycles=7, warmup=zero)
    for shape in ["linear", "sqrt", "cosine"]:
        case(f"wsd_torchtitan_{shape}", "wsd", lambda o: lrs.LambdaLR(o, torchtitan(50, 300, shape, 0.1)),
             decay={"share": 0.3}, shape=shape, final=0.1, warmup={"steps": 50})
    for shape, theirs in [("sqrt", "1-sqrt"), ("cosine", "cosine")]:
        case(f"wsd_warmup_{shape}", "wsd",
             lambda o: transformers.get_wsd_schedule(o, 150, 200, num_training_steps=STEPS, min_lr_ratio=0.05, warmup_type=theirs, decay_type="linear"),
             decay={"steps": 200}, final=0.05, warmup={"steps": 150, "start": 0.05, "shape": shape})
    case("constant_warm_cosine", "constant", lambda o: lrs.LambdaLR(o, lambda t: 0.5 - 0.5 * math.cos(math.pi * min(1, (t + 1) / 200))),
         warmup={"steps": 200, "shape": "cosine"}, draw="cosine warm-up")
    case("cosine_waves", "cosine", lambda o: lrs.CosineAnnealingLR(o, 125, eta_min=0.1 * LR), final=0.1, cycles=4.0, draw="four waves")
    case("cosine_waves_transformers", "cosine", lambda o: transformers.get_cosine_schedule_with_warmup(o, 100, STEPS, 1.75), cycles=1.75, warmup=zero)
    for start, config in [(None, {"start": 0.01}), (0.3, {"start": 0.3})]:
        case(f"cosine_reach_{start or 'equal'}", "cosine",
             lambda o: transformers.get_cosine_with_min_lr_schedule_with_warmup_lr_rate(o, 100, STEPS, min_lr_rate=0.2, warmup_lr_rate=start),
             final=0.2, reach=True, warmup={"steps": 99, **config})
    case("multiplicative", "exponential", lambda o: lrs.MultiplicativeLR(o, lambda t: 0.995), every={"steps": 1}, gamma=0.995)
    case("piecewise_torch", "piecewise_constant", lambda o: lrs.ConstantLR(o, 0.25, 300), milestones=[{"share": 0.3}], factors=[0.25, 1.0], draw="two parts")
    for mode, height, gamma in [("triangular", "equal", 1.0), ("triangular2", "halving", 1.0), ("exp_range", "exponential", 0.998)]:
        case(f"cyclic_{height}", "cyclic",
             lambda o: lrs.CyclicLR(o, 0.2 * LR, LR, step_size_up=70, step_size_down=150, mode=mode, gamma=gamma, cycle_momentum=False),
             low=0.2, up={"steps": 70}, down={"share": 0.15}, height=height, gamma=gamma, draw=height)
    case("cyclic_even", "cyclic", lambda o: lrs.CyclicLR(o, 0.1 * LR, LR, step_size_up=128, cycle_momentum=False), up={"steps": 128})
    case("sequential", "sequential",
         lambda o: lrs.SequentialLR(o, [lrs.ConstantLR(o, 0.5, STEPS), lrs.LinearLR(o, 0.1, 1.0, 200), lrs.ExponentialLR(o, 0.99)], [100, 300]),
         stages=[{"share": 0.1, "scale": 0.5, "schedule": "constant"},
                 {"steps": 200, "schedule": {"type": "constant", "warmup": {"share": 1.0, "start": 0.1}}},
                 {"schedule": {"type": "exponential", "every": {"steps": 1}, "gamma": 0.99}}], draw="three stages")
    case("sequential_cosine", "sequential",
         lambda o: lrs.SequentialLR(o, [lrs.StepLR(o, 100, 0.5), lrs.CosineAnnealingLR(o, 600)], [400]),
         stages=[{"steps": 400, "schedule": {"type": "step", "every": {"steps": 100}, "gamma": 0.5}}, {"steps": 600, "schedule": "cosine"}], draw="two stages")
    case("chained", "chained",
         lambda o: lrs.ChainedScheduler([lrs.LinearLR(o, 0.2, 1.0, 150), lrs.ExponentialLR(o, 0.997), lrs.MultiStepLR(o, [500, 800], 0.3)]),
         schedules=[{"type": "constant", "warmup": {"steps": 150, "start": 0.2}}, {"type": "exponential", "every": {"steps": 1}, "gamma": 0.997},
                    {"type": "multi_step", "milestones": [{"steps": 500}, {"steps": 800}], "gamma": 0.3}], draw="product of three")

    def keras_case(name, kind, schedule, draw=None, **config):
        add(name, kind, draw, config)
        g.put(f"{name}/out/0", of_keras(schedule))

    ks = keras.optimizers.schedules
    keras_case("cosine_keras", "cosine", ks.CosineDecay(0.1 * LR, 800, alpha=0.2, warmup_target=LR, warmup_steps=200), final=0.2, warmup={"steps": 200, "start": 0.1})
    keras_case("exponential_keras", "exponential", ks.ExponentialDecay(LR, 300, 0.4), every={"steps": 300}, gamma=0.4)
    keras_case("step_keras", "step", ks.ExponentialDecay(LR, 300, 0.4, staircase=True), every={"steps": 300}, gamma=0.4)
    keras_case("inverse_time", "inverse_time", ks.InverseTimeDecay(LR, 120, 0.7), every={"steps": 120}, rate=0.7, draw="smooth")
    keras_case("inverse_time_staircase", "inverse_time", ks.InverseTimeDecay(LR, 120, 0.7, staircase=True), every={"steps": 120}, rate=0.7, staircase=True, draw="staircase")
    keras_case("piecewise", "piecewise_constant", ks.PiecewiseConstantDecay([99, 399, 799], [0.25 * LR, LR, 0.5 * LR, 0.05 * LR]),
               milestones=[{"steps": 100}, {"share": 0.4}, {"steps": 800}], factors=[0.25, 1.0, 0.5, 0.05], draw="four parts")
    keras_case("polynomial_keras", "polynomial", ks.PolynomialDecay(LR, STEPS, 0.1 * LR, power=1.5), power=1.5, final=0.1)
    keras_case("polynomial_cycle", "polynomial", ks.PolynomialDecay(LR, 150, 0.1 * LR, power=2.0, cycle=True), cycle={"steps": 150}, final=0.1, draw="cycles")
    keras_case("restarts_keras", "cosine_restarts", ks.CosineDecayRestarts(LR, 90, t_mul=1.7, m_mul=0.8, alpha=0.1), first={"steps": 90}, growth=1.7, peak=0.8, final=0.1, draw="lower peaks")
    case("restarts_first", "cosine_restarts", lambda o: lrs.CosineAnnealingWarmRestarts(o, 70, 2, 0.1 * LR), first={"steps": 70}, growth=2.0, final=0.1, draw="twice as long")
    gen = g.generator("metric")
    noise = torch.randn(STEPS, generator=gen, dtype=torch.float64)
    falling = torch.tensor([math.exp(-t / 100) for t in range(STEPS)], dtype=torch.float64)
    falling = falling + 0.1 + 0.02 * noise
    falling[[30, 31, 200]] = math.nan
    case("plateau", "plateau", lambda o: lrs.ReduceLROnPlateau(o), metrics=falling)
    case("plateau_options", "plateau",
         lambda o: lrs.ReduceLROnPlateau(o, factor=0.5, patience=3, threshold=1e-2, cooldown=5, min_lr=0.05 * LR),
         metrics=falling, factor=0.5, patience=3, threshold=1e-2, cooldown=5, final=0.05)
    case("plateau_patient", "plateau", lambda o: lrs.ReduceLROnPlateau(o, factor=0.5, patience=40), metrics=falling,
         draw="halved after 40", factor=0.5, patience=40)
    case("plateau_maximize", "plateau", lambda o: lrs.ReduceLROnPlateau(o, mode="max", factor=0.8, patience=7),
         metrics=1 - falling, maximize=True, factor=0.8, patience=7)
    case("plateau_absolute", "plateau", lambda o: lrs.ReduceLROnPlateau(o, factor=0.8, patience=4, threshold=0.03, threshold_mode="abs"),
         metrics=falling, factor=0.8, patience=4, threshold=0.03, absolute=True)
    case("plateau_absolute_maximize", "plateau",
         lambda o: lrs.ReduceLROnPlateau(o, mode="max", factor=0.9, patience=4, threshold=0.03, threshold_mode="abs"),
         metrics=1 - falling, maximize=True, factor=0.9, patience=4, threshold=0.03, absolute=True)
    # down in waves, so that the rate rises and falls
    waves = falling + torch.tensor([0.3 * math.sin(t / 40) - t / 500 for t in range(STEPS)], dtype=torch.float64)
    whole = waves.clone()
    whole[[30, 31, 200]] = whole[[29, 29, 199]]
    case("greedy", "greedy", lambda o: transformers.get_greedy_schedule(o, min_lr=0.01 * LR, max_lr=10 * LR, patience=3),
         metrics=waves, patience=3)
    case("greedy_options", "greedy",
         lambda o: transformers.get_greedy_schedule(o, min_lr=0.3 * LR, max_lr=1.5 * LR, factor=0.9, patience=1, threshold=0.01,
                                                    threshold_mode="rel", cooldown=2, warmup=4, reset_start=12),
         metrics=waves, final=0.3, ceiling=1.5, factor=0.9, patience=1, threshold=0.01, relative=True, cooldown=2, settle=4, reset=12)
    case("greedy_bounded", "greedy",
         lambda o: transformers.get_greedy_schedule(o, min_lr=0.1 * LR, max_lr=LR, factor=0.85, patience=8, smooth=True, window_size=30),
         metrics=whole, draw="down and up by 0.85", final=0.1, ceiling=1.0, factor=0.85, patience=8, window=30)
    case("greedy_window", "greedy",
         lambda o: transformers.get_greedy_schedule(o, mode="max", min_lr=0.01 * LR, max_lr=2 * LR, patience=5, smooth=True, window_size=20),
         metrics=-whole, maximize=True, ceiling=2.0, patience=5, window=20)
    return g


def swalr(path):
    g = Golden("schedule", path, seed=81)
    for name, way, start, steps in [("cosine", "cosine", 600, 100), ("linear", "linear", 700, 250), ("at_once", "linear", 500, 0)]:
        opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
        before = lrs.ExponentialLR(opt, 0.995)
        out = []
        for step in range(STEPS):
            if step == start:
                swa = torch.optim.swa_utils.SWALR(opt, 0.4 * LR, anneal_epochs=steps, anneal_strategy="cos" if way == "cosine" else way)
                if steps == 0:
                    swa.step()  # its first step has the rate from before
            out.append(opt.param_groups[0]["lr"])
            opt.step()
            (before if step < start else swa).step()
        g.add(name, op=way, lr=LR, swa=0.4 * LR, start=start, steps=steps)
        g.put(f"{name}/out/0", torch.tensor(out, dtype=torch.float64))
    return g


FILES = {"optim/schedule/testdata/schedule.safetensors": cases, "optim/schedule/testdata/swalr.safetensors": swalr}
