"""Measures how the cost of MobileNetV2 grows with the batch, the size of the photos and the cores: in skinattn and in its peers.

Run it as bench/run.sh --growth, with nothing else running: less than ten minutes on two cores, behind --prepare, which compiles
skinattn's programs and writes the ONNX files. Every contestant has a process of its own for every point. What has been measured
stands in the file at once, and is not measured again: the command goes on where it was interrupted. docs/performance.md and its
figure are made from the file by `go test ./pkg/skinattn/bench -run Growth -update`.
"""
import argparse
import datetime
import itertools
import json
import os
import pathlib
import resource
import sys
import time

import compare
import peer_engine
from common import PARAMETERS_224
from networks import replace

NETWORK = "mobilenet_v2"
CONTESTANTS = {"train": ["skinattn", "keras", "torch"], "infer": ["skinattn", "onnxruntime", "openvino"]}
# What is measured: one of these varies, the others are at rest. All cores work unless their number varies.
BATCHES = {"train": [1, 4, 16, 64], "infer": [1, 2, 4, 8, 16, 32, 64]}
SIZES = [64, 128, 224, 320, 448]
BATCH, SIZE = 16, 224
# About how many images of 224 px a core computes in a second, in this program: the number of steps follows from it.
SPEED = {"train": 35, "infer": 150}
SECONDS = 1.5  # of timed steps
FEWEST = {"train": 3, "infer": 8}


def points(cores):
    """All (mode, batch, size, number of cores), those of training first, each once."""
    fewer = itertools.takewhile(lambda n: n < cores, (2**i for i in itertools.count()))
    every = []
    for mode in CONTESTANTS:
        every += [(mode, batch, SIZE, cores) for batch in BATCHES[mode]]
        every += [(mode, BATCH, size, cores) for size in SIZES]
    every += [(mode, BATCH, SIZE, n) for n in fewer for mode in CONTESTANTS]
    return list(dict.fromkeys(every))


def steps_of(mode, batch, size, cores):
    images = SPEED[mode] * cores * (SIZE / size)**2 * SECONDS
    return max(FEWEST[mode], min(round(images / batch), 100))


def busy_seconds():
    """Seconds that all cores of the machine have worked so far, and what its host took from them; 0 where it is not told."""
    try:
        user, nice, system, _, _, irq, softirq, steal = map(int, pathlib.Path("/proc/stat").read_text().split(None, 9)[1:9])
    except OSError:
        return 0
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def measure(contestant, point, args, steps=None):
    """A measurement, with the number of cores that others kept busy meanwhile."""
    mode, batch, size, cores = point
    steps = steps or args.steps or steps_of(*point)
    all_cpus = sorted(os.sched_getaffinity(0))
    busy, own, start = busy_seconds(), resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    os.sched_setaffinity(0, all_cpus[:cores])  # the process inherits it, and all contestants take as many threads
    try:
        r = compare.measure(contestant, NETWORK, mode, size, batch, steps, args, max(1, steps // 4), keep_programs=True)
    finally:
        os.sched_setaffinity(0, all_cpus)
    elapsed, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    own = after.ru_utime + after.ru_stime - own.ru_utime - own.ru_stime
    return r | {"cores": cores, "others_cores": round(max(0, (busy_seconds() - busy - own) / elapsed), 3), "when": now()}


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def prepare(args, cores):
    """What a point would else do before its first step, and leave for the next time."""
    for point in points(cores):
        mode, batch, size, n = point
        print(f"preparing {mode}, batch {batch}, {size} px, {n} cores", file=sys.stderr)
        if mode == "train":
            measure("skinattn", point, args, steps=1)
        else:
            peer_engine.exported(NETWORK, size)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skinattn", required=True, help="the program (run.sh builds it)")
    parser.add_argument("--prepare", action="store_true", help="compile programs and write ONNX files alone")
    parser.add_argument("--again", action="store_true", help="forget what has been measured")
    parser.add_argument("--mode", nargs="+", default=list(CONTESTANTS), choices=list(CONTESTANTS))
    parser.add_argument("--minutes", type=float, default=10, help="start no measurement after so many (default: %(default)s)")
    parser.add_argument("--steps", type=int, help="timed steps (default: by batch and size, for 1.5 s)")
    parser.add_argument("--out", type=pathlib.Path, default=compare.HERE / "measured/growth.json")
    return parser.parse_args()


def main():
    args = arguments()
    start, machine = time.monotonic(), compare.machine()
    if args.prepare:
        return prepare(args, machine["cores"])
    file = {"network": NETWORK, "command": "bench/run.sh --growth", "machine": machine,
            "at_rest": {"batch": BATCH, "size": SIZE, "cores": machine["cores"]}, "measurements": []}
    if args.out.exists() and not args.again:
        file = json.loads(args.out.read_text())
        if any(file["machine"][key] != machine[key] for key in ("cpu", "cores")):
            sys.exit(f"growth.py: {args.out} is of another machine: give --again or another --out")
    done = {(r["contestant"], r["mode"], r["batch"], r["size"], r["cores"]) for r in file["measurements"]}
    wanted = [(contestant, point) for point in points(machine["cores"]) if point[0] in args.mode for contestant in CONTESTANTS[point[0]]]
    failed = 0
    for contestant, point in [(c, p) for c, p in wanted if (c, *p) not in done]:
        mode, batch, size, cores = point
        if time.monotonic() - start > 60 * args.minutes:
            sys.exit(f"growth.py: {args.minutes:g} minutes are over; the same command goes on")
        try:
            r = measure(contestant, point, args)
        except compare.Failed as error:  # of memory, perhaps: the other points can be measured
            print(f"growth.py: {error}", file=sys.stderr)
            failed += 1
            continue
        if size == SIZE and r["parameters"] != PARAMETERS_224:
            sys.exit(f"growth.py: not the same network: {r['parameters']} parameters in {contestant}, want {PARAMETERS_224}")
        file["measurements"].append(r)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        replace(args.out, json.dumps(file, indent=1) + "\n")
        print(f"{mode}, batch {batch}, {size} px, {cores} cores, {compare.TITLES[contestant]}: {r['images_per_second']:.1f} images/s, "
              f"process {r['process_seconds']:.1f} s, others {r['others_cores']:.2f} cores", file=sys.stderr)
    if failed:
        sys.exit(f"growth.py: {failed} of {len(wanted)} points failed; the same command tries them again")
    print(f"all {len(wanted)} points are in {args.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
