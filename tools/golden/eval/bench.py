"""Times lesion-clustered bootstrap resamples of all metrics with scikit-learn,
on a table like that of pkg/eval's BenchmarkEvaluate, and that benchmark itself.

    python bench.py [RESAMPLES]    (packages: tools/golden/requirements-statistics.txt; needs go)

scikit-learn runs RESAMPLES resamples (default 50) in one process and, as a user
with two cores would, split over all cores; times are scaled to 2,000.
"""

import multiprocessing as mp
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
from sklearn import metrics as sk

from tables import CLASSES, softmax_table

N, SCALED_TO = 10_000, 2_000
LABELS = list(range(len(CLASSES)))
MALIGNANT = np.isin(CLASSES, ("mel", "bcc", "akiec"))
EDGES = np.arange(1, 15) / 15
warnings.simplefilter("ignore")

rng = np.random.default_rng(1)
TABLE = softmax_table(rng, N, np.full(7, 1 / 7), skill=1.5)
Y, P = TABLE.truth, TABLE.probs.astype(float)
PRED, CONFIDENCE, ONEHOT = P.argmax(1), P.max(1), np.eye(7, dtype=int)[TABLE.truth]
_, lesion = np.unique(TABLE.lesions, return_inverse=True)
UNITS = np.split(np.argsort(lesion, kind="stable"), np.cumsum(np.bincount(lesion))[:-1])


def top_of_curve(y, p):
    """Partial area and the sensitivities at 90 and 95 % specificity, from one curve."""
    fpr, tpr, _ = sk.roc_curve(y, p)
    stop = np.searchsorted(fpr, 0.1, "right")
    x = np.append(fpr[:stop], 0.1)
    area = sk.auc(x, np.append(tpr[:stop], np.interp(0.1, fpr[stop - 1:stop + 1], tpr[stop - 1:stop + 1])))
    at = [tpr[np.searchsorted(fpr, limit + 1e-12, "right") - 1] for limit in (0.1, 0.05)]
    return (1 + (area - 0.005) / 0.095) / 2, *at


def width_gaps(values, outcome):
    bins = np.searchsorted(EDGES, values)
    return np.abs(np.bincount(bins, weights=outcome - values, minlength=15)).sum() / len(values)


def all_metrics(rows):
    """The metrics of pkg/eval, each quantity computed once."""
    y, p, pred, onehot, confidence = Y[rows], P[rows], PRED[rows], ONEHOT[rows], CONFIDENCE[rows]
    cm = sk.confusion_matrix(y, pred, labels=LABELS)
    ovr = sk.multilabel_confusion_matrix(y, pred, labels=LABELS)
    precision, recall, f1, support = sk.precision_recall_fscore_support(y, pred, labels=LABELS, zero_division=np.nan)
    specificity = ovr[:, 0, 0] / (ovr[:, 0, 0] + ovr[:, 0, 1])
    auroc = sk.roc_auc_score(onehot, p, average=None)
    ap = sk.average_precision_score(onehot, p, average=None)
    tops = [top_of_curve(onehot[:, c], p[:, c]) for c in LABELS]
    order = np.argsort(confidence)
    correct = (pred == y)
    ece = sum(abs(part.sum()) for part in np.array_split((correct - confidence)[order], 15)) / len(rows)
    malignant, score, called = MALIGNANT[y], p[:, MALIGNANT].sum(axis=1), MALIGNANT[pred]
    group = sk.precision_recall_fscore_support(malignant, called, average="binary", zero_division=np.nan)
    above = (p > p[np.arange(len(y)), y][:, None]).sum(axis=1)
    return (
        correct.mean(), recall.mean(), ((recall + specificity) / 2).mean(), precision.mean(), f1.mean(),
        np.average(f1, weights=support), auroc.mean(), np.average(auroc, weights=support),
        sk.roc_auc_score(onehot.ravel(), p.ravel()), ap.mean(), sk.matthews_corrcoef(y, pred),
        sk.cohen_kappa_score(y, pred), sk.log_loss(y, p, labels=LABELS), ((p - onehot) ** 2).sum(1).mean(), ece,
        (above < 2).mean(), (above < 3).mean(), width_gaps(confidence, correct),
        np.mean([width_gaps(p[:, c], onehot[:, c]) for c in LABELS]),
        cm, precision, recall, specificity, f1, auroc, ap, tops,
        group, (~called[~malignant]).mean(), sk.roc_auc_score(malignant, score), sk.average_precision_score(malignant, score),
        top_of_curve(malignant, score),
    )


def resample(seed):
    r = np.random.default_rng(seed)
    all_metrics(np.concatenate([UNITS[u] for u in r.integers(len(UNITS), size=len(UNITS))]))


def cpu():
    """CPU seconds of this process and of its children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def main():
    resamples = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    repeats = 3
    resample(0)  # imports and caches
    start, start_cpu = time.perf_counter(), cpu()
    for i in range(resamples):
        resample(i)
    scale = SCALED_TO / resamples
    one, one_cpu = (time.perf_counter() - start) * scale, (cpu() - start_cpu) * scale
    print(f"scikit-learn, one process: {one:8.1f} s, {one_cpu:8.1f} s of CPU, for {SCALED_TO} resamples (measured {resamples})")
    cores = len(os.sched_getaffinity(0))
    with mp.Pool(cores) as pool:
        pool.map(resample, range(cores), chunksize=1)
        start = time.perf_counter()
        pool.map(resample, range(resamples), chunksize=max(1, resamples // (4 * cores)))
        many = (time.perf_counter() - start) * scale
    print(f"scikit-learn, {cores} processes: {many:8.1f} s")
    root = pathlib.Path(__file__).parents[3]
    with tempfile.TemporaryDirectory() as folder:
        binary = pathlib.Path(folder) / "eval.test"
        subprocess.run(["go", "test", "-c", "-o", binary, "./pkg/eval"], cwd=root, check=True)
        start_cpu = cpu()
        output = subprocess.run(
            [binary, "-test.run", "^$", "-test.bench", "Evaluate/10000x7/2000-by-lesion", "-test.benchtime", f"{repeats}x"],
            cwd=root / "pkg/eval", check=True, capture_output=True, text=True).stdout
        ours_cpu = (cpu() - start_cpu) / repeats
    ours = int(re.search(r"2000-by-lesion\S*\s+\d+\s+(\d+) ns/op", output).group(1)) / 1e9
    print(f"pkg/eval, {cores} cores:       {ours:8.2f} s, {ours_cpu:8.1f} s of CPU")
    print(f"pkg/eval is {one / ours:.0f} times as fast as one process and {many / ours:.0f} as {cores}; it takes {one_cpu / ours_cpu:.0f} times less CPU")


if __name__ == "__main__":
    main()
