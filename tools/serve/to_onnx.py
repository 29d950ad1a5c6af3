"""Writes the model of a run folder as ONNX, for servers to compare with.

    python to_onnx.py RUN MODEL.onnx

It knows the families that tools/serve/load uses: lenet, layers that are one
linear layer, and resnet with bottlenecks. The graph is what torch.onnx writes of
the same network in PyTorch, with the softmax of the classes at its end; inputs
are the network's own tensors, N examples of them.

    pip install onnx numpy
"""

import json
import pathlib
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


def read_safetensors(path):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, t in json.loads(data[8:8 + size]).items():
        if t.get("dtype") == "F32":
            begin, end = t["data_offsets"]
            tensors[name] = numpy.frombuffer(data[8 + size + begin:8 + size + end], numpy.float32).reshape(t["shape"])
    return tensors


class Graph:
    """A chain of nodes, with the weights that they name."""

    def __init__(self, weights):
        self.weights, self.nodes, self.used = weights, [], {}

    def weight(self, name):
        self.used[name] = numpy_helper.from_array(self.weights[name], name)
        return name

    def add(self, op, *inputs, **attributes):
        output = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def conv(self, x, name, stride=1, padding=0, bias=False):
        inputs = [x, self.weight(name + ".weight")] + ([self.weight(name + ".bias")] if bias else [])
        return self.add("Conv", *inputs, strides=[stride] * 2, pads=[padding] * 4)

    def norm(self, x, name):
        parts = ["weight", "bias", "running_mean", "running_var"]
        return self.add("BatchNormalization", x, *(self.weight(f"{name}.{p}") for p in parts), epsilon=1e-5)

    def linear(self, x, name):
        return self.add("Gemm", x, self.weight(name + ".weight"), self.weight(name + ".bias"), transB=1)


def lenet(g, x, config):
    for name in ["conv1", "conv2"]:
        x = g.add("Relu", g.conv(x, name, bias=True))
        x = g.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = g.add("Relu", g.linear(g.add("Flatten", x), "fc1"))
    return g.linear(x, "fc2")


def layers(g, x, config):
    assert [layer["type"] for layer in config["layers"]] == ["linear"], config
    return g.linear(x, "0")


def resnet(g, x, config):
    assert config["bottleneck"] and config["groups"] == 1 and config["stem"] == "7x7", config
    x = g.add("Relu", g.norm(g.conv(x, "conv1", 2, 3), "bn1"))
    x = g.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for stage, blocks in enumerate(config["blocks"], 1):
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            shortcut = x
            y = g.add("Relu", g.norm(g.conv(x, name + ".conv1"), name + ".bn1"))
            y = g.add("Relu", g.norm(g.conv(y, name + ".conv2", stride, 1), name + ".bn2"))
            y = g.norm(g.conv(y, name + ".conv3"), name + ".bn3")
            if block == 0:
                shortcut = g.norm(g.conv(x, name + ".downsample.0", stride), name + ".downsample.1")
            x = g.add("Relu", g.add("Add", y, shortcut))
    return g.linear(g.add("Flatten", g.add("GlobalAveragePool", x)), "fc")


def export(run):
    folder = pathlib.Path(run) / "model"
    config = json.loads((folder / "config.json").read_text())
    preprocess = json.loads((folder / "preprocess.json").read_text())
    kind = config["model_type"]
    if kind == "layers":
        shape = config["reads"][0]["shape"]
    else:
        shape = [config["in_channels"], *preprocess["inputs"][0]["size"]]
    g = Graph(read_safetensors(folder / "model.safetensors"))
    build = {"lenet": lenet, "layers": layers, "resnet": resnet}[kind]
    output = g.add("Softmax", build(g, "input", config), axis=1)
    classes = len(preprocess["targets"][0]["classes"])
    graph = helper.make_graph(
        g.nodes, kind,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", *shape])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", classes])],
        list(g.used.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    onnx.save(export(sys.argv[1]), sys.argv[2])
