"""Golden features of Keras's MobileNetV2 with the real ImageNet weights, on generated images. Takes the weights file."""
import argparse
import hashlib
import pathlib

import numpy as np
import tensorflow as tf
from tensorflow import keras

import fill
import golden
import network

SIZE = 224
IMAGES = ["golden/a", "golden/b"]
LAYERS = ["Conv1_relu", "block_2_add", "block_5_add", "block_9_add", "block_12_add", "block_14_depthwise", "out_relu"]


def features(path, floatx):
    keras.backend.clear_session()
    keras.backend.set_floatx(floatx)
    net = keras.applications.MobileNetV2(input_shape=(SIZE, SIZE, 3), include_top=False, weights=None)
    net.load_weights(path)
    probe = keras.Model(net.inputs, [net.get_layer(n).output for n in LAYERS])
    images = network.preprocess("mobilenet_v2", np.stack([fill.fill_image(n, SIZE) for n in IMAGES]))
    return [out.numpy() for out in probe(tf.constant(images.astype(floatx)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=pathlib.Path)
    path = parser.parse_args().weights
    float32, float64 = features(path, "float32"), features(path, "float64")
    golden.write("pkg/skinattn/testdata/golden_mobilenet_v2_imagenet.json", {
        "made_by": "tools/golden/keras/make_imagenet.py", "versions": golden.versions(), "network": "mobilenet_v2", "size": SIZE,
        "weights": {"file": path.name, "md5": hashlib.md5(path.read_bytes()).hexdigest()},
        "cases": [{"image": name, "layers": {l: golden.summary(out[i], f"imagenet/{l}/{i}") for l, out in zip(LAYERS, float64)}}
                  for i, name in enumerate(IMAGES)],
        "keras_float32_error": {l: float("%.2g" % (np.abs(a - b).max() / b.std())) for l, a, b in zip(LAYERS, float32, float64)},
    })


if __name__ == "__main__":
    main()
