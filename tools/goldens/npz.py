"""Writes the files of format/npz/testdata into the working directory, with the numpy of requirements-records.txt."""
import numpy as np

grid = lambda t: np.arange(-3, 3).reshape(2, 3).astype(t)
arrays = {t.replace("<", "l").replace(">", "b").replace("|", ""): grid(t) for t in
          "<f4 <f8 <f2 <i4 <i8 |u1 <u4 <u8 |i1 <i2 <u2 >f4 >i2 >i8".split()}
arrays["bool"] = grid("i4") > 0
arrays["fortran"] = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))
arrays["scalar"] = np.float64(2.5)
arrays["empty"] = np.zeros((0, 3), "f4")
arrays["text"] = np.array(["a", "bc"])
arrays["complex"] = np.array([1j])
np.savez("arrays.npz", **arrays)
np.savez_compressed("compressed.npz", **arrays)
np.save("fortran.npy", arrays["fortran"])
np.save("objects.npy", np.array([{}], dtype=object), allow_pickle=True)
np.savez("rows.npz", x=np.arange(12.0, dtype="f4").reshape(3, 2, 2), y=np.array([2, 0, 1]), ok=np.array([True, False, True]), name=np.array(["a", "b", "c"]))
