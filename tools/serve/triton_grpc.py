"""Asks a server as tritonclient does over gRPC: python triton_grpc.py HOST:PORT

The server has the models that clients_test.go starts it with: digits, mail and
masses.
"""
import io
import queue
import sys

import numpy as np
from PIL import Image
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

client = triton.InferenceServerClient(sys.argv[1])


def image(pixels, name="image"):
    x = triton.InferInput(name, pixels.shape, "UINT8")
    x.set_data_from_numpy(pixels)
    return x


def refused(code, part, f):
    try:
        f()
    except InferenceServerException as e:
        assert e.status() == "StatusCode." + code and part in e.message(), (e.status(), e.message())
        return
    raise AssertionError(f"no error, want {code} {part}")


pixels = (np.arange(3 * 28 * 28) * 7 % 256).astype(np.uint8).reshape(3, 28, 28)

# The server and its models.
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("digits") and client.is_model_ready("digits", "1")
assert client.get_server_metadata().name == "gradus"
metadata = client.get_model_metadata("digits")
assert metadata.inputs[0].datatype == "BYTES" and list(metadata.outputs[1].shape) == [-1, 10], metadata
config = client.get_model_config("digits", as_json=True)["config"]
assert config["input"][0]["data_type"] == "TYPE_STRING", config
assert {m.name for m in client.get_model_repository_index().models} == {"digits", "mail", "masses"}

# Pixels, files, finished tensors.
a = client.infer("digits", [image(pixels)], request_id="7")
probabilities, label = a.as_numpy("label_probabilities"), a.as_numpy("label").astype(str)
assert a.get_response().id == "7" and probabilities.shape == (3, 10) and np.allclose(probabilities.sum(1), 1, atol=1e-5)
assert (probabilities.argmax(1).astype(str) == label).all()
files = []
for p in pixels:
    file = io.BytesIO()
    Image.fromarray(p).save(file, "PNG")
    files.append(file.getvalue())
x = triton.InferInput("image", [3], "BYTES")
x.set_data_from_numpy(np.array(files, dtype=np.object_))
assert (client.infer("digits", [x]).as_numpy("label_probabilities") == probabilities).all()
ready = ((pixels.astype(np.float32) / 255 - 0.1307) / 0.3081).reshape(3, 1, 28, 28)
x = triton.InferInput("image", ready.shape, "FP32")
x.set_data_from_numpy(ready)
a = client.infer("digits", [x], parameters={"preprocessed": True})
assert np.allclose(a.as_numpy("label_probabilities"), probabilities, atol=1e-4)
refused("INVALID_ARGUMENT", "preprocessed", lambda: client.infer("digits", [x]))

# The best classes, named outputs, compression.
a = client.infer("digits", [image(pixels)], outputs=[triton.InferRequestedOutput("label_probabilities", class_count=2), triton.InferRequestedOutput("label_logits")])
best = a.as_numpy("label_probabilities").astype(str)
assert best.shape == (3, 2) and a.as_numpy("label_logits").shape == (3, 10)
for row, p in zip(best, probabilities):
    for text, k in zip(row, np.argsort(-p)[:2]):
        score, index, name = text.split(":")
        assert np.float32(score) == p[k] and int(index) == k and name == str(k), (text, p)
a = client.infer("digits", [image(pixels)], compression_algorithm="gzip")
assert (a.as_numpy("label_probabilities") == probabilities).all()

# Texts.
column = client.get_model_metadata("mail").inputs[0].name
x = triton.InferInput(column, [2, 1], "BYTES")
x.set_data_from_numpy(np.array([["win a prize now"], ["see you on Monday, ä"]], dtype=np.object_))
assert client.infer("mail", [x]).as_numpy(client.get_model_metadata("mail").outputs[0].name).shape == (2,)

# Many at a time, and a stream in which one request is wrong.
answers = queue.Queue()
for i in range(12):
    client.async_infer("digits", [image(pixels[i % 3 :][:1])], callback=lambda result, error: answers.put((result, error)))
for i in range(12):
    result, error = answers.get(timeout=20)
    assert error is None, error
client.start_stream(callback=lambda result, error: answers.put((result, error)))
for i in range(5):
    client.async_stream_infer("digits", [image(pixels, "picture" if i == 2 else "image")], request_id=str(i))
for i in range(5):
    result, error = answers.get(timeout=20)
    if i == 2:
        assert "no input" in str(error), error
    else:
        assert error is None and result.get_response().id == str(i), error
        assert (result.as_numpy("label_probabilities") == probabilities).all()
client.stop_stream()

# Statistics.
s = client.get_inference_statistics("digits").model_stats[0]
assert s.inference_stats.success.count >= 17 and s.inference_stats.fail.count >= 2 and s.inference_stats.compute_infer.ns > 0

# What is refused, with the right code.
refused("NOT_FOUND", "none", lambda: client.infer("none", [image(pixels)]))
refused("NOT_FOUND", "none", lambda: client.get_model_metadata("none"))
refused("INVALID_ARGUMENT", "no output", lambda: client.infer("digits", [image(pixels)], outputs=[triton.InferRequestedOutput("x")]))
refused("INVALID_ARGUMENT", "state", lambda: client.infer("digits", [image(pixels)], sequence_id=3, sequence_start=True))
refused("PERMISSION_DENIED", "not loaded", lambda: client.load_model("digits"))
refused("PERMISSION_DENIED", "not loaded", lambda: client.unload_model("digits"))
refused("UNIMPLEMENTED", "shared memory", client.get_system_shared_memory_status)
refused("DEADLINE_EXCEEDED", "", lambda: client.infer("digits", [image(np.tile(pixels, (300, 1, 1)))], client_timeout=0.001))
print("tritonclient over gRPC: all is well")
