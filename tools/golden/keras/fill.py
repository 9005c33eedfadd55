"""Values that depend on a name alone: the Python side of pkg/skinattn/keras/fill.go, bit for bit."""
import math

import numpy as np

GAMMA = np.uint64(0x9E3779B97F4A7C15)


def fnv1a(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


def noise(name, n):
    """The first n numbers of splitmix64 seeded by the FNV-1a hash of name."""
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(name)) + np.arange(1, n + 1, dtype=np.uint64) * GAMMA
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return z ^ z >> np.uint64(31)


def fill_range(weight, shape):
    """Centre and radius of the uniform values of a weight; fill.go has the table."""
    if weight in ("kernel", "pointwise_kernel"):
        return 0.0, math.sqrt(4.5 / math.prod(shape[:-1]))
    if weight == "depthwise_kernel":
        return 0.0, math.sqrt(4.5 / math.prod(shape[:2]))
    if weight == "kernel_conv3d":
        return 0.0, math.sqrt(6.0 / 63)
    if weight in ("gamma", "moving_variance"):
        return 1.0, 0.25
    return {"mean": (50.0, 5.0), "variance": (300.0, 30.0), "count": (9958.0, 0.0)}.get(weight, (0.0, 0.1))


def fill_by_name(name, shape):
    """name is layer/weight without ":0"."""
    centre, radius = fill_range(name.rsplit("/", 1)[-1], shape)
    u = (noise(name, math.prod(shape)) >> np.uint64(40)).astype(np.float64) / (1 << 24)
    return (centre + radius * (2 * u - 1)).astype(np.float32).reshape(shape)


def fill_image(name, size):
    """A photo-like image of whole numbers 0..255, shape (size, size, 3), float32."""
    grid = 8
    points = (noise(name + "/coarse", grid * grid * 3) >> np.uint64(56)).astype(np.int64).reshape(grid, grid, 3)
    at = np.arange(size) * (grid - 1) * 256 // size
    cell, part = at >> 8, at & 255
    gy, gx = cell[:, None], cell[None, :]
    fy, fx = part[:, None, None], part[None, :, None]
    top = points[gy, gx] * (256 - fx) + points[gy, gx + 1] * fx
    bottom = points[gy + 1, gx] * (256 - fx) + points[gy + 1, gx + 1] * fx
    smooth = (top * (256 - fy) + bottom * fy) >> 16
    grain = (noise(name + "/fine", size * size * 3) >> np.uint64(59)).astype(np.int64).reshape(size, size, 3) - 16
    return np.clip(smooth + grain, 0, 255).astype(np.float32)


def weight_name(layer, variable):
    """layer/weight of a Keras variable, as fill_by_name takes it."""
    return layer.name + "/" + variable.name.rsplit("/", 1)[-1].split(":")[0]


def fill_model(model):
    """Fills every variable of a Keras model by its name."""
    for layer in model.layers:
        values = [fill_by_name(weight_name(layer, v), tuple(v.shape)) for v in layer.weights]
        if values:
            layer.set_weights(values)
        if hasattr(layer, "finalize_state"):  # Normalization keeps mean and variance in a second place
            layer.finalize_state()
