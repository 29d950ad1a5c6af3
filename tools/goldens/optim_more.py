"""Ten steps of the optimizers that torch.optim does not have; the format is that of optim.py."""

import bitsandbytes.functional
import pytorch_optimizer
import schedulefree
import timm.optim
import torch

from golden import Golden
from optim import settings, trajectory, two_groups, varying


def build_lion(path):
    g = Golden("optim_more", path, seed=40)
    run = lambda name, lr=0.01, **options: trajectory(g, name, "lion", timm.optim.Lion, lr, foreach=False, names={
        "caution": None, "corrected_weight_decay": None, "max_lr_snapshot": None}, **options)
    run("default", 1e-4)
    run("large_lr", 0.1)
    run("weight_decay", weight_decay=0.3)
    run("betas", betas=(0.95, 0.98), weight_decay=1.0)
    run("betas_zero", betas=(0.0, 0.0))
    run("sparse_gradients", sparse=True)
    run("varying_lr_weight_decay", varying(0.03), weight_decay=0.3)
    run("two_groups", groups=two_groups(0.02, weight_decay=0.2, betas=(0.5, 0.9)))
    run("maximize", maximize=True, weight_decay=0.1)
    run("float64", varying(0.03), weight_decay=0.1, dtype=torch.float64)
    return g


def excluding(config):
    """Settings of one group out of two that differ in nothing but the decay of vectors."""
    return lambda group: {**config(group), "weight_decay": 0.1, "exclude_vectors": True}


# Parameter 0, a vector, without decay; the others with.
VECTORS_APART = lambda lr: [([0], lr, {"weight_decay": 0.0}), ([1, 2], lr, {})]


def build_lamb(path):
    g = Golden("optim_more", path, seed=41)
    names = {"caution": None, "corrected_weight_decay": None, "max_lr_snapshot": None, "step": None}
    config = lambda group: {**settings("lamb", group, names), "exclude_vectors": False}
    run = lambda name, lr=0.01, config=config, **options: trajectory(g, name, "lamb", timm.optim.Lamb, lr, foreach=False,
                                                                   config=config, states=["exp_avg", "exp_avg_sq"], **options)
    run("default", 1e-3)
    run("large_lr", 0.1)
    run("no_weight_decay", weight_decay=0.0)
    run("always_adapt", weight_decay=0.0, always_adapt=True)
    run("weight_decay_betas_eps", weight_decay=0.5, betas=(0.95, 0.9), eps=1e-3)
    run("max_grad_norm", max_grad_norm=0.1)
    run("no_max_grad_norm", max_grad_norm=None)
    run("small_gradients", grad_scale=1e-3)
    run("no_bias_correction", bias_correction=False)
    run("no_grad_averaging", grad_averaging=False)
    run("trust_clip", trust_clip=True)
    run("decoupled_decay", decoupled_decay=True, weight_decay=0.2)
    run("exclude_vectors", groups=VECTORS_APART(0.02), weight_decay=0.1, config=excluding(config))
    run("varying_lr", varying(0.03), weight_decay=0.3)
    run("two_groups", groups=two_groups(0.02, weight_decay=0.2, betas=(0.5, 0.9)), weight_decay=0.0)
    run("float64", varying(0.03), weight_decay=0.1, dtype=torch.float64)
    return g


def build_lars(path):
    g = Golden("optim_more", path, seed=42)
    config = lambda group: {**settings("lars", group), "exclude_vectors": False}
    run = lambda name, lr=1.0, config=config, **options: trajectory(g, name, "lars", timm.optim.Lars, lr, foreach=False,
                                                                  config=config, **options)
    run("default")
    run("momentum", momentum=0.9, weight_decay=1e-2)
    run("nesterov", momentum=0.9, nesterov=True, weight_decay=1e-2)
    run("dampening", momentum=0.8, dampening=0.3, weight_decay=1e-2)
    run("always_adapt", momentum=0.9, always_adapt=True)
    run("trust", momentum=0.9, weight_decay=0.1, trust_coeff=0.1, eps=0.1)
    run("trust_clip", 0.05, momentum=0.9, weight_decay=1e-2, trust_clip=True, trust_coeff=0.02)
    run("exclude_vectors", groups=VECTORS_APART(1.0), momentum=0.9, weight_decay=0.1, config=excluding(config))
    run("varying_lr", varying(10.0), momentum=0.9, weight_decay=1e-2)
    run("two_groups", groups=two_groups(2.0, weight_decay=0.2, momentum=0.5), momentum=0.9, weight_decay=1e-3)
    run("float64", varying(10.0), momentum=0.9, weight_decay=1e-2, dtype=torch.float64)
    return g


