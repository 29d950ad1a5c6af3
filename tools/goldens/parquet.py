"""Writes the Parquet files of data/source/testdata into the working directory, with pyarrow 26.0.1."""
import datetime
import decimal
import uuid

import pyarrow as pa
import pyarrow.parquet as pq

N = 7
pick = lambda f: [None if i == 3 else f(i) for i in range(N)]
utc = datetime.timezone.utc
day = datetime.datetime(2024, 2, 28, 23, 59, 59, 123456)
mixed = pa.table({
    "text": pa.array(pick(lambda i: "word " + "é" * i)),
    "same": pa.array(["a"] * N).dictionary_encode(),
    "i8": pa.array(pick(lambda i: i - 3), pa.int8()),
    "u32": pa.array(pick(lambda i: 2**32 - 1 - i), pa.uint32()),
    "i64": pa.array(pick(lambda i: -(10**15) + i), pa.int64()),
    "f32": pa.array(pick(lambda i: i / 8), pa.float32()),
    "f64": pa.array(pick(lambda i: float("nan") if i == 1 else i / 3), pa.float64()),
    "f16": pa.array(pick(lambda i: i / 8), pa.float16()),
    "ok": pa.array(pick(lambda i: i % 2 == 0)),
    "raw": pa.array(pick(lambda i: bytes([0, 255, i]))),
    "day": pa.array(pick(lambda i: day.date() + datetime.timedelta(days=i))),
    "at": pa.array(pick(lambda i: day + datetime.timedelta(hours=i)), pa.timestamp("us")),
    "utc": pa.array(pick(lambda i: (day - datetime.timedelta(days=36525)).replace(tzinfo=utc)), pa.timestamp("ms", "UTC")),
    "clock": pa.array(pick(lambda i: datetime.time(1, 2, i, 500)), pa.time64("us")),
    "dec": pa.array(pick(lambda i: decimal.Decimal(i - 4) / 4), pa.decimal128(20, 2)),
    "id": pa.array(pick(lambda i: uuid.UUID(int=i).bytes), pa.uuid()),
    "user": pa.array(pick(lambda i: {"name": "n%d" % i, "age": None if i == 2 else i})),
    "empty": pa.nulls(N),
})
lists = pa.table({
    "v": pa.array([[1.5, 2.5], [], None, [3.5], [4, 5, 6]], pa.list_(pa.float32())),
    "m": pa.array([[[1, 2], [3, 4]], [], [[], []], None, [[5, 6]]], pa.list_(pa.list_(pa.int64()))),
    "b": pa.array([[0, 255], [1, 2], [3, 4], [5, 6], [7, 8]], pa.list_(pa.uint8(), 2)),
    "tags": pa.array([["a", "<b>"], [], None, [None, "c"], ["d"]]),
    "pairs": pa.array([[{"x": 1, "y": "p"}], [], None, [{"x": 2, "y": "q"}, {"x": 3, "y": "r"}], []]),
    "map": pa.array([[("k", 1)], [], None, [("l", 2), ("m", 3)], []], pa.map_(pa.string(), pa.int32())),
    "left_out": pa.array([[[["deep"]]], [], None, [], []]),
})
pq.write_table(mixed, "mixed.parquet", compression="snappy", row_group_size=4)
pq.write_table(mixed, "mixed_v2_zstd.parquet", compression="zstd", data_page_version="2.0", version="2.6", data_page_size=20)
pq.write_table(mixed, "mixed_gzip_plain.parquet", compression="gzip", use_dictionary=False, row_group_size=3)
pq.write_table(lists, "lists.parquet", compression="none", row_group_size=2)
pq.write_table(lists, "lists_v2_gzip.parquet", compression="gzip", data_page_version="2.0", data_page_size=8)
pq.write_table(pa.table({"x": [1, 2]}), "lz4.parquet", compression="lz4")
pq.write_table(pa.table({"x": ["a", "b"]}), "delta.parquet", use_dictionary=False, column_encoding={"x": "DELTA_BYTE_ARRAY"})
pq.write_table(pa.table({"x": pa.array([[[1], [2, 3]]])}), "ragged.parquet")
pq.write_table(pa.table({"x": pa.array([[1, None]])}), "null_element.parquet")
