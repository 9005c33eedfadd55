"""Checks .keras files of 'skinattn weights export' with Keras 3 on one backend: that it loads them and predicts what is expected.

    SKINATTN_KERAS3_OUT=FOLDER go test ./pkg/skinattn/weights -run WriteForKeras3
    KERAS_BACKEND=jax venv/bin/python tools/golden/keras3/check_export.py FOLDER

expects the golden probabilities of pkg/skinattn/testdata, which Keras 2.15 computed in float64. For a file of a run:

    skinattn weights export --run RUN --format keras3 --out model.keras
    skinattn predict --run RUN --json --age 35 --sex male --localization back IMAGE.png... > predictions.json
    KERAS_BACKEND=torch venv/bin/python tools/golden/keras3/check_export.py model.keras predictions.json

Images should be PNG files of the network's size: then no decoder of JPEG and no resizing takes part.
"""
import argparse
import json
import pathlib
import sys
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "keras"))
sys.dont_write_bytecode = True

import keras
import numpy as np

import fill

ALLOWED = 1e-4  # of a probability
GOLDEN = pathlib.Path(__file__).resolve().parents[3] / "pkg/skinattn/testdata"
MEANS = {"caffe": np.array([103.939, 116.779, 123.68], np.float32), "torch": np.array([0.485, 0.456, 0.406], np.float32)}


def scaled(images, mode):
    """What the network is fed of pixels from 0 to 255, as keras.applications.imagenet_utils.preprocess_input has it."""
    if mode == "tf":
        return images / np.float32(127.5) - np.float32(1)
    if mode == "caffe":
        return images[..., ::-1] - MEANS["caffe"]
    if mode == "torch":
        return (images / np.float32(255) - MEANS["torch"]) / np.array([0.229, 0.224, 0.225], np.float32)
    return images


def feed(model, about, images, people):
    """The inputs of the model, as its metadata.json describes them."""
    inputs = [images.astype(np.float32)]
    for entry in about["inputs"][1:]:
        values = [p[entry["name"]] for p in people]
        if "words" in entry:
            inputs.append(np.array([[entry["words"].index(v)] for v in values], np.int32))
        else:
            inputs.append(np.array([[v] for v in values], np.float32))
    assert [t.name for t in model.inputs] == [entry["name"] for entry in about["inputs"]]
    return inputs if len(inputs) > 1 else inputs[0]


def check(path, images, mode, people, expected):
    start = time.time()
    model = keras.saving.load_model(path)  # no custom objects, safe_mode on
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("metadata.json"))["skinattn"]
    inputs = feed(model, about, scaled(images, mode), people)
    got = keras.ops.convert_to_numpy(model(inputs, training=False))
    worst = np.abs(got - expected).max()
    print(f"{path.name}: Keras {keras.__version__} on {keras.backend.backend()}: {len(model.layers)} layers, {model.count_params()} parameters, "
          f"channels {about.get('attention_channels', '-')}: probabilities differ by at most {worst:.2g} ({time.time() - start:.0f} s)", flush=True)
    return worst


def golden(path):
    content = json.loads((GOLDEN / f"golden_{path.stem}.json").read_text())
    cases = content["cases"]
    table = {row["name"]: row for row in json.loads((pathlib.Path(__file__).resolve().parents[2] / "backbones.json").read_text())}
    images = np.stack([fill.fill_image(c["image"], content["size"]) for c in cases])
    return check(path, images, table[content["network"]]["preprocess"], cases, np.array([c["probabilities"] for c in cases]))


def predictions(path, answer):
    from PIL import Image
    import h5py
    with zipfile.ZipFile(path) as archive, h5py.File(archive.open("model.weights.h5")) as f:
        config = json.loads(f.attrs["skinattn_network"])
    entries = json.loads(answer.read_text())
    images = np.stack([np.asarray(Image.open(e["image"]).convert("RGB"), np.float32) for e in entries])
    if config["channel_order"] == "bgr":
        images = images[..., ::-1]
    people = [{k: float(v) if k == "age" else v for k, v in (e.get("metadata") or {}).items()} for e in entries]
    classes = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    return check(path, images, config["preprocess"], people, np.array([[e["probabilities"][c] for c in classes] for e in entries]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=pathlib.Path, help="folder of TestWriteForKeras3, or a .keras file")
    parser.add_argument("predictions", type=pathlib.Path, nargs="?")
    args = parser.parse_args()
    if args.predictions:
        worst = [predictions(args.path, args.predictions)]
    else:
        worst = [golden(p) for p in sorted(args.path.glob("*.keras") if args.path.is_dir() else [args.path])]
    assert worst and max(worst) < ALLOWED, worst
    print(f"{len(worst)} files, all within {ALLOWED:g}")


if __name__ == "__main__":
    main()
