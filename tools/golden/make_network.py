"""Golden outputs of the full MobileNetV2 network at several sizes, and of one training step."""
import numpy as np
import tensorflow as tf

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
STAGES = ["Conv1", "Conv1_relu", "expanded_conv_depthwise", "expanded_conv_project_BN", "block_1_expand",
          "block_1_depthwise", "block_1_project_BN", "block_2_add", "block_3_depthwise", "block_3_project_BN",
          "block_5_add", "block_6_depthwise", "block_6_project_BN", "block_9_add", "block_10_project_BN",
          "block_12_add", "block_13_depthwise", "block_13_project_BN", "block_14_expand_relu", "block_14_depthwise",
          "max_pooling2d", "max_pooling2d_1", "concatenate"]
GRADIENTS = ["Conv1/kernel", "bn_Conv1/gamma", "bn_Conv1/beta", "expanded_conv_depthwise/depthwise_kernel",
             "expanded_conv_project/kernel", "block_3_depthwise/depthwise_kernel", "block_6_expand/kernel",
             "block_9_depthwise_BN/gamma", "block_13_depthwise/depthwise_kernel", "block_13_expand_BN/beta",
             "block_14_depthwise/depthwise_kernel", "soft_attention/kernel_conv3d", "soft_attention/bias_conv3d",
             "dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
MOVING = ["bn_Conv1", "block_13_project_BN"]
BETA_SHIFT = 3.0  # for training: moves ReLU6's input to the middle of its range


def inputs(cases, size, floatx):
    images = network.preprocess(np.stack([fill.fill_image(c[0], size) for c in cases]))
    text = [np.array([[c[i]] for c in cases]) for i in (2, 3)]
    return [tf.constant(images.astype(floatx)), tf.constant([[c[1]] for c in cases], floatx)] + [tf.constant(t) for t in text]


def spread(got, want):
    """Largest difference over the spread of the wanted values."""
    got, want = (np.asarray(v, np.float64) for v in (got, want))
    return float("%.2g" % (np.abs(got - want).max() / want.std()))


def distance(got, want):
    """Norm of the difference over the norm of the wanted values."""
    return float("%.2g" % (np.linalg.norm(np.asarray(got, np.float64) - want) / np.linalg.norm(want)))


def build(size, floatx, **options):
    net, probe, head = network.build(size, floatx=floatx, **options)
    fill.fill_model(net)
    return net, probe, head


def header(net, size):
    layers = {l.name: int(sum(np.prod(w.shape) for w in l.weights)) for l in net.layers if l.weights}
    trainable = int(sum(np.prod(w.shape) for w in net.trainable_weights))
    return {"made_by": "tools/golden/make_network.py", "versions": golden.versions(), "network": "mobilenet_v2", "size": size,
            "parameters": {"total": net.count_params(), "trainable": trainable, "layers": layers}}


def make_inference(size, cases):
    float32 = {k: v.numpy() for k, v in run(size, cases, "float32")[1].items()}
    net, out = run(size, cases, "float64")
    content = header(net, size)
    stages = tf.keras.Model(net.inputs, [net.get_layer(n).output for n in STAGES])(inputs(cases[:1], size, "float64"))
    content["stages"] = [{"layer": n, "shape": list(s.shape[1:]), "mean": golden.numbers(tf.reduce_mean(s))[0],
                          "std": golden.numbers(tf.math.reduce_std(s))[0]} for n, s in zip(STAGES, stages)]
    content["cases"] = [{
        "image": c[0], "age": c[1], "sex": c[2], "localization": c[3],
        "metadata": golden.numbers(out["metadata"][i]),
        "features": golden.summary(out["features"][i], f"features/{size}/{i}"),
        "attention": golden.numbers(out["attention"][i]),
        "heads": golden.summary(out["maps"][i], f"heads/{size}/{i}"),
        "logits": golden.numbers(out["logits"][i]),
        "probabilities": golden.numbers(out["probabilities"][i]),
    } for i, c in enumerate(cases)]
    content["keras_float32_error"] = {k: spread(float32[k], out[k]) for k in ("features", "attention", "logits", "probabilities")}
    golden.write(f"pkg/skinattn/testdata/golden_mobilenet_v2_{size}.json", content)


def run(size, cases, floatx):
    net, probe, head = build(size, floatx)
    return net, network.outputs(probe, head, inputs(cases, size, floatx))


def shifted(net):
    """The batch norms before a ReLU6."""
    return [l.name for l in net.layers if l.name == "bn_Conv1" or l.name.endswith(("_expand_BN", "_depthwise_BN"))]


def train_step(size, floatx):
    """Forward in training mode without dropout, loss as Keras weights it, gradients, new moving averages.

    A ReLU that rounding switches on or off changes a gradient by about 1 %, and among a million activations around
    0 a few are always that close. So these batch norms get 3 added to beta: now 1 % of the activations are cut, almost
    none lies near a bend, and gradients in float32 and float64 agree to 1e-5.
    """
    net, probe, head = build(size, floatx, dropout=0.0)
    for name in shifted(net):
        beta = net.get_layer(name).beta
        beta.assign(beta.numpy().astype(np.float32) + np.float32(BETA_SHIFT))
    labels = [network.CLASSES.index(l) for l in LABELS]
    weights = tf.constant([network.CLASS_WEIGHTS[l] for l in labels], floatx)
    variables = {fill.weight_name(l, v): v for l in net.layers for v in l.trainable_weights}
    with tf.GradientTape() as tape:
        out = network.outputs(probe, head, inputs(CASES, size, floatx), training=True)
        loss = tf.reduce_mean(weights * tf.nn.sparse_softmax_cross_entropy_with_logits(labels, out["logits"]))
    gradients = tape.gradient(loss, {n: variables[n] for n in GRADIENTS})
    moving = {n: net.get_layer(n) for n in MOVING}
    return net, out, loss, gradients, moving


def make_training(size):
    net, out, loss, gradients, _ = train_step(size, "float64")
    content = header(net, size) | {
        "cases": [{"image": c[0], "age": c[1], "sex": c[2], "localization": c[3], "label": l} for c, l in zip(CASES, LABELS)],
        "class_weights": network.CLASS_WEIGHTS, "beta_shift": {"by": BETA_SHIFT, "layers": shifted(net)},
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
    _, out, loss, gradients, moving = train_step(size, "float32")
    content["moving_averages"] = {n: {"momentum": l.momentum, "moving_mean": golden.numbers(l.moving_mean),
                                      "moving_variance": golden.numbers(l.moving_variance)} for n, l in moving.items()}
    content["keras_float32_error"] = {
        "logits": spread(out["logits"], exact_logits), "loss": float("%.2g" % abs(float(loss) / exact_loss - 1)),
        "gradients": {n: distance(g, exact[n]) for n, g in gradients.items()}}
    golden.write(f"pkg/skinattn/testdata/golden_mobilenet_v2_train_{size}.json", content)


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(1)
    make_inference(224, CASES[:2])
    make_inference(128, CASES[:3])
    make_inference(100, CASES[:2])
    make_inference(64, CASES)
    make_training(64)
