"""Speaks to a server as clients of TensorFlow Serving do, by REST and by gRPC.

    python tfserving.py HOST:PORT

The server has the models digits, penguins, masses and mail of
serve/engine/enginetest; serve/tensorflow's test starts it. REST is spoken with
requests, as TensorFlow Serving's documentation does. gRPC is spoken by
tensorflow-serving-api, the client that TensorFlow Serving comes with, unchanged.
It wants TensorFlow for nothing but its messages, which tensorflow-protobuf has:

    pip install requests grpcio pillow numpy tensorflow-protobuf==2.11.0
    pip install --no-deps tensorflow-serving-api==2.21.0
"""

import base64
import io
import json
import sys
import types

import grpc
import numpy
import requests
from google.protobuf import descriptor_pb2, descriptor_pool
from PIL import Image


def add_error_codes():
    """Adds the one file that differs between the two packages."""
    file = descriptor_pb2.FileDescriptorProto(
        name="tensorflow/core/protobuf/error_codes.proto", package="tensorflow.error", syntax="proto3")
    codes = file.enum_type.add(name="Code")
    for code in grpc.StatusCode:
        codes.value.add(name=code.name, number=code.value[0])
    descriptor_pool.Default().Add(file)
    module = types.ModuleType("tensorflow.core.protobuf.error_codes_pb2")
    module.xla_dot_tsl_dot_protobuf_dot_error__codes__pb2 = module
    sys.modules[module.__name__] = module


add_error_codes()

from tensorflow.core.example import example_pb2  # noqa: E402
from tensorflow.core.framework import tensor_pb2, types_pb2  # noqa: E402
from tensorflow_serving.apis import (  # noqa: E402
    classification_pb2, get_model_metadata_pb2, get_model_status_pb2, inference_pb2, model_management_pb2,
    model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc, regression_pb2)

PENGUINS = [
    {"bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": 3750,
     "island": "Torgersen", "sex": "male"},
    {"bill_length_mm": 46.1, "bill_depth_mm": 13.2, "flipper_length_mm": 211, "body_mass_g": 4500,
     "island": "Biscoe", "sex": "female"},
]
CLASSES = ["Adelie", "Chinstrap", "Gentoo"]
TEXTS = ["buy now, pay never", "the minutes of the meeting"]


