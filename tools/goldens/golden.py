"""Cases of reference values, and the safetensors files that hold them.

A case is an op with attributes, inputs, the outputs PyTorch gives, random
cotangents of the differentiable outputs and the gradients PyTorch's backward
gives for the differentiable inputs:

    CASE/in/I   CASE/out/I   CASE/gout/I   CASE/gin/I

The metadata entry "cases" is a JSON object from CASE to {"op": ..., attributes}.
"""

import json
import zlib
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[2]
TORCH = torch.__version__.split("+")[0]

# Largest |stored - regenerated| / (1 + |stored|) that check accepts: the order of
# PyTorch's sums depends on the processor.
TOLERANCE = {torch.float64: 1e-11, torch.float32: 2e-5}


def normal(*shape, mean=0.0, std=1.0):
    return lambda gen: mean + std * torch.randn(shape, generator=gen, dtype=torch.float64)


def uniform(low, high, *shape):
    return lambda gen: low + (high - low) * torch.rand(shape, generator=gen, dtype=torch.float64)


def integers(low, high, *shape):
    """int64 in [low, high)."""
    return lambda gen: torch.randint(low, high, shape, generator=gen)


def levels(n, *shape):
    """float64 out of n whole values around 0, so that ties are common."""
    return lambda gen: torch.randint(-(n // 2), n - n // 2, shape, generator=gen).double()


def bools(*shape):
    return lambda gen: torch.randint(0, 2, shape, generator=gen).bool()


def probabilities(*shape):
    """Positive, adding up to 1 along axis 1."""
    return lambda gen: torch.rand(shape, generator=gen, dtype=torch.float64).log().neg().softmax(1)


def values(*numbers):
    return lambda gen: torch.tensor(numbers, dtype=torch.float64)


def indices(numbers):
    return lambda gen: torch.tensor(numbers, dtype=torch.int64)


class Golden:
    """One file of reference values. path is relative to the repository's root."""

    def __init__(self, script, path, seed):
        self.path = path
        self.seed = seed
        self.tensors = {}
        self.cases = {}
        self.made_by = f"torch {TORCH}, tools/goldens/{script}.py, seed {seed}"

    def generator(self, name):
        """A stream of its own for each case: a new case leaves the others as they are."""
        return torch.Generator().manual_seed(zlib.crc32(f"{self.seed}/{name}".encode()))

    def add(self, name, **attrs):
        if name in self.cases:
            raise ValueError(f"{self.path}: case {name} is there twice")
        self.cases[name] = attrs

    def put(self, key, tensor):
        self.tensors[key] = tensor.detach().clone().contiguous()

    def case(self, name, op, fn, inputs, constant=(), **attrs):
        """Runs fn on the inputs, and backward on its differentiable outputs.

        inputs: functions from a generator to a tensor (see normal, ...), or None for
        an absent optional one. Every floating-point input gets a gradient, except
        those whose index is in constant.
        """
        self.add(name, op=op, **attrs)
        gen = self.generator(name)
        args = [make(gen) if make else None for make in inputs]
        wanted = [i for i, a in enumerate(args) if a is not None and a.is_floating_point() and i not in constant]
        for i in wanted:
            args[i].requires_grad_()
        outs = fn(*args)
        if isinstance(outs, torch.Tensor):
            outs = (outs,)
        for i, a in enumerate(args):
            if a is not None:
                self.put(f"{name}/in/{i}", a)
        for i, out in enumerate(outs):
            self.put(f"{name}/out/{i}", out)
        smooth = [i for i, out in enumerate(outs) if out.requires_grad]
        if not smooth:
            return
        cotangents = [torch.randn(outs[i].shape, generator=gen, dtype=torch.float64) for i in smooth]
        grads = torch.autograd.grad([outs[i] for i in smooth], [args[i] for i in wanted], cotangents)
        for i, cotangent in zip(smooth, cotangents):
            self.put(f"{name}/gout/{i}", cotangent)
        for i, grad in zip(wanted, grads):
            self.put(f"{name}/gin/{i}", grad)

    def metadata(self):
        return {"made_by": self.made_by, "cases": json.dumps(self.cases, separators=(",", ":"), allow_nan=False)}

    def write(self):
        path = ROOT / self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(self.tensors, path, self.metadata())
        return path.stat().st_size

    def differences(self):
        """What the stored file and this one disagree on, one line each."""
        path = ROOT / self.path
        if not path.exists():
            return ["file is missing"]
        with safe_open(path, "pt") as f:
            metadata = f.metadata()
            stored = {key: f.get_tensor(key) for key in f.keys()}
        lines = [f"metadata {key} differs" for key, text in self.metadata().items() if metadata.get(key) != text]
        for key in sorted(stored.keys() ^ self.tensors.keys()):
            lines.append(f"{key} is only {'in the file' if key in stored else 'made now'}")
        for key in sorted(stored.keys() & self.tensors.keys()):
            old, new = stored[key], self.tensors[key]
            if old.dtype != new.dtype or old.shape != new.shape:
                lines.append(f"{key}: {old.dtype} {list(old.shape)} in the file, {new.dtype} {list(new.shape)} now")
            elif not same(old, new):
                lines.append(f"{key}: values differ")
        return lines


def same(old, new):
    if old.dtype not in TOLERANCE:
        return torch.equal(old, new)
    tolerance = TOLERANCE[old.dtype]
    return torch.allclose(new, old, rtol=tolerance, atol=tolerance, equal_nan=True)
