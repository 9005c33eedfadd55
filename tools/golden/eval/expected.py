"""What scikit-learn (or a direct reading of a definition) says about a table."""

from fractions import Fraction

import numpy as np
from sklearn import metrics as sk

BINS = 15
MALIGNANT = ("mel", "bcc", "akiec")


def equal_mass_bins(values, outcome):
    """Fuller bins first; tied values share their mean outcome."""
    _, group = np.unique(values, return_inverse=True)
    shared = np.bincount(group, weights=outcome) / np.bincount(group)
    order = np.argsort(values, kind="stable")
    return [(values[part], shared[group[part]]) for part in np.array_split(order, BINS) if len(part)]


def equal_width_bins(values, outcome):
    bin_of = np.searchsorted(np.arange(1, BINS) / BINS, values, side="left")
    return [(values[bin_of == b], outcome[bin_of == b]) for b in range(BINS) if (bin_of == b).any()]


def ece(bins):
    return sum(abs(np.sum(o - v)) for v, o in bins) / sum(len(v) for v, _ in bins)


def brier_decomposition(p, onehot):
    """Murphy 1973, of each class over equal-mass bins, summed."""
    n = len(p)
    parts = dict.fromkeys(("reliability", "resolution", "uncertainty"), 0.0)
    for c in range(p.shape[1]):
        rate = onehot[:, c].mean()
        parts["uncertainty"] += rate * (1 - rate)
        for v, o in equal_mass_bins(p[:, c], onehot[:, c].astype(float)):
            parts["reliability"] += len(v) * (v.mean() - o.mean()) ** 2 / n
            parts["resolution"] += len(v) * (o.mean() - rate) ** 2 / n
    brier = ((p - onehot) ** 2).sum(axis=1).mean()
    return parts | {"within_bin": brier - parts["reliability"] + parts["resolution"] - parts["uncertainty"]}


def top_k(y, p, k):
    """scikit-learn prefers the later class on a tie, we the earlier one."""
    classes = p.shape[1]
    if classes == 2:
        return 1.0  # k is at least 2
    return sk.top_k_accuracy_score(classes - 1 - y, p[:, ::-1], k=k, labels=range(classes))


def youden(y, p):
    """The highest threshold of greatest tp/P - fp/N, in exact fractions."""
    positives, negatives = int(y.sum()), int((~y).sum())
    best = None
    for threshold in np.unique(p)[::-1]:
        tp, fp = int((p[y] >= threshold).sum()), int((p[~y] >= threshold).sum())
        j = Fraction(tp, positives) - Fraction(fp, negatives)
        if best is None or j > best[0]:
            best = (j, threshold, tp / positives, 1 - fp / negatives)
    return dict(zip(("threshold", "sensitivity", "specificity"), map(float, best[1:])))


def one_vs_rest(y, p, called):
    """Metrics of a class or group: y is the truth, p the score, called whether
    the predicted class is of it."""
    tp, fp, fn, tn = ((y & called).sum(), (~y & called).sum(), (y & ~called).sum(), (~y & ~called).sum())
    nan = {"zero_division": np.nan}
    out = {
        "precision": sk.precision_score(y, called, **nan), "recall": sk.recall_score(y, called, **nan),
        "specificity": tn / (tn + fp) if tn + fp else np.nan, "f1": sk.f1_score(y, called, **nan),
        "auroc": np.nan, "ap": sk.average_precision_score(y, p) if y.any() else np.nan,
        "partial_auroc": np.nan, "sensitivity_at_90_specificity": np.nan, "sensitivity_at_95_specificity": np.nan,
        "youden": None, "support": int(y.sum()),
    }
    assert tp + fp + fn + tn == len(y)
    if y.any() and not y.all():
        fpr, tpr, _ = sk.roc_curve(y, p, drop_intermediate=False)
        out["auroc"] = sk.roc_auc_score(y, p)
        out["partial_auroc"] = sk.roc_auc_score(y, p, max_fpr=0.1)
        out["sensitivity_at_90_specificity"] = tpr[1 - fpr >= 0.90].max()
        out["sensitivity_at_95_specificity"] = tpr[1 - fpr >= 0.95].max()
        out["youden"] = youden(y, p)
    return out


def mean(values, weights=None):
    """The mean of the defined values."""
    values = np.asarray(values, dtype=float)
    defined = ~np.isnan(values)
    if not defined.any():
        return np.nan
    return np.average(values[defined], weights=None if weights is None else np.asarray(weights)[defined])


