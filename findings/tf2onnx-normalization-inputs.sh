#!/usr/bin/env bash
# tf2onnx 1.17.0 with Keras 2.15: the mean and the deviation of a Normalization layer become inputs of the exported network.
#
# tf2onnx.convert.from_function takes a function and the signature of its arguments. If the function calls a Keras model with
# a Normalization layer, adapted or made with its mean and variance, the ONNX file asks for two more inputs than the signature
# has, with names such as "model/normalization/sub/y:0": the layer keeps both as constants outside the graph, which tracing
# captures. Weights of Dense layers are exported as constants. The file passes onnx.checker, and ONNX Runtime refuses to run
# it with the signature's inputs. convert.from_keras of the same model gives one input.
# Exits with 0 while that is so, and with 1 when it changes. Needs Python 3.11.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3.11 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.15.1 tf2onnx==1.17.0 onnx==1.17.0 onnxruntime==1.32.0 numpy==1.26.4
TF_CPP_MIN_LOG_LEVEL=3 "$dir/venv/bin/python" - 2>"$dir/log" <<'PY' || { cat "$dir/log"; exit 1; }
import sys

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from tensorflow import keras

ages = np.array([[40.0], [60.0]], np.float32)
adapted = keras.layers.Normalization(axis=None)
adapted.adapt(ages)
layers = {"Dense": keras.layers.Dense(1), "Normalization, adapted": adapted,
          "Normalization, given": keras.layers.Normalization(axis=None, mean=50.0, variance=100.0)}
spec = [tf.TensorSpec((None, 1), tf.float32, name="ages")]
same = True
for name, layer in layers.items():
    given = keras.Input((1,))
    model = keras.Model(given, layer(given))
    from_function, _ = tf2onnx.convert.from_function(tf.function(lambda ages: model(ages)), spec, opset=17)
    from_keras, _ = tf2onnx.convert.from_keras(model, opset=17)
    onnx.checker.check_model(from_function)
    try:
        onnxruntime.InferenceSession(from_function.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"ages": ages})
        runs = True
    except ValueError:
        runs = False
    inputs = [len(m.graph.input) for m in (from_function, from_keras)]
    print(f"{name}: {inputs[0]} inputs from a function, {inputs[1]} from the model; the first {'runs' if runs else 'does not run'} with the ages alone")
    same &= (inputs, runs) == (([1, 1], True) if name == "Dense" else ([3, 1], False))
if not same:
    print("CHANGED")
    sys.exit(1)
PY
