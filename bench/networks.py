"""Measures training and prediction of the authors' networks in skinattn and its peers, and writes the tables of docs/performance.md.

Run it as bench/run.sh --network all, with nothing else running: an hour on two cores. Every network has a JSON file of its own
in the folder of the processor in bench/results, and a network that has one is not measured again, so that the command goes on
where it was interrupted. Every processor has its tables.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import statistics
import sys
import tempfile

import compare
from common import NETWORKS, TORCH

# What is measured of a network: mode and batch.
MEASURED = [("train", 8), ("infer", 1), ("infer", 8), ("infer", 32)]
# Timed steps of training, and of predictions of one photo and of a batch, and those before, by how much a network has to compute.
# Steps of the larger ones take seconds, and differ little.
STEPS = {"small": (6, 100, 12, 2), "medium": (3, 40, 6, 1), "large": (2, 20, 4, 1)}
WORK = {"densenet201": "medium", "resnet50": "medium", "resnet34": "medium", "resnet152": "large", "vgg16": "large",
        "inception_resnet_v2": "large", "nasnet_large": "large"}
RESULTS = compare.HERE / "results"
DOCUMENT = compare.HERE.parent / "docs/performance.md"
BEGIN, END = "<!-- networks.py: begin -->\n", "<!-- networks.py: end -->\n"


def measure(name, args):
    """All that is measured of a network, as its file has it."""
    size, without = NETWORKS[name]
    train, one, many, warm_up = STEPS[WORK.get(name, "small")]
    results = []

    def add(contestant, mode, batch, steps, warm_up, **more):
        about = {"contestant": contestant, "mode": mode, "batch": batch} | {key: more[key] for key in ("start", "round") if key in more}
        variables = more.get("variables", {})
        try:
            r = compare.measure(contestant, name, mode, size, batch, steps, args, warm_up, bool(variables), **variables)
        except compare.Failed as error:
            print(f"networks.py: {error}", file=sys.stderr)
            r = {"failed": str(error).splitlines()[-1]}
        else:
            print(f"{name}, {mode}, batch {batch}, {compare.TITLES[contestant]}: {r['images_per_second']:.1f} images/s, first step "
                  f"{r['compile_seconds']:.1f} s more, peak {r['peak_rss_bytes'] / 1e9:.2f} GB, process {r['process_seconds']:.1f} s", file=sys.stderr)
        results.append(r | about | {"when": now()})

    for number in range(1, args.rounds + 1):
        for mode, batch in [(mode, batch) for mode, batch in MEASURED if mode in args.mode]:
            steps = args.train_steps or train if mode == "train" else args.infer_steps or (one if batch == 1 else many)
            for contestant in compare.contestants_for(mode, args):
                if not (contestant.startswith("torch") and without):
                    add(contestant, mode, batch, steps, warm_up if args.warm_up is None else args.warm_up, round=number)
    # From the start of a process to its first answer: with nothing that an earlier process kept, and again.
    for contestant in args.contestants if "infer" in args.mode else []:
        if not (contestant.startswith("torch") and without):
            with tempfile.TemporaryDirectory() as folder:
                kept = {"SKINATTN_PROGRAM_CACHE": folder, "TORCHINDUCTOR_CACHE_DIR": folder}
                for start in ("cold", "warm"):
                    add(contestant, "infer", 1, 1, 0, start=start, variables=kept)
    check_parameters(name, results)
    return {"network": name, "size": size, "when": now(), "machine": compare.machine(), "measurements": results}


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def kept(path, measured, modes):
    """The measurements of a file in other modes than those that were measured anew, on the same machine."""
    if not path.exists():
        return []
    before = json.loads(path.read_text())
    if any(before["machine"][key] != measured["machine"][key] for key in ("cpu", "cores", "system", "arch")):
        return []
    return [r | {"when": r.get("when", before["when"])} for r in before["measurements"] if r["mode"] not in modes]


def check_parameters(name, results):
    """Keras has as many parameters as skinattn, PyTorch as many more as is known of the library's network."""
    counts = {r["contestant"]: r["parameters"] for r in results if "parameters" in r}
    for contestant in ("torch", "torch_compile"):
        if contestant in counts:
            counts[contestant] -= TORCH[name].more
    if len(set(counts.values()) - {0}) > 1:
        sys.exit(f"networks.py: not the same network {name}: {counts} parameters")


