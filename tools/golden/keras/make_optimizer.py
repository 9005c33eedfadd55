"""Twenty steps of Keras's Adam on a small network with class weights and batch statistics, in float64."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers as kl

import fill
import golden
import network

SIZE, BATCH, STEPS = 8, 5, 20


def build():
    keras.backend.clear_session()
    keras.backend.set_floatx("float64")
    x = inputs = keras.Input((SIZE, SIZE, 3), name="input_1")
    x = kl.Conv2D(4, 3, padding="same", use_bias=False, name="conv")(x)
    x = kl.ReLU(name="relu")(kl.BatchNormalization(name="bn")(x))
    x = kl.Dense(7, activation="softmax", name="dense")(kl.Flatten(name="flat")(x))
    model = keras.Model(inputs, x)
    fill.fill_model(model)
    return model


def run(epsilon, rate):
    model = build()
    model.compile(keras.optimizers.Adam(rate, epsilon=epsilon), "categorical_crossentropy")
    weights = dict(enumerate(network.CLASS_WEIGHTS))
    losses = []
    for step in range(STEPS):
        images = np.stack([fill.fill_image(f"optimizer/{step}/{i}", SIZE) for i in range(BATCH)]) / 127.5 - 1
        labels = np.eye(7)[[(step + 3 * i) % 7 for i in range(BATCH)]]
        losses.append(float(model.train_on_batch(images, labels, class_weight=weights)))
    # In float64 Keras has no fused batch norm: its moving variance is the biased one, and is tested elsewhere.
    variables = {fill.weight_name(layer, v): golden.summary(v.numpy(), fill.weight_name(layer, v))
                 for layer in model.layers for v in layer.weights if "moving_variance" not in v.name}
    return {"epsilon": epsilon, "learning_rate": rate, "losses": golden.numbers(losses), "variables": variables}


if __name__ == "__main__":
    golden.write("pkg/skinattn/training/testdata/golden_keras_optimizer.json", {
        "made_by": "tools/golden/keras/make_optimizer.py", "versions": golden.versions(), "size": SIZE, "batch": BATCH,
        "steps": STEPS, "class_weights": network.CLASS_WEIGHTS, "runs": [run(0.1, 1e-3), run(1e-7, 1e-3)]})
