"""Writes pkg/eval/testdata/golden: prediction tables and what scikit-learn says
about them. Run from this folder: python make.py (packages: requirements.txt)."""

import json
import pathlib
import sys
import warnings

import numpy as np
import sklearn
from sklearn import metrics as sk

from tables import CLASSES, HAM10000_SHARES, Table, softmax_table

OUT = pathlib.Path(__file__).parents[2] / "pkg/eval/testdata/golden"
BINS = 15


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


def ece(confidence, correct):
    """Equal-mass bins, fuller ones first; tied confidences share their mean
    correctness."""
    _, group = np.unique(confidence, return_inverse=True)
    shared = np.bincount(group, weights=correct) / np.bincount(group)
    order = np.argsort(confidence, kind="stable")
    total = 0.0
    for part in np.array_split(order, BINS):
        if len(part):
            total += abs(np.sum(shared[group[part]] - confidence[part]))
    return total / len(confidence)


def one_vs_rest(y, p, metric):
    if y.min() == y.max() and metric is sk.roc_auc_score:
        return np.nan
    if not y.any():
        return np.nan
    return metric(y, p)


def expected(t: Table):
    known = t.truth >= 0
    y, p = t.truth[known], t.probs[known].astype(float)
    pred = p.argmax(axis=1)
    k = len(t.classes)
    labels = list(range(k))
    onehot = np.eye(k, dtype=int)[y]
    nan = {"zero_division": np.nan, "labels": labels}
    cm = sk.confusion_matrix(y, pred, labels=labels)
    ovr = sk.multilabel_confusion_matrix(y, pred, labels=labels)
    with np.errstate(invalid="ignore"):
        specificity = ovr[:, 0, 0] / (ovr[:, 0, 0] + ovr[:, 0, 1])
        sensitivity = ovr[:, 1, 1] / (ovr[:, 1, 1] + ovr[:, 1, 0])
    auroc = np.array([one_vs_rest(onehot[:, c], p[:, c], sk.roc_auc_score) for c in labels])
    ap = np.array([one_vs_rest(onehot[:, c], p[:, c], sk.average_precision_score) for c in labels])
    support = cm.sum(axis=1)
    precision = sk.precision_score(y, pred, average=None, **nan)
    recall = sk.recall_score(y, pred, average=None, **nan)
    f1 = sk.f1_score(y, pred, average=None, **nan)
    defined = ~np.isnan(auroc)
    out = {
        "n": len(y),
        "n_unknown": int((~known).sum()),
        "accuracy": sk.accuracy_score(y, pred),
        "balanced_accuracy": sk.balanced_accuracy_score(y, pred),
        "paper_balanced_accuracy": np.nanmean((sensitivity + specificity) / 2),
        "macro_precision": sk.precision_score(y, pred, average="macro", **nan),
        "macro_recall": sk.recall_score(y, pred, average="macro", **nan),
        "macro_f1": sk.f1_score(y, pred, average="macro", **nan),
        "weighted_f1": sk.f1_score(y, pred, average="weighted", **nan),
        "auroc_macro": np.nanmean(auroc),
        "auroc_weighted": np.average(auroc[defined], weights=support[defined]) if defined.any() else np.nan,
        "auroc_micro": sk.roc_auc_score(onehot.ravel(), p.ravel()),
        "ap_macro": np.nanmean(ap),
        "mcc": sk.matthews_corrcoef(y, pred),
        "kappa": sk.cohen_kappa_score(y, pred, labels=labels),
        "nll": sk.log_loss(y, p, labels=labels),
        "brier": sk.brier_score_loss(y, p, labels=labels, scale_by_half=False),
        "ece": ece(p.max(axis=1), (pred == y).astype(float)),
        "confusion": cm.tolist(),
        "per_class": {
            name: {
                "precision": precision[c], "recall": recall[c], "specificity": specificity[c], "f1": f1[c],
                "auroc": auroc[c], "ap": ap[c], "support": int(support[c]),
            }
            for c, name in enumerate(t.classes)
        },
    }
    if defined.all() and k > 2:
        for average in ("macro", "weighted"):
            ours, theirs = out["auroc_" + average], sk.roc_auc_score(y, p, multi_class="ovr", average=average)
            assert abs(ours - theirs) < 1e-13 or np.abs(p.sum(1) - 1).max() > 1e-8, (average, ours, theirs)
    return out


def curves(t: Table, c):
    known = t.truth >= 0
    y, p = t.truth[known] == c, t.probs[known, c].astype(float)
    fpr, tpr, roc_thresholds = sk.roc_curve(y, p, drop_intermediate=False)
    precision, recall, pr_thresholds = sk.precision_recall_curve(y, p)
    return {
        "class": t.classes[c],
        "fpr": fpr, "tpr": tpr, "roc_thresholds": roc_thresholds[1:],  # the first is infinite
        "precision": precision[::-1], "recall": recall[::-1], "pr_thresholds": pr_thresholds[::-1],
    }


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
    for name, t in tables():
        t.write(OUT / f"{name}.csv")
        golden = {"made_with": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}, tools/golden_eval/make.py"}
        golden |= expected(t)
        if name in ("ties", "lopsided", "two_classes"):
            golden["curve"] = curves(t, len(t.classes) - 3 if len(t.classes) > 2 else 1)
        with open(OUT / f"{name}.json", "w", encoding="utf-8") as f:
            json.dump(plain(golden), f, allow_nan=False)
            f.write("\n")
        print(name, golden["n"], file=sys.stderr)


if __name__ == "__main__":
    main()
