"""Golden steps of Keras's Adam and decisions of ReduceLROnPlateau and EarlyStopping."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import types

import numpy as np
import tensorflow as tf
from tensorflow import keras

import fill
import golden

FOLDER = "pkg/skinattn/training/testdata/"
ADAM = [  # name, constructor arguments, learning rate by step
    ("authors", {"epsilon": 0.1}, [1e-3] * 5),
    ("authors, rate lowered", {"epsilon": 0.1}, [1e-3, 1e-3, 2e-4, 4e-5, 4e-5]),
    ("defaults", {}, [1e-3] * 5),
    ("other betas", {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}, [0.05] * 5),
]
# Validation losses of a training that improves, stalls, improves and drifts.
LONG = [1.20, 0.95, 0.80, 0.74, 0.70, 0.71, 0.705, 0.7004, 0.72, 0.73, 0.69, 0.695, 0.70, 0.71, 0.70, 0.72, 0.68, 0.6795,
        0.679, 0.681, 0.69, 0.70, 0.71, 0.72] + [0.72 + 0.01 * i for i in range(30)]
FLAT = [0.5] * 45
PLATEAU = [  # name, arguments, losses
    ("authors", {"factor": 0.2, "patience": 5, "min_lr": 1e-7}, LONG),
    ("authors, flat until the floor", {"factor": 0.2, "patience": 5, "min_lr": 1e-7}, FLAT),
    ("patience 1 and no least change", {"factor": 0.5, "patience": 1, "min_delta": 0.0}, [1, 1, 0.9, 0.9, 0.8999, 0.9, 0.7]),
    ("cooldown", {"factor": 0.1, "patience": 2, "cooldown": 3, "min_lr": 1e-6}, LONG[:30]),
    ("least change at its edge", {"factor": 0.2, "patience": 1, "min_delta": 0.125}, [1, 0.875, 0.8749, 0.75, 0.7, 0.6, 0.5, 0.25]),
    ("not a number", {"factor": 0.2, "patience": 2}, [1, float("nan"), 0.9, float("nan"), float("nan"), 0.8]),
]
STOPPING = [
    ("authors", {"patience": 35, "min_delta": 0.001}, LONG),
    ("authors, ResNet50", {"patience": 25, "min_delta": 0.001}, LONG),
    ("authors, flat", {"patience": 35, "min_delta": 0.001}, FLAT),
    ("patience 0", {"patience": 0}, [1, 0.9, 0.9, 0.8]),
    ("patience 0, worse at once", {"patience": 0}, [1, 1.1, 0.9]),
    ("least change at its edge", {"patience": 1, "min_delta": 0.125}, [1, 0.8749, 0.75, 0.7499, 0.5]),
    ("never stops", {"patience": 3}, [1 - 0.01 * i for i in range(12)]),
    ("not a number", {"patience": 2}, [float("nan"), 0.9, float("nan"), float("nan"), 0.5]),
    ("accuracy", {"patience": 3, "monitor": "val_accuracy", "mode": "max"}, [0.5, 0.6, 0.7, 0.7, 0.69, 0.71, 0.71, 0.7, 0.7, 0.9]),
]


def adam(name, arguments, rates):
    """Parameters after each step with given gradients; float32, as Keras trains."""
    start = fill.fill_by_name("adam/start", (6,)) * np.float32(10)
    gradients = [fill.fill_by_name(f"adam/gradient{i}", (6,)) * np.float32((10, 0.5)[i % 2]) for i in range(len(rates))]
    gradients[0][0] = gradients[1][1] = 0  # a moment that starts late, and one that pauses
    parameter = tf.Variable(start)
    optimizer = keras.optimizers.Adam(learning_rate=rates[0], **arguments)
    steps = []
    for rate, gradient in zip(rates, gradients):
        optimizer.learning_rate.assign(rate)
        optimizer.apply_gradients([(tf.constant(gradient), parameter)])
        steps.append({"learning_rate": rate, "gradient": golden.numbers(gradient), "parameter": golden.numbers(parameter)})
    c = optimizer.get_config()
    return {"name": name, "beta_1": c["beta_1"], "beta_2": c["beta_2"], "epsilon": c["epsilon"],
            "start": golden.numbers(start), "steps": steps}


def fake_model(rate):
    return types.SimpleNamespace(optimizer=types.SimpleNamespace(lr=tf.Variable(rate)), stop_training=False)


def clean(losses):
    """JSON has no NaN: null stands for it."""
    return [None if np.isnan(v) else v for v in losses]


def plateau(name, arguments, losses):
    callback = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", mode="min", **arguments)
    callback.set_model(fake_model(1e-3))
    callback.on_train_begin()
    rates = []
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": float(loss)})
        rates.append(callback.model.optimizer.lr.numpy())
    return {"name": name, "start": 1e-3, "factor": callback.factor, "patience": callback.patience, "min_delta": callback.min_delta,
            "cooldown": callback.cooldown, "min_learning_rate": callback.min_lr, "values": clean(losses),
            "learning_rate_after": golden.numbers(rates)}


def stopping(name, arguments, values):
    arguments = {"monitor": "val_loss", "mode": "min"} | arguments
    callback = keras.callbacks.EarlyStopping(**arguments)
    callback.set_model(fake_model(1e-3))
    callback.on_train_begin()
    stop = None
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {arguments["monitor"]: float(value)})
        if callback.model.stop_training:
            stop = epoch
            break
    return {"name": name, "mode": arguments["mode"], "patience": callback.patience, "min_delta": abs(callback.min_delta),
            "values": clean(values), "stops_after": stop, "best_epoch": callback.best_epoch}


if __name__ == "__main__":
    about = {"made_by": "tools/golden/keras/make_training.py", "versions": golden.versions()}
    golden.write(FOLDER + "golden_keras_adam.json", about | {"cases": [adam(*c) for c in ADAM]})
    golden.write(FOLDER + "golden_keras_plateau.json", about | {"cases": [plateau(*c) for c in PLATEAU]})
    golden.write(FOLDER + "golden_keras_early_stopping.json", about | {"cases": [stopping(*c) for c in STOPPING]})
