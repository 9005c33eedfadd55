"""Small HDF5 files for the tests of internal/hdf5 and pkg/skinattn/keras, with what h5py reads from them as JSON."""
import json

import h5py
import numpy as np

import fill
import golden

HDF5 = golden.ROOT / "internal/hdf5/testdata"
KERAS = golden.ROOT / "pkg/skinattn/keras/testdata"


def numbers(name, *shape, dtype="<f4"):
    return (fill.fill_by_name(name, shape) * 10).astype(dtype)


def types(f):
    """One dataset a type and byte order; scalars, empty ones and strings."""
    for t in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<i1", "<i2", ">i4", "<i8", ">i8", "<u1", ">u2", "<u8"):
        sign = np.abs if t[1] == "u" else np.array
        f.create_dataset("numbers/" + ("big" if t[0] == ">" else "little") + "/" + t[1:], data=sign(numbers(t, 2, 3)).astype(t))
    f["special"] = np.array([0, -0.0, np.inf, -np.inf, 65504, 6e-8], "<f2")
    f["extremes"] = np.array([-(1 << 63), (1 << 63) - 1, -1], "<i8")
    f["scalar"] = np.float32(1.5)
    f["count"] = np.int64(9958)
    f["empty"] = np.zeros((0, 3), "<f4")
    f["bool"] = np.array([True, False, True])
    f["text/fixed"] = np.array([b"akiec", b"bcc", b"nv-longest"])
    f["text/variable"] = np.array(["alpha", "", "später"], dtype=h5py.string_dtype())
    f["text/scalar"] = "hello"


def attributes(f):
    """The kinds of attribute that Keras writes, by old and new h5py."""
    g = f.create_group("layer")
    g.attrs["weight_names"] = np.array([], dtype="<f8")
    g.attrs["fixed"] = np.array([b"dense/kernel:0", b"dense/bias:0"])
    g.attrs["variable"] = ["dense/kernel:0", "dense/bias:0", ""]
    g.attrs["scalar"] = "tensorflow"
    g.attrs["bytes"] = np.bytes_("2.15.0")
    g.attrs["int"] = np.array([1, -2, 3], "<i8")
    g.attrs["null"] = h5py.Empty("S10")
    g.attrs["compound"] = np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")])
    g.attrs["complex"] = np.array([1 + 2j])


def groups(f):
    """Nested groups, a long name, and 150 links to one object, which need a B-tree of two levels."""
    f["block_1/expand/kernel:0"] = numbers("nested", 1, 1, 2, 3)
    f["deep/" + "/".join("abcdef")] = np.float32(6)
    f["long/" + "x" * 300] = np.float32(300)
    f["unicode/läsion"] = np.float32(2)
    f["many/layer_000"] = np.int64(150)
    for i in range(1, 150):
        f[f"many/layer_{i:03d}"] = f["many/layer_000"]
    f.create_group("empty")
    f["loop/again"] = f.create_group("loop")


def storage(f):
    """Compact, contiguous and chunked storage with filters, and edges that do not fill a chunk."""
    data = numbers("storage", 7, 10)
    f["contiguous"] = data
    f.create_dataset("chunked", data=data, chunks=(3, 4))
    f.create_dataset("gzip", data=data, chunks=(4, 4), compression="gzip")
    f.create_dataset("gzip_shuffle", data=data.astype("<f8"), chunks=(4, 4), compression="gzip", shuffle=True)
    f.create_dataset("one_chunk", data=data, chunks=(7, 10), compression="gzip")
    f.create_dataset("many_chunks", data=np.arange(300, dtype="<i4"), chunks=(4,))
    f.create_dataset("cube", data=numbers("cube", 3, 5, 2), chunks=(2, 2, 2), compression="gzip", shuffle=True)
    space, kind = h5py.h5s.create_simple((2, 3)), h5py.h5t.IEEE_F32LE
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(f.id, b"compact", kind, space, plist).write(h5py.h5s.ALL, h5py.h5s.ALL, numbers("compact", 2, 3))