def best(measured, mode, batch, contestant):
    """The best round, and the least first step and the most memory of all; None without one."""
    mine = [r for r in measured["measurements"] if (r["mode"], r["batch"], r["contestant"]) == (mode, batch, contestant) and "failed" not in r and "start" not in r]
    if not mine:
        return None
    return max(mine, key=lambda r: r["images_per_second"]) | {
        "compile_seconds": min(r["compile_seconds"] for r in mine), "peak_rss_bytes": max(r["peak_rss_bytes"] for r in mine)}


def texts(results, value):
    return [value(r) if r else "-" for r in results]


def ratio(results):
    """Of skinattn, the first, to the fastest of the others."""
    others = [r["images_per_second"] for r in results[1:] if r]
    return f"{results[0]['images_per_second'] / max(others):.2f}x" if results[0] and others else "-"


def p99(result):
    """The 99th percentile of the latencies of a batch, in ms."""
    return statistics.quantiles(result["step_seconds"], n=100, method="inclusive")[98] * 1e3


def table(files):
    """The Markdown of the networks that were measured on a processor."""
    engines = {r["contestant"]: "skinattn" if r["contestant"] == "skinattn" else r["engine"] for f in files for r in f["measurements"] if "engine" in r}
    machines = dict.fromkeys(f"{f['machine']['cpu']}, {f['machine']['cores']} cores" for f in files)
    days = sorted(r.get("when", f["when"])[:10] for f in files for r in f["measurements"])
    contestants = [c for c in compare.CONTESTANTS if c in engines]
    titles = [compare.TITLES[c] for c in contestants]
    trained = [c for c in contestants if c not in compare.PREDICT_ALONE]
    lines = [f"#### {'; '.join(machines)}", "", f"Float32; {' to '.join(dict.fromkeys((days[0], days[-1])))}, by `bench/run.sh --network all`; "
             f"{', '.join(engines[c] for c in contestants)}.", ""]
    rows = [(f, [best(f, "train", 8, c) for c in trained]) for f in files]
    rows = [(f, row) for f, row in rows if any(row)]
    if rows:
        lines += ["Training at batch 8, images/s; the first step and the memory in the order of the columns:", "",
                  f"| network | px | {' | '.join(compare.TITLES[c] for c in trained)} | skinattn to the best of the others | first step, extra s | peak memory, GB |",
                  "| --- | --- |" + " --- |" * (len(trained) + 3)]
    for f, row in rows:
        lines.append(f"| {f['network']} | {f['size']} | {' | '.join(texts(row, lambda r: format(r['images_per_second'], '.1f')))} | {ratio(row)} | "
                     f"{' / '.join(texts(row, lambda r: format(r['compile_seconds'], '.1f')))} | "
                     f"{' / '.join(texts(row, lambda r: format(r['peak_rss_bytes'] / 1e9, '.1f')))} |")
    lines += ([""] if rows else []) + ["Prediction, images/s:", "", f"| network | px | batch | {' | '.join(titles)} | skinattn to the best of the others |",
              "| --- | --- | --- |" + " --- |" * (len(titles) + 1)]
    for f in files:
        for batch in (1, 8, 32):
            row = [best(f, "infer", batch, c) for c in contestants]
            if any(row):
                lines.append(f"| {f['network']} | {f['size']} | {batch} | {' | '.join(texts(row, lambda r: format(r['images_per_second'], '.1f')))} | {ratio(row)} |")
    lines += ["", "One photo: median and 99th percentile of the latency in ms, and the seconds from the start of a process to the end of its second prediction, "
              "first with nothing kept from earlier ones, then again:", "", f"| network | | {' | '.join(titles)} |", "| --- | --- |" + " --- |" * len(titles)]
    for f in files:
        row = [best(f, "infer", 1, c) for c in contestants]
        if not any(row):
            continue
        latency = texts(row, lambda r: f"{statistics.median(r['step_seconds']) * 1e3:.1f}, {p99(r):.1f}")
        lines.append(f"| {f['network']} | latency | {' | '.join(latency)} |")
        for start in ("cold", "warm"):
            row = [next((r for r in f["measurements"] if (r["contestant"], r.get("start")) == (c, start) and "failed" not in r), None) for c in contestants]
            lines.append(f"| {f['network']} | {start} start | {' | '.join(texts(row, lambda r: format(r['process_seconds'], '.1f')))} |")
    if "torch" in contestants:
        missing = "; ".join(f"{name}: {why}" for name, (_, why) in NETWORKS.items() if why)
        lines += ["", f"Not in PyTorch: {missing}."]
    return "\n".join(lines + [""])


