"""Writes pkg/eval/testdata/golden: prediction tables and what scikit-learn says
about them. Run from this folder: python make.py (packages: tools/golden/requirements-statistics.txt)."""

import itertools
import json
import pathlib
import sys
import warnings

import numpy as np
import sklearn

from expected import curves, expected
from tables import CLASSES, HAM10000_SHARES, Table, softmax_table

OUT = pathlib.Path(__file__).parents[3] / "pkg/eval/testdata/golden"


def tables():
    rng = np.random.default_rng(20220929)
    even = np.full(7, 1 / 7)
    yield "even", softmax_table(rng, 90, even)
    yield "lopsided", softmax_table(rng, 160, HAM10000_SHARES, skill=3)
    yield "ties", softmax_table(rng, 120, even, grid=16)
    yield "heavy_ties", softmax_table(rng, 80, even, skill=1, grid=3)
    yield "absent_classes", softmax_table(rng, 60, np.array([0.3, 0, 0.2, 0, 0.2, 0.3, 0]))
    t = softmax_table(rng, 60, even)
    t.probs[:, [1, 3]] = t.probs[:, [3, 1]] * np.float32(0)  # bcc and df are never predicted
    t.probs /= t.probs.sum(axis=1, keepdims=True)
    yield "never_predicted", t
    yield "one_class", softmax_table(rng, 20, np.eye(7)[4], skill=1)
    yield "one_row", softmax_table(rng, 1, np.eye(7)[2])
    t = softmax_table(rng, 40, even)
    t.probs[:] = np.float32(1 / 7)
    yield "equal_probabilities", t
    t = softmax_table(rng, 50, even, skill=1)
    t.probs[:] = np.eye(7, dtype=np.float32)[t.probs.argmax(axis=1)]
    yield "zero_one", t
    t = softmax_table(rng, 50, even, skill=1)
    logits = np.log(t.probs.astype(float)) * 20
    t.probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    t.probs = (t.probs / t.probs.sum(axis=1, keepdims=True)).astype(np.float32)
    yield "overconfident", t
    t = softmax_table(rng, 50, even)
    t.truth[::3] = -1
    yield "unknown_truth", t
    yield "two_classes", softmax_table(rng, 70, [0.8, 0.2], classes=["benign", "malignant"], skill=1)
    yield "three_classes_ties", softmax_table(rng, 70, [0.5, 0.3, 0.2], classes=["c", "a", "b"], skill=0.5, grid=8)
    perfect = softmax_table(rng, 30, even, skill=40)
    yield "perfect", perfect
    wrong = softmax_table(rng, 30, even, skill=40)
    wrong.truth = (wrong.truth + 1) % 7
    yield "all_wrong", wrong
    t = softmax_table(rng, 40, even, skill=0)
    t.probs[:, 5] += 10
    t.probs /= t.probs.sum(axis=1, keepdims=True)
    yield "constant_prediction", t


def more_tables():
    rng = np.random.default_rng(20260101)
    even = np.full(7, 1 / 7)
    two = ["benign", "malignant"]
    yield "empty", Table(CLASSES, [], [], np.zeros((0, 7)))
    t = softmax_table(rng, 5, even)
    t.truth[:] = -1
    yield "all_unknown", t
    yield "one_row_wrong", Table(CLASSES, [""], [3], [[0, 0.25, 0.25, 0, 0.5, 0, 0]])
    yield "one_row_two_classes", Table(two, ["a"], [1], [[0.5, 0.5]])
    yield "two_rows", Table(two, ["a", "a"], [0, 1], [[0.625, 0.375], [0.625, 0.375]])
    t = softmax_table(rng, 7, even)
    t.truth = np.arange(7)
    yield "one_of_each", t
    for n in (14, 15, 16):  # around the number of bins
        yield f"rows_{n}", softmax_table(rng, n, even)
    yield "one_class_two", softmax_table(rng, 25, [0, 1], classes=two, skill=1)
    t = softmax_table(rng, 30, np.eye(7)[4], skill=1)
    t.truth = np.where(np.arange(30) % 2, 0, 4)  # nothing but malignant
    yield "all_malignant", t
    t = softmax_table(rng, 40, [0, 0, 0.3, 0.2, 0, 0.5, 0])  # nothing malignant
    yield "none_malignant", t
    # Exact zeros and ones, subnormal numbers, and sums that are off by float32 rounding.
    t = softmax_table(rng, 60, even)
    t.probs[:20] = np.eye(7, dtype=np.float32)[rng.integers(7, size=20)]
    t.probs[20:40] = np.float32(1e-42)
    t.probs[np.arange(20, 40), rng.integers(7, size=20)] = 1
    yield "extreme", t
    t = softmax_table(rng, 60, even)
    t.probs[:, 6] += np.float32(5e-5)
    yield "sums_off", t
    # Multiples of 1/15, which lie on the edges of the equal-width bins.
    yield "on_bin_edges", softmax_table(rng, 90, even, skill=1, grid=15)
    t = softmax_table(rng, 120, HAM10000_SHARES, skill=2)
    t.probs = np.round(t.probs, 3)  # as printed tables
    t.probs[:, 5] += 1 - t.probs.sum(axis=1)
    t.probs = np.clip(t.probs, 0, 1)
    yield "three_digits", t
    yield "coin", softmax_table(rng, 100, [0.5, 0.5], classes=two, skill=0)
    yield "rare_positive", softmax_table(rng, 120, [0.97, 0.03], classes=two, skill=1)
    yield "many_classes", softmax_table(rng, 60, np.full(20, 1 / 20), classes=[f"c{i}" for i in range(20)], skill=2)
    t = softmax_table(rng, 60, even, skill=1)
    t.probs = np.repeat(t.probs[::10], 10, axis=0)  # ten images to a row of probabilities
    yield "repeated_rows", t
    t = softmax_table(rng, 50, even, skill=1)
    t.probs[::2] = np.float32(1 / 7)
    t.probs[1::4] = np.eye(7, dtype=np.float32)[t.truth[1::4]]
    yield "uniform_and_certain", t
    yield "malignant_first", softmax_table(rng, 60, [0.3, 0.3, 0.2, 0.2], classes=["mel", "bcc", "akiec", "nv"], grid=10)


def plain(v):
    if isinstance(v, dict):
        return {key: plain(x) for key, x in v.items()}
    if isinstance(v, (list, np.ndarray)):
        return [plain(x) for x in v]
    if isinstance(v, (float, np.floating)):
        return None if np.isnan(v) else float(v)
    return int(v) if isinstance(v, np.integer) else v


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")  # undefined values are what half the tables are for
    for name, t in itertools.chain(tables(), more_tables()):
        t.write(OUT / f"{name}.csv")
        golden = {"made_with": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}, tools/golden/eval/make.py"}
        golden |= expected(t)
        if name in ("ties", "lopsided", "two_classes", "on_bin_edges", "rare_positive"):
            golden["curve"] = curves(t, len(t.classes) - 3 if len(t.classes) > 2 else 1)
        with open(OUT / f"{name}.json", "w", encoding="utf-8") as f:
            json.dump(plain(golden), f, allow_nan=False)
            f.write("\n")
        print(name, golden["n"], file=sys.stderr)


if __name__ == "__main__":
    main()