def picture():
    """A PNG and its pixels."""
    pixels = numpy.fromfunction(lambda y, x: (x * y) % 256, (28, 28)).astype(numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue(), pixels


def close(a, b):
    numpy.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


class Rest:
    def __init__(self, address):
        self.base = f"http://{address}/v1/models/"
        self.session = requests.Session()

    def get(self, path):
        response = self.session.get(self.base + path)
        response.raise_for_status()
        return response.json()

    def post(self, path, body):
        response = self.session.post(self.base + path, data=json.dumps(body))
        response.raise_for_status()
        return response.json()

    def status(self):
        versions = self.get("penguins")["model_version_status"]
        assert versions == [{"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}], versions
        assert self.get("penguins/versions/1")["model_version_status"] == versions

    def metadata(self):
        got = self.get("penguins/metadata")
        assert got["model_spec"] == {"name": "penguins", "signature_name": "", "version": "1"}, got
        defs = got["metadata"]["signature_def"]["signature_def"]
        assert set(defs) == {"serving_default", "preprocessed"}, defs
        assert set(defs["serving_default"]["inputs"]) == set(PENGUINS[0]), defs
        assert defs["serving_default"]["inputs"]["island"]["dtype"] == "DT_STRING", defs
        probabilities = defs["preprocessed"]["outputs"]["species_probabilities"]
        assert [d["size"] for d in probabilities["tensor_shape"]["dim"]] == ["-1", "3"], defs

    def predict(self):
        rows = self.post("penguins:predict", {"instances": PENGUINS})["predictions"]
        columns = {name: [p[name] for p in PENGUINS] for name in PENGUINS[0]}
        outputs = self.post("penguins/versions/1:predict", {"signature_name": "serving_default", "inputs": columns})["outputs"]
        for k, row in enumerate(rows):
            assert row["species"] == outputs["species"][k], (rows, outputs)
            assert row["species"] == CLASSES[int(numpy.argmax(row["species_probabilities"]))], row
            close(row["species_probabilities"], outputs["species_probabilities"][k])
            assert all(type(p) is float for p in row["species_probabilities"]), row
        return numpy.array(outputs["species_probabilities"])

    def image(self):
        file, pixels = picture()
        by_file = self.post("digits:predict", {"instances": [{"b64": base64.b64encode(file).decode()}]})["predictions"]
        by_pixels = self.post("digits:predict", {"instances": [pixels.tolist()]})["predictions"]
        last = self.post("digits:predict", {"inputs": {"image": pixels[None, :, :, None].tolist()}})["outputs"]
        assert by_file == by_pixels, (by_file, by_pixels)
        assert last["label_probabilities"][0] == by_file[0]["label_probabilities"], (last, by_file)
        finished = ((pixels[None].astype(numpy.float32) / 255 - 0.1307) / 0.3081).tolist()
        tensor = self.post("digits:predict", {"signature_name": "preprocessed", "instances": [finished]})["predictions"]
        assert tensor[0]["label"] == by_file[0]["label"], (tensor, by_file)
        close(tensor[0]["label_probabilities"], by_file[0]["label_probabilities"])
        return numpy.array([by_file[0]["label_probabilities"]])

    def text(self):
        return numpy.array([p["kind_probabilities"] for p in self.post("mail:predict", {"instances": TEXTS})["predictions"]])

    def classify(self):
        results = self.post("penguins:classify", {"examples": PENGUINS})["results"]
        assert [[label for label, _ in result] for result in results] == [CLASSES] * 2, results
        return numpy.array([[score for _, score in result] for result in results])

    def regress(self):
        results = self.post("masses:regress", {"examples": PENGUINS})["results"]
        close(results, numpy.array(self.post("masses:predict", {"instances": PENGUINS})["predictions"])[:, 0])
        return numpy.array(results)

    def errors(self):
        for path, body, status in [
            ("foxes:predict", {"instances": [1]}, 404),
            ("penguins/versions/7:predict", {"instances": PENGUINS}, 404),
            ("penguins:predict", {"instances": [{"wings": 2}]}, 400),
            ("penguins:predict", {"instances": []}, 400),
            ("masses:classify", {"examples": PENGUINS}, 400),
        ]:
            response = self.session.post(self.base + path, data=json.dumps(body))
            assert response.status_code == status and response.json()["error"], (path, response.status_code, response.text)


def proto(values, dtype=None):
    """tf.make_tensor_proto, as far as it is needed."""
    values = numpy.asarray(values)
    tensor = tensor_pb2.TensorProto()
    for n in values.shape:
        tensor.tensor_shape.dim.add(size=n)
    if values.dtype.kind in "OSU":
        tensor.dtype = types_pb2.DT_STRING
        tensor.string_val.extend(v if isinstance(v, bytes) else v.encode() for v in values.ravel().tolist())
        return tensor
    tensor.dtype = {"float32": types_pb2.DT_FLOAT, "float64": types_pb2.DT_DOUBLE, "uint8": types_pb2.DT_UINT8,
                    "int64": types_pb2.DT_INT64}[values.dtype.name]
    tensor.tensor_content = values.tobytes()
    return tensor


def floats(tensor):
    """tf.make_ndarray of an output of floats."""
    assert tensor.dtype in (types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE), tensor
    values = tensor.float_val or tensor.double_val
    return numpy.array(values).reshape([d.size for d in tensor.tensor_shape.dim])


def fill(input):
    """Puts penguins into an Input as Examples."""
    for penguin in PENGUINS:
        example = example_pb2.Example()
        for name, value in penguin.items():
            feature = example.features.feature[name]
            if isinstance(value, str):
                feature.bytes_list.value.append(value.encode())
            elif isinstance(value, int):
                feature.int64_list.value.append(value)
            else:
                feature.float_list.value.append(value)
        input.example_list.examples.append(example)


class Grpc:
    def __init__(self, address):
        channel = grpc.insecure_channel(address)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(channel)

    def status(self):
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "penguins"
        versions = self.model.GetModelStatus(request).model_version_status
        state = get_model_status_pb2.ModelVersionStatus.State.Name(versions[0].state)
        assert len(versions) == 1 and versions[0].version == 1 and state == "AVAILABLE", versions

    def metadata(self):
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = "penguins"
        response = self.prediction.GetModelMetadata(request)
        defs = get_model_metadata_pb2.SignatureDefMap()
        assert response.metadata["signature_def"].Unpack(defs), response
        assert set(defs.signature_def) == {"serving_default", "preprocessed"}, defs
        info = defs.signature_def["serving_default"].inputs["island"]
        assert info.dtype == types_pb2.DT_STRING and info.name == "island:0", info

    def ask(self, model, inputs, signature="", filter=()):
        request = predict_pb2.PredictRequest(output_filter=filter)
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        for name, values in inputs.items():
            request.inputs[name].CopyFrom(proto(values))
        return self.prediction.Predict(request, 10)

    def predict(self):
        columns = {name: [p[name] for p in PENGUINS] for name in PENGUINS[0]}
        response = self.ask("penguins", columns)
        assert response.model_spec.name == "penguins" and response.model_spec.version.value == 1, response
        probabilities = floats(response.outputs["species_probabilities"])
        species = [s.decode() for s in response.outputs["species"].string_val]
        assert species == [CLASSES[k] for k in probabilities.argmax(1)], response
        logits = floats(self.ask("penguins", columns, filter=["species_logits"]).outputs["species_logits"])
        close(numpy.exp(logits) / numpy.exp(logits).sum(1, keepdims=True), probabilities)
        return probabilities

    def image(self):
        file, pixels = picture()
        by_file = floats(self.ask("digits", {"image": numpy.array([file], object)}).outputs["label_probabilities"])
        by_pixels = floats(self.ask("digits", {"image": pixels[None, :, :, None]}).outputs["label_probabilities"])
        finished = (pixels[None, None].astype(numpy.float32) / 255 - 0.1307) / 0.3081
        tensor = floats(self.ask("digits", {"image": finished.astype(numpy.float32)}, "preprocessed").outputs["label_probabilities"])
        assert (by_file == by_pixels).all(), (by_file, by_pixels)
        close(tensor, by_file)
        return by_file

    def text(self):
        return floats(self.ask("mail", {"text": TEXTS}).outputs["kind_probabilities"])

    def classify(self):
        request = classification_pb2.ClassificationRequest()
        request.model_spec.name = "penguins"
        fill(request.input)
        results = self.prediction.Classify(request).result.classifications
        assert [[c.label for c in r.classes] for r in results] == [CLASSES] * 2, results
        return numpy.array([[c.score for c in r.classes] for r in results])

    def regress(self):
        request = regression_pb2.RegressionRequest()
        request.model_spec.name = "masses"
        fill(request.input)
        values = [r.value for r in self.prediction.Regress(request).result.regressions]
        many = inference_pb2.MultiInferenceRequest()
        task = many.tasks.add(method_name="tensorflow/serving/regress")
        task.model_spec.name = "masses"
        fill(many.input)
        again = self.prediction.MultiInference(many).results[0].regression_result.regressions
        assert values == [r.value for r in again], (values, again)
        return numpy.array(values)

    def errors(self):
        def fails(code, call, *args):
            try:
                call(*args)
            except grpc.RpcError as e:
                assert e.code() == code and e.details(), e
            else:
                raise AssertionError(f"{args} were answered")
        fails(grpc.StatusCode.NOT_FOUND, self.ask, "foxes", {"x": [1.0]})
        fails(grpc.StatusCode.INVALID_ARGUMENT, self.ask, "penguins", {"wings": [2.0]})
        fails(grpc.StatusCode.INVALID_ARGUMENT, self.ask, "digits", {"image": numpy.zeros((1, 28, 28), numpy.float32)})
        fails(grpc.StatusCode.PERMISSION_DENIED, self.model.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest())


def main():
    address = sys.argv[1]
    rest, rpc = Rest(address), Grpc(address)
    for name in ["status", "metadata", "predict", "image", "text", "classify", "regress", "errors"]:
        by_rest, by_grpc = getattr(rest, name)(), getattr(rpc, name)()
        if by_rest is not None:
            close(by_rest, by_grpc)
        print("ok", name)


if __name__ == "__main__":
    main()
