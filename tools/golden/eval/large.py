"""Times 'skinattn evaluate' on files of 10,000 to a million predictions, and scikit-learn's metrics of the same files.

    python large.py SKINATTN [--resamples 20] [--rows 10000 100000 1000000]    (packages: tools/golden/requirements-statistics.txt)

Each is a process of its own that reads the file and computes the metrics of pkg/eval (bench.py), without intervals and, skinattn
alone, with resamples; the contestants take turns. Prints CSV: seconds by the clock and of processors, and the peak memory.
"""

import argparse
import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

from tables import HAM10000_SHARES, softmax_table


def measure(*command):
    """Seconds, seconds of processors, and the most memory of a process in MB."""
    start = time.perf_counter()
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, command))} failed")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def scikit(path):
    """The metrics of a file, computed once. The csv module's reading is part of it, as NumPy alone has no faster one for text."""
    import bench
    with open(path, newline="") as f:
        rows = csv.reader(f)
        classes = next(rows)[3:]
        read = [(row[2], row[3:]) for row in rows]
    index = {c: k for k, c in enumerate(classes)}
    bench.Y = np.array([index[dx] for dx, _ in read])
    bench.P = np.array([p for _, p in read], np.float32).astype(float)
    bench.PRED, bench.CONFIDENCE, bench.ONEHOT = bench.P.argmax(1), bench.P.max(1), np.eye(len(classes), dtype=int)[bench.Y]
    bench.all_metrics(np.arange(len(bench.Y)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("skinattn")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--resamples", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["rows", "who", "resamples", "seconds", "processor_seconds", "peak_mb"])
    with tempfile.TemporaryDirectory() as folder:
        for n in args.rows:
            path = pathlib.Path(folder) / f"{n}.csv"
            softmax_table(np.random.default_rng(1), n, HAM10000_SHARES).write(path)
            for _ in range(args.rounds):
                for who, resamples, command in (
                        ("skinattn", 0, (args.skinattn, "evaluate", path, "--json", "--resamples", 0)),
                        ("scikit-learn", 0, (sys.executable, __file__, "--scikit", path)),
                        ("skinattn", args.resamples, (args.skinattn, "evaluate", path, "--json", "--resamples", args.resamples))):
                    seconds, cpu, peak = measure(*command)
                    out.writerow([n, who, resamples, f"{seconds:.2f}", f"{cpu:.2f}", f"{peak:.0f}"])
                    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--scikit"]:
        scikit(sys.argv[2])
    else:
        main()