def unsupported(f):
    """What is read as an error that says so."""
    f["grows"] = np.float32(0)
    f.create_dataset("fletcher32", data=np.zeros(4, "<f4"), chunks=(2,), fletcher32=True)
    f.create_dataset("compound", data=np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
    f.create_dataset("never_written", shape=(3,), dtype="<f4")
    f["soft"] = h5py.SoftLink("/grows")
    f["external"] = h5py.ExternalLink("elsewhere.h5", "/x")
    f["committed"] = np.dtype("<f4")
    f.create_dataset("of_committed_type", data=np.zeros(2, "<f4"), dtype=f["committed"])


def contents(path):
    """What h5py says of each dataset and of the strings and integers among the attributes."""
    out = {"datasets": {}, "attributes": {}}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            value = item.asstr()[()] if item.dtype.kind in "OS" else item[()]
            value = np.asarray(value)
            entry = {"shape": list(value.shape)}
            if value.dtype.kind in "OUS":
                entry["strings"] = [str(v) for v in value.ravel()]
            elif value.dtype.kind == "f":
                entry["floats"] = [str(v) if not np.isfinite(v) else v for v in golden.numbers(value.astype(np.float32))]
            else:
                entry["ints"] = [int(v) for v in value.ravel()]
            out["datasets"]["/" + name] = entry
        for key, value in item.attrs.items():
            if isinstance(value, h5py.Empty):
                value = np.array([])
            value = np.asarray(value)
            if value.dtype.kind in "OUS" or value.size == 0:
                texts = [v.decode() if isinstance(v, bytes) else str(v) for v in value.ravel()]
                out["attributes"].setdefault("/" + name, {})[key] = {"strings": texts}
            elif value.dtype.kind == "i":
                out["attributes"].setdefault("/" + name, {})[key] = {"ints": value.ravel().tolist()}

    with h5py.File(path) as f:
        f.visititems(visit)
    return out


def user_block(path):
    with h5py.File(path, "w", userblock_size=1024) as f:
        f["scalar"] = np.float32(1.5)
    data = bytearray(path.read_bytes())
    data[:5] = b"hello"
    path.write_bytes(data)


def make_plain():
    """Each content in the oldest and in the newest form of the format."""
    all_contents = {}
    for content in (types, attributes, groups, storage, unsupported):
        for version in ("earliest", "latest"):
            path = HDF5 / f"{content.__name__}_{version}.h5"
            with h5py.File(path, "w", libver=version) as f:
                content(f)
            if content is not unsupported:
                all_contents[path.name] = contents(path)
    with h5py.File(HDF5 / "ordered.h5", "w", track_order=True) as f:
        for i in reversed(range(12)):  # links in a fractal heap, in a file of superblock 0
            f.create_dataset(f"layer_{i}", data=np.int64(i), track_order=True)
            f.attrs[f"attribute_{i}"] = np.int64(i)
    all_contents["ordered.h5"] = contents(HDF5 / "ordered.h5")
    user_block(HDF5 / "user_block.h5")
    all_contents["user_block.h5"] = contents(HDF5 / "user_block.h5")
    all_contents["written.h5"] = contents(HDF5 / "written.h5")  # by the Go writer: go test ./internal/hdf5 -update
    (HDF5 / "contents.json").write_text(json.dumps(all_contents, separators=(",", ":"), ensure_ascii=False).replace('},"', '},\n"') + "\n")


LAYERS = {  # a network in small
    "input_1": {},
    "conv": {"conv/kernel:0": (1, 1, 2, 3), "conv/bias:0": (3,)},
    "block_1/bn": {"block_1/bn/gamma:0": (3,), "block_1/bn/moving_variance:0": (3,)},
    "normalization": {"mean:0": (), "variance:0": (), "count:0": ()},
    "dense": {"dense/kernel:0": (3, 2)},
}


def write_layers(group, layers, variable, prefix=""):
    """The layout of keras/src/saving/legacy/hdf5_format.py."""
    def texts(names):
        names = list(names)
        return names if variable or not names else np.array([n.encode() for n in names])

    group.attrs["layer_names"] = texts(layers)
    group.attrs["backend"] = "tensorflow" if variable else np.bytes_("tensorflow")
    group.attrs["keras_version"] = "2.15.0" if variable else np.bytes_("2.2.4")
    for layer, weights in layers.items():
        g = group.create_group(prefix + layer)
        g.attrs["weight_names"] = texts(weights) if weights else np.array([], "<f8")
        for name, shape in weights.items():
            value = fill.fill_by_name(f"{layer}/{name.rsplit('/', 1)[-1][:-2]}", shape)
            g[name] = value.astype("<i8") if name == "count:0" else value


def make_keras():
    for name, variable in (("weights_fixed.h5", False), ("weights_variable.h5", True)):
        with h5py.File(KERAS / name, "w") as f:
            write_layers(f, LAYERS, variable)
            f.create_group("top_level_model_weights").attrs["weight_names"] = np.array([], "<f8")
    with h5py.File(KERAS / "model.hdf5", "w") as f:
        f.attrs["model_config"] = json.dumps({"class_name": "Functional"})
        f.attrs["keras_version"] = "2.15.0"
        write_layers(f.create_group("model_weights"), LAYERS, True)
        g = f.create_group("optimizer_weights/Adam")
        g["iterations:0"] = np.int64(7)
    with h5py.File(KERAS / "old_names.h5", "w", libver="latest") as f:  # as the VGG16 file of 2016 has them
        write_layers(f, {"block1_conv1": {"block1_conv1_W_1:0": (1, 1, 1, 2), "block1_conv1_b_1:0": (2,)}}, False)
    with h5py.File(KERAS / "split_names.h5", "w", libver="latest") as f:  # a list of names beyond 64 kB, in small
        write_layers(f, LAYERS, False)
        names = f.attrs["layer_names"]
        del f.attrs["layer_names"]
        f.attrs["layer_names0"], f.attrs["layer_names1"] = names[:2], names[2:]
        names = f["conv"].attrs["weight_names"]
        del f["conv"].attrs["weight_names"]
        f["conv"].attrs["weight_names0"], f["conv"].attrs["weight_names1"] = names[:1], names[1:]


def broken(name):
    f = h5py.File(KERAS / f"broken_{name}.h5", "w", libver="latest")  # the smallest form
    write_layers(f, {"conv": LAYERS["conv"], "dense": LAYERS["dense"]}, False)
    return f


def make_broken():
    """One fault a file."""
    with broken("no_layer_names") as f:
        del f.attrs["layer_names"]
    with broken("layer_twice") as f:
        f.attrs["layer_names"] = np.array([b"conv", b"dense", b"conv"])
    with broken("layer_missing") as f:
        del f["dense"]
    with broken("no_weight_names") as f:
        del f["conv"].attrs["weight_names"]
    with broken("weight_twice") as f:
        f["conv"].attrs["weight_names"] = np.array([b"conv/kernel:0"] * 2)
    with broken("tensor_missing") as f:
        del f["conv/conv/bias:0"]
    with broken("not_finite") as f:
        f["conv/conv/bias:0"][1] = np.nan
    with broken("not_numbers") as f:
        del f["conv/conv/bias:0"]
        f["conv/conv/bias:0"] = "text"
    with broken("unlisted") as f:
        f["conv/conv/extra:0"] = np.float32(1)
    with broken("shared") as f:  # six names for one tensor
        names = [f"w{i}:0" for i in range(6)]
        f["conv/w0:0"] = np.zeros(500, "<f4")
        for n in names[1:]:
            f[f"conv/{n}"] = f["conv/w0:0"]
        f["conv"].attrs["weight_names"] = np.array(names, "S")


if __name__ == "__main__":
    for folder in (HDF5, KERAS):
        folder.mkdir(parents=True, exist_ok=True)
    make_plain()
    make_keras()
    make_broken()
