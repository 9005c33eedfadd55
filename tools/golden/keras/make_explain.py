"""Golden maps of where a network looks: gradients by tf.GradientTape, and the Grad-CAM formulas in NumPy.

A gradient jumps where a ReLU or a max pooling switches, and float32 alone switches it when the value is near the bend.
So the photos are the first generated ones of which no value is nearer to a bend than MARGIN times the channel's
largest rounding error, that of Keras's float32: then every right implementation has the same gradients.
"""
import argparse
import collections
import itertools

import numpy as np
import tensorflow as tf
from tensorflow import keras

import fill
import golden
import make_network
import network

# Pixels; the layers of the Grad-CAM maps, before the attention, after it, and one with larger maps; whether the saliency
# is that of the network with BETA_SHIFT: without, some of the many ReLUs behind the pixels are always at their bends.
Row = collections.namedtuple("Row", "size layers shift")
ROWS = {
    "mobilenet_v2": Row(96, ["block_14_depthwise", "soft_attention", "block_6_expand_relu"], True),
    "resnet50": Row(64, ["conv5_block3_out", "soft_attention", "conv4_block6_out"], True),
    "mobilenet_v3_small": Row(64, ["multiply_16", "soft_attention", "expanded_conv_4/Add"], False),
}
CASES = [make_network.CASES[i] for i in (0, 2)]  # but for the photo
CLASSES = ["mel", "df"]  # of the cases
SALIENCY_SAMPLES = 200
MARGIN = 1.1
CONDITIONED = 1e-5  # of a map's maximum, for float32
TRIED = 24  # photos at once


def grad_cam(a, g):
    """Selvaraju et al. 2017, equations 1 and 2."""
    return np.maximum((a * g.mean((1, 2), keepdims=True)).sum(-1), 0)


def grad_cam_plus_plus(a, g):
    """Chattopadhay et al. 2018, equations 10 and 19, for exp(logit) without that common factor."""
    below = 2 * g**2 + a.sum((1, 2), keepdims=True) * g**3
    alpha = np.where(below == 0, 0, g**2 / np.where(below == 0, 1, below))
    weights = (alpha * np.maximum(g, 0)).sum((1, 2), keepdims=True)
    return np.maximum((a * weights).sum(-1), 0)


def build(name, floatx, shift):
    built = make_network.build(name, ROWS[name].size, floatx)
    if shift:
        make_network.change(built, "beta", make_network.shifted(built), lambda v: v + np.float32(make_network.BETA_SHIFT))
    return built


def photos_of(cases, size, floatx):
    return tf.constant(np.stack([fill.fill_image(c[0], size) for c in cases]).astype(floatx))


def bends(built, after):
    """By layer, how far each value lies from where the gradient jumps, as (what, tensor) of what comes after a layer."""
    names = [l.name for l in built.net.layers]
    found = {}
    for layer in built.net.layers[names.index(after) + 1 if after else 0:]:
        if isinstance(layer, keras.layers.ReLU):
            found[layer.name] = [layer.input] + ([layer.input - layer.max_value] if layer.max_value else [])
        elif getattr(layer, "activation", None) is keras.activations.relu and isinstance(layer, keras.layers.Activation):
            found[layer.name] = [layer.input]
        elif isinstance(layer, network.SoftAttention):
            seen = layer.input[..., layer.first:layer.first + 3, None]
            found[layer.name] = [tf.nn.conv3d(seen, tf.constant(layer.kernel.numpy()), strides=(1, 1, 1, 3, 1), padding="SAME") + layer.bias.numpy()]
        elif isinstance(layer, keras.layers.MaxPooling2D):
            found[layer.name] = [gaps(layer.input, layer)]
    return found


