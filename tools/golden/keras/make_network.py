"""Golden outputs of the authors' networks, and of one training step. Takes names of networks; none means all."""
import argparse

import numpy as np
import tensorflow as tf
from tensorflow import keras

import fill
import golden
import network

CASES = [  # image, age, sex, localization
    ("golden/a", 35.0, "male", "back"),
    ("golden/b", 60.0, "unknown", "unknown"),
    ("golden/c", 85.0, "female", "lower extremity"),
    ("golden/d", 0.0, "female", "acral"),
]
LABELS = ["akiec", "mel", "nv", "df"]
STAGES = 20
BETA_SHIFT = 3.0  # for training: moves a ReLU's input away from its bends, ReLU6's to the middle of its range

# Filled by name, some networks would let their features die away or grow by powers of ten. So the gammas of the batch norms
# whose names end in a word are multiplied by a number: networks of one path get a little more, the ends of residual
# branches less, and the stem of ResNet as much less as its pixels are larger.
GAMMA_SCALES = {
    "densenet201": {"bn": 1.2}, "mobilenet": {"_bn": 1.25}, "mobilenet_v3_small": {"BatchNorm": 1.3}, "mobilenet_v3_large": {"BatchNorm": 1.12},
    "nasnet_large": {"": 0.93}, "resnet50": {"_3_bn": 0.3, "conv1_bn": 1 / 64}, "resnet152": {"_3_bn": 0.3, "conv1_bn": 1 / 64}, "vgg16": {"": 1.2},
}

# Pixels and number of cases by network, and pixels of the training step: one network of each family.
SIZES = {name: {row.size: 2, 64: 2} for name, row in network.NETWORKS.items()}
SIZES["mobilenet_v2"] = {224: 2, 128: 3, 100: 2, 64: 4}
SIZES["inception_resnet_v2"] = {299: 2, 128: 2}
SIZES["nasnet_large"] = {331: 2, 96: 2}
TRAINING = {"densenet201": 64, "inception_resnet_v2": 128, "resnet50": 64, "nasnet_mobile": 64, "mobilenet": 64, "mobilenet_v2": 64,
            "mobilenet_v3_small": 64, "vgg16": 64, "resnet34": 64}

# Rounding that turns the choice of a max pooling changes gradients by up to 1 %, too, and no shift helps. The names of this
# network's photos for the training step end in a number, found by trial, for which float32 and float64 choose the same.
PHOTOS = {"inception_resnet_v2": "226"}


def inputs(built, cases, floatx):
    images = network.preprocess(built.name, np.stack([fill.fill_image(c[0], built.size) for c in cases]))
    feed = [tf.constant(images.astype(floatx))]
    if len(built.net.inputs) > 1:
        feed += [tf.constant([[c[1]] for c in cases], floatx)] + [tf.constant(np.array([[c[i]] for c in cases])) for i in (2, 3)]
    return feed


def spread(got, want):
    """Largest difference over the spread of the wanted values."""
    got, want = (np.asarray(v, np.float64) for v in (got, want))
    return float("%.2g" % (np.abs(got - want).max() / want.std()))


def distance(got, want):
    """Norm of the difference over the norm of the wanted values."""
    return float("%.2g" % (np.linalg.norm(np.asarray(got, np.float64) - want) / np.linalg.norm(want)))


def gamma_scales(built, training=False):
    """The scales with the layers that they are for. Batch statistics keep sums from growing, and small deviations round badly."""
    norms = [l.name for l in built.net.layers if isinstance(l, keras.layers.BatchNormalization) and l.scale]
    return [{"by": by, "layers": [n for n in norms if n.endswith(end)]} for end, by in GAMMA_SCALES.get(built.name, {}).items()
            if by > 1 or not training]


def build(name, size, floatx, training=False, **options):
    built = network.build(name, size, floatx=floatx, **options)
    fill.fill_model(built.net)
    for scale in gamma_scales(built, training):
        change(built, "gamma", scale["layers"], lambda v: v * np.float32(scale["by"]))
    return built


def change(built, weight, layers, to):
    """Changes a weight of some layers, in float32."""
    for name in layers:
        variable = getattr(built.net.get_layer(name), weight)
        variable.assign(to(variable.numpy().astype(np.float32)))


def header(built, training=False):
    content = {"made_by": "tools/golden/keras/make_network.py", "versions": golden.versions(), "network": built.name, "size": built.size,
               "parameters": {"total": built.net.count_params(), "trainable": int(sum(np.prod(w.shape) for w in built.net.trainable_weights))}}
    if built.size == network.NETWORKS[built.name].size:
        content["parameters"]["layers"] = {l.name: int(sum(np.prod(w.shape) for w in l.weights)) for l in built.net.layers if l.weights}
    if gamma_scales(built, training):
        content["gamma_scales"] = gamma_scales(built, training)
    return content


