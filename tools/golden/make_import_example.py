"""Keras files of the authors' network with random weights, and Keras's predictions for real photos, to try imports on.

Writes keras_mnv2_full.h5 (save_weights), keras_mnv2_model.hdf5 (whole model) and keras_mnv2_pred.json to a folder:
nothing of it is committed. HAM10000 is the folder of the data set.
"""
import argparse
import csv
import json
import pathlib

import cv2
import numpy as np
from tensorflow import keras

import golden
import network

IMAGES = 5


def randomise(net, seed):
    """Weights of a trained network's scale, so that the predictions differ from photo to photo."""
    rng = np.random.default_rng(seed)
    for layer in net.layers:
        values = []
        for v in layer.weights:
            kind, shape = v.name.rsplit("/", 1)[-1].split(":")[0], tuple(v.shape)
            if kind in ("mean", "variance", "count"):
                value = {"mean": 51.8638, "variance": 16.9678 ** 2, "count": 9958}[kind]
            elif kind in ("gamma", "moving_variance"):
                value = rng.uniform(0.7, 1.3, shape)
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


def load(path, size):
    """BGR as the authors read it, then smart_resize."""
    return keras.preprocessing.image.smart_resize(cv2.imread(str(path)).astype(np.float32), (size, size))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ham10000", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=2022)
    parser.add_argument("--size", type=int, default=224)
    args = parser.parse_args()

    with open(args.ham10000 / "HAM10000_metadata.csv", newline="") as f:
        rows = [r for r in csv.DictReader(f) if r["age"]]
    rows = [rows[i] for i in np.random.default_rng(args.seed).choice(len(rows), IMAGES - 1, replace=False)] + [
        next(r for r in rows if r["sex"] == "unknown")]
    files = {p.stem: p for p in args.ham10000.rglob("ISIC_*.jpg")}
    net, probe, head = network.build(args.size)
    randomise(net, args.seed)
    images = network.preprocess(np.stack([load(files[r["image_id"]], args.size) for r in rows]))
    inputs = [images, np.array([[float(r["age"])] for r in rows]), np.array([[r["sex"]] for r in rows]),
              np.array([[r["localization"]] for r in rows])]
    predicted = net.predict(inputs, verbose=0)
    out = network.outputs(probe, head, inputs)
    args.out.mkdir(parents=True, exist_ok=True)
    net.save_weights(args.out / "keras_mnv2_full.h5")
    net.save(args.out / "keras_mnv2_model.hdf5", save_format="h5")
    content = {"versions": golden.versions(), "size": args.size, "seed": args.seed, "cases": [
        {"image": r["image_id"], "file": str(files[r["image_id"]]), "dx": r["dx"], "age": float(r["age"]), "sex": r["sex"],
         "localization": r["localization"], "probabilities": golden.numbers(p), "logits": golden.numbers(l),
         "attention": golden.numbers(a), "pixels": golden.summary(x, "pixels")}
        for r, p, l, a, x in zip(rows, predicted, out["logits"], out["attention"], (images + 1) * 127.5)]}
    (args.out / "keras_mnv2_pred.json").write_text(json.dumps(content, indent=1))
    print(np.round(predicted, 4))


if __name__ == "__main__":
    main()
