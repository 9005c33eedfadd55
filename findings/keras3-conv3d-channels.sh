#!/usr/bin/env bash
# Keras 3.15.1 with TensorFlow 2.21.0 (CPU) and JAX 0.10.2 (CPU): one Conv3D with padding "same" reads other values with
# either backend when its stride is longer than its window.
#
# The layer strides once over all 7 channels of a map 7 x 7 x 7 with a kernel of 7 x 3 x 3, the last side along the channels.
# By the documented rule the padding there is max((1-1)*7 + 3 - 7, 0) = 0, so the kernel meets the channels 0, 1, 2: cutting
# these out beforehand must change nothing.
# Seen: so it is with JAX. TensorFlow's result is that of the channels 2, 3, 4 cut out: it pads by (3-7)/2 = -2. One file so has
# other predictions by backend, without a warning. This is TensorFlow with TF_ENABLE_ONEDNN_OPTS=0; with oneDNN, its default on
# x86, the result was neither.
# Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install -q --no-compile keras==3.15.1 jax==0.10.2 tensorflow-cpu==2.21.0
cat > main.py <<'PY'
import keras
import numpy as np

rng = np.random.default_rng(0)
x = rng.normal(size=(1, 7, 7, 7, 1)).astype("f4")
kernel = rng.normal(size=(7, 3, 3, 1, 4)).astype("f4")


def conv(x, stride):
    layer = keras.layers.Conv3D(4, (7, 3, 3), strides=(1, 1, stride), padding="same", use_bias=False)
    layer.build(x.shape)
    layer.set_weights([kernel])
    return keras.ops.convert_to_numpy(layer(x))


whole = conv(x, 7)
for first in (0, 2):
    same = np.abs(whole - conv(x[:, :, :, first:first + 3], 3)).max() < 1e-4
    print(keras.backend.backend(), f"channels {first} to {first + 2}:", "the same" if same else "another result")
PY
export TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3
for backend in jax tensorflow; do KERAS_BACKEND=$backend venv/bin/python main.py 2> /dev/null; done | tee seen
diff seen - <<'SEEN'
jax channels 0 to 2: the same
jax channels 2 to 4: another result
tensorflow channels 0 to 2: another result
tensorflow channels 2 to 4: the same
SEEN