def stages(built):
    """Layers up to the cut: the last of each map size and some between."""
    names = []
    for layer in keras.Model(built.net.inputs[0], built.net.get_layer(built.features).output).layers[1:]:
        if len(layer.output_shape) == 4 and "pad" not in layer.name:
            names.append((layer.name, layer.output_shape[1]))
    last = {size: name for name, size in names}
    between = {names[i][0] for i in np.linspace(0, len(names) - 1, STAGES).round().astype(int)}
    return [name for name, _ in names if name in between or name in last.values()]


def make_inference(name, size, count):
    cases = CASES[:count]
    float32 = {k: v.numpy() for k, v in run(name, size, cases, "float32")[1].items()}
    built, out = run(name, size, cases, "float64")
    content = header(built)
    names = stages(built)
    values = keras.Model(built.net.inputs, [built.net.get_layer(n).output for n in names])(inputs(built, cases[:1], "float64"))
    content["stages"] = [{"layer": n, "shape": list(s.shape[1:]), "mean": golden.numbers(tf.reduce_mean(s))[0],
                          "std": golden.numbers(tf.math.reduce_std(s))[0]} for n, s in zip(names, values)]
    content["cases"] = [dict(case(c), **{
        "features": golden.summary(out["features"][i], f"features/{size}/{i}"),
        "attention": golden.numbers(out["attention"][i]),
        "heads": golden.summary(out["maps"][i], f"heads/{size}/{i}"),
        "logits": golden.numbers(out["logits"][i]),
        "probabilities": golden.numbers(out["probabilities"][i]),
    } | ({"metadata": golden.numbers(out["metadata"][i])} if "metadata" in out else {})) for i, c in enumerate(cases)]
    content["keras_float32_error"] = {k: spread(float32[k], out[k]) for k in ("features", "attention", "logits", "probabilities")}
    golden.write(f"pkg/skinattn/testdata/golden_{name}_{size}.json", content)


# The variants of the head that the authors tried, as spec.Network has them, on the first blocks of MobileNetV2.
VARIANTS = {
    "no attention": {"soft_attention": False},
    "no metadata": {"metadata": False},
    "no attention, no metadata, pooled": {"soft_attention": False, "metadata": False, "head": "gap"},
    "pooled, longer branch": {"head": "gap", "metadata_units": [64, 32, 16]},
    "batch norm before": {"metadata_batch_norm": "before"},
    "batch norm before and after, dropout": {"metadata_batch_norm": "both", "metadata_dropout": 0.2},
    "one more dense layer": {"extended_dense": 32},
    "pooled before the attention": {"pools_before": 2},
}


def make_variants(size):
    def logits(options, floatx):
        options = dict(options)
        options["pools"] = options.pop("pools_before", 0)
        built = build("mobilenet_v2", size, floatx, cut="block_4_depthwise", **options)
        return built, network.outputs(built, inputs(built, CASES[:2], floatx))["logits"].numpy()

    variants = []
    for name, options in VARIANTS.items():
        built, want = logits(options, "float64")
        variants.append({"name": name, "config": options, "total": built.net.count_params(), "logits": [golden.numbers(l) for l in want],
                         "keras_float32_error": spread(logits(options, "float32")[1], want)})
    golden.write("pkg/skinattn/testdata/golden_variants.json", {
        "made_by": "tools/golden/keras/make_network.py", "versions": golden.versions(), "network": "mobilenet_v2", "size": size,
        "cut": "block_4_depthwise", "cases": [case(c) for c in CASES[:2]], "variants": variants})


def case(c):
    return {"image": c[0], "age": c[1], "sex": c[2], "localization": c[3]}


def run(name, size, cases, floatx):
    built = build(name, size, floatx)
    return built, network.outputs(built, inputs(built, cases, floatx))


def shifted(built):
    """The batch norms whose output goes to a ReLU, perhaps through sums, pooling and the like."""
    def reaches(layer, seen):
        for node in layer.outbound_nodes:
            after = node.outbound_layer
            if after.__class__.__name__ == "TFOpLambda":  # h-swish, which has its bends at -3 and 3
                return False
        for node in layer.outbound_nodes:
            after = node.outbound_layer
            if isinstance(after, keras.layers.ReLU) or getattr(after, "activation", None) is keras.activations.relu and not after.weights:
                return True
            if not after.weights and after.name not in seen and reaches(after, seen | {after.name}):
                return True
        return False
    return [l.name for l in built.net.layers if isinstance(l, keras.layers.BatchNormalization) and reaches(l, {l.name})]


def watched(built, variables):
    """Tensors of which the gradients are kept: all of the head, the first ones, and some of each kind between."""
    names = list(variables)
    inside = {l.name for l in keras.Model(built.net.inputs[0], built.net.get_layer(built.features).output).layers}
    kept = [n for n in names if n.rsplit("/", 1)[0] not in inside] + names[:3]
    for kind in ("kernel", "depthwise_kernel", "pointwise_kernel", "gamma", "beta", "bias"):
        some = [n for n in names if n.rsplit("/", 1)[1] == kind and n.rsplit("/", 1)[0] in inside]
        kept += [some[i] for i in np.linspace(0, len(some) - 1, 4).round().astype(int)] if some else []
    # A bias or the like right before a batch norm has no gradient but rounding.
    return [n for n in names if n in kept and not (n.endswith("/bias") and n.rsplit("/", 1)[0] in inside)]