def expected(t):
    known = t.truth >= 0
    y, p = t.truth[known], t.probs[known].astype(float)
    k = len(t.classes)
    if len(y) == 0:
        return nothing(t)
    pred = p.argmax(axis=1)
    labels = list(range(k))
    onehot = np.eye(k, dtype=int)[y]
    nan = {"zero_division": np.nan, "labels": labels}
    cm = sk.confusion_matrix(y, pred, labels=labels)
    classes = [one_vs_rest(y == c, p[:, c], pred == c) for c in labels]
    # Label metrics of scikit-learn's own one-vs-rest, all classes at once.
    for name, score in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        np.testing.assert_array_equal(score(y, pred, average=None, **nan), [c[name] for c in classes])
    recall, specificity = np.array([[c["recall"], c["specificity"]] for c in classes]).T
    auroc, support = [c["auroc"] for c in classes], cm.sum(axis=1)
    confidence, right = p.max(axis=1), (pred == y).astype(float)
    out = {
        "n": len(y),
        "n_unknown": int((~known).sum()),
        "accuracy": sk.accuracy_score(y, pred),
        "balanced_accuracy": sk.balanced_accuracy_score(y, pred),
        "paper_balanced_accuracy": mean((recall + specificity) / 2),
        "macro_precision": sk.precision_score(y, pred, average="macro", **nan),
        "macro_recall": sk.recall_score(y, pred, average="macro", **nan),
        "macro_f1": sk.f1_score(y, pred, average="macro", **nan),
        "weighted_f1": sk.f1_score(y, pred, average="weighted", **nan),
        "auroc_macro": mean(auroc),
        "auroc_weighted": mean(auroc, support),
        "auroc_micro": sk.roc_auc_score(onehot.ravel(), p.ravel()),
        "ap_macro": mean([c["ap"] for c in classes]),
        "mcc": sk.matthews_corrcoef(y, pred),
        "kappa": sk.cohen_kappa_score(y, pred, labels=labels),
        "nll": sk.log_loss(y, p, labels=labels),
        "brier": sk.brier_score_loss(y, p, labels=labels, scale_by_half=False) if k > 2 else ((p - onehot) ** 2).sum(1).mean(),
        "ece": ece(equal_mass_bins(confidence, right)),
        "top2_accuracy": top_k(y, p, 2),
        "top3_accuracy": top_k(y, p, 3),
        "ece_equal_width": ece(equal_width_bins(confidence, right)),
        "ece_classwise": np.mean([ece(equal_width_bins(p[:, c], onehot[:, c])) for c in labels]),
        "macro_specificity": mean(specificity),
        "confusion": cm.tolist(),
        "per_class": dict(zip(t.classes, classes)),
        "groups": {},
        "brier_decomposition": brier_decomposition(p, onehot),
    }
    columns = [c for c in labels if t.classes[c] in MALIGNANT]
    if len(columns) == len(MALIGNANT):
        score = np.zeros(len(y))
        for c in columns:  # in class order: sums of floats depend on it
            score += p[:, c]
        out["groups"]["malignant"] = one_vs_rest(np.isin(y, columns), score, np.isin(pred, columns))
    if k > 2 and not np.isnan(auroc).any():
        for average in ("macro", "weighted"):
            if np.abs(p.sum(1) - 1).max() > 1e-8:
                continue  # scikit-learn takes no others
            np.testing.assert_allclose(out["auroc_" + average], sk.roc_auc_score(y, p, multi_class="ovr", average=average), atol=1e-13)
    return out


def nothing(t):
    """Without an image nothing is defined; scikit-learn has no answer."""
    scalars = """accuracy balanced_accuracy paper_balanced_accuracy macro_precision macro_recall macro_f1 weighted_f1 auroc_macro
        auroc_weighted auroc_micro ap_macro mcc kappa nll brier ece top2_accuracy top3_accuracy ece_equal_width ece_classwise macro_specificity"""
    one = dict.fromkeys("""precision recall specificity f1 auroc ap partial_auroc sensitivity_at_90_specificity
        sensitivity_at_95_specificity youden""".split(), None) | {"support": 0}
    k = len(t.classes)
    return {"n": 0, "n_unknown": len(t.truth)} | dict.fromkeys(scalars.split(), None) | {
        "confusion": [[0] * k for _ in range(k)],
        "per_class": {c: one for c in t.classes},
        "groups": {"malignant": one},
    }


def curves(t, c):
    known = t.truth >= 0
    y, p = t.truth[known] == c, t.probs[known, c].astype(float)
    fpr, tpr, roc_thresholds = sk.roc_curve(y, p, drop_intermediate=False)
    precision, recall, pr_thresholds = sk.precision_recall_curve(y, p)
    return {
        "class": t.classes[c],
        "fpr": fpr, "tpr": tpr, "roc_thresholds": roc_thresholds[1:],  # the first is infinite
        "precision": precision[::-1], "recall": recall[::-1], "pr_thresholds": pr_thresholds[::-1],
    }
