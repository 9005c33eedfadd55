#!/usr/bin/env bash
# Keras 3.15.1 (with TensorFlow 2.21.0 and Pillow 11.3.0): two of its own loaders give other pixels for one JPEG file.
#
# keras.utils.load_img decodes with Pillow, keras.utils.image_dataset_from_directory with TensorFlow, whose decode_jpeg takes
# libjpeg's faster and less exact DCT unless told otherwise. The photo has the size that is asked for, so that nothing is resized.
# Seen: two thirds of the values differ, by up to 6 of 255. tf.io.decode_jpeg(..., dct_method="INTEGER_ACCURATE") gives
# Pillow's values to the last bit. A network that was trained on the one and predicts from the other sees other photos.
# Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install -q --no-compile --disable-pip-version-check keras==3.15.1 tensorflow-cpu==2.21.0 pillow==11.3.0
cat > main.py <<'PY'
import pathlib

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

photos = pathlib.Path("photos")
(photos / "class").mkdir(parents=True)
path = photos / "class" / "photo.jpg"
noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
Image.fromarray(noise).resize((64, 64), Image.BICUBIC).save(path, quality=90, subsampling=0)

pillow = np.asarray(keras.utils.load_img(path)).astype(int)
batches = keras.utils.image_dataset_from_directory(photos, image_size=(64, 64), batch_size=1, shuffle=False, verbose=False)
worst = {}
for what, values in {
    "image_dataset_from_directory": next(iter(batches))[0][0].numpy(),
    "decode_jpeg, INTEGER_ACCURATE": tf.io.decode_jpeg(path.read_bytes(), dct_method="INTEGER_ACCURATE").numpy().astype(int),
}.items():
    difference = np.abs(values - pillow)
    worst[what] = difference.max()
    print(f"{what}: {(difference > 0).mean():.0%} of the values differ from load_img's, by at most {difference.max():.0f}")
raise SystemExit(not (worst["image_dataset_from_directory"] > 1 and worst["decode_jpeg, INTEGER_ACCURATE"] == 0))
PY
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python main.py 2> log || { tail -3 log; exit 1; }
