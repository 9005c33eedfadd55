"""Golden photos of Keras's ImageDataGenerator for given parameters, and the ranges of those it draws."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from tensorflow import keras

import fill
import golden

SIZE = 7
AUTHORS = {"rotation_range": 180, "width_shift_range": 0.1, "height_shift_range": 0.1, "zoom_range": 0.1,
           "horizontal_flip": True, "vertical_flip": True, "fill_mode": "nearest"}
NONE = {"theta": 0, "tx": 0, "ty": 0, "zx": 1, "zy": 1, "flip_horizontal": False, "flip_vertical": False}
CASES = [
    {"theta": 30}, {"theta": -117.5}, {"tx": 1.3}, {"ty": -0.4}, {"zx": 0.9}, {"zy": 1.1}, {"zx": 1.07, "zy": 0.93},
    {"theta": 180, "flip_horizontal": True}, {"tx": 0.6, "flip_vertical": True},
    {"theta": 73.2, "tx": -0.55, "ty": 0.61, "zx": 0.94, "zy": 1.08, "flip_horizontal": True, "flip_vertical": True},
    {"theta": -8.5, "tx": 0.7, "ty": -0.7, "zx": 1.1, "zy": 0.9, "flip_vertical": True},
]


def photo(generator, image, changes):
    return changes | {"pixels": golden.numbers(generator.apply_transform(image, NONE | changes))}


def ranges(generator, size=100, draws=4000):
    """Least and greatest value of each parameter in many draws."""
    drawn = [generator.get_random_transform((size, size, 3), seed=i) for i in range(draws)]
    return {"size": size, "draws": draws} | {
        name: [min(d[name] for d in drawn), max(d[name] for d in drawn)] for name in ("theta", "tx", "ty", "zx", "zy")} | {
        name: sum(d[name] for d in drawn) / draws for name in ("flip_horizontal", "flip_vertical")}


if __name__ == "__main__":
    generator = keras.preprocessing.image.ImageDataGenerator(**AUTHORS)
    image = fill.fill_image("augment", SIZE)
    golden.write("pkg/skinattn/training/testdata/golden_keras_augment.json", {
        "made_by": "tools/golden/keras/make_augment.py", "versions": golden.versions(), "image": "augment", "size": SIZE,
        "cases": [photo(generator, image, c) for c in CASES], "ranges": ranges(generator)})
