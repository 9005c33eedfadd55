"""The authors' networks as Keras 3 builds and files them: every layer with its variables and, of each network once, probabilities.

    KERAS_BACKEND=tensorflow venv/bin/python tools/golden/keras3/make_networks.py

TensorFlow's backend is the quickest to build with; Keras refuses to build NASNet on torch's. For the probabilities the attention is
given the channels 0, 1, 2, whatever its convolution would read of all. With --files FOLDER it also saves those in each form of file, for
SKINATTN_KERAS3=FOLDER go test ./pkg/skinattn/weights -run ImportAgreesWithKeras3.
"""
import argparse
import gzip
import json
import os
import pathlib
import sys

sys.dont_write_bytecode = True
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import network  # first: it finds fill.py

import keras
import numpy as np

import fill

OUT = pathlib.Path(__file__).resolve().parents[3] / "pkg/skinattn/weights/testdata/keras3_networks.json.gz"
SIZES = {"inception_resnet_v2": 128, "nasnet_large": 96}
PEOPLE = [("networks3/a", 35, "male", "back"), ("networks3/b", 70, "unknown", "lower extremity")]
# Name of an entry; network; options of build; whether probabilities are computed.
ENTRIES = [(name, name, {}, True) for name in network.TABLE] + [
    ("mobilenet_v3_small same tensor", "mobilenet_v3_small", {"cut": "activation_16", "metadata": False}, False),
    ("mobilenet_v3_large second cut", "mobilenet_v3_large", {"cut": -34}, False),
    ("resnet50 augmented", "resnet50", {"metadata": False, "head": "gap"}, False),
    ("mobilenet_v2 second of its process", "mobilenet_v2", {"fresh": False}, False),
]


def first_channels(net):
    """The networks' attention on channels 0, 1, 2 whatever the backend."""
    layer = next(l for l in net.layers if isinstance(l, network.SoftAttention))

    def call(x):
        h, w = x.shape[1:3]
        scores = keras.ops.conv(x[..., :3, None], layer.kernel_conv3d, strides=(1, 1, 3), padding="same", data_format="channels_last")
        scores = keras.ops.relu(scores + layer.bias_conv3d)[:, :, :, 0]
        maps = keras.ops.softmax(keras.ops.reshape(keras.ops.transpose(scores, (0, 3, 1, 2)), (-1, network.HEADS, h * w)), axis=-1)
        return x * keras.ops.reshape(keras.ops.sum(maps, axis=1), (-1, h, w, 1))

    layer.call = call


def dense_layers(net):
    return [l for l in net.layers if isinstance(l, keras.layers.Dense)]


def probabilities(net, vector, size, mode, metadata):
    """Two people's, after the last layer is scaled so that its logits differ by about 1; by hand behind the vector."""
    images = np.stack([fill.fill_image(p[0], size) for p in PEOPLE])
    if mode == "tf":
        images = images / np.float32(127.5) - np.float32(1)
    first_channels(net)
    features = keras.ops.convert_to_numpy(keras.Model(net.inputs[0], vector)(images, training=False)).astype(np.float64)
    dense = dense_layers(net)
    if metadata:
        norm = next(l for l in net.layers if isinstance(l, keras.layers.Normalization))
        mean, variance = (float(np.asarray(v)) for _, v in network.variables(norm)[:2])
        people = np.stack([network.encode(*p[1:]) for p in PEOPLE])
        people[:, 0] = (people[:, 0] - mean) / np.sqrt(variance)
        kernel, bias = (keras.ops.convert_to_numpy(v).astype(np.float64) for v in (dense[0].kernel, dense[0].bias))
        features = np.concatenate([features, np.maximum(people @ kernel + bias, 0)], axis=1)
    kernel, bias = (keras.ops.convert_to_numpy(v).astype(np.float64) for v in (dense[-1].kernel, dense[-1].bias))
    logits = features @ kernel
    scale = np.float32(1 / max((logits - logits.mean(0)).std(), 1e-6))
    shift = (-(logits * scale).mean(0)).astype(np.float32)
    dense[-1].kernel.assign((kernel.astype(np.float32) * scale))
    dense[-1].bias.assign(shift)
    logits = features @ (kernel.astype(np.float32) * scale).astype(np.float64) + shift
    e = np.exp(logits - logits.max(1, keepdims=True))
    return {"head_scale": float(scale), "head_bias": [float(v) for v in shift],
            "cases": [{"image": p[0], "age": p[1], "sex": p[2], "localization": p[3], "probabilities": row.tolist()}
                      for p, row in zip(PEOPLE, e / e.sum(1, keepdims=True))]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=pathlib.Path)
    parser.add_argument("--only", default="", help="entries whose name has this")
    args = parser.parse_args()
    entries = []
    for title, name, options, computed in ENTRIES:
        if args.only not in title:
            continue
        size = SIZES.get(name, 64)
        if options.get("fresh") is False:
            network.build(name, size)
        net, base, cut, vector = network.build(name, size, **options)
        entry = {"entry": title, "network": name, "size": size, "cut": cut, "metadata": len(net.inputs) > 1,
                 "backbone_layers": len(base.layers) if base else None, "layers": [
            [type(l).__name__, l.name] + [[n, list(v.shape)] for n, v in network.variables(l)] for l in net.layers]}
        if computed:
            network.fill_net(net)
            entry |= probabilities(net, vector, size, network.TABLE[name]["preprocess"], len(net.inputs) > 1)
            if args.files:
                args.files.mkdir(parents=True, exist_ok=True)
                stem = str(args.files / title.replace(" ", "_"))
                net.save(stem + ".keras")
                net.save_weights(stem + ".weights.h5")
                net.save(stem + ".h5")
        entries.append(entry)
        print(title, len(net.layers), cut, entry.get("cases", [{}])[0].get("probabilities"), flush=True)
    if not args.only:
        content = {"made_by": "tools/golden/keras3/make_networks.py", "versions": {"keras": keras.__version__}, "networks": entries}
        OUT.write_bytes(gzip.compress(json.dumps(content, separators=(",", ":")).encode(), 9, mtime=0))
        print(OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
