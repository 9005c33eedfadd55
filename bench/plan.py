"""Trains ten small runs and compares what they took with what `sweep plan` had said.

    python3 bench/plan.py SKINATTN DATA WORK [NUMBER...] > bench/measured/plan.csv

SKINATTN is the program, DATA the HAM10000 folder, WORK an empty folder for what is made on the way.
The runs are of all photos of a sample of lesions, 640 or one or two more. For each cell: `sweep plan --commands`,
the answers of those commands, the run, the answers once more. Every command has an empty cache of compiled programs,
so that compiling is measured and predicted as of a first run. 12 minutes on two cores. Numbers choose cells, from 1.
"""

import csv
import json
import os
import pathlib
import random
import shlex
import subprocess
import sys
import tempfile
import time

PHOTOS = 640
SAMPLE_SEED = 1

CELLS = [
    "backbone: mobilenet_v2, regime: demo, size: 64, epochs: 12",
    "backbone: mobilenet_v2, regime: modern, size: 96, epochs: 4",
    "backbone: resnet50, regime: md/as-printed, size: 64, epochs: 3",
    "backbone: mobilenet_v3_small, regime: md/as-run, size: 96, epochs: 10, batch: 8",
    "backbone: mobilenet, regime: ad/as-printed, size: 96, epochs: 3",
    "backbone: mobilenet_v2, regime: modern, size: 64, epochs: 5, accumulate: 2, batch: 16, ema: .99",
    "backbone: mobilenet_v2, regime: demo, size: 128, epochs: 4, protocol: paper, batch: 8",
    "backbone: mobilenet_v3_large, regime: modern, size: 96, epochs: 4, mixup: .2, folds: 5, fold: 1",
    "backbone: mobilenet, regime: demo, size: 64, epochs: 60, freeze: [backbone], feature-cache: true",
    "backbone: resnet34, regime: ad/as-run, size: 64, epochs: 6, protocol: datta828",
]


def sample(data, out):
    """Writes a HAM10000 folder of whole lesions, in random order until there are enough photos."""
    with open(data / "HAM10000_metadata.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    lesions = {}
    for row in rows:
        lesions.setdefault(row["lesion_id"], []).append(row)
    order = sorted(lesions)
    random.Random(SAMPLE_SEED).shuffle(order)
    taken = []
    for lesion in order:
        if len(taken) >= PHOTOS:
            break
        taken += lesions[lesion]
    (out / "images").mkdir(parents=True)
    with open(out / "HAM10000_metadata.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(taken)
    for row in taken:
        name = row["image_id"] + ".jpg"
        (out / "images" / name).symlink_to((data / "images" / name).resolve())
    return len(taken)


def call(args, **more):
    """Runs a command with an empty cache of compiled programs; its output, seconds, and greatest memory in GB."""
    with tempfile.TemporaryDirectory() as cache:
        begin = time.monotonic()
        process = subprocess.Popen(args, env={**os.environ, "SKINATTN_PROGRAM_CACHE": cache}, stdout=subprocess.PIPE, text=True, **more)
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
    if status != 0:
        raise SystemExit(f"{shlex.join(map(str, args))}: status {os.waitstatus_to_exitcode(status)}")
    return text, seconds, usage.ru_maxrss * 1024 / 1e9


def planned(program, data, file, commands, work):
    """Measures, then plans: seconds and GB of memory of the one cell."""
    answers = work / "bench.json"
    answers.write_text("".join(call([program, *shlex.split(c)[1:]])[0] for c in commands))
    plan = json.loads(call([program, "sweep", "plan", file, "--bench", answers, "--data", data, "--json", "--quiet"])[0])
    cell = plan["cells"][0]
    low, high = cell["seconds"]
    assert low == high, "a cell that may stop early has no one duration"
    return high, cell["memory_bytes"] / 1e9


def main(program, data, work, *numbers):
    work = pathlib.Path(work).resolve()
    small = work / "data"
    photos = sample(pathlib.Path(data).resolve(), small)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow("date cell photos predicted_s_by_bench_before predicted_s_by_bench_after predicted_s measured_s error predicted_memory_gb measured_memory_gb".split())
    for number, cell in enumerate(CELLS, 1):
        if numbers and str(number) not in numbers:
            continue
        folder = work / f"cell-{number}"
        folder.mkdir()
        file = folder / "cell.yaml"
        options = ["weights: random", *cell.split(", ")]
        file.write_text("runs: runs\naxes: {seed: [1]}\nset:\n" + "".join(f"  {option}\n" for option in options))
        printed = subprocess.run([program, "sweep", "plan", file, "--commands", "--data", small], check=True, stdout=subprocess.PIPE, text=True).stdout
        commands = [line for line in printed.splitlines() if not line.startswith("#")]
        before, memory = planned(program, small, file, commands, folder)
        _, seconds, used = call([program, "sweep", "run", file, "--data", small, "--quiet"])
        after, _ = planned(program, small, file, commands, folder)
        predicted = (before + after) / 2
        out.writerow([time.strftime("%Y-%m-%d"), cell, photos, f"{before:.1f}", f"{after:.1f}", f"{predicted:.1f}", f"{seconds:.1f}", f"{predicted / seconds - 1:+.0%}", f"{memory:.2f}", f"{used:.2f}"])
        sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
