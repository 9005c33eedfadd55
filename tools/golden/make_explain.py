"""Golden maps of where a network looks: gradients by tf.GradientTape, and the Grad-CAM formulas in NumPy."""
import argparse
import collections

import numpy as np
import tensorflow as tf
from tensorflow import keras

import fill
import golden
import make_network
import network

# Pixels; the layers of the Grad-CAM maps, before the attention, after it, and one with larger maps; whether the saliency
# is that of the network with BETA_SHIFT: without, a pixel's gradient in float32 hangs on the ReLUs that rounding switches.
Row = collections.namedtuple("Row", "size layers shift")
ROWS = {
    "mobilenet_v2": Row(64, ["block_14_depthwise", "soft_attention", "block_6_expand_relu"], True),
    "resnet50": Row(64, ["conv5_block3_out", "soft_attention", "conv4_block6_out"], True),
    "mobilenet_v3_small": Row(64, ["multiply_16", "soft_attention", "expanded_conv_4/Add"], False),
}
CASES = [make_network.CASES[i] for i in (0, 2)]
CLASSES = ["mel", "df"]  # of the cases
SALIENCY_SAMPLES = 200


def grad_cam(a, g):
    """Selvaraju et al. 2017, equations 1 and 2."""
    return np.maximum((a * g.mean((1, 2), keepdims=True)).sum(-1), 0)


def grad_cam_plus_plus(a, g):
    """Chattopadhay et al. 2018, equations 10 and 19, for exp(logit) without that common factor."""
    below = 2 * g**2 + a.sum((1, 2), keepdims=True) * g**3
    alpha = np.where(below == 0, 0, g**2 / np.where(below == 0, 1, below))
    weights = (alpha * np.maximum(g, 0)).sum((1, 2), keepdims=True)
    return np.maximum((a * weights).sum(-1), 0)


def explain(name, floatx, shift=False):
    row, cases = ROWS[name], CASES
    built = make_network.build(name, row.size, floatx)
    if shift:
        make_network.change(built, "beta", make_network.shifted(built), lambda v: v + np.float32(make_network.BETA_SHIFT))
    metadata = make_network.inputs(built, cases, floatx)[1:]

    def output(layer):
        out = built.net.get_layer(layer).output
        return out[0] if isinstance(out, (list, tuple)) else out

    taps = keras.Model(built.net.inputs, {layer: output(layer) for layer in row.layers})
    both = keras.Model(built.net.inputs, {"taps": taps.output, "probe": built.probe.output})
    photos = tf.constant(np.stack([fill.fill_image(c[0], row.size) for c in cases]).astype(floatx))
    chosen = tf.one_hot([network.CLASSES.index(c) for c in CLASSES], len(network.CLASSES), dtype=floatx)
    with tf.GradientTape() as tape:
        tape.watch(photos)
        out = both([network.NETWORKS[name].preprocess.preprocess_input(photos)] + metadata, training=False)
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


def maps_of(name, floatx):
    built, maps = explain(name, floatx)
    if ROWS[name].shift:
        maps["saliency"] = explain(name, floatx, shift=True)[1]["saliency"]
    return built, maps


def make(name):
    row = ROWS[name]
    _, float32 = maps_of(name, "float32")
    built, maps = maps_of(name, "float64")
    content = make_network.header(built)
    content["made_by"] = "tools/golden/make_explain.py"
    if row.shift:
        content["beta_shift"] = {"by": make_network.BETA_SHIFT, "layers": make_network.shifted(built)}
    content["layers"] = row.layers
    content["cases"] = []
    for i, (c, label) in enumerate(zip(CASES, CLASSES)):
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
