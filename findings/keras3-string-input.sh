#!/usr/bin/env bash
# Keras 3.15.1 with TensorFlow 2.21.0 (CPU): a functional model with a text input is built, saved and loaded, and cannot
# predict on an array of texts, which Keras 2 took; a tensor of TensorFlow works.
#
# The model is Input((1,), dtype="string") -> StringLookup of "female", "male", "unknown" -> CategoryEncoding. For "male" the
# answer must be 0 0 1 0.
# Seen: predict(np.array([["male"]])) ends in "ValueError: Invalid dtype: str128" (of 4 letters at 32 bits), the same array as
# dtype object in another error; predict(tf.constant([["male"]])) gives 0 0 1 0.
# Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install -q --no-compile keras==3.15.1 tensorflow-cpu==2.21.0
cat > main.py <<'PY'
import keras
import numpy as np
import tensorflow as tf

text = keras.Input((1,), dtype="string")
index = keras.layers.StringLookup(vocabulary=["female", "male", "unknown"])(text)
keras.Model(text, keras.layers.CategoryEncoding(num_tokens=4)(index)).save("m.keras")
model = keras.saving.load_model("m.keras")


def attempt(what, x):
    try:
        answer = str(np.asarray(model.predict(x, verbose=0))[0].astype(int).tolist())
    except Exception as e:
        answer = f"{type(e).__name__}: {str(e).splitlines()[0][:60]}"
    print(what, answer)
    return answer


as_text = attempt("array of texts:  ", np.array([["male"]]))
as_object = attempt("array of objects:", np.array([["male"]], object))
as_tensor = attempt("tensor:          ", tf.constant([["male"]]))
raise SystemExit(not ("Invalid dtype: str128" in as_text and "Error" in as_object and as_tensor == "[0, 0, 1, 0]"))
PY
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python main.py 2> /dev/null
