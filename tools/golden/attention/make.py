"""Golden values for pkg/eval/saliency: maps, masks and pictures with what
scikit-learn, SciPy and NumPy make of them.

    pip install -r tools/golden/requirements-statistics.txt
    python make.py          # writes pkg/eval/saliency/testdata/golden.json
"""

import json
import pathlib

import numpy as np
from scipy import ndimage
from sklearn.metrics import jaccard_score, roc_auc_score

OUT = pathlib.Path(__file__).parents[3] / "pkg/eval/saliency/testdata/golden.json"
rng = np.random.default_rng(7)


def upsampled(cells, rows, cols):
    """Bilinear, half-pixel centres, edges repeated."""
    zoom = (rows / cells.shape[0], cols / cells.shape[1])
    return ndimage.zoom(cells.astype(float), zoom, order=1, mode="nearest", grid_mode=True)


def disc(rows, cols, y, x, radius):
    yy, xx = np.mgrid[:rows, :cols]
    return (yy - y) ** 2 + (xx - x) ** 2 <= radius**2


def top_area(values, mask):
    """The mean intersection over all ways to break ties at the threshold."""
    k = mask.sum()
    order = np.sort(values)[::-1]
    edge = order[k - 1]
    sure, tied = values > edge, values == edge
    hits = (mask & sure).sum() + (k - sure.sum()) * (mask & tied).sum() / tied.sum()
    if tied.sum() == 1:  # no tie: scikit-learn's own
        assert np.isclose(hits / (2 * k - hits), jaccard_score(mask, values >= edge))
    return hits / (2 * k - hits)


def scores(values, mask, tolerance):
    v, m = values.ravel(), mask.ravel()
    brightest = v == v.max()
    near = ndimage.distance_transform_edt(~mask) <= tolerance
    return {
        "mass_inside": float(v[m].sum() / v.sum()) if v.sum() else float(m.mean()),
        "pointing": float(m[brightest].mean()),
        "pointing_near": float(near.ravel()[brightest].mean()),
        "iou": float(top_area(v, m)),
        "auc": float(roc_auc_score(m, v)),
    }


def floats(a):
    return [int(x) if x == int(x) else float(x) for x in np.ravel(a)]


golden = {"upsample": [], "scores": [], "blur": [], "area": []}

for (r, c), (rows, cols) in [((4, 4), (16, 16)), ((7, 7), (24, 24)), ((2, 3), (5, 9)), ((1, 1), (3, 4)), ((5, 5), (5, 5)), ((1, 4), (6, 6))]:
    cells = rng.random((r, c)).astype(np.float32)
    golden["upsample"].append({"cells": floats(cells), "rows": r, "cols": c, "out_rows": rows, "out_cols": cols,
                               "out": floats(upsampled(cells, rows, cols))})

size = 20
masks = {
    "centre": disc(size, size, 9.5, 9.5, 5),
    "corner": disc(size, size, 2, 3, 4),
    "one pixel": disc(size, size, 13, 4, 0),
    "two": disc(size, size, 5, 5, 3) | disc(size, size, 15, 14, 2.5),
    "all but one": ~disc(size, size, 0, 0, 0),
}
maps = {
    "random": rng.integers(0, 4096, (size, size)) / 256,  # exact in short decimals
    "few values": rng.integers(0, 4, (size, size)).astype(float),
    "coarse": np.kron(rng.integers(0, 256, (4, 4)) / 256, np.ones((5, 5))),
    "sparse": np.where(rng.random((size, size)) < 0.03, rng.integers(1, 256, (size, size)) / 256, 0),
    "even": np.ones((size, size)),
    "zero": np.zeros((size, size)),
}
for mask_name, mask in masks.items():
    for map_name, values in maps.items():
        values = values.astype(np.float32)
        golden["scores"].append({"name": f"{map_name}, {mask_name}", "width": size, "tolerance": 2.5,
                                 "mask": [int(i) for i in np.flatnonzero(mask)], "map": floats(values),
                                 "scores": scores(values.astype(float), mask, 2.5)})

photo = rng.integers(0, 256, (9, 7, 3)).astype(np.float32)
for sigma in (0.8, 2.5):
    radius = int(np.ceil(3 * sigma))
    blurred = ndimage.gaussian_filter(photo.astype(float), (sigma, sigma, 0), mode="nearest", radius=(radius, radius, 0))
    golden["blur"].append({"photo": floats(photo), "width": 7, "sigma": sigma, "out": floats(blurred)})

for n in (2, 5, 17):
    curve = rng.random(n)
    golden["area"].append({"curve": floats(curve), "area": float(np.trapezoid(curve, np.linspace(0, 1, n)))})

OUT.parent.mkdir(exist_ok=True)
OUT.write_text(json.dumps(golden, separators=(",", ":")).replace('},{', '},\n{') + "\n")
