"""Takes the state of an optimizer from Gradus to PyTorch and back.

    python optim_state.py to-torch CHECKPOINT.safetensors OUT.pt --optimizer AdamW --options '{"lr": 0.001}'
    python optim_state.py from-torch IN.pt OUT.safetensors
    python optim_state.py check FILE.safetensors

A file .pt here is a dictionary of "model", the state_dict of the parameters, and "optimizer", that of the optimizer; its
parameters are those of "model", in that order. to-torch reads a checkpoint of a run folder. from-torch writes a file
whose tensors Store.Restore takes; the parameters are in it. check continues the trajectories of
optim/testdata/handover.safetensors in PyTorch from their state halfway, through both functions.

| Gradus | PyTorch |
|---|---|
| optim.PARAMETER.SLOT | state[i][SLOT], i the number of the parameter |
| optim.step, int64 | state[i]["step"], float32, the same for all; SGD and Muon have none |
| | state[i]["mu"] of ASGD, which follows from the step |

State of parameters of 16 bits is float32 in Gradus; PyTorch rounds it to the type of the parameter. LBFGS is not
exchanged: its state is the history of one search.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

WITHOUT_STEP = {"SGD", "Muon"}


def to_torch(tensors, optimizer, names, step=0, prefix="optim"):
    """The state_dict of a torch optimizer with the state in tensors.

    names: the key of each parameter, in the order of the optimizer's groups. step: the number of steps, for rules that
    don't count them in Gradus.
    """
    clocks = [key for key in tensors if key.startswith(f"{prefix}.step.")]
    if clocks:
        raise ValueError(f"parameters that were thawed count steps of their own: {clocks}")
    step = int(tensors.get(f"{prefix}.step", step))
    result = optimizer.state_dict()
    for group in result["param_groups"]:
        for i in group["params"]:
            start = f"{prefix}.{names[i]}."
            own = {key.removeprefix(start): t for key, t in tensors.items() if key.startswith(start)}
            own = {slot: t.clone() for slot, t in own.items() if "." not in slot}
            if type(optimizer).__name__ not in WITHOUT_STEP:
                own["step"] = step if type(optimizer).__name__ == "SparseAdam" else torch.tensor(float(step))
            if "ax" in own:
                own["mu"] = torch.tensor(1 / max(1, step - group["t0"]))
            result["state"][i] = own
    return result


def from_torch(state_dict, names, prefix="optim"):
    """Tensors by the keys of Gradus from the state_dict of a torch optimizer."""
    tensors, steps = {}, set()
    for i, own in state_dict["state"].items():
        for slot, value in own.items():
            if slot == "step":
                steps.add(int(value))
            elif slot != "mu" and value is not None:
                tensors[f"{prefix}.{names[i]}.{slot}"] = value.float() if value.dtype in (torch.bfloat16, torch.float16) else value.clone()
    if len(steps) > 1:
        raise ValueError(f"parameters have taken different numbers of steps: {sorted(steps)}")
    if steps:
        tensors[f"{prefix}.step"] = torch.tensor(steps.pop())
    return tensors


def parameters_of(tensors):
    """The keys of a checkpoint that an optimizer has state of, or could have: floats without a prefix of state."""
    state = ("optim.", "ema.", "swa.", "judged.", "accumulate.", "rng.")
    return [key for key, t in tensors.items() if t.is_floating_point() and not key.startswith(state)]


def checkpoint_to_torch(args):
    tensors = load_file(args.source)
    with safe_open(args.source, "pt") as f:
        step = int((f.metadata() or {}).get("step", 0))
    names = parameters_of(tensors)
    known = {key for name in names for key in tensors if key.startswith(f"optim.{name}.")}
    if known:  # statistics of norms are no parameters
        names = [name for name in names if any(key.startswith(f"optim.{name}.") for key in known)]
    model = {name: tensors[name] for name in names}
    params = [torch.nn.Parameter(t.clone()) for t in model.values()]
    optimizer = getattr(torch.optim, args.optimizer)(params, **json.loads(args.options))
    state = to_torch(tensors, optimizer, names, step)
    optimizer.load_state_dict(state)
    torch.save({"model": model, "optimizer": state}, args.target)
    print(f"{len(names)} parameters after {step} steps of {args.optimizer}")


def torch_to_checkpoint(args):
    saved = torch.load(args.source, weights_only=True)
    names = list(saved["model"])
    tensors = {**{name: t.contiguous() for name, t in saved["model"].items()}, **from_torch(saved["optimizer"], names)}
    save_file(tensors, args.target)
    print(f"{len(names)} parameters, {len(tensors) - len(names)} tensors of state")


def check(args):
    """Continues each case from its state halfway, once there and back."""
    tensors = load_file(args.source)
    with safe_open(args.source, "pt") as f:
        cases = json.loads(f.metadata()["cases"])
    for name, case in cases.items():
        half, steps = case["half"], case["steps"]
        at = lambda key: tensors[f"{name}/{key}"]
        params = [torch.nn.Parameter(at(f"param/{i}")[half].clone()) for i in range(case["params"])]
        order = [i for group in case["groups"] for i in group["params"]]
        groups = [{"params": [params[i] for i in group["params"]], **group["torch"]} for group in case["groups"]]
        optimizer = getattr(torch.optim, case["torch"])(groups)
        names = [str(i) for i in order]
        kept = {}
        for i in range(case["params"]):
            start = f"{name}/half/{i}/"
            kept.update({f"optim.{i}.{key.removeprefix(start)}": t for key, t in tensors.items() if key.startswith(start) and not key.endswith("/step")})
            if f"{start}step" in tensors:
                kept["optim.step"] = tensors[f"{start}step"].long()
        optimizer.load_state_dict(to_torch(kept, optimizer, names))
        back = from_torch(optimizer.state_dict(), names)
        kept = {key: t for key, t in kept.items() if not key.endswith(".mu")}
        if back.keys() != kept.keys() or any(not torch.equal(back[key], kept[key]) for key in kept):
            raise SystemExit(f"{name}: there and back again is something else: {back.keys() ^ kept.keys()}")
        for step in range(half, steps):
            for group, lr in zip(optimizer.param_groups, at("lr")[step].tolist()):
                group["lr"] = lr
            for i, p in enumerate(params):
                p.grad = at(f"grad/{i}")[step].clone()
                if case["torch"] == "SparseAdam":
                    p.grad = p.grad.to_sparse(1)
            optimizer.step()
        for i, p in enumerate(params):
            torch.testing.assert_close(p.detach(), at(f"param/{i}")[steps], rtol=1e-5, atol=1e-6)
        print(f"{name}: {steps - half} steps in PyTorch end where {steps} do")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, run in {"to-torch": checkpoint_to_torch, "from-torch": torch_to_checkpoint, "check": check}.items():
        p = commands.add_parser(name)
        p.set_defaults(run=run)
        p.add_argument("source", type=Path)
        if name != "check":
            p.add_argument("target", type=Path)
        if name == "to-torch":
            p.add_argument("--optimizer", default="AdamW", help="a class of torch.optim")
            p.add_argument("--options", default="{}", help="its options as JSON")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
