"""What the makers of golden files share: versions, rounding, samples, writing."""
import json
import pathlib
import platform

import h5py
import keras
import numpy as np
import tensorflow as tf

import fill

ROOT = pathlib.Path(__file__).resolve().parents[3]
SAMPLES = 32


def versions():
    return {"python": platform.python_version(), "tensorflow": tf.__version__, "keras": keras.__version__,
            "numpy": np.__version__, "h5py": h5py.__version__}


def numbers(values):
    """A flat list in the 9 digits that tell float32 numbers apart."""
    return [float("%.9g" % v) for v in np.asarray(values, np.float64).ravel()]


def summary(values, name, count=SAMPLES, nonzero=False):
    """Mean, standard deviation and samples, at indexes in C order chosen by name."""
    values = np.asarray(values, np.float64)
    flat = values.ravel()
    pool = np.flatnonzero(flat) if nonzero else np.arange(flat.size)
    if pool.size > count:
        order = np.argsort(fill.noise("sample/" + name, pool.size), kind="stable")
        pool = np.sort(pool[order[:count]])
    return {"shape": list(values.shape), "mean": numbers(flat.mean())[0], "std": numbers(flat.std())[0],
            "norm": numbers(np.linalg.norm(flat))[0], "index": pool.tolist(), "value": numbers(flat[pool])}


def write(path, content):
    """One line a field at the top levels, so that a change shows in a diff."""
    path = ROOT / path
    path.parent.mkdir(parents=True, exist_ok=True)

    def lines(value, depth):
        pad = " " * depth
        if isinstance(value, dict) and depth < 3:
            inner = ",\n".join(f"{pad} {json.dumps(k)}: {lines(v, depth + 1)}" for k, v in value.items())
            return "{\n" + inner + "\n" + pad + "}"
        if isinstance(value, list) and value and isinstance(value[0], (dict, list)) and depth < 3:
            return "[\n" + ",\n".join(pad + " " + lines(v, depth + 1) for v in value) + "\n" + pad + "]"
        return json.dumps(value, separators=(",", ":"))

    path.write_text(lines(content, 0) + "\n")
    print(path.relative_to(ROOT), path.stat().st_size, "bytes")
