"""Writes the names that docs/catalogue.md sets ours beside: the public classes of PyTorch's and Keras's modules, and
the schedules of Transformers.

    KERAS_BACKEND=torch VENV/bin/python tools/catalogue/names.py > internal/docs/testdata/names.json

Versions are pinned in tools/goldens/requirements.txt and here. A name that is another one's class is its alias.
"""

import importlib
import inspect
import json
import sys

PINNED = {"torch": "2.15.0", "keras": "3.15.1", "transformers": "5.24.0"}

# module, kind of member, and where what counts is defined
MODULES = [
    ("torch.nn", inspect.isclass, "torch.nn"),
    ("torch.optim", inspect.isclass, "torch.optim"),
    ("torch.optim.lr_scheduler", inspect.isclass, "torch.optim.lr_scheduler"),
    ("keras.losses", inspect.isclass, "keras"),
    ("keras.optimizers", inspect.isclass, "keras"),
    ("keras.layers", inspect.isclass, "keras"),
    ("keras.optimizers.schedules", inspect.isclass, "keras"),
    ("torch.optim.swa_utils", inspect.isclass, "torch.optim.swa_utils"),
    ("torch.nn.init", inspect.isfunction, "torch.nn.init"),
    ("transformers.optimization", inspect.isfunction, "transformers.optimization"),
]


def members(name, kind, home):
    module = importlib.import_module(name)
    first = {}
    out = []
    for member in sorted(dir(module)):
        value = getattr(module, member)
        if member.startswith("_") or not kind(value) or not value.__module__.startswith(home):
            continue
        if name == "torch.nn.init" and (not member.endswith("_") or member.startswith("_")):
            continue
        if name == "transformers.optimization" and not (member.startswith("get_") and "_schedule" in member):
            continue
        # the class's own name is no alias, wherever the alphabet has it
        own = value.__name__ if getattr(module, value.__name__, None) is value else first.setdefault(value, member)
        out.append({"name": member} if own == member else {"name": member, "alias": own})
    return out


def main():
    lists = []
    for name, kind, home in MODULES:
        package = name.split(".")[0]
        version = importlib.import_module(package).__version__.split("+")[0]
        if version != PINNED[package]:
            sys.exit(f"{package} is {version}; the names are those of {PINNED[package]}")
        lists.append({"module": name, "version": f"{package} {version}", "names": members(name, kind, home)})
    rows = ",\n".join(
        '{"module": %s, "version": %s, "names": [\n%s\n]}'
        % (json.dumps(l["module"]), json.dumps(l["version"]), ",\n".join("\t" + json.dumps(n) for n in l["names"]))
        for l in lists
    )
    print(f"[{rows}]")


if __name__ == "__main__":
    main()