def training_cases(name):
    return [(c[0] + PHOTOS.get(name, ""),) + c[1:] for c in CASES]


def train_step(name, size, floatx):
    """Forward in training mode without dropout, loss as Keras weights it, gradients, new moving averages.

    A ReLU that rounding switches on or off changes a gradient by about 1 %, and among a million activations around
    0 a few are always that close. So these batch norms get 3 added to beta: now 1 % of the activations are cut, almost
    none lies near a bend, and gradients in float32 and float64 agree to 1e-5.
    """
    built = build(name, size, floatx, training=True, dropout=0.0)
    for layer in built.net.layers:  # those of the backbones' tops do not act, and there are none before the cuts
        assert not (isinstance(layer, keras.layers.Dropout) and layer.rate), layer.name
    change(built, "beta", shifted(built), lambda v: v + np.float32(BETA_SHIFT))
    labels = [network.CLASSES.index(l) for l in LABELS]
    weights = tf.constant([network.CLASS_WEIGHTS[l] for l in labels], floatx)
    variables = {fill.weight_name(l, v): v for l in built.net.layers for v in l.trainable_weights}
    names = watched(built, variables)
    with tf.GradientTape() as tape:
        out = network.outputs(built, inputs(built, training_cases(name), floatx), training=True)
        loss = tf.reduce_mean(weights * tf.nn.sparse_softmax_cross_entropy_with_logits(labels, out["logits"]))
    gradients = tape.gradient(loss, {n: variables[n] for n in names})
    norms = [l for l in built.net.layers if isinstance(l, keras.layers.BatchNormalization)]
    narrow = [l for l in norms if l.moving_mean.shape[0] <= 256]  # the files stay small
    return built, out, loss, gradients, [narrow[0], narrow[-1]]


def make_training(name, size):
    built, out, loss, gradients, _ = train_step(name, size, "float64")
    content = header(built, training=True) | {
        "cases": [case(c) | {"label": l} for c, l in zip(training_cases(name), LABELS)],
        "class_weights": network.CLASS_WEIGHTS, "beta_shift": {"by": BETA_SHIFT, "layers": shifted(built)},
        "features": golden.summary(out["features"], f"training/features/{size}"),
        "attention": [golden.numbers(a) for a in out["attention"]],
        "logits": [golden.numbers(l) for l in out["logits"]],
        "probabilities": [golden.numbers(p) for p in out["probabilities"]],
        "loss": golden.numbers(loss)[0],
        "gradients": {n: golden.summary(g, "gradient/" + n, count=16, nonzero=True) for n, g in gradients.items()},
    }
    exact = {n: g.numpy() for n, g in gradients.items()}
    exact_logits, exact_loss = out["logits"].numpy(), float(loss)
    # The moving averages come from float32: only there Keras uses its fused kernel, which takes the unbiased variance.
    _, out, loss, gradients, moving = train_step(name, size, "float32")
    # A gradient that is nothing but rounding, as that of a bias before a softmax, tells nothing.
    errors = {n: distance(g, exact[n]) for n, g in gradients.items() if np.any(exact[n])}
    errors = {n: e for n, e in errors.items() if e < 1e-3}
    turned = [n for n in content["gradients"] if n not in errors and n.endswith("kernel")]
    assert not turned, f"float32 is far from float64 in {turned}: rounding turned a choice; try other PHOTOS"
    content["gradients"] = {n: g for n, g in content["gradients"].items() if n in errors}
    content["moving_averages"] = {l.name: {"momentum": l.momentum, "moving_mean": golden.numbers(l.moving_mean),
                                           "moving_variance": golden.numbers(l.moving_variance)} for l in moving}
    content["keras_float32_error"] = {
        "logits": spread(out["logits"], exact_logits), "loss": float("%.2g" % abs(float(loss) / exact_loss - 1)),
        "gradients": errors}
    golden.write(f"pkg/skinattn/testdata/golden_{name}_train_{size}.json", content)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(network.NETWORKS))
    parser.add_argument("--size", type=int, help="only this size; with --training the training step's")
    parser.add_argument("--variants", action="store_true", help="only the variants of the head")
    parser.add_argument("--training", action="store_true", help="only the training step")
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    if args.variants or not args.names:
        make_variants(64)
    for name in () if args.variants else args.names or network.NETWORKS:
        for size, count in SIZES[name].items():
            if not args.training and args.size in (None, size):
                make_inference(name, size, count)
        if name in TRAINING and (args.training or args.size is None):
            make_training(name, TRAINING[name])


if __name__ == "__main__":
    main()
