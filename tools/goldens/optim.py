"""Ten steps of each optimizer on given gradients, and clipping by norm.

    CASE/param/I         parameter I before the first step and after each, [11 ...]
    CASE/grad/I          its gradient in each step, [10 ...]
    CASE/lr              learning rate of each group in each step, float64 [10 groups]
    CASE/state/I/NAME    state of parameter I after the last step, by PyTorch's names

The metadata gives dtype, the number of steps and of parameters, and for each group the
indices of its parameters and its settings: a config of an optimizer as a recipe has it.
A new optimizer needs a function that makes its file, and a line in FILES.
"""

import math

import torch

from golden import Golden

STEPS = 10
SHAPES = [[3], [2, 3], [2, 1, 2, 2]]
# Options of torch.optim that say how to run, and what the golden holds apart.
UNRECORDED = {"params", "lr", "foreach", "fused", "capturable", "differentiable", "initial_lr"}


def varying(base):
    """Warm-up, then decay; one step at rate 0."""
    return lambda step: 0.0 if step == 5 else base * min(step / 3, 1) * 0.8 ** step


def settings(kind, options, names={}):
    """The options of a group as settings of ours. names: what we call an option, or the parts of one; None for one that
    we lack."""
    names = {"betas": ("beta1", "beta2"), **names}
    config = {"type": kind}
    for key, value in options.items():
        name = names.get(key, key)
        if isinstance(name, tuple):
            config.update(zip(name, value))
        elif key not in UNRECORDED and name is not None:
            config[name] = value
    return config