def build_lookahead(path):
    g = Golden("optim_more", path, seed=43)

    def run(name, kind, optimizer, lr, k=5, alpha=0.5, **options):
        own = {"foreach": None, "decoupled_weight_decay": None, "amsgrad": None, "counter": None}
        trajectory(g, name, "lookahead", lambda groups, **options: pytorch_optimizer.Lookahead(optimizer(groups, **options), k, alpha), lr,
                   config=lambda group: {"type": "lookahead", "k": k, "alpha": alpha, "optimizer": settings(kind, group, own)}, **options)

    run("sgd", "sgd", torch.optim.SGD, 0.1)
    run("adamw", "adamw", torch.optim.AdamW, 0.01)
    run("adamw_decay", "adamw", torch.optim.AdamW, 0.05, k=3, alpha=0.8, weight_decay=0.3)
    run("each_step", "sgd", torch.optim.SGD, 0.1, k=1, alpha=0.2, momentum=0.9)
    run("alpha_0", "sgd", torch.optim.SGD, 0.1, k=4, alpha=0.0)
    run("varying_lr", "sgd", torch.optim.SGD, varying(0.3), k=2, momentum=0.9, nesterov=True)
    run("two_groups", "adamw", torch.optim.AdamW, None, k=4, groups=two_groups(0.02, weight_decay=0.2, betas=(0.5, 0.9)))
    run("float64", "adamw", torch.optim.AdamW, varying(0.03), dtype=torch.float64)
    return g


def judged(optimizer, beta):
    """The optimizer in training mode, that keeps the weights x of its evaluation mode beside its state."""

    class Judged(optimizer):
        def __init__(self, groups, **options):
            super().__init__(groups, foreach=False, **options)
            self.train()

        def step(self):
            super().step()
            for group in self.param_groups:
                for p in group["params"]:
                    self.state[p]["x"] = p.detach().lerp(self.state[p]["z"], 1 - 1 / beta(group))

    return Judged


# What a group holds between steps.
FREE = {"k": None, "train_mode": None, "weight_sum": None, "lr_max": None, "scheduled_lr": None}


def build_sgd_schedule_free(path):
    g = Golden("optim_more", path, seed=44)
    optimizer = judged(schedulefree.SGDScheduleFree, lambda group: group["momentum"])
    run = lambda name, lr=0.1, **options: trajectory(g, name, "sgd_schedule_free", optimizer, lr, names=FREE, **options)
    run("default")
    run("weight_decay", weight_decay=0.1)
    run("momentum", momentum=0.5)
    run("warmup", warmup_steps=4)
    run("r", r=1.5)
    run("weight_lr_power", varying(0.3), weight_lr_power=0.5)
    run("varying_lr", varying(0.3), weight_decay=0.1)
    run("rate_0_first", lambda step: 0.1 if step > 2 else 0.0)
    run("two_groups", groups=two_groups(0.1, weight_decay=0.2, momentum=0.5))
    run("two_means", groups=two_groups(0.1, warmup_steps=6, r=1.0))
    run("float64", varying(0.3), weight_decay=0.1, warmup_steps=3, dtype=torch.float64)
    return g


def build_adamw_schedule_free(path):
    g = Golden("optim_more", path, seed=45)
    optimizer = judged(schedulefree.AdamWScheduleFree, lambda group: group["betas"][0])
    run = lambda name, lr=0.01, **options: trajectory(g, name, "adamw_schedule_free", optimizer, lr, names=FREE, **options)
    run("default", 2.5e-3)
    run("weight_decay", weight_decay=0.3)
    run("betas_eps", betas=(0.8, 0.9), eps=1e-3)
    run("warmup", warmup_steps=4, weight_decay=0.1)
    run("r", r=0.5)
    run("sparse_gradients", sparse=True)
    run("varying_lr", varying(0.03), weight_decay=0.1)
    run("two_groups", groups=two_groups(0.02, weight_decay=0.2, betas=(0.5, 0.9)))
    run("float64", varying(0.03), weight_decay=0.1, warmup_steps=3, dtype=torch.float64)
    return g


