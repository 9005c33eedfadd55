"""A network in small in each form of file that Keras 3 writes, its variables filled by name.

    KERAS_BACKEND=jax venv/bin/python tools/golden/keras3/make_files.py
"""
import os
import pathlib
import sys

sys.dont_write_bytecode = True
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import network  # first: it finds fill.py

import keras
import numpy as np
from keras import layers as kl

OUT = pathlib.Path(__file__).resolve().parents[3] / "pkg/skinattn/keras/testdata"


def small():
    keras.backend.clear_session()
    image = keras.Input((4, 4, 2), name="image")
    x = kl.Conv2D(3, 1, name="stem")(image)
    x = kl.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = kl.BatchNormalization(scale=False)(x)
    x = kl.SeparableConv2D(3, 1, use_bias=False)(x + 3.0)
    x = kl.BatchNormalization()(x)
    x = network.SoftAttention(name="soft_attention")(x)
    x = kl.Dropout(0.5)(kl.Flatten()(x))
    age = keras.Input((1,), name="age")
    normalization = kl.Normalization(axis=None)
    normalization.adapt(np.array([[30.0], [70.0]]))
    return keras.Model([image, age], kl.Dense(2, name="last")(kl.concatenate([x, normalization(age)])))


def nested():
    keras.backend.clear_session()
    image = keras.Input((4, 4, 2))
    x = inner = keras.Input((4, 4, 2))
    for _ in range(3):
        x = kl.Conv2D(2, 1)(x)
    return keras.Model(image, kl.Dense(2)(kl.Flatten()(keras.Model(inner, x, name="backbone")(image))))


def tiny(dtype):
    """Two layers with values that bfloat16 holds exactly."""
    keras.backend.clear_session()
    keras.config.set_dtype_policy(dtype)
    net = keras.Sequential([keras.Input((3,)), kl.Dense(2, name="last"), kl.BatchNormalization(name="norm")])
    keras.config.set_dtype_policy("float32")
    net.layers[0].set_weights([np.array([[0.5, -1.25], [2.0, 0.0078125], [-3.0, 96.0]]), np.array([1.5, -0.75])])
    return net


def save(model, stem):
    model.save(OUT / (stem + ".keras"))
    model.save_weights(OUT / (stem + ".weights.h5"))
    model.save(OUT / (stem + "_model.h5"))


if __name__ == "__main__":
    net = small()
    network.fill_net(net)
    net.compile("adam", "mse")
    net.fit([np.zeros((1, 4, 4, 2)), np.zeros((1, 1))], np.zeros((1, 2)), verbose=0)  # makes the optimizer's variables
    network.fill_net(net)
    save(net, "small3")
    net = nested()
    network.fill_net(net)
    save(net, "nested3")
    save(tiny("bfloat16"), "brain3")
    net = tiny("float32")
    net.quantize("int8")
    save(net, "int83")
    for path in sorted(OUT.glob("*3*")):
        print(path.name, path.stat().st_size)
