"""A server to compare with: onnxruntime behind FastAPI and uvicorn.

    PEER_FOLDER=DIR PEER_THREADS=1 uvicorn peer:app --workers 2

DIR has NAME.onnx of to_onnx.py and NAME.json, the preprocess.json of the run, for
the models mnist, spam and resnet50. It is written to be fast: handlers read the
body themselves and run the model where they are, without a thread pool between;
JSON is read and written by pydantic's parser in Rust; pixels are normalised by a
table; the hashes of words and of pairs of words are kept, so that only new ones
are computed byte by byte. /typed/mnist does the same as FastAPI's documentation
has it, by models of pydantic for the body and the answer.

    pip install fastapi 'uvicorn[standard]' onnxruntime numpy
"""

import functools
import json
import math
import os
import pathlib
import re
import unicodedata

import numpy
import onnxruntime
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel
from pydantic_core import from_json, to_json

FOLDER = pathlib.Path(os.environ["PEER_FOLDER"])
THREADS = int(os.environ.get("PEER_THREADS", "1"))

app = FastAPI()


class Model:
    def __init__(self, name):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(FOLDER / f"{name}.onnx"), options, ["CPUExecutionProvider"])
        preprocess = json.loads((FOLDER / f"{name}.json").read_text())
        self.input = preprocess["inputs"][0]
        self.classes = preprocess["targets"][0]["classes"]

    def __call__(self, x):
        return self.session.run(None, {"input": x})[0][0]

    def answer(self, p):
        """The class and all probabilities, as JSON."""
        return Response(to_json({
            "class": self.classes[int(p.argmax())],
            "probabilities": dict(zip(self.classes, p.tolist())),
        }), media_type="application/json")


mnist, spam, resnet50 = Model("mnist"), Model("spam"), Model("resnet50")

LEVELS = ((numpy.arange(256) / 255 - mnist.input["mean"][0]) / mnist.input["std"][0]).astype(numpy.float32)


@app.post("/mnist")
async def post_mnist(request: Request):
    image = numpy.array(from_json(await request.body())["image"], numpy.uint8)
    return mnist.answer(mnist(LEVELS[image].reshape(1, 1, 28, 28)))


class Image(BaseModel):
    image: list[list[int]]


class Answer(BaseModel):
    label: str
    probabilities: dict[str, float]


@app.post("/typed/mnist")
async def typed_mnist(body: Image) -> Answer:
    p = mnist(LEVELS[numpy.array(body.image, numpy.uint8)].reshape(1, 1, 28, 28))
    return Answer(label=mnist.classes[int(p.argmax())], probabilities=dict(zip(mnist.classes, p.tolist())))


BUCKETS = spam.input["buckets"]
# A word is a run of letters, marks, digits and underscores, with apostrophes
# between letters; whatever else is no space stands alone.
WORDS = re.compile(r"\w+(?:(?<=[^\W\d_])['’](?=[^\W\d_])\w+)*|[^\w\s]")
OFFSET, PRIME, MASK = 14695981039346656037, 1099511628211, (1 << 64) - 1


def fnv(word, h):
    for b in word.encode():
        h = (h ^ b) * PRIME & MASK
    return h


@functools.lru_cache(1 << 18)
def place(word):
    return fnv(word, OFFSET) % BUCKETS


@functools.lru_cache(1 << 18)
def place2(first, second):
    return fnv(second, fnv(first, OFFSET) * PRIME & MASK) % BUCKETS


LOGARITHMS = numpy.log1p(numpy.arange(1 << 12)).astype(numpy.float32)


@app.post("/spam")
async def post_spam(request: Request):
    text = from_json(await request.body())["text"]
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    words = WORDS.findall(text.lower())
    places = [*map(place, words), *map(place2, words, words[1:])]
    at, counts = numpy.unique(places, return_counts=True)
    values = LOGARITHMS[counts]
    x = numpy.zeros((1, BUCKETS), numpy.float32)
    x[0, at] = values / math.sqrt(float(values @ values) or 1)
    return spam.answer(spam(x))


@app.post("/resnet50")
async def post_resnet50(request: Request):
    x = numpy.frombuffer(await request.body(), numpy.float32).reshape(1, 3, 224, 224)
    p = resnet50(x)
    k = int(p.argmax())
    return Response(to_json({"class": resnet50.classes[k], "probability": float(p[k])}), media_type="application/json")