def build_sam(path):
    """CASE/x [5 3] and CASE/y [5 4]; CASE/param/0 [11 4 3] and CASE/param/1 [11 4] before each step and after the last,
    for the loss mean((tanh(x w^T + b) - y)^2) and an optimizer of one group."""
    g = Golden("optim_more", path, seed=46)

    def run(name, kind, optimizer, lr, rho=0.05, adaptive=False, **options):  # the norm of the reference is float32
        gen = g.generator(name)
        draw = lambda *shape: torch.randn(shape, generator=gen, dtype=torch.float64).float()
        x, y = draw(5, 3), draw(5, 4)
        params = [torch.nn.Parameter(draw(4, 3)), torch.nn.Parameter(draw(4))]
        opt = pytorch_optimizer.SAM(params, optimizer, rho=rho, adaptive=adaptive, lr=lr, **options)
        values = [[p.detach().clone()] for p in params]

        def closure():
            opt.zero_grad()
            loss = (torch.tanh(x @ params[0].T + params[1]) - y).square().mean()
            loss.backward()
            return loss

        for _ in range(10):
            closure()
            opt.step(closure)
            for i, p in enumerate(params):
                values[i].append(p.detach().clone())
        g.put(f"{name}/x", x)
        g.put(f"{name}/y", y)
        for i in range(2):
            g.put(f"{name}/param/{i}", torch.stack(values[i]))
        g.add(name, sam={"rho": rho, "adaptive": adaptive},
              config={"type": kind, "lr": lr, **options})

    run("sgd", "sgd", torch.optim.SGD, 0.5)
    run("momentum", "sgd", torch.optim.SGD, 0.2, momentum=0.9, weight_decay=0.01)
    run("far", "sgd", torch.optim.SGD, 0.5, rho=2.0)
    run("adaptive", "sgd", torch.optim.SGD, 0.5, rho=1.0, adaptive=True)
    run("adamw", "adamw", torch.optim.AdamW, 0.05, rho=0.5)
    run("adamw_adaptive", "adamw", torch.optim.AdamW, 0.05, rho=0.5, adaptive=True)
    run("rho_0", "sgd", torch.optim.SGD, 0.5, rho=0.0)
    return g


