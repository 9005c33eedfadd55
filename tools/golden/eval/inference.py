"""Writes pkg/eval/testdata/inference: BCa intervals of SciPy for given
replicates, and the cases that inference.R answers. Run from this folder:

    python inference.py && Rscript inference.R

Packages: tools/golden/requirements-statistics.txt; R 4.2.2 with pROC 1.18.0.
"""

import csv
import json
import pathlib
import warnings

import numpy as np
import scipy
from scipy import stats

OUT = pathlib.Path(__file__).parents[3] / "pkg/eval/testdata/inference"

STATISTICS = {
    "mean": lambda x, axis: np.mean(x, axis=axis),
    "sd": lambda x, axis: np.std(x, axis=axis),
    "median": lambda x, axis: np.median(x, axis=axis),
    "difference": lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
}


def bca_cases(rng):
    for i in range(36):
        n = [8, 16, 20, 40][i % 4]
        data = np.round([rng.normal, rng.exponential, rng.standard_t][i % 3](*([3] if i % 3 == 2 else []), size=n), 3)
        name = ["mean", "sd", "median"][i % 3]
        if i % 6 == 5:  # right or wrong: replicates equal to the estimate abound
            data, name = (rng.random(n) < 0.8).astype(float), "mean"
        yield (data,), name, [0.95, 0.9, 0.99][i % 3]
    for i in range(6):
        yield (np.round(rng.exponential(size=12), 3), np.round(rng.normal(size=7 + i), 3)), "difference", 0.95


def bca():
    rng = np.random.default_rng(1987)
    cases = []
    for samples, name, level in bca_cases(rng):
        statistic = STATISTICS[name]
        replicates = np.array([
            statistic(*(rng.choice(x, len(x)) for x in samples), axis=-1) for _ in range(99)])
        replicates = np.round(replicates, 6)
        given = stats.bootstrap(samples, statistic, n_resamples=2, method="percentile", rng=rng)
        given.bootstrap_distribution = replicates
        ci = stats.bootstrap(samples, statistic, n_resamples=0, method="BCa", confidence_level=level,
                             bootstrap_result=given).confidence_interval
        cases.append({"samples": [x.tolist() for x in samples], "statistic": name, "level": level,
                      "replicates": replicates.tolist(), "low": float(ci.low), "high": float(ci.high)})
    with open(OUT / "bca.json", "w", encoding="utf-8") as f:
        f.write('{"made_with": %s, "cases": [\n' % json.dumps(f"SciPy {scipy.__version__}, numpy {np.__version__}, tools/golden/eval/inference.py"))
        f.write(",\n".join(json.dumps(c, allow_nan=False) for c in cases) + "\n]}\n")


def delong_cases():
    rng = np.random.default_rng(2014)
    for i in range(36):
        n = [6, 15, 40, 90][i % 4]
        positive = np.concatenate([[1, 1, 0, 0], (rng.random(n - 4) < [0.5, 0.2, 0.9][i % 3]).astype(int)])
        shared = rng.normal(size=n)
        a = positive * 1.0 + shared + rng.normal(size=n) * 0.7
        b = positive * 0.6 + shared + rng.normal(size=n) * 0.7
        if i % 5 == 1:  # ties
            a, b = np.round(a * 2) / 2, np.round(b)
        if i == 7:
            b = a.copy()  # the same model
        if i == 8:
            a = positive + 0.01 * rng.random(n)  # separates perfectly
        if i == 9:
            a = b = np.full(n, 0.5)  # knows nothing
        if i == 10:
            b = -a
        if i == 11:
            a = np.exp(np.round(b, 3))  # the same ranking
        yield positive, np.round(a, 3), np.round(b, 3)


def delong():
    with open(OUT / "delong_cases.csv", "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(["case", "positive", "a", "b"])
        for i, (positive, a, b) in enumerate(delong_cases()):
            out.writerows([i, p, repr(float(x)), repr(float(y))] for p, x, y in zip(positive, a, b))


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")  # degenerate data is among the cases
    bca()
    delong()


if __name__ == "__main__":
    main()
