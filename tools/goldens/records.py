"""Writes the files of records in format/tfrecord/testdata and the tar in
data/source/testdata (python records.py), or only says
whether they differ (--check). It needs requirements-records.txt, and not PyTorch."""

import argparse
import pathlib
import tempfile

import numpy as np
import webdataset
from tfrecord import TFRecordWriter, example_pb2

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDS = "format/tfrecord/testdata"


class Writer:
    """Writes records by TFRecordWriter, with names in order so that the bytes are the same each time."""

    def __init__(self, path):
        self.file = open(path, "wb")

    def record(self, b):
        size = len(b).to_bytes(8, "little")
        self.file.write(size + TFRecordWriter.masked_crc(size) + b + TFRecordWriter.masked_crc(b))

    def write(self, features, lists=None):
        if lists is None:
            m = example_pb2.Example.FromString(TFRecordWriter.serialize_tf_example(features))
        else:
            m = example_pb2.SequenceExample.FromString(TFRecordWriter.serialize_tf_sequence_example(features, lists))
        self.record(m.SerializeToString(deterministic=True))

    def close(self):
        self.file.close()


def examples(path):
    w = Writer(path)
    for i in range(4):
        w.write(
            {
                "image": (bytes(range(7 * i)), "byte"),
                "label": (i - 2, "int"),
                "big": (-(2**63) + i, "int"),
                "name": ("zwölf".encode() if i else b"", "byte"),
                "height": (np.float32(1.1) * i, "float"),
                "box": ([0.5, -0.25, float("inf"), 1e-30], "float"),
                "tokens": (list(range(1, 300, 50 + i)), "int"),
            }
        )
    w.close()


def sequences(path):
    w = Writer(path)
    for i in range(2):
        w.write(
            {"length": (3 + i, "int"), "speaker": (b"s%d" % i, "byte")},
            {
                "tokens": ([[t] for t in range(3 + i)], "int"),
                "frames": ([[t + 0.5, t - 0.5] for t in range(3 + i)], "float"),
                "words": ([[b"w%d" % t] for t in range(3 + i)], "byte"),
            },
        )
    w.close()


def edges(path):
    """Messages that a decoder must take: numbers one by one, lists in pieces, fields it does not
    know, a name that comes twice, features without values."""

    def field(number, content):
        return bytes([number << 3 | 2, len(content)]) + content

    def entry(name, feature):
        return field(1, field(1, name) + field(2, feature))

    one_by_one = field(3, b"\x08\x05\x08\x06") + field(3, b"\x0a\x02\x07\x08")
    floats = field(2, b"\x0d\x00\x00\x80\x3f") + field(2, b"\x0a\x04\x00\x00\x00\x40")
    record = field(
        1,
        entry(b"ints", one_by_one)
        + entry(b"floats", floats)
        + entry(b"twice", field(3, b"\x08\x01"))
        + entry(b"twice", field(3, b"\x08\x02"))
        + entry(b"none", b"")
        + entry(b"empty", field(1, b""))
        + b"\x12\x00\x18\x01",
    ) + b"\x78\x01\x7d\x00\x00\x00\x00\x79" + bytes(8)
    parsed = example_pb2.Example.FromString(record)
    got = parsed.features.feature
    assert list(got["ints"].int64_list.value) == [5, 6, 7, 8]
    assert list(got["floats"].float_list.value) == [1, 2]
    assert list(got["twice"].int64_list.value) == [2]
    assert got["none"].WhichOneof("kind") is None and got["empty"].WhichOneof("kind") == "bytes_list"
    w = Writer(path)
    w.record(record)
    w.close()


def web(path):
    """Rows of several endings by webdataset's own writer."""
    with open(path, "wb") as f:
        w = webdataset.TarWriter(f, mtime=0)
        for i in range(3):
            row = {"__key__": f"deep/{i:04d}", "jpg": bytes(range(600 * i % 256)), "cls": i, "txt": f"nr. {i}", "json": {"n": i}}
            if i == 1:
                row["seg.png"] = b"PNG"
            w.write(row)
        w.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the stored files, write nothing")
    check = parser.parse_args().check
    made = {
        f"{RECORDS}/examples.tfrecord": examples,
        f"{RECORDS}/sequences.tfrecord": sequences,
        f"{RECORDS}/edges.tfrecord": edges,
        "data/source/testdata/web.tar": web,
    }
    for name, make in made.items():
        with tempfile.TemporaryDirectory() as tmp:
            path = pathlib.Path(tmp) / "file"
            make(path)
            new = path.read_bytes()
        target = ROOT / name
        if target.exists() and target.read_bytes() == new:
            continue
        if check:
            raise SystemExit(f"{target} differs")
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(new)
        print("wrote", target)


if __name__ == "__main__":
    main()
