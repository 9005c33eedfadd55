"""Prediction tables as pkg/eval reads them, and generators of awkward ones."""

import csv

import numpy as np

CLASSES = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
# Shares of the classes in HAM10000: a table drawn with them is as lopsided as
# the real one.
HAM10000_SHARES = np.array([327, 514, 1099, 115, 1113, 6705, 142]) / 10015


class Table:
    """Rows of float32 probabilities; truth -1 where the class is unknown."""

    def __init__(self, classes, lesions, truth, probs):
        self.classes = list(classes)
        self.lesions = list(lesions)
        self.truth = np.asarray(truth, dtype=int)
        self.probs = np.asarray(probs, dtype=np.float32)

    def write(self, path):
        with open(path, "w", newline="", encoding="utf-8") as f:
            out = csv.writer(f, lineterminator="\n")
            out.writerow(["image_id", "lesion_id", "dx", *self.classes])
            for i, (lesion, t, row) in enumerate(zip(self.lesions, self.truth, self.probs)):
                dx = self.classes[t] if t >= 0 else ""
                # str of a numpy float32 is the shortest text that reads back.
                out.writerow([f"ISIC_{i:07d}", lesion, dx, *(str(v) for v in row)])


def lesions(rng, n):
    """About four lesions to five photos, as in HAM10000; some ids are missing."""
    ids, lesion = [], 0
    while len(ids) < n:
        photos = rng.choice([1, 1, 1, 2, 3])
        ids += [f"HAM_{lesion:07d}"] * photos
        lesion += 1
    ids = ids[:n]
    for i in range(0, n, 17):
        ids[i] = ""
    return ids


def softmax_table(rng, n, shares, skill=2.0, classes=CLASSES, grid=0):
    """Noisy logits that favour the truth by skill. With grid > 0 the
    probabilities are multiples of 1/grid, so ties abound."""
    k = len(classes)
    truth = rng.choice(k, size=n, p=shares)
    logits = rng.normal(size=(n, k)) * 1.5 + skill * np.eye(k)[truth]
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    if grid:
        probs = np.stack([rng.multinomial(grid, p) for p in probs]) / grid
    return Table(classes, lesions(rng, n), truth, probs)