def trajectory(g, name, kind, optimizer, lr, names={}, groups=None, dtype=torch.float32, grad_scale=1.0, sparse=False,
               shapes=SHAPES, states=None, config=None, handover=False, **options):
    """A case of the optimizer that a recipe calls kind.

    optimizer: its class, which takes groups and options as those of torch.optim do. lr: a number or a function of the
    step. groups: [(parameter indices, lr, options)] in place of one group. states: those to compare, by default all of
    the reference's but the number of steps. config: settings of ours for a group's options, by default those under the
    same names. handover: whether to keep the state halfway, as CASE/half/I/NAME with the number of steps, and how
    PyTorch calls optimizer and options.
    """
    gen = g.generator(name)
    params = [torch.nn.Parameter(torch.randn(shape, generator=gen, dtype=torch.float64).to(dtype)) for shape in shapes]
    groups = groups or [(list(range(len(params))), lr, {})]
    rates = [rate if callable(rate) else (lambda step, rate=rate: rate) for _, rate, _ in groups]
    opt = optimizer([{"params": [params[i] for i in which], "lr": rate(1), **own}
                     for (which, _, own), rate in zip(groups, rates)], **options)
    values, grads, lrs = [[p.detach().clone()] for p in params], [[] for _ in params], []
    for step in range(1, STEPS + 1):
        for group, rate in zip(opt.param_groups, rates):
            group["lr"] = rate(step)
        lrs.append([group["lr"] for group in opt.param_groups])
        for i, p in enumerate(params):
            grad = grad_scale * torch.randn(p.shape, generator=gen, dtype=torch.float64)
            if sparse:  # half of the elements, or of the rows, get no gradient in a step
                shape = p.shape if sparse != "rows" else [n if axis == 0 else 1 for axis, n in enumerate(p.shape)]
                grad *= torch.randint(0, 2, shape, generator=gen)
            p.grad = grad.to(dtype)
            grads[i].append(p.grad.clone())
        opt.step()
        for i, p in enumerate(params):
            values[i].append(p.detach().clone())
            if handover and step == STEPS // 2:
                for key, value in opt.state[p].items():
                    if value is not None:
                        g.put(f"{name}/half/{i}/{key}", torch.as_tensor(value))
    g.put(f"{name}/lr", torch.tensor(lrs, dtype=torch.float64))
    for i, p in enumerate(params):
        g.put(f"{name}/param/{i}", torch.stack(values[i]))
        g.put(f"{name}/grad/{i}", torch.stack(grads[i]))
        for key, value in opt.state[p].items():
            if value is not None and (key in states if states is not None else key != "step"):
                g.put(f"{name}/state/{i}/{key}", value)
    parts = [{"params": which, "config": config(group) if config else settings(kind, group, names)}
             for (which, _, _), group in zip(groups, opt.param_groups)]
    extra = {}
    if handover:
        extra = {"half": STEPS // 2, "torch": optimizer.__name__}
        for part, group in zip(parts, opt.param_groups):
            part["torch"] = {k: v for k, v in group.items() if k not in UNRECORDED}
    g.add(name, dtype=str(dtype).removeprefix("torch."), steps=STEPS, params=len(params), groups=parts, **extra)


def two_groups(lr, **own):
    """Parameters 0 and 2 at lr; parameter 1 at a third of it with options of its own."""
    return [([0, 2], lr, {}), ([1], lr / 3, own)]


def build_sgd(path):
    g = Golden("optim", path, seed=20)
    run = lambda name, lr=0.1, **options: trajectory(g, name, "sgd", torch.optim.SGD, lr, foreach=False, **options)
    run("plain")
    run("weight_decay", weight_decay=0.1)
    run("momentum", momentum=0.9)
    run("momentum_weight_decay", momentum=0.9, weight_decay=0.05)
    run("momentum_dampening", momentum=0.8, dampening=0.3)
    run("momentum_dampening_weight_decay", momentum=0.8, dampening=1.0, weight_decay=0.1)
    run("nesterov", momentum=0.9, nesterov=True)
    run("nesterov_weight_decay", momentum=0.7, nesterov=True, weight_decay=0.1)
    run("varying_lr", varying(0.3))
    run("varying_lr_momentum", varying(0.3), momentum=0.9)
    run("varying_lr_nesterov_weight_decay", varying(0.3), momentum=0.9, nesterov=True, weight_decay=0.01)
    run("two_groups", groups=two_groups(0.1, weight_decay=0.2, momentum=0.5), momentum=0.9, weight_decay=0.0)
    run("maximize", maximize=True, weight_decay=0.2, momentum=0.5)
    run("maximize_one_group", groups=two_groups(0.1, maximize=True))
    run("zero_momentum_dampening", momentum=0.0, dampening=0.5)
    run("float64", momentum=0.9, dampening=0.1, weight_decay=0.1, dtype=torch.float64)
    run("float64_nesterov", varying(0.2), momentum=0.9, nesterov=True, weight_decay=0.1, dtype=torch.float64)
    return g


def build_adagrad(path):
    g = Golden("optim", path, seed=21)
    run = lambda name, lr=0.1, **options: trajectory(g, name, "adagrad", torch.optim.Adagrad, lr, foreach=False,
                                                      names={"initial_accumulator_value": "initial_accumulator"}, **options)
    run("default", 0.01)
    run("large_lr")
    run("lr_decay", lr_decay=0.1)
    run("weight_decay", weight_decay=0.1)
    run("initial_accumulator", initial_accumulator_value=0.5)
    run("eps", eps=0.1)
    run("tiny_gradients", grad_scale=1e-7, eps=1e-7)
    run("sparse_gradients", sparse=True)
    run("lr_decay_weight_decay", lr_decay=0.5, weight_decay=0.05)
    run("initial_accumulator_lr_decay_eps", initial_accumulator_value=0.1, lr_decay=0.2, eps=1e-3)
    run("varying_lr", varying(0.3))
    run("varying_lr_lr_decay", varying(0.3), lr_decay=0.1, weight_decay=0.01)
    run("two_groups", groups=two_groups(0.1, weight_decay=0.2, lr_decay=0.3), lr_decay=0.0)
    run("float64", lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.1, dtype=torch.float64)
    run("float64_eps", varying(0.2), eps=0.01, dtype=torch.float64)
    return g


def build_rmsprop(path):
    g = Golden("optim", path, seed=22)
    run = lambda name, lr=0.01, **options: trajectory(g, name, "rmsprop", torch.optim.RMSprop, lr, foreach=False, **options)
    run("default")
    run("alpha", alpha=0.9)
    run("weight_decay", weight_decay=0.1)
    run("momentum", momentum=0.9)
    run("centered", centered=True)
    run("centered_momentum", centered=True, momentum=0.8)
    run("centered_weight_decay_alpha", centered=True, weight_decay=0.1, alpha=0.8)
    run("all", centered=True, momentum=0.9, weight_decay=0.05, alpha=0.95, eps=1e-3)
    run("eps", eps=0.1)
    run("tiny_gradients", grad_scale=1e-7, eps=1e-7)
    run("varying_lr_momentum", varying(0.03), momentum=0.9)
    run("two_groups", groups=two_groups(0.02, weight_decay=0.2, alpha=0.8, momentum=0.5), momentum=0.0)
    run("float64", centered=True, momentum=0.9, weight_decay=0.1, alpha=0.9, dtype=torch.float64)
    run("float64_eps", varying(0.02), eps=0.01, dtype=torch.float64)
    return g


def build_adam(kind, optimizer, seed):
    def build(path):
        g = Golden("optim", path, seed=seed)
        run = lambda name, lr=0.01, **options: trajectory(g, name, kind, optimizer, lr, foreach=False, names={"decoupled_weight_decay": None}, **options)
        run("default", 1e-3)
        run("large_lr", 0.1)
        run("betas", betas=(0.8, 0.95))
        run("betas_zero", betas=(0.0, 0.5))
        run("no_weight_decay", weight_decay=0.0)
        run("weight_decay", weight_decay=0.1)
        run("weight_decay_betas_eps", weight_decay=0.5, betas=(0.95, 0.9), eps=1e-3)
        run("eps", eps=0.1)
        run("tiny_gradients", grad_scale=1e-7, eps=1e-7)
        run("sparse_gradients", sparse=True, weight_decay=0.0)
        run("varying_lr", varying(0.03))
        run("varying_lr_weight_decay", varying(0.03), weight_decay=0.3)
        run("two_groups", groups=two_groups(0.02, weight_decay=0.2, betas=(0.5, 0.9)), weight_decay=0.0)
        run("amsgrad", varying(0.03), amsgrad=True)
        run("amsgrad_weight_decay", amsgrad=True, weight_decay=0.3, betas=(0.5, 0.4))
        run("amsgrad_float64", amsgrad=True, betas=(0.5, 0.4), dtype=torch.float64)
        run("float64", weight_decay=0.1, betas=(0.8, 0.99), dtype=torch.float64)
        run("float64_eps", varying(0.02), eps=0.01, dtype=torch.float64)
        return g

    return build


def build_adadelta(path):
    g = Golden("optim", path, seed=27)
    run = lambda name, lr=1.0, **options: trajectory(g, name, "adadelta", torch.optim.Adadelta, lr, foreach=False, **options)
    run("default")
    run("rho", rho=0.5)
    run("eps_weight_decay", 10, eps=1e-3, weight_decay=0.1)
    run("tiny_gradients", grad_scale=1e-7, eps=1e-14)
    run("varying_lr", varying(3.0))
    run("two_groups", groups=two_groups(2.0, weight_decay=0.2, rho=0.8))
    run("float64", varying(2.0), weight_decay=0.1, eps=1e-4, dtype=torch.float64)
    return g


def build_adamax(path):
    g = Golden("optim", path, seed=28)
    run = lambda name, lr=0.02, **options: trajectory(g, name, "adamax", torch.optim.Adamax, lr, foreach=False, **options)
    run("default", 2e-3)
    run("betas", betas=(0.5, 0.7))
    run("eps_weight_decay", eps=1e-2, weight_decay=0.1)
    run("sparse_gradients", sparse=True)
    run("varying_lr", varying(0.05), weight_decay=0.1)
    run("two_groups", groups=two_groups(0.02, weight_decay=0.2, betas=(0.8, 0.9)))
    run("float64", varying(0.1), weight_decay=0.1, eps=1e-4, dtype=torch.float64)
    return g


def build_nadam(path):
    g = Golden("optim", path, seed=29)
    run = lambda name, lr=0.02, **options: trajectory(g, name, "nadam", torch.optim.NAdam, lr, foreach=False, **options)
    run("default", 2e-3)
    run("betas", betas=(0.5, 0.7))
    run("momentum_decay", momentum_decay=0.5)
    run("weight_decay_eps", weight_decay=0.1, eps=1e-2)
    run("decoupled_weight_decay", weight_decay=0.5, decoupled_weight_decay=True)
    run("varying_lr", varying(0.05), weight_decay=0.1)
    run("varying_lr_decoupled", varying(0.05), weight_decay=0.5, decoupled_weight_decay=True)
    run("two_groups", groups=two_groups(0.02, weight_decay=0.2, betas=(0.8, 0.9)))
    run("float64", varying(0.1), weight_decay=0.1, dtype=torch.float64)
    return g


def build_radam(path):
    g = Golden("optim", path, seed=30)
    run = lambda name, lr=0.02, **options: trajectory(g, name, "radam", torch.optim.RAdam, lr, foreach=False, **options)
    run("default", 1e-3)  # rectified from the sixth step on
    run("never_rectified", betas=(0.5, 0.5))
    run("betas_eps", betas=(0.5, 0.99), eps=1e-2)
    run("weight_decay", weight_decay=0.1)
    run("decoupled_weight_decay", weight_decay=0.5, decoupled_weight_decay=True)
    run("sparse_gradients", sparse=True)
    run("varying_lr", varying(0.05), weight_decay=0.1)
    run("two_groups", groups=two_groups(0.02, weight_decay=0.2, betas=(0.8, 0.9)))
    run("float64", varying(0.1), weight_decay=0.1, dtype=torch.float64)
    return g


def build_rprop(path):
    g = Golden("optim", path, seed=31)
    run = lambda name, lr=0.01, **options: trajectory(
        g, name, "rprop", torch.optim.Rprop, lr, foreach=False,
        names={"etas": ("eta_minus", "eta_plus"), "step_sizes": ("min_step", "max_step")}, **options)
    run("default")
    run("etas", 0.1, etas=(0.3, 1.5))
    run("step_sizes", 0.1, step_sizes=(0.05, 0.2))
    run("sparse_gradients", sparse=True)
    run("maximize", maximize=True)
    run("varying_lr", varying(0.1))
    run("two_groups", groups=two_groups(0.1, etas=(0.4, 1.1)))
    run("float64", etas=(0.4, 1.3), dtype=torch.float64)
    return g


def build_asgd(path):
    g = Golden("optim", path, seed=32)
    run = lambda name, lr=0.05, **options: trajectory(g, name, "asgd", torch.optim.ASGD, lr, foreach=False,
                                                      names={"lambd": "lambda"}, states={"eta", "ax"}, **options)
    run("default", 0.01)
    run("lambda", lambd=0.5, alpha=0.5)
    run("average", t0=3, lambd=0.1)
    run("average_from_the_start", t0=0)
    run("weight_decay", weight_decay=0.2, t0=2)
    run("varying_lr", varying(0.2), t0=4, lambd=0.3)
    run("two_groups", groups=two_groups(0.1, weight_decay=0.2, lambd=0.2, t0=1))
    run("float64", weight_decay=0.1, lambd=0.01, dtype=torch.float64)
    return g


def build_adafactor(path):
    g = Golden("optim", path, seed=34)
    run = lambda name, lr=0.1, **options: trajectory(g, name, "adafactor", torch.optim.Adafactor, lr, foreach=False,
                                                     names={"eps": ("eps1", "eps2")}, **options)
    run("default", 0.01)
    run("large_lr", 2.0)  # the root of the step number bounds it
    run("beta2_decay", beta2_decay=-0.5)
    run("eps", eps=(0.1, 2.0))
    run("d", d=1.5)
    run("weight_decay", weight_decay=0.2)
    run("tiny_gradients", grad_scale=1e-7)
    run("scalar_and_long", shapes=[[], [1, 7], [3, 2, 4]])
    run("varying_lr", varying(0.3), weight_decay=0.1)
    run("two_groups", groups=two_groups(0.1, weight_decay=0.2, beta2_decay=-0.6))
    run("float64", varying(0.2), weight_decay=0.1, dtype=torch.float64)
    return g


class SparseAdam(torch.optim.SparseAdam):
    """Takes dense gradients: rows of zeros are left out."""

    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = p.grad.to_sparse(1)
        super().step()


def build_sparse_adam(path):
    g = Golden("optim", path, seed=35)
    run = lambda name, lr=0.02, **options: trajectory(g, name, "sparse_adam", SparseAdam, lr, **{"sparse": "rows", **options})
    run("default", 1e-3)
    run("betas", betas=(0.5, 0.7))
    run("eps", eps=0.1)
    run("dense", sparse=False)
    run("maximize", maximize=True)
    run("varying_lr", varying(0.05))
    run("two_groups", groups=two_groups(0.02, betas=(0.8, 0.9)))
    run("float64", varying(0.1), dtype=torch.float64)
    return g


def orthogonal(u, coefficients, steps, eps):
    """torch.optim._muon._zeropower_via_newtonschulz in the type of u in place of bfloat16."""
    a, b, c = coefficients
    x = u.T if u.size(0) > u.size(1) else u
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if u.size(0) > u.size(1) else x


class MuonWithAdamW:
    """torch.optim.Muon for matrices and torch.optim.AdamW for the rest, with our settings of both. The parameters whose
    index a group's rest names are among the rest."""

    def __init__(self, groups, **options):
        self.param_groups, self.parts, self.state = [], [], {}
        for group in groups:
            group = {**options, **group}
            adamw = {k.removeprefix("adamw_"): v for k, v in group.items() if k.startswith("adamw_")}
            muon = {k: v for k, v in group.items() if not k.startswith("adamw_") and k not in ("params", "lr", "rest", "adjust_lr")}
            adamw["betas"] = adamw.pop("beta1", 0.9), adamw.pop("beta2", 0.999)
            ratio = adamw.pop("lr_ratio", 1.0)
            rest = [p for i, p in enumerate(group["params"]) if p.ndim != 2 or str(i) in group.get("rest", [])]
            whole = [p for p in group["params"] if not any(p is q for q in rest)]
            parts = []
            if whole:
                parts.append((1.0, torch.optim.Muon(whole, lr=1.0, adjust_lr_fn=group.get("adjust_lr", "match_rms_adamw"), **muon)))
            if rest:
                parts.append((ratio, torch.optim.AdamW(rest, lr=1.0, foreach=False, **adamw)))
            self.param_groups.append(group)
            self.parts.append(parts)

    def step(self):
        bf16 = torch.optim._muon._zeropower_via_newtonschulz
        torch.optim._muon._zeropower_via_newtonschulz = orthogonal
        for group, parts in zip(self.param_groups, self.parts):
            for ratio, part in parts:
                part.param_groups[0]["lr"] = ratio * group["lr"]
                part.step()
                self.state.update(part.state)
        torch.optim._muon._zeropower_via_newtonschulz = bf16


def build_muon(path):
    g = Golden("optim", path, seed=36)
    run = lambda name, lr=0.02, **options: trajectory(g, name, "muon", MuonWithAdamW, lr, **options)
    matrices = [[5, 2], [4, 4], [1, 3]]
    run("default", 1e-3)
    run("matrices", shapes=matrices)
    run("original", shapes=matrices, adjust_lr="original")
    run("spectral_unclamped", shapes=matrices, adjust_lr="spectral_unclamped")
    run("no_nesterov", shapes=matrices, nesterov=False, momentum=0.5, weight_decay=0.5)
    run("polynomial", shapes=matrices, ns_coefficients=(2.0, -1.5, 0.5), ns_steps=3, eps=1.0)
    run("rest", shapes=matrices, rest=["1"], adamw_lr_ratio=0.3, adamw_beta1=0.8, adamw_beta2=0.9, adamw_eps=1e-3, adamw_weight_decay=0.2)
    run("varying_lr", varying(0.1), weight_decay=0.3)
    run("two_groups", groups=two_groups(0.05, momentum=0.6, weight_decay=0.7))
    run("float64", varying(0.1), shapes=matrices, dtype=torch.float64)
    return g


def build_handover(path):
    """Every optimizer of torch.optim with its state halfway: what one program has done the other goes on with."""
    g = Golden("optim", path, seed=37)
    adamw = {"decoupled_weight_decay": None}
    for kind, optimizer, names, options in [
        ("sgd", torch.optim.SGD, {}, {"momentum": 0.9, "dampening": 0.1, "weight_decay": 0.1}),
        ("adagrad", torch.optim.Adagrad, {"initial_accumulator_value": "initial_accumulator"}, {"lr_decay": 0.2}),
        ("rmsprop", torch.optim.RMSprop, {}, {"momentum": 0.5, "centered": True}),
        ("adadelta", torch.optim.Adadelta, {}, {"rho": 0.7}),
        ("adam", torch.optim.Adam, adamw, {"weight_decay": 0.1}),
        ("adam_amsgrad", torch.optim.Adam, adamw, {"amsgrad": True, "betas": (0.5, 0.4)}),
        ("adamw", torch.optim.AdamW, adamw, {}),
        ("adamax", torch.optim.Adamax, {}, {}),
        ("nadam", torch.optim.NAdam, {}, {"weight_decay": 0.1}),
        ("radam", torch.optim.RAdam, {}, {"weight_decay": 0.1, "decoupled_weight_decay": True}),
        ("rprop", torch.optim.Rprop, {"etas": ("eta_minus", "eta_plus"), "step_sizes": ("min_step", "max_step")}, {}),
        ("asgd", torch.optim.ASGD, {"lambd": "lambda"}, {"lambd": 0.1, "t0": 3}),
        ("adafactor", torch.optim.Adafactor, {"eps": ("eps1", "eps2")}, {"weight_decay": 0.1}),
        ("sparse_adam", SparseAdam, {}, {"sparse": "rows"}),
    ]:
        if kind != "sparse_adam":
            options["foreach"] = False
        trajectory(g, kind, kind.removesuffix("_amsgrad"), optimizer, None, names=names, states=(), handover=True,
                   groups=[([0, 2], varying(0.2), {}), ([1], varying(0.06), {"maximize": True})], **options)
    return g


def build_lbfgs(path):
    """CASE/x/I: [steps+1 ...] parameter I before the first step and after each; CASE/loss: [steps] loss before each step;
    CASE/evals: [steps] evaluations up to there; CASE/in, CASE/out: the data of a regression."""
    g = Golden("optim", path, seed=38)

    def rosenbrock(params):
        x = params[0]
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    def minimise(name, problem, starts, loss, steps, dtype=torch.float64, **options):
        params = [torch.nn.Parameter(torch.as_tensor(start).to(dtype)) for start in starts]
        opt = torch.optim.LBFGS(params, **options)

        def closure():
            opt.zero_grad()
            value = loss(params)
            value.backward()
            return value

        values, losses, evals = [[p.detach().clone()] for p in params], [], []
        for _ in range(steps):
            losses.append(opt.step(closure).detach())
            evals.append(opt.state[params[0]]["func_evals"])
            for i, p in enumerate(params):
                values[i].append(p.detach().clone())
        for i, v in enumerate(values):
            g.put(f"{name}/x/{i}", torch.stack(v))
        g.put(f"{name}/loss", torch.stack(losses).double())
        g.put(f"{name}/evals", torch.tensor(evals))
        config = {k: v for k, v in options.items() if k != "line_search_fn"}
        if "line_search_fn" in options:
            config["line_search"] = options["line_search_fn"]
        g.add(name, problem=problem, steps=steps, params=len(params), config=config)

    def regression(name, dtype=torch.float64, sign=1, **options):
        gen = g.generator(name)
        x, y = (torch.randn(shape, generator=gen, dtype=torch.float64).to(dtype) for shape in ([12, 3], [12, 2]))
        g.put(f"{name}/in", x)
        g.put(f"{name}/out", y)
        starts = [torch.randn(shape, generator=gen, dtype=torch.float64) for shape in ([3, 2], [2])]
        problem = "regression" if sign > 0 else "negative regression"
        minimise(name, problem, starts, lambda p: sign * (x @ p[0] + p[1] - y).square().mean(), dtype=dtype, **options)

    wolfe = {"line_search_fn": "strong_wolfe"}
    start = [[-1.2, 1.0]]
    minimise("rosenbrock", "rosenbrock", start, rosenbrock, 4, lr=0.05)
    minimise("rosenbrock_wolfe", "rosenbrock", start, rosenbrock, 6, max_iter=5, **wolfe)
    minimise("rosenbrock_wolfe_default", "rosenbrock", start, rosenbrock, 3, **wolfe)
    minimise("rosenbrock10_wolfe_history", "rosenbrock", [[0.3 * (-1) ** i for i in range(10)]], rosenbrock, 5, max_iter=6, history_size=3, **wolfe)
    minimise("rosenbrock_wolfe_short_lr", "rosenbrock", [[0.5, -2.0]], rosenbrock, 4, lr=1e-3, max_iter=4, **wolfe)
    minimise("rosenbrock_wolfe_long_lr", "rosenbrock", [[0.5, -2.0]], rosenbrock, 4, lr=50, max_iter=4, **wolfe)
    minimise("rosenbrock_wolfe_max_eval", "rosenbrock", start, rosenbrock, 6, max_iter=10, max_eval=4, **wolfe)
    regression("regression", steps=3, max_iter=4)
    regression("regression_converges", steps=2)
    regression("regression_wolfe", steps=3, max_iter=4, **wolfe)
    regression("regression_tolerances", steps=3, max_iter=30, tolerance_grad=0.05, tolerance_change=0.01)
    regression("regression_maximize", sign=-1, steps=3, max_iter=4, maximize=True, **wolfe)
    regression("regression_float32", steps=3, max_iter=3, dtype=torch.float32)
    # longer ones are worse than 1e-5 in PyTorch, which adds up in float32
    regression("regression_float32_wolfe", steps=2, max_iter=2, dtype=torch.float32, **wolfe)
    return g


def build_clip_norm(path):
    """CASE/in/I: gradients; CASE/out/I: clipped; CASE/norm: the norm before clipping."""
    g = Golden("optim", path, seed=25)

    def clip(name, max_norm, norm_type=2.0, shapes=SHAPES, dtype=torch.float32, scale=1.0, put=None):
        gen = g.generator(name)
        params = [torch.nn.Parameter(torch.zeros(shape, dtype=dtype)) for shape in shapes]
        for i, p in enumerate(params):
            p.grad = (scale * torch.randn(p.shape, generator=gen, dtype=torch.float64)).to(dtype)
            if put is not None and i == 0:
                p.grad.view(-1)[0] = put
            g.put(f"{name}/in/{i}", p.grad)
        norm = torch.nn.utils.clip_grad_norm_(params, max_norm, norm_type, foreach=False)
        for i, p in enumerate(params):
            g.put(f"{name}/out/{i}", p.grad)
        g.put(f"{name}/norm", norm)
        g.add(name, op="clip_grad_norm", dtype=str(dtype).removeprefix("torch."), params=len(params), max_norm=max_norm,
              norm_type="inf" if norm_type == math.inf else norm_type)

    clip("above", 1.0)
    clip("far_above", 0.01, scale=100)
    clip("below", 100.0)
    clip("nearly_at", 0.5, shapes=[[4]], scale=0.25)
    clip("max_norm0", 0.0)
    clip("zero_gradients", 1.0, scale=0)
    clip("one_scalar", 0.1, shapes=[[]])
    clip("many", 1.0, shapes=[[5], [1], [3, 2], [2, 2, 2], [7]])
    clip("norm1", 2.0, norm_type=1.0)
    clip("norm_inf", 0.5, norm_type=math.inf)
    clip("tiny_gradients", 1e-6, scale=1e-6)
    clip("nan", 1.0, put=math.nan)
    clip("infinite", 1.0, put=math.inf)
    clip("float64", 1.0, dtype=torch.float64)
    clip("float64_below", 50.0, dtype=torch.float64)
    return g


FILES = {
    "optim/testdata/sgd.safetensors": build_sgd,
    "optim/testdata/adagrad.safetensors": build_adagrad,
    "optim/testdata/rmsprop.safetensors": build_rmsprop,
    "optim/testdata/adam.safetensors": build_adam("adam", torch.optim.Adam, 23),
    "optim/testdata/adamw.safetensors": build_adam("adamw", torch.optim.AdamW, 24),
    "optim/testdata/adadelta.safetensors": build_adadelta,
    "optim/testdata/adamax.safetensors": build_adamax,
    "optim/testdata/nadam.safetensors": build_nadam,
    "optim/testdata/radam.safetensors": build_radam,
    "optim/testdata/rprop.safetensors": build_rprop,
    "optim/testdata/asgd.safetensors": build_asgd,
    "optim/testdata/adafactor.safetensors": build_adafactor,
    "optim/testdata/sparse_adam.safetensors": build_sparse_adam,
    "optim/testdata/muon.safetensors": build_muon,
    "optim/testdata/handover.safetensors": build_handover,
    "optim/testdata/lbfgs.safetensors": build_lbfgs,
    "optim/testdata/clip_norm.safetensors": build_clip_norm,
}