class Adam8Bit(torch.optim.Optimizer):
    """kOptimizerStatic8bit2StateBlockwise of bitsandbytes 0.50.2, which has it for GPUs alone, written anew over its maps.
    Weight decay is that of torch.optim.Adam, or with apart that of torch.optim.AdamW."""

    BLOCK = 256
    apart = False

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, min_8bit_size=256):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "min_8bit_size": min_8bit_size})
        self.maps = [bitsandbytes.functional.create_dynamic_map(signed) for signed in (True, False)]
        self.steps = 0

    @staticmethod
    def nearest(numbers, x):
        return (x[:, None] - numbers[None, :]).abs().argmin(1)

    @torch.no_grad()
    def step(self):
        self.steps += 1
        for group in self.param_groups:
            lr, (beta1, beta2), eps, decay = group["lr"], group["betas"], group["eps"], group["weight_decay"]
            left1, left2 = 1 - beta1 ** self.steps, 1 - beta2 ** self.steps
            for p in group["params"]:
                state, n = self.state[p], p.numel()
                coded = n >= group["min_8bit_size"]
                if not state and coded:
                    blocks = -(-n // self.BLOCK)
                    for k in "12":
                        state["state" + k] = torch.zeros(p.shape, dtype=torch.uint8)
                        state["absmax" + k] = torch.zeros(blocks)
                elif not state:
                    state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
                if coded:
                    scales = [state["absmax" + k].repeat_interleave(self.BLOCK)[:n] for k in "12"]
                    m, v = [numbers[state["state" + k].flatten().long()] * s for numbers, k, s in zip(self.maps, "12", scales)]
                    m, v = m.view_as(p), v.view_as(p)
                else:
                    m, v = state["exp_avg"], state["exp_avg_sq"]
                g = p.grad
                if self.apart:
                    p.mul_(1 - lr * decay)
                else:
                    g = g + decay * p
                m, v = m * beta1 + (1 - beta1) * g, v * beta2 + (1 - beta2) * g * g
                p.sub_(lr / left1 * m / (v.sqrt() / left2 ** 0.5 + eps))
                if not coded:
                    state["exp_avg"], state["exp_avg_sq"] = m, v
                    continue
                for k, numbers, x in zip("12", self.maps, (m.flatten(), v.flatten())):
                    for b in range(0, n, self.BLOCK):
                        part = x[b:b + self.BLOCK]
                        scale = part.abs().max()
                        state["absmax" + k][b // self.BLOCK] = scale
                        codes = self.nearest(numbers, part / scale)
                        codes[(part < 0) & (numbers[codes] == 0)] -= 1  # keep the sign
                        state["state" + k].view(-1)[b:b + self.BLOCK] = codes.to(torch.uint8)


class AdamW8Bit(Adam8Bit):
    apart = True


def build_adam_8bit(kind, optimizer, seed):
    def build(path):
        g = Golden("optim_more", path, seed=seed)
        run = lambda name, lr=0.01, **options: trajectory(g, name, kind, optimizer, lr, shapes=[[3], [16, 20], [2, 3, 7, 7]], **options)
        run("default", 1e-3)
        run("weight_decay", weight_decay=0.1, betas=(0.8, 0.95), eps=1e-3)
        run("varying_lr", varying(0.03), weight_decay=0.1)
        run("two_groups", groups=two_groups(0.02, weight_decay=0.2, betas=(0.5, 0.9), min_8bit_size=1000))
        return g

    return build


def build_soap(path):
    """Without Q, whose signs are free: GG, as GG.AXIS, is compared. The reference renews Q in float32. Shapes leave no
    GG more than one eigenvalue of 0 after the first step, since eigenvectors of equal ones are free."""
    g = Golden("optim_more", path, seed=49)

    class SOAP(pytorch_optimizer.SOAP):
        def step(self):
            super().step()
            for group in self.param_groups:
                for p in group["params"]:
                    for axis, matrix in enumerate(self.state[p]["GG"]):
                        if len(matrix):
                            self.state[p][f"GG.{axis}"] = matrix

    def run(name, lr=0.01, **options):
        names = {"step": None, "merge_dims": None, "correct_bias": None, "normalize_gradient": None}
        shapes = options.pop("shapes", [[3], [2, 3], [2, 1, 3, 2]])
        trajectory(g, name, "soap", SOAP, lr, names=names, shapes=shapes, states=SOAP_STATES, **options)

    run("default", 3e-3)
    run("frequency", precondition_frequency=3)
    run("each_step", precondition_frequency=1, betas=(0.8, 0.9))
    run("shampoo_beta", shampoo_beta=0.7, weight_decay=0.3)
    run("max_precondition_dim", max_precondition_dim=2, precondition_frequency=3)
    run("precondition_1d", precondition_1d=True, shapes=[[2], [2, 3], [3, 2, 4]])
    run("eps", eps=0.1, weight_decay=0.0)
    run("larger", shapes=[[7, 7], [4, 5], [3, 2, 4]], precondition_frequency=4)
    run("varying_lr", varying(0.03), precondition_frequency=4, weight_decay=0.1)
    run("two_groups", groups=two_groups(0.02, weight_decay=0.2, betas=(0.5, 0.9), precondition_frequency=5))
    run("float64", varying(0.03), dtype=torch.float64)
    return g


SOAP_STATES = ["exp_avg", "exp_avg_sq"] + [f"GG.{axis}" for axis in range(4)]


FILES = {
    "optim/testdata/lion.safetensors": build_lion,
    "optim/testdata/lamb.safetensors": build_lamb,
    "optim/testdata/lars.safetensors": build_lars,
    "optim/testdata/lookahead.safetensors": build_lookahead,
    "optim/testdata/adam_8bit.safetensors": build_adam_8bit("adam_8bit", Adam8Bit, 47),
    "optim/testdata/adamw_8bit.safetensors": build_adam_8bit("adamw_8bit", AdamW8Bit, 48),
    "optim/testdata/sam.safetensors": build_sam,
    "optim/testdata/soap.safetensors": build_soap,
    "optim/testdata/sgd_schedule_free.safetensors": build_sgd_schedule_free,
    "optim/testdata/adamw_schedule_free.safetensors": build_adamw_schedule_free,
}
