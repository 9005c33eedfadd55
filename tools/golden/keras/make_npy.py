"""Arrays in NumPy's .npy format for the tests of internal/npy, with their values as JSON."""
import json

import numpy as np

import fill
import golden

NPY = golden.ROOT / "internal/npy/testdata"


def arrays():
    """What is read: types and byte orders, shapes, Fortran order, the later header."""
    base = fill.fill_by_name("npy", (2, 3, 4)) * 1000
    for t in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<i2", ">i4", "<i8", ">i8", ">u2", "<u8"):
        yield ("big_" if t[0] == ">" else "little_") + t[1:], (np.abs(base) if t[1] == "u" else base).astype(t)
    yield "int8", np.array([-128, 127, 0], np.int8)
    yield "uint8", np.array([255, 0], np.uint8)
    yield "half_limits", np.array([65504, 6e-8, -6.1e-5, 0, -0.0, np.inf, -np.inf], np.float16)
    yield "scalar", np.array(1.5, np.float32)
    yield "vector", base[0, 0]
    yield "empty", np.zeros((0, 3), np.float32)
    yield "fortran", np.asfortranarray(base)
    yield "fortran_matrix", np.asfortranarray(base[0])


def refused():
    """What is not: each would lose something as float32, or is no array of numbers."""
    yield "bool", np.array([True])
    yield "complex", np.zeros(2, np.complex64)
    yield "text", np.array(["akiec"])
    yield "record", np.zeros(2, [("a", "<f4"), ("b", "<i4")])
    yield "object", np.array([None, 1], dtype=object)
    yield "long_integer", np.array([1 << 24, (1 << 24) + 1], np.int64)
    yield "unsigned_limit", np.array([(1 << 64) - 1], np.uint64)


def main():
    NPY.mkdir(parents=True, exist_ok=True)
    content = {}
    for name, array in arrays():
        np.save(NPY / f"{name}.npy", array)
        values = array.astype(np.float32).ravel(order="C")
        content[name] = {"shape": list(array.shape), "values": [str(v) if np.isinf(v) else v for v in golden.numbers(values)]}
    with open(NPY / "version2.npy", "wb") as f:
        np.lib.format.write_array(f, np.arange(3, dtype="<f4"), version=(2, 0))
    content["version2"] = {"shape": [3], "values": [0.0, 1.0, 2.0]}
    for name, array in refused():
        np.save(NPY / f"refused_{name}.npy", array, allow_pickle=True)
    (NPY / "contents.json").write_text(json.dumps(content, separators=(",", ":")).replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main()
