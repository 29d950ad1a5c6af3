"""Ten steps of the optimizers of Keras, where their arithmetic is another than PyTorch's: trajectories as optim.py makes
them. Needs KERAS_BACKEND=torch, which this script sets."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch

from golden import Golden
from optim import trajectory, two_groups, varying


def rule(optimizer, ours, states):
    """The optimizer of Keras as a class that is used like those of torch.optim.

    ours: constants among our settings, such as the form. states: PyTorch's names of state, and the lists of an optimizer
    that hold it.
    """

    class Wrapped:
        def __init__(self, groups, **options):
            self.param_groups, self.optimizers, self.state = [], [], {}
            for group in groups:
                group = {**ours, **options, **group}
                own = {k: v for k, v in group.items() if k not in ("params", "lr", *ours)}
                opt = optimizer(learning_rate=group["lr"], **own)
                variables = [keras.Variable(p.detach().numpy(), dtype=str(p.dtype).removeprefix("torch.")) for p in group["params"]]
                opt.build(variables)
                self.param_groups.append(group)
                self.optimizers.append((opt, variables))

        def step(self):
            for group, (opt, variables) in zip(self.param_groups, self.optimizers):
                opt.learning_rate = group["lr"]
                opt.apply([p.grad for p in group["params"]], variables)
                for i, (p, v) in enumerate(zip(group["params"], variables)):
                    p.data.copy_(v.value.detach())
                    own = {name: getattr(opt, of)[i] for name, of in states.items() if getattr(opt, of, None)}
                    self.state[p] = {name: v.value for name, v in own.items() if v is not None}

    return Wrapped


FORM = {"form": "keras"}
NAMES = {"epsilon": "eps", "beta_1": "beta1", "beta_2": "beta2", "rho": "alpha", "initial_accumulator_value": "initial_accumulator"}


def build(path):
    g = Golden("optim_keras", path, seed=33)

    def run(kind, optimizer, states, lr, cases, names=NAMES, ours=FORM, schedule=varying, **options):
        """Cases of all, by name: options over those given here."""
        of = rule(optimizer, ours, states)
        cases = {"default": {}, **cases}
        for name, own in cases.items():
            trajectory(g, f"{kind}_{name}", kind, of, lr, names=names, **{**options, **own})
        trajectory(g, f"{kind}_varying_lr", kind, of, schedule(3 * lr), names=names, **{**options, "weight_decay": 0.3})
        trajectory(g, f"{kind}_two_groups", kind, of, lr, names=names, groups=two_groups(2 * lr, weight_decay=0.2), **options)

    adam = {"exp_avg": "_momentums", "exp_avg_sq": "_velocities", "max_exp_avg_sq": "_velocity_hats"}
    run("sgd", keras.optimizers.SGD, {"momentum_buffer": "momentums"}, 0.1,
        {"plain": {"momentum": 0.0, "weight_decay": 0.1}, "nesterov": {"nesterov": True}}, momentum=0.9)
    for kind, optimizer in {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}.items():
        run(kind, optimizer, adam, 0.01,
            {"amsgrad": {"amsgrad": True, "beta_1": 0.5, "beta_2": 0.4}, "tiny_gradients": {"grad_scale": 1e-7},
             "weight_decay": {"weight_decay": 0.3, "epsilon": 1e-2}}, epsilon=1e-7, beta_1=0.9, beta_2=0.999, weight_decay=0.0)
    run("rmsprop", keras.optimizers.RMSprop, {"square_avg": "_velocities", "grad_avg": "_average_gradients", "momentum_buffer": "_momentums"}, 0.01,
        {"momentum": {"momentum": 0.9}, "centered": {"centered": True}, "all": {"momentum": 0.8, "centered": True, "epsilon": 1e-2, "weight_decay": 0.2}},
        rho=0.9, epsilon=1e-7)
    run("adagrad", keras.optimizers.Adagrad, {"sum": "_accumulators"}, 0.1, {"eps": {"epsilon": 0.1}}, initial_accumulator_value=0.1, epsilon=1e-7)
    run("adamax", keras.optimizers.Adamax, {"exp_avg": "_m", "exp_inf": "_u"}, 0.01, {"eps": {"epsilon": 0.1}}, beta_1=0.9, beta_2=0.999, epsilon=1e-7)
    # Keras's states are [R] and [C], ours [R 1] and [1 C]
    run("adafactor", keras.optimizers.Adafactor, {}, 0.1, {"weight_decay": {"weight_decay": 0.2}, "clip_threshold": {"clip_threshold": 1.5, "beta_2_decay": -0.5}},
        names={"beta_2_decay": "beta2_decay", "epsilon_1": "eps1", "epsilon_2": "eps2", "clip_threshold": "d", "relative_step": None}, epsilon_1=1e-30)
    # the rate divides: none of 0
    run("ftrl", keras.optimizers.Ftrl, {"accumulator": "_accumulators", "linear": "_linears"}, 0.1,
        {"l1": {"l1_regularization_strength": 0.5}, "l2_beta": {"l2_regularization_strength": 0.1, "beta": 0.2},
         "shrinkage": {"l2_shrinkage_regularization_strength": 0.3, "initial_accumulator_value": 0.5}, "power": {"learning_rate_power": -0.7}},
        names={"learning_rate_power": "lr_power", "initial_accumulator_value": "initial_accumulator", "l1_regularization_strength": "l1",
               "l2_regularization_strength": "l2", "l2_shrinkage_regularization_strength": "l2_shrinkage"},
        ours={}, schedule=lambda base: lambda step: base * min(step / 3, 1) * 0.8 ** step)
    # the rules that do not differ, by our settings of them
    run("nadam", keras.optimizers.Nadam, {"exp_avg": "_momentums", "exp_avg_sq": "_velocities"}, 0.01, {"betas": {"beta_1": 0.5, "beta_2": 0.7}},
        ours={"momentum_decay": 1.0, "decoupled_weight_decay": True}, beta_1=0.9, beta_2=0.999, epsilon=1e-7)
    return g


FILES = {"optim/testdata/keras.safetensors": build}