def gaps(x, layer):
    """What each window's largest value has before the next."""
    (rows, columns), padding = layer.pool_size, layer.padding
    if padding == "same":
        pads = [[0, 0]] + [[p // 2, p - p // 2] for p in (-x.shape[i] % n for i, n in ((1, rows), (2, columns)))] + [[0, 0]]
        assert layer.strides == layer.pool_size
        x = tf.pad(x, pads, constant_values=-1e9)
    h, w = ((x.shape[i] - n) // s + 1 for i, n, s in ((1, rows, layer.strides[0]), (2, columns, layer.strides[1])))
    taps = [x[:, r:r + (h - 1) * layer.strides[0] + 1:layer.strides[0], c:c + (w - 1) * layer.strides[1] + 1:layer.strides[1]]
            for r in range(rows) for c in range(columns)]
    largest = tf.math.top_k(tf.stack(taps, -1), 2).values
    return tf.minimum(largest[..., 0] - largest[..., 1], 1)  # before padding it would be rounded as large numbers are


def margins(name, cases):
    """Of each photo, the smallest distance from a bend over the channel's largest rounding error."""
    smallest = np.full(len(cases), np.inf)
    for shift, after in [(False, ROWS[name].layers[-1])] + [(ROWS[name].shift, None)]:
        values = {}
        for floatx in ("float32", "float64"):
            built = build(name, floatx, shift)
            feed = network.preprocess(name, photos_of(cases, built.size, floatx))
            values[floatx] = keras.Model(built.net.inputs[0], bends(built, after))(feed)
        for layer, exact in values["float64"].items():
            for single, double in zip(values["float32"][layer], exact):
                double = double.numpy().reshape(len(cases), -1, double.shape[-1])
                rounding = np.abs(single.numpy().reshape(double.shape) - double).max((0, 1))
                # Two largest values that are equal have been cut off by a ReLU before, and have no gradient.
                distance = np.where(double == 0, np.inf, np.abs(double)).min(1)
                smallest = np.minimum(smallest, (distance / np.maximum(rounding, 1e-12)).min(1))
    return smallest


def choose(name):
    """The cases with the first photos that rounding can't change the maps of, and their margins."""
    chosen, smallest = [], []
    for start in itertools.count(0, TRIED):
        tried = [(f"golden/{i}",) + CASES[0][1:] for i in range(start, start + TRIED)]
        found = margins(name, tried)
        print(name, "largest margins:", np.sort(found)[::-1][:4].round(2))
        for (image, *_), margin in zip(tried, found):
            k = len(chosen)
            case = (image,) + CASES[k][1:]
            if margin >= MARGIN and conditioned(name, case, CLASSES[k]):
                chosen, smallest = chosen + [case], smallest + [float("%.2g" % margin)]
            if len(chosen) == len(CASES):
                return chosen, smallest


def conditioned(name, case, label):
    """Whether there is something on each map, and more than what rounding leaves of a difference of large numbers."""
    single, double = (maps_of(name, [case], [label], floatx)[1] for floatx in ("float32", "float64"))
    return all(np.any(double[k]) and error(single[k], double[k]) <= CONDITIONED for k in double)


def explain(name, cases, labels, floatx, shift=False):
    row, built = ROWS[name], build(name, floatx, shift)
    metadata = make_network.inputs(built, cases, floatx)[1:]

    def output(layer):
        out = built.net.get_layer(layer).output
        return out[0] if isinstance(out, (list, tuple)) else out

    taps = keras.Model(built.net.inputs, {layer: output(layer) for layer in row.layers})
    both = keras.Model(built.net.inputs, {"taps": taps.output, "probe": built.probe.output})
    photos = photos_of(cases, row.size, floatx)
    chosen = tf.one_hot([network.CLASSES.index(c) for c in labels], len(network.CLASSES), dtype=floatx)
    with tf.GradientTape() as tape:
        tape.watch(photos)
        out = both([network.preprocess(name, photos)] + metadata, training=False)
        logits = out["probe"]["before"] @ built.head.kernel + built.head.bias
        score = tf.reduce_sum(logits * chosen)
    gradients = tape.gradient(score, [photos] + [out["taps"][layer] for layer in row.layers])
    maps = {"attention": out["probe"]["maps"].numpy(), "saliency": np.abs(gradients[0].numpy()).max(-1), "logits": logits.numpy()}
    for layer, g in zip(row.layers, gradients[1:]):
        a, g = out["taps"][layer].numpy(), g.numpy()
        maps["grad-cam " + layer], maps["grad-cam++ " + layer] = grad_cam(a, g), grad_cam_plus_plus(a, g)
    return built, maps


def error(got, want):
    """Largest difference over the largest wanted value, of the worst image."""
    return float("%.2g" % max(np.abs(g - w).max() / np.abs(w).max() for g, w in zip(got, want)))


def maps_of(name, cases, labels, floatx):
    built, maps = explain(name, cases, labels, floatx)
    if ROWS[name].shift:
        maps["saliency"] = explain(name, cases, labels, floatx, shift=True)[1]["saliency"]
    return built, maps


def make(name):
    row = ROWS[name]
    cases, smallest = choose(name)
    _, float32 = maps_of(name, cases, CLASSES, "float32")
    built, maps = maps_of(name, cases, CLASSES, "float64")
    content = make_network.header(built)
    content["made_by"] = "tools/golden/keras/make_explain.py"
    if row.shift:
        content["beta_shift"] = {"by": make_network.BETA_SHIFT, "layers": make_network.shifted(built)}
    content["layers"] = row.layers
    content["margins"] = smallest
    content["cases"] = []
    for i, (c, label) in enumerate(zip(cases, CLASSES)):
        content["cases"].append(make_network.case(c) | {
            "class": label, "logits": golden.numbers(maps["logits"][i]), "attention": golden.numbers(maps["attention"][i]),
            "saliency": golden.summary(maps["saliency"][i], f"saliency/{i}", SALIENCY_SAMPLES) | {"max": golden.numbers(maps["saliency"][i].max())[0]},
            "grad_cam": [golden.numbers(maps["grad-cam " + layer][i]) for layer in row.layers],
            "grad_cam_plus_plus": [golden.numbers(maps["grad-cam++ " + layer][i]) for layer in row.layers]})
    content["keras_float32_error"] = {k: error(float32[k], maps[k]) for k in maps}
    print(content["keras_float32_error"])
    golden.write(f"pkg/skinattn/explain/testdata/golden_{name}.json", content)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ROWS))
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    for name in args.names or ROWS:
        make(name)


if __name__ == "__main__":
    main()
