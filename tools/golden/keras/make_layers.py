"""The layers and weights of each Keras network with top and of each network of the authors, in Keras's order, as digests."""
import argparse
import hashlib
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from tensorflow import keras

import golden
import network


def lines(model):
    """One line a layer: its name, its output's shape, and each weight's name and shape."""
    for layer in model.layers:
        shape = layer.output_shape[0] if isinstance(layer.output_shape, list) else layer.output_shape
        weights = [f"{v.name.rsplit('/', 1)[-1].split(':')[0]} {list(v.shape)}" for v in layer.weights]
        yield "; ".join([layer.name + " " + str(list(shape[1:]))] + weights).replace(",", "")


def digest(lines):
    lines = list(lines)
    if os.environ.get("LINES"):
        print("\n".join(lines))
    return {"layers": len(lines), "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest()}


def authors(name, **options):
    """The whole network of the authors: one line a layer, its name and each weight's name and shape."""
    def weights(layer):
        for v in layer.weights:
            # The authors call adapt before they use the layer; its variables then carry no layer's name.
            name = v.name.rsplit("/", 1)[-1] if isinstance(layer, keras.layers.Normalization) else v.name
            yield f"{name} {list(v.shape)}"

    model = network.build(name, **options).net
    return digest("; ".join([layer.name, *weights(layer)]).replace(",", "") for layer in model.layers)


# Variants of the authors' networks: an entry is a network and what is changed.
VARIANTS = {
    "resnet50 augmented": {"metadata": False, "head": "gap"},
    "mobilenet_v2 without attention": {"soft_attention": False},
    "densenet201 both": {"metadata_batch_norm": "both", "metadata_dropout": .2, "extended_dense": 512},
}


def make(path, entries, digest_of):
    """Writes the file with new digests of some entries; of the others it keeps what it has."""
    networks = json.loads((golden.ROOT / path).read_text())["networks"]
    for entry, wanted in entries.items():
        if wanted:
            keras.backend.clear_session()
            networks[entry] = digest_of(entry)
    golden.write(path, {"made_by": "tools/golden/keras/make_layers.py", "versions": golden.versions(),
                        "networks": {entry: networks[entry] for entry in entries}})


def applications(name):
    row = network.NETWORKS[name]
    model = row.make(input_shape=(row.size, row.size, 3), weights=None)
    trainable = sum(int(keras.backend.count_params(w)) for w in model.trainable_weights)
    return digest(lines(model)) | {"total": model.count_params(), "trainable": trainable}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks (default: all): " + ", ".join(network.NETWORKS))
    names = parser.parse_args().names or list(network.NETWORKS)
    make("pkg/skinattn/backbone/testdata/keras_layers.json",
         {name: name in names for name, row in network.NETWORKS.items() if row.cut is not None}, applications)
    make("pkg/skinattn/weights/testdata/keras_layers.json",
         {entry: entry.split()[0] in names for entry in [*network.NETWORKS, *VARIANTS]},
         lambda entry: authors(entry.split()[0], **VARIANTS.get(entry, {})))


if __name__ == "__main__":
    main()
