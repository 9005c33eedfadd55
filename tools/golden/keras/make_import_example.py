"""Keras files of the authors' networks with random weights, and Keras's predictions for real photos, to try imports on.

For each network and variant it writes to a folder, of which nothing is committed:
NAME_full.h5 (save_weights), NAME_model.hdf5 (whole model), NAME_imagenet.h5 and NAME_imagenet_notop.h5 (the backbone as Keras
applications files have it) and NAME_pred.json with Keras's predictions, and the photos as PNG files, so that no two decoders of
JPEG take part. HAM10000 is the folder of the data set.
"""
import argparse
import csv
import json
import pathlib

import cv2
import numpy as np
from tensorflow import keras

import golden
import make_network
import network

IMAGES = 4

# Variants of the authors, by the word that follows the network's name.
VARIANTS = {
    "": {},
    "ad": {"metadata": False},
    "gap": {"metadata": False, "head": "gap"},
    "nosa": {"metadata": False, "soft_attention": False},
    "bn": {"metadata_batch_norm": "before"},
    "bn2": {"metadata_batch_norm": "both", "metadata_dropout": 0.2},
    "wide": {"head": "gap", "metadata_units": (4096, 256, 256)},
    "ext": {"extended_dense": 512},
    "m34": {"cut": -34},
    "m44": {"cut": -44},
    "pools": {"metadata": False, "pools": 2},
}


def randomise(built, seed):
    """Weights of a trained network's scale, so that the predictions differ from photo to photo."""
    rng = np.random.default_rng(seed)
    scales = {layer: s["by"] for s in make_network.gamma_scales(built) for layer in s["layers"]}
    for layer in built.net.layers:
        values = []
        for v in layer.weights:
            kind, shape = v.name.rsplit("/", 1)[-1].split(":")[0], tuple(v.shape)
            if kind in ("mean", "variance", "count"):
                value = {"mean": 51.8638, "variance": 16.9678 ** 2, "count": 9958}[kind]
            elif kind in ("gamma", "moving_variance"):
                value = rng.uniform(0.7, 1.3, shape) * (scales.get(layer.name, 1) if kind == "gamma" else 1)
            elif kind == "kernel_conv3d":
                value = rng.normal(0, 0.2, shape)
            elif "kernel" in kind:
                fan_in = np.prod(shape[:2] if kind == "depthwise_kernel" else shape[:-1])
                value = rng.normal(0, (1.5 / fan_in) ** 0.5, shape)
            else:
                value = rng.normal(0, 0.1, shape)
            values.append(np.asarray(value))
        if values:
            layer.set_weights(values)
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def spread_logits(built, feed):
    """Makes the logits differ by about 1, so that no class has everything."""
    logits = network.outputs(built, feed)["logits"].numpy()
    centred = logits - logits.mean(0)
    kernel, bias = built.head.get_weights()
    scale = 1 / max(centred.std(), 1e-6)
    built.head.set_weights([kernel * scale, bias - logits.mean(0) * scale])


def photos(folder, out, seed):
    """Some rows of the metadata with their photos, written to out as PNG files."""
    with open(folder / "HAM10000_metadata.csv", newline="") as f:
        rows = [r for r in csv.DictReader(f) if r["age"]]
    rows = [rows[i] for i in np.random.default_rng(seed).choice(len(rows), IMAGES - 1, replace=False)] + [
        next(r for r in rows if r["sex"] == "unknown")]
    files = {p.stem: p for p in folder.rglob("ISIC_*.jpg")}
    for row in rows:
        row["file"] = str(out / (row["image_id"] + ".png"))
        row["bgr"] = cv2.imread(str(files[row["image_id"]]))
        cv2.imwrite(row["file"], row["bgr"])
    return rows


def make(name, variant, rows, out, args):
    if args.second:  # the layers that Keras names itself then have other numbers
        network.build(name, args.size)
    built = network.build(name, args.size, fresh=not args.second, **VARIANTS[variant])
    randomise(built, args.seed)
    # The augmented regime reads RGB and scales alike for all networks.
    metadata = len(built.net.inputs) > 1
    images = np.stack([keras.preprocessing.image.smart_resize(r["bgr"].astype(np.float32), (built.size, built.size)) for r in rows])
    images = network.preprocess(name, images) if metadata else images[..., ::-1] / np.float32(127.5) - np.float32(1)
    feed = [images.astype(np.float32)]
    if metadata:
        feed += [np.array([[float(r["age"])] for r in rows]), np.array([[r["sex"]] for r in rows]), np.array([[r["localization"]] for r in rows])]
    spread_logits(built, feed)
    predicted = built.net.predict(feed, verbose=0)
    stem = name + ("_" + variant if variant else "") + ("_second" if args.second else "")
    built.net.save_weights(out / (stem + "_full.h5"))
    built.net.save(out / (stem + "_model.hdf5"), save_format="h5")
    row = network.NETWORKS[name]
    if row.cut is not None and not variant:
        for top in (True, False):
            base = row.make(input_shape=(built.size, built.size, 3), include_top=top, weights=None)
            base.save_weights(out / (stem + ("_imagenet.h5" if top else "_imagenet_notop.h5")))
    content = {"versions": golden.versions(), "network": name, "variant": variant, "size": built.size, "seed": args.seed, "cases": [
        {"image": r["image_id"], "file": r["file"], "dx": r["dx"], "age": float(r["age"]), "sex": r["sex"],
         "localization": r["localization"], "probabilities": golden.numbers(p)} for r, p in zip(rows, predicted)]}
    (out / (stem + "_pred.json")).write_text(json.dumps(content, indent=1))
    print(stem, np.round(predicted, 3).tolist(), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ham10000", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("names", nargs="*", help="networks, each perhaps with a variant, as in resnet50:ad; variants: " + ", ".join(VARIANTS))
    parser.add_argument("--seed", type=int, default=2022)
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--second", action="store_true", help="as the second network of its session")
    args = parser.parse_intermixed_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rows = photos(args.ham10000, args.out, args.seed)
    for word in args.names or network.NETWORKS:
        name, _, variant = word.partition(":")
        make(name, variant, rows, args.out, args)


if __name__ == "__main__":
    main()
