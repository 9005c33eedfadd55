"""Checks a file of 'skinattn weights export' with Keras: the authors' network loads it and predicts what skinattn does.

    skinattn weights export --run RUN --out weights.h5
    skinattn weights export --run RUN --out weights-npy --format npy
    skinattn predict --run RUN --json --age 35 --sex male --localization back IMAGE.png... > predictions.json
    venv/bin/python tools/golden/keras/check_export.py weights.h5 predictions.json --npy weights-npy

Images should be PNG files: decoders of JPEG differ by a grey level here and there.
"""
import argparse
import json
import pathlib

import h5py
import numpy as np
from PIL import Image
from keras.src.saving.legacy.hdf5_format import load_attributes_from_hdf5_group
from tensorflow import keras

import network

ALLOWED = 1e-5  # of a probability


def build(config):
    """The network in Keras that the export describes."""
    return network.build(
        config["backbone"], config["size"], config["dropout"], cut=config["cut"], soft_attention=config["soft_attention"],
        metadata=config["metadata"], head=config.get("head", "flatten"),
        metadata_units=[u for u in config.get("metadata_units", ()) if u] or (4096,),
        metadata_batch_norm=config.get("metadata_batch_norm", ""), metadata_dropout=config.get("metadata_dropout", 0.0),
        extended_dense=config.get("extended_dense", 0), pools=config.get("pools_before", 0),
        attention_window=config.get("attention_window", ""), gamma=config.get("gamma", False))


def pixels(path, config):
    """What the network is fed of an image file."""
    image = np.asarray(Image.open(path).convert("RGB"), np.float32)
    if config["channel_order"] == "bgr":
        image = image[..., ::-1]
    image = keras.preprocessing.image.smart_resize(image, (config["size"], config["size"]))
    if config["preprocess"] == "none":
        return image
    return keras.applications.imagenet_utils.preprocess_input(image.copy(), mode=config["preprocess"])


def tensors_of_h5(path):
    """By layer and weight, as Keras's own loader looks them up; with the number of layers."""
    with h5py.File(path) as f:
        layers = load_attributes_from_hdf5_group(f, "layer_names")
        names = {layer: load_attributes_from_hdf5_group(f[layer], "weight_names") for layer in layers}
        return {(layer, name): f[layer][name][()] for layer in layers for name in names[layer]}, len(layers)


def check_npy(folder, tensors):
    """NumPy reads the same arrays from the folder."""
    index = json.loads((folder / "index.json").read_text())
    arrays = {(t["layer"], t["name"]): np.load(folder / t["file"]) for t in index["tensors"]}
    assert arrays.keys() == tensors.keys(), arrays.keys() ^ tensors.keys()
    for key, value in arrays.items():
        assert value.dtype == np.float32 and value.shape == tensors[key].shape and (value == tensors[key]).all(), key
    assert {p.name for p in folder.iterdir()} == {"index.json"} | {t["file"] for t in index["tensors"]}
    print(folder, len(arrays), "arrays equal those of the HDF5 file")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=pathlib.Path)
    parser.add_argument("predictions", type=pathlib.Path)
    parser.add_argument("--npy", type=pathlib.Path)
    args = parser.parse_args()

    with h5py.File(args.export) as f:
        config = json.loads(f.attrs["skinattn_network"])
    tensors, layers = tensors_of_h5(args.export)
    net = build(config).net
    theirs = [l.name for l in net.layers]
    with h5py.File(args.export) as f:
        ours = [n.decode() for n in f.attrs["layer_names"]]
    assert ours == theirs, [pair for pair in zip(ours, theirs) if pair[0] != pair[1]][:5]
    net.load_weights(args.export)
    for layer in net.layers:
        loaded = layer.get_weights()
        stored = [v for (l, _), v in tensors.items() if l == layer.name]
        assert len(loaded) == len(stored) and all(np.array_equal(a, b) for a, b in zip(loaded, stored)), layer.name
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    print(args.export, layers, "layers,", len(tensors), "tensors: loaded by load_weights")
    if args.npy:
        check_npy(args.npy, tensors)

    entries = json.loads(args.predictions.read_text())
    inputs = [np.stack([pixels(e["image"], config) for e in entries])]
    if config["metadata"]:
        told = [e["metadata"] for e in entries]
        inputs += [np.array([[float(m["age"])] for m in told])] + [np.array([[m[k]] for m in told]) for k in ("sex", "localization")]
    predicted = net.predict(inputs, verbose=0)
    want = np.array([[e["probabilities"][c] for c in network.CLASSES] for e in entries])
    worst = np.abs(predicted - want).max()
    print(f"{len(entries)} images: probabilities differ by at most {worst:.2g}; the largest is {want.max():.3g}")
    assert worst < ALLOWED, worst


if __name__ == "__main__":
    main()
