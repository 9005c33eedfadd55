#!/usr/bin/env bash
# Keras 3.15.1: load_weights of a .weights.h5 gives the weights to the layers by class and place, although the file has the
# layers' names and they say otherwise. Two layers of one class that changed places get each other's weights, without a word.
#
# Model A is input -> "first" -> "second", model B is input -> "second" -> "first"; both layers are Dense(2). Layer "first"
# has 1 in all weights, "second" has 2. B's layer "first" must have 1 after B.load_weights(file of A), as the attribute
# "name" in the file says; the whole-model .h5 of old has load_weights(..., by_name=True) for that.
# Seen: "first" has 2 and "second" has 1, without an error or a warning; the file says name=first beside the values 1.
# by_name=True is refused for .weights.h5.
# Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install -q --no-compile keras==3.15.1 jax==0.10.2 numpy==2.4.6 h5py==3.14.0
cat > main.py <<'PY'
import warnings

import h5py
import keras
import numpy as np

warnings.simplefilter("error", UserWarning)


def model(*names):
    x = image = keras.Input((2,))
    for name in names:
        x = keras.layers.Dense(2, name=name)(x)
    return keras.Model(image, x)


a = model("first", "second")
for name, value in (("first", 1), ("second", 2)):
    a.get_layer(name).set_weights([np.full((2, 2), value, "f4"), np.full(2, value, "f4")])
a.save_weights("a.weights.h5")
with h5py.File("a.weights.h5") as f:
    stored = {g["vars"].attrs["name"]: float(g["vars/0"][0, 0]) for g in f["layers"].values() if "0" in g["vars"]}
b = model("second", "first")
b.load_weights("a.weights.h5")
loaded = {name: float(b.get_layer(name).get_weights()[0][0, 0]) for name in ("first", "second")}
try:
    b.load_weights("a.weights.h5", by_name=True)
    by_name = "accepted"
except ValueError as e:
    by_name = "refused: " + str(e).split(".")[0]
print("in the file:", stored)
print("in model B: ", loaded)
print("by_name=True", by_name)
raise SystemExit(not (stored == {"first": 1, "second": 2} and loaded == {"first": 2, "second": 1} and by_name.startswith("refused")))
PY
KERAS_BACKEND=jax venv/bin/python main.py
