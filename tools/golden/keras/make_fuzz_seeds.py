"""Seeds for the fuzz tests of internal/hdf5 and pkg/skinattn/keras: one feature of HDF5 a file, a kilobyte or two
each, as the fuzzer tries thousands of changes a second of small files and hardly any of large ones."""
import h5py
import numpy as np

import golden
import make_hdf5

HDF5 = golden.ROOT / "internal/hdf5/testdata/fuzz-seeds"
KERAS = golden.ROOT / "pkg/skinattn/keras/testdata/fuzz-seeds"


def dataset(name, **options):
    return lambda f: f.create_dataset(name, **options)


def attribute(value):
    return lambda f: f.attrs.__setitem__("names", value)


def link(path):
    return lambda f: f.__setitem__(path, np.float32(2))


def many(f):
    """Enough links for a second leaf of the B-tree, or for a fractal heap."""
    f["l0"] = np.int64(1)
    for i in range(1, 10):
        f[f"l{i}"] = f["l0"]


SMALL = np.arange(6, dtype="<f4").reshape(2, 3)
FEATURES = {
    "float32": dataset("x", data=SMALL),
    "float64_big": dataset("x", data=SMALL.astype(">f8")),
    "int64": dataset("x", data=SMALL.astype("<i8")),
    "half": dataset("x", data=SMALL.astype("<f2")),
    "scalar": dataset("x", data=np.float32(1.5)),
    "empty": dataset("x", data=np.zeros((0, 3), "<f4")),
    "text_fixed": dataset("x", data=np.array([b"akiec", b"bcc"])),
    "text_variable": dataset("x", data=np.array(["alpha", ""], dtype=h5py.string_dtype())),
    "chunked": dataset("x", data=SMALL, chunks=(1, 2)),
    "gzip": dataset("x", data=SMALL, chunks=(2, 2), compression="gzip"),
    "gzip_shuffle": dataset("x", data=SMALL, chunks=(2, 3), compression="gzip", shuffle=True),
    "fletcher32": dataset("x", data=SMALL, chunks=(2, 3), fletcher32=True),
    "compound": dataset("x", data=np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")])),
    "resizable": dataset("x", data=SMALL, chunks=(1, 3), maxshape=(None, 3)),
    "grows_both_ways": dataset("x", data=SMALL, chunks=(1, 1), maxshape=(None, None)),
    "nested": link("a/b/c"),
    "long_name": link("x" * 300),
    "many": many,
    "attribute_variable": attribute(["dense/kernel:0", ""]),
    "attribute_fixed": attribute(np.array([b"dense/kernel:0"])),
    "attribute_int": attribute(np.array([1, -2, 3], "<i8")),
    "attribute_null": attribute(h5py.Empty("S10")),
    "soft_link": lambda f: f.__setitem__("x", h5py.SoftLink("/y")),
}
LAYERS = {"a": {}, "dense": {"dense/kernel:0": (2, 2), "dense/bias:0": (2,)}, "n": {"count:0": ()}}


def main():
    for folder in (HDF5, KERAS):
        folder.mkdir(exist_ok=True)
    for name, write in FEATURES.items():
        for version in ("earliest", "latest"):
            with h5py.File(HDF5 / f"{name}_{version}.h5", "w", libver=version, meta_block_size=1) as f:
                write(f)
    with h5py.File(HDF5 / "ordered.h5", "w", track_order=True, meta_block_size=1) as f:
        f.create_dataset("x", data=np.int64(1), track_order=True)
        f.attrs["a"] = np.int64(1)
    for variable in (False, True):
        for version in ("earliest", "latest"):
            kind = "variable" if variable else "fixed"
            with h5py.File(KERAS / f"weights_{kind}_{version}.h5", "w", libver=version, meta_block_size=1) as f:
                make_hdf5.write_layers(f, LAYERS, variable)
            with h5py.File(KERAS / f"model_{kind}_{version}.h5", "w", libver=version, meta_block_size=1) as f:
                f.attrs["model_config"] = "{}"
                make_hdf5.write_layers(f.create_group("model_weights"), LAYERS, variable)


if __name__ == "__main__":
    main()