def read(folder):
    """The files of all networks that have been measured, in the order of the tables."""
    return [json.loads(p.read_text()) for p in (folder / (name + ".json") for name in NETWORKS) if p.exists()]


def folder_of(machine):
    """The name of the folder of a processor: amd-epyc-2-cores."""
    name = re.sub(r"\((r|tm)\)", "", (machine["cpu"] or machine["arch"]).lower())
    return re.sub("[^a-z0-9]+", "-", f"{name} {machine['cores']} cores").strip("-")


def write_document():
    """Puts the tables of all processors into the document."""
    tables = [table(files) for files in map(read, sorted(RESULTS.iterdir())) if files]
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or END not in rest:
        sys.exit(f"networks.py: {DOCUMENT} has no lines {BEGIN.strip()} and {END.strip()}")
    replace(DOCUMENT, before + BEGIN + "\n".join(tables) + END + after)


def replace(path, text):
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(text)
    os.replace(part, path)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skinattn", required=True, help="the program (run.sh builds it)")
    parser.add_argument("--network", nargs="+", required=True, choices=["all", *NETWORKS])
    parser.add_argument("--contestants", nargs="+", default=compare.CONTESTANTS, choices=compare.CONTESTANTS)
    parser.add_argument("--mode", nargs="+", default=["train", "infer"], choices=["train", "infer"])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--train-steps", type=int, help="timed steps (default: 2 to 6, by network)")
    parser.add_argument("--infer-steps", type=int, help="timed steps (default: 4 to 12, by network)")
    parser.add_argument("--warm-up", type=int, help="steps after the first that are not timed (default: 1 or 2, by network)")
    parser.add_argument("--again", action="store_true", help="measure also what has been measured")
    parser.add_argument("--results", type=pathlib.Path, help="another folder for the JSON files; the document stays as it is")
    parser.add_argument("--no-document", action="store_true", help=f"print the table and leave {DOCUMENT.name} as it is")
    args = parser.parse_args()
    args.no_document = args.no_document or args.results is not None
    args.results = args.results or RESULTS / folder_of(compare.machine())
    return args


def main():
    args = arguments()
    args.results.mkdir(parents=True, exist_ok=True)
    if os.getloadavg()[0] > 0.5:
        print(f"warning: the machine is busy (load {os.getloadavg()[0]:.1f}): the ratios will be off", file=sys.stderr)
    for name in NETWORKS if "all" in args.network else args.network:
        path = args.results / (name + ".json")
        if path.exists() and not args.again:
            if not any("failed" in r for r in json.loads(path.read_text())["measurements"]):
                print(f"{name} has been measured: {path}", file=sys.stderr)
                continue
        measured = measure(name, args)
        measured["measurements"] += kept(path, measured, args.mode)
        replace(path, json.dumps(measured, indent=1) + "\n")
    if args.no_document:
        print(table(read(args.results)))
    else:
        write_document()


if __name__ == "__main__":
    main()
