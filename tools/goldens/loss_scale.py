"""The scale of a loss that torch.amp.GradScaler gives for steps that are finite or not.

    CASE/in/0     the gradient of each step by the loss, float32 [steps 3]; infinite or NaN in a bad step
    CASE/out/0    the scale after each step, float32 [steps]
    CASE/out/1    the good steps in a row since it changed, int64 [steps]
    CASE/out/2    the parameter after each step, float32 [steps 3]; it starts as zeros, SGD at a rate of 0.1

The case's attributes are the options of the scale.
"""

import torch

from golden import Golden


def build(path):
    g = Golden("loss_scale", path, seed=26)

    def case(name, steps, bad, initial=65536.0, growth=2.0, backoff=0.5, every=2000, size=1.0):
        gen = g.generator(name)
        scaler = torch.amp.GradScaler("cpu", init_scale=initial, growth_factor=growth, backoff_factor=backoff, growth_interval=every)
        p = torch.nn.Parameter(torch.zeros(3))
        opt = torch.optim.SGD([p], lr=0.1)
        grads = size * torch.randn((steps, 3), generator=gen)
        rows = [[], [], []]
        for step in range(steps):
            if bad(step, gen):
                grads[step, step % 3] = [float("inf"), float("-inf"), float("nan")][step // 3 % 3]
            opt.zero_grad()
            scaler.scale((p * grads[step]).sum()).backward()
            p.grad = grads[step] * scaler.get_scale()  # where p * inf is NaN, the gradient is still inf
            scaler.step(opt)
            scaler.update()
            rows[0].append(torch.tensor(scaler.get_scale()))
            rows[1].append(torch.tensor(scaler._get_growth_tracker()))
            rows[2].append(p.detach().clone())
        g.put(f"{name}/in/0", grads)
        for i, row in enumerate(rows):
            g.put(f"{name}/out/{i}", torch.stack(row))
        g.add(name, initial=initial, growth=growth, backoff=backoff, every=every)

    never = lambda step, gen: False
    sometimes = lambda share: lambda step, gen: torch.rand((), generator=gen).item() < share
    case("default", 30, sometimes(0.2))
    case("never", 20, never, every=4)
    case("always", 20, lambda step, gen: True, every=4)
    case("every_step", 30, sometimes(0.3), every=1)
    case("every_third", 60, sometimes(0.2), every=3)
    case("one_before_growth", 40, lambda step, gen: step % 5 == 4, every=5)
    case("at_growth", 40, lambda step, gen: step % 5 == 0, every=5)
    case("odd_factors", 60, sometimes(0.3), initial=1000.0, growth=1.1, backoff=0.7, every=2)
    case("first_bad", 10, lambda step, gen: step == 0, every=3)
    case("to_the_largest", 20, never, initial=2.0 ** 120, every=1, size=1e-25)
    case("to_the_least", 16, lambda step, gen: step % 8 > 0, initial=1.0, backoff=0.01, every=2)
    case("long", 2010, lambda step, gen: step == 5)
    return g


FILES = {"optim/testdata/loss_scale.safetensors": build}
