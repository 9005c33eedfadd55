"""Compares runs in float32 and bfloat16, pair by pair, on the same test photos.

    python3 bench/bf16.py SKINATTN RUNS > bench/measured/bf16.csv

RUNS has folders NAME-seedN-float32 and NAME-seedN-bf16 of `skinattn train ... --seed N` without and with `--precision bf16`;
SKINATTN is the program. Differences and their intervals of 95 % are those of `skinattn evaluate --compare FLOAT32 BF16`:
2,000 resamples of lesions, the same for both runs.
"""

import csv
import json
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
            digits = lambda x: "" if x is None else f"{x:.6f}"
            out.writerow([seed, compared["n"], metric, digits(d["a"]), digits(d["b"]), digits(d["difference"]), digits(low), digits(high), digits(d["p"])])
        out.writerow([seed, compared["n"], "train_images_per_second", f"{speed(single):.1f}", f"{speed(half):.1f}", "", "", "", ""])


if __name__ == "__main__":
    main(*sys.argv[1:])
