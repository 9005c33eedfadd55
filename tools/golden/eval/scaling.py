"""Writes pkg/eval/testdata/scaling.json: temperature and vector scaling of the
golden tables, fitted with SciPy. Run after make.py, from this folder:
python scaling.py (packages: tools/golden/requirements-statistics.txt)."""

import csv
import json
import pathlib

import numpy as np
import scipy
from scipy.optimize import brentq, minimize
from scipy.special import log_softmax, softmax

TESTDATA = pathlib.Path(__file__).parents[3] / "pkg/eval/testdata"
RIDGE = 1e-6  # of vector scaling; see FitVector
TABLES = ["even", "lopsided", "ties", "absent_classes", "overconfident", "extreme", "unknown_truth", "two_classes", "three_digits", "many_classes", "rare_positive"]


def read(name):
    with open(TESTDATA / "golden" / f"{name}.csv", encoding="utf-8", newline="") as f:
        rows = [r for r in csv.DictReader(f) if r["dx"]]
    classes = list(rows[0])[3:]
    probs = np.array([[np.float32(r[c]) for c in classes] for r in rows]).astype(float)
    return np.log(np.maximum(probs, 2.0**-149)), np.array([classes.index(r["dx"]) for r in rows])


def temperature(z, y):
    rows = np.arange(len(y))

    def slope(beta):
        return np.mean((softmax(beta * z, axis=1) * z).sum(axis=1) - z[rows, y])

    beta = brentq(slope, 1e-6, 1e4, xtol=1e-15, rtol=1e-14)
    return {"temperature": 1 / beta, "nll": -log_softmax(beta * z, axis=1)[rows, y].mean()}


def vector(z, y):
    n, k = z.shape
    rows, onehot, start = np.arange(n), np.eye(k)[y], np.r_[np.ones(k), np.zeros(k)]

    def nll(x):
        return -log_softmax(x[:k] * z + x[k:], axis=1)[rows, y].mean()

    def gradient(x):
        residual = softmax(x[:k] * z + x[k:], axis=1) - onehot
        return np.r_[(residual * z).mean(0), residual.mean(0)] + RIDGE * (x - start)

    def hessian(x):
        p = softmax(x[:k] * z + x[k:], axis=1)
        inputs = np.concatenate([np.eye(k) * z[:, None, :], np.broadcast_to(np.eye(k), (n, k, k))], axis=2)  # d logit / d x
        inner = np.eye(k) * p[:, None, :] - p[:, :, None] * p[:, None, :]
        return np.einsum("nai,nab,nbj->ij", inputs, inner, inputs) / n + RIDGE * np.eye(2 * k)

    def penalised(x):
        return nll(x) + RIDGE / 2 * ((x - start) ** 2).sum()

    x = minimize(penalised, start, jac=gradient, hess=hessian, method="trust-exact", options={"maxiter": 500}).x
    # Where rounding hides an improvement, the gradient still shows the way.
    for _ in range(200):
        step = np.linalg.solve(hessian(x), gradient(x))
        while np.linalg.norm(gradient(x - step)) > np.linalg.norm(gradient(x)) and np.linalg.norm(step) > 1e-12:
            step /= 2
        x = x - step
    assert np.abs(gradient(x)).max() < 1e-12, np.abs(gradient(x)).max()
    return {"weight": x[:k].tolist(), "bias": x[k:].tolist(), "nll": nll(x)}


def main():
    out = {"made_with": f"SciPy {scipy.__version__}, numpy {np.__version__}, tools/golden/eval/scaling.py"}
    for name in TABLES:
        z, y = read(name)
        out[name] = {"temperature": temperature(z, y), "vector": vector(z, y)}
        print(name, out[name]["temperature"])
    with open(TESTDATA / "scaling.json", "w", encoding="utf-8") as f:
        json.dump(out, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
