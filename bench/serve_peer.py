"""A network behind FastAPI and ONNX Runtime, as it is usually put there: the peer of 'skinattn serve'.

  uvicorn serve_peer:app        with the environment variables NETWORK, an ONNX file of export_onnx.py, and MODEL, the answer of
                                GET /v1/model of 'skinattn serve'; THREADS is the number of threads of ONNX Runtime

It takes the same form and answers with the same probabilities, but for the rounding of photos to bytes. The choices favour speed:
Pillow decodes and resizes, OpenCV turns the views, all views of a photo are one batch, and the answer has the probabilities alone.
"""
import io
import json
import os
import pathlib

import cv2
import fastapi
import numpy as np
import onnxruntime
import PIL.Image

THREADS = int(os.environ.get("THREADS", "2"))
MODEL = json.loads(pathlib.Path(os.environ["MODEL"]).read_text())
CALIBRATION = json.loads(pathlib.Path(os.environ["CALIBRATION"]).read_text())["scaling"]["weight"][0]
CLASSES = [c["class"] for c in MODEL["classes"]]
SEXES, SITES = MODEL["sexes"], MODEL["localizations"]
SIZE, VIEWS = MODEL["size"], MODEL["views"]
SOURCE = round(SIZE * 1.5)  # oversampling of the released model

cv2.setNumThreads(1)  # requests are computed on threads of their own
options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
session = onnxruntime.InferenceSession(os.environ["NETWORK"], options, providers=["CPUExecutionProvider"])
app = fastapi.FastAPI()


def turns():
    """The 2x3 matrices from a view's pixels to the photo's: view k is turned by k * 360 / VIEWS degrees, every second is mirrored."""
    scale, middle, centre = SOURCE / SIZE, SIZE / 2 - .5, SOURCE / 2 - .5
    matrices = []
    for k in range(VIEWS):
        angle = np.deg2rad(k * 360 / VIEWS)
        sin, cos = np.sin(angle) * scale, np.cos(angle) * scale
        across = -1 if k % 2 else 1
        # x = sin * dy + cos * dx, y = cos * dy - sin * dx, with dx mirrored
        matrices.append(np.array([
            [across * cos, sin, centre - middle * (across * cos + sin)],
            [-across * sin, cos, centre - middle * (-across * sin + cos)]]))
    return matrices


TURNS = turns()


def views_of(data):
    photo = PIL.Image.open(io.BytesIO(data)).convert("RGB")
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    photo = photo.resize((SOURCE, SOURCE), PIL.Image.Resampling.BILINEAR, (left, top, left + side, top + side))
    pixels = np.asarray(photo)
    views = np.empty((VIEWS, SIZE, SIZE, 3), np.float32)
    for k, matrix in enumerate(TURNS):
        views[k] = cv2.warpAffine(pixels, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
    views /= 127.5
    views -= 1
    return views


def encoded(age, sex, site):
    row = np.zeros(1 + 1 + len(SEXES) + 1 + len(SITES), np.float32)
    row[0] = age
    row[2 + SEXES.index(sex)] = 1
    row[3 + len(SEXES) + SITES.index(site)] = 1
    return np.repeat(row[None], VIEWS, 0)


@app.post("/v1/predict")
def predict(photo: bytes = fastapi.File(), age: float = fastapi.Form(MODEL["mean_age"]), sex: str = fastapi.Form("unknown"),
            localization: str = fastapi.Form("unknown")):
    probabilities = session.run(None, {"images": views_of(photo), "metadata": encoded(age, sex, localization)})[0].mean(0)
    scaled = np.exp(CALIBRATION * np.log(np.maximum(probabilities, 1e-30)))
    scaled /= scaled.sum()
    return {"prediction": CLASSES[int(scaled.argmax())], "probabilities": dict(zip(CLASSES, scaled.tolist()))}
