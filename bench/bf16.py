"""Compares runs in float32 and bfloat16, pair by pair, on the same test photos.

    python3 bench/bf16.py SKINATTN RUNS > bench/measured/bf16.csv

RUNS has folders NAME-seedN-float32 and NAME-seedN-bf16 of `skinattn train ... --seed N` without and with `--precision bf16`;
SKINATTN is the program. Differences and their intervals of 95 % are those of `skinattn evaluate --compare FLOAT32 BF16`:
2,000 resamples of lesions, the same for both runs. The rows `mean` are of all seeds: half the length of an interval is the
root of the seeds' squared half lengths, divided by their number. That takes the seeds as independent, which their test parts,
drawn from the same photos, are only nearly.
"""

import csv
import json
import math
import pathlib
import re
import statistics
import subprocess
import sys

METRICS = ["accuracy", "balanced_accuracy", "macro_f1", "auroc_macro", "nll", "ece"]


def speed(run):
    with open(run / "history.csv") as file:
        return statistics.median(float(row["train_images_per_second"]) for row in csv.DictReader(file))


def main(program, runs):
    out = csv.writer(sys.stdout, lineterminator="\n")
    digits = lambda x: "" if x is None else f"{x:.6f}"
    pairs = {metric: [] for metric in METRICS}
    out.writerow(["seed", "photos", "metric", "float32", "bf16", "difference", "low", "high", "p"])
    for single in sorted(pathlib.Path(runs).glob("*-float32")):
        half = single.with_name(single.name.replace("-float32", "-bf16"))
        if not (single / "metrics.json").exists() or not (half / "metrics.json").exists():
            continue
        answer = subprocess.run([program, "evaluate", single, half, "--compare", "--json", "--quiet"], check=True, capture_output=True, text=True)
        compared = json.loads(answer.stdout)
        seed = re.search(r"seed(\d+)", single.name)[1]
        for metric in METRICS:
            d = compared["differences"][metric]
            low, high = d["ci"] or (None, None)
            pairs[metric].append((d["a"], d["b"], d["difference"], low, high))
            out.writerow([seed, compared["n"], metric, digits(d["a"]), digits(d["b"]), digits(d["difference"]), digits(low), digits(high), digits(d["p"])])
        out.writerow([seed, compared["n"], "train_images_per_second", f"{speed(single):.1f}", f"{speed(half):.1f}", "", "", "", ""])
    for metric, values in pairs.items():
        a, b, difference, low, high = zip(*values)
        mean, half = statistics.mean(difference), None
        if None not in low:
            half = math.hypot(*((h - l) / 2 for l, h in zip(low, high))) / len(values)
        out.writerow(["mean", "", metric, digits(statistics.mean(a)), digits(statistics.mean(b)), digits(mean), *(("", "") if half is None else (digits(mean - half), digits(mean + half))), ""])


if __name__ == "__main__":
    main(*sys.argv[1:])
