"""Asks a server as tritonclient does over HTTP: python triton_http.py HOST:PORT

The server has the models that clients_test.go starts it with: digits (images of
28x28 in ten classes), mail (texts) and masses (a table).
"""
import io
import sys

import numpy as np
from PIL import Image
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

address = sys.argv[1]
client = triton.InferenceServerClient(address, concurrency=4)


def png(pixels):
    """The bytes of a file, as an element of BYTES."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def image(pixels, binary=True, name="image"):
    x = triton.InferInput(name, pixels.shape, "UINT8")
    x.set_data_from_numpy(pixels, binary_data=binary)
    return x


def refused(status, part, f):
    try:
        f()
    except InferenceServerException as e:
        assert e.status() == status and part in e.message(), (e.status(), e.message())
        return
    raise AssertionError(f"no error, want {status} {part}")


pixels = (np.arange(3 * 28 * 28) * 7 % 256).astype(np.uint8).reshape(3, 28, 28)

# The server and its models.
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("digits") and client.is_model_ready("digits", "1")
assert not client.is_model_ready("none") and not client.is_model_ready("digits", "9")
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
metadata = client.get_model_metadata("digits")
assert metadata["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}], metadata
config = client.get_model_config("digits")
assert config["name"] == "digits" and config["input"][0]["data_type"] == "TYPE_STRING", config
assert {m["name"] for m in client.get_model_repository_index()} == {"digits", "mail", "masses"}

# Pixels, in and out as binary data and as JSON.
outputs = {b: [triton.InferRequestedOutput(n, binary_data=b) for n in ("label", "label_probabilities")] for b in (True, False)}
answers = []
for binary_in in (True, False):
    for binary_out in (True, False):
        a = client.infer("digits", [image(pixels, binary_in)], request_id="7", outputs=outputs[binary_out])
        assert a.get_response()["id"] == "7" and a.get_response()["model_version"] == "1"
        answers.append((a.as_numpy("label").astype(str), a.as_numpy("label_probabilities")))
label, probabilities = answers[0]
assert label.shape == (3,) and probabilities.shape == (3, 10) and probabilities.dtype == np.float32
assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
for l, p in answers[1:]:
    assert (l == label).all() and (p == probabilities).all()
assert (probabilities.argmax(1).astype(str) == label).all()

# Without names, all outputs come; a version may be named.
a = client.infer("digits", [image(pixels)], model_version="1")
assert (a.as_numpy("label_probabilities") == probabilities).all()

# Files are the same pixels.
files = np.array([png(p) for p in pixels], dtype=np.object_)
x = triton.InferInput("image", files.shape, "BYTES")
x.set_data_from_numpy(files)
a = client.infer("digits", [x])
assert (a.as_numpy("label_probabilities") == probabilities).all()

# So are finished tensors, for who asks for it.
ready = ((pixels.astype(np.float32) / 255 - 0.1307) / 0.3081).reshape(3, 1, 28, 28)
x = triton.InferInput("image", ready.shape, "FP32")
x.set_data_from_numpy(ready)
a = client.infer("digits", [x], parameters={"preprocessed": True})
assert np.allclose(a.as_numpy("label_probabilities"), probabilities, atol=1e-4)
refused("400", "preprocessed", lambda: client.infer("digits", [x]))

# The best classes.
a = client.infer("digits", [image(pixels)], outputs=[triton.InferRequestedOutput("label_probabilities", class_count=3)])
best = a.as_numpy("label_probabilities").astype(str)
assert best.shape == (3, 3)
for row, p in zip(best, probabilities):
    for text, k in zip(row, np.argsort(-p)[:3]):
        score, index, name = text.split(":")
        assert np.float32(score) == p[k] and int(index) == k and name == str(k), (text, p)

# Compression, and many at a time.
for algorithm in ("gzip", "deflate"):
    a = client.infer("digits", [image(pixels)], request_compression_algorithm=algorithm, response_compression_algorithm=algorithm)
    assert (a.as_numpy("label_probabilities") == probabilities).all()
for a in [client.async_infer("digits", [image(pixels[i % 3 :][:1])]) for i in range(12)]:
    a.get_result()

# Texts, as binary data and as JSON, and a table.
column = client.get_model_metadata("mail")["inputs"][0]["name"]
texts = np.array(["win a prize now", "see you on Monday, ä"], dtype=np.object_)
for binary in (True, False):
    x = triton.InferInput(column, texts.shape, "BYTES")
    x.set_data_from_numpy(np.array([t.encode() for t in texts], dtype=np.object_), binary_data=binary)
    a = client.infer("mail", [x])
    assert len(a.get_response()["outputs"]) == 2
rows = []
for c in client.get_model_metadata("masses")["inputs"]:
    if c["datatype"] == "BYTES":
        x = triton.InferInput(c["name"], [2, 1], "BYTES")
        x.set_data_from_numpy(np.array([["Adelie"], ["Gentoo"]], dtype=np.object_))
    else:
        x = triton.InferInput(c["name"], [2], "FP32")
        x.set_data_from_numpy(np.array([40, 41.5], dtype=np.float32))
    rows.append(x)
a = client.infer("masses", rows)
assert all(o["datatype"] == "FP64" for o in a.get_response()["outputs"])

# Statistics.
s = client.get_inference_statistics("digits")["model_stats"][0]
assert s["inference_stats"]["success"]["count"] >= 20 and s["inference_count"] > s["inference_stats"]["success"]["count"]
assert len(client.get_inference_statistics()["model_stats"]) == 3

# What is refused, with the right status.
refused("404", "none", lambda: client.infer("none", [image(pixels)]))
refused("404", "9", lambda: client.infer("digits", [image(pixels)], model_version="9"))
refused("400", "no input", lambda: client.infer("digits", [image(pixels, name="picture")]))
refused("400", "no output", lambda: client.infer("digits", [image(pixels)], outputs=[triton.InferRequestedOutput("x")]))
refused("400", "state", lambda: client.infer("digits", [image(pixels)], sequence_id=3, sequence_start=True))
refused("403", "not loaded", lambda: client.load_model("digits"))
refused("403", "not loaded", lambda: client.unload_model("digits"))
refused("400", "shared memory", client.get_system_shared_memory_status)
shared = triton.InferInput("image", pixels.shape, "UINT8")
shared.set_shared_memory("region", pixels.nbytes)
refused("400", "shares no memory", lambda: client.infer("digits", [shared]))
print("tritonclient over HTTP: all is well")
