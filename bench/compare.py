"""Measures MobileNetV2 in skinattn and its peers in turn, each in a process of its own, and prints a table.

Run it through run.sh, with nothing else running. The contestants alternate and the whole is done in rounds, so that a slow
spell of the machine meets all of them; what counts is the ratio of the best rounds. Writes everything measured as JSON.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

from common import PARAMETERS_224

HERE = pathlib.Path(__file__).resolve().parent
TITLES = {"skinattn": "skinattn", "keras": "Keras", "torch": "PyTorch", "torch_compile": "torch.compile", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
CONTESTANTS = list(TITLES)
PREDICT_ALONE = ("onnxruntime", "openvino")
# Timed steps: enough for a median, few enough for the whole table to take less than 12 minutes on two cores. In inference
# the threads of some processes, anybody's, share a core for the first second: the steps take longer than that.
STEPS = {("train", 128): 10, ("train", 224): 5, ("infer", 128): 100, ("infer", 224): 40}
# Settings of libraries in the caller's environment, which would help or hinder some contestants only.
SCRUBBED = ("OPENBLAS_", "OMP_", "MKL_", "KMP_", "NVPL_", "DNNL_", "ONEDNN_", "GOMP_", "TF_", "XLA_", "TORCH", "ATEN_",
            "GLIBC_TUNABLES", "MALLOC_", "LD_PRELOAD", "GOMLX_", "GOMAXPROCS", "GOGC", "GOMEMLIMIT")


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(SCRUBBED)}


class Failed(Exception):
    """A measurement that could not be made."""


def measure(contestant, network, mode, size, batch, steps, args, warm_up=2, keep_programs=False, **variables):
    """One measurement, with the seconds of the whole process. variables are added to its environment."""
    what = ["--mode", mode, "--size", str(size), "--batch", str(batch), "--steps", str(steps), "--warm-up", str(warm_up)]
    if contestant == "skinattn":
        command = [args.skinattn, "bench", "--json", "--quiet", "--backbone", network, *what]
        if keep_programs:
            command.append("--program-cache")
    else:
        command = [sys.executable, str(HERE / "peers.py"), "measure", "--peer", contestant, "--network", network, *what]
    start = time.perf_counter()
    done = subprocess.run(command, env=environment() | variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout) | {"contestant": contestant, "process_seconds": time.perf_counter() - start}


def contestants_for(mode, args):
    return [c for c in args.contestants if mode == "infer" or c not in PREDICT_ALONE]


def check_parameters(results):
    """The contestants' networks must have equally many parameters at each size, and the authors' number at 224 px."""
    for size in {r["size"] for r in results}:
        counts = {r["contestant"]: r["parameters"] for r in results if r["size"] == size}
        wanted = PARAMETERS_224 if size == 224 else next(iter(counts.values()))
        if set(counts.values()) != {wanted}:
            sys.exit(f"compare.py: not the same network at {size} px: {counts} parameters, want {wanted}")


def summarise(results):
    """A row for each mode, size and contestant: the best of the rounds, and skinattn's ratio to it."""
    rows = []
    for mode, size in dict.fromkeys((r["mode"], r["size"]) for r in results):
        ours = None
        for contestant in CONTESTANTS:
            mine = [r for r in results if (r["mode"], r["size"], r["contestant"]) == (mode, size, contestant)]
            if not mine:
                continue
            row = {"mode": mode, "size": size, "contestant": contestant, "engine": mine[0]["engine"],
                   "images_per_second": max(r["images_per_second"] for r in mine),
                   "rounds": [r["images_per_second"] for r in mine],
                   "compile_seconds": min(r["compile_seconds"] for r in mine),
                   "peak_rss_bytes": max(r["peak_rss_bytes"] for r in mine)}
            if contestant == "skinattn":
                ours = row["images_per_second"]
            elif ours:
                row["ratio"] = ours / row["images_per_second"]
            rows.append(row)
    return rows


def table(rows):
    lines = ["| mode | px | | images/s | by round | skinattn is | first step, extra s | peak memory, GB |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for r in rows:
        rounds = ", ".join(f"{v:.1f}" for v in r["rounds"])
        ratio = f"{r['ratio']:.2f}x" if "ratio" in r else ""
        lines.append(f"| {r['mode']} | {r['size']} | {TITLES[r['contestant']]} | {r['images_per_second']:.1f} | {rounds} | {ratio} | "
                     f"{r['compile_seconds']:.1f} | {r['peak_rss_bytes'] / 1e9:.2f} |")
    return "\n".join(lines)


def machine():
    try:
        info = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), platform.processor())
    except OSError:
        cpu = platform.processor()
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "system": platform.system(), "arch": platform.machine(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "load_before": os.getloadavg()[0]}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skinattn", required=True, help="the program (run.sh builds it)")
    parser.add_argument("--modes", nargs="+", default=["train", "infer"], choices=["train", "infer"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[128, 224])
    parser.add_argument("--contestants", nargs="+", default=CONTESTANTS, choices=CONTESTANTS)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, help="timed steps of every measurement (default: by mode and size)")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "out/results.json")
    return parser.parse_args()


def main():
    args = arguments()
    about = {"when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "machine": machine(),
             "python": platform.python_version(), "batch": args.batch}
    if about["machine"]["load_before"] > 0.5:
        print(f"warning: the machine is busy (load {about['machine']['load_before']:.1f}): the ratios will be off", file=sys.stderr)
    results = []
    for number in range(1, args.rounds + 1):
        for mode in args.modes:
            for size in args.sizes:
                for contestant in contestants_for(mode, args):
                    steps = args.steps or STEPS.get((mode, size), 8)
                    r = measure(contestant, "mobilenet_v2", mode, size, args.batch, steps, args) | {"round": number}
                    results.append(r)
                    print(f"round {number}: {mode} {size} px, {TITLES[contestant]}: {r['images_per_second']:.1f} images/s, "
                          f"first step {r['compile_seconds']:.1f} s more, peak {r['peak_rss_bytes'] / 1e9:.2f} GB", file=sys.stderr)
        check_parameters(results)
    rows = summarise(results)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(about | {"table": rows, "measurements": results}, indent=1) + "\n")
    print(f"{about['machine']['cpu']}, {about['machine']['cores']} cores, batch {args.batch}, float32; "
          + ", ".join(dict.fromkeys(r["engine"] for r in rows)) + "\n\n" + table(rows))


if __name__ == "__main__":
    try:
        main()
    except Failed as error:
        sys.exit(f"compare.py: {error}")
