"""Measures training and inference of the authors' networks in skinattn, Keras and PyTorch, and writes the table of docs/performance.md.

Run it as bench/run.sh --network all, with nothing else running: 25 minutes on two cores. Every network has a JSON file of its own
in bench/results, and a network that has one is not measured again, so that the command goes on where it was interrupted.
"""
import argparse
import datetime
import json
import os
import pathlib
import statistics
import sys

import compare
from common import NETWORKS, TORCH

# Timed steps of training and of inference, and those before, by how much a network has to compute. Steps of the larger ones take
# seconds, and differ little.
STEPS = {"small": (6, 12, 2), "medium": (3, 6, 1), "large": (2, 4, 1)}
WORK = {"densenet201": "medium", "resnet50": "medium", "resnet34": "medium", "resnet152": "large", "vgg16": "large",
        "inception_resnet_v2": "large", "nasnet_large": "large"}
DOCUMENT = compare.HERE.parent / "docs/performance.md"
BEGIN, END = "<!-- networks.py: begin -->\n", "<!-- networks.py: end -->\n"


def measure(name, args):
    """All that is measured of a network, as its file has it."""
    size, without = NETWORKS[name]
    train, infer, warm_up = STEPS[WORK.get(name, "small")]
    results = []
    for number in range(1, args.rounds + 1):
        for mode, steps in (("train", args.train_steps or train), ("infer", args.infer_steps or infer)):
            for contestant in args.contestants:
                if contestant == "torch" and without:
                    continue
                try:
                    r = compare.measure(contestant, name, mode, size, steps, args, warm_up if args.warm_up is None else args.warm_up)
                except compare.Failed as error:
                    print(f"networks.py: {error}", file=sys.stderr)
                    r = {"contestant": contestant, "mode": mode, "failed": str(error).splitlines()[-1]}
                else:
                    print(f"{name}, {mode}, {compare.TITLES[contestant]}: {r['images_per_second']:.1f} images/s, first step "
                          f"{r['compile_seconds']:.1f} s more, peak {r['peak_rss_bytes'] / 1e9:.2f} GB", file=sys.stderr)
                results.append(r | {"round": number})
    check_parameters(name, results)
    return {"network": name, "size": size, "batch": args.batch, "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "machine": compare.machine(), "measurements": results}


def check_parameters(name, results):
    """Keras has as many parameters as skinattn, PyTorch as many more as is known of the library's network."""
    counts = {r["contestant"]: r["parameters"] for r in results if "parameters" in r}
    if "torch" in counts:
        counts["torch"] -= TORCH[name].more
    if len(set(counts.values()) - {0}) > 1:
        sys.exit(f"networks.py: not the same network {name}: {counts} parameters")


def cells(measured, mode, contestant):
    """images/s, step, compile and memory of the best round, as texts."""
    mine = [r for r in measured["measurements"] if (r["mode"], r["contestant"]) == (mode, contestant)]
    done = [r for r in mine if "failed" not in r]
    if not done:
        return ["failed" if mine else "-"] * 4
    best = max(done, key=lambda r: r["images_per_second"])
    step = statistics.median(best["step_seconds"])
    return [f"{best['images_per_second']:.1f}", f"{step:.3g}", f"{min(r['compile_seconds'] for r in done):.1f}",
            f"{max(r['peak_rss_bytes'] for r in done) / 1e9:.1f}"]


def table(files):
    """The Markdown between the document's marks."""
    machine, engines = files[0]["machine"], {}
    for measured in files:
        for r in measured["measurements"]:
            if "engine" in r:
                engines[r["contestant"]] = r["engine"]
    titles = [compare.TITLES[c] for c in compare.CONTESTANTS]
    days = sorted(f["when"][:10] for f in files)
    lines = [f"Batch {files[0]['batch']}, float32, {machine['cpu']}, {machine['cores']} cores, {' to '.join(dict.fromkeys((days[0], days[-1])))}, "
             f"by `bench/run.sh --network all`; {', '.join(engines[c] for c in compare.CONTESTANTS if c in engines)}. "
             f"Step, first step and memory: {' / '.join(titles)}.", "",
             f"| network | px | mode | {' | '.join(t + ', images/s' for t in titles)} | step, s | first step, extra s | peak memory, GB |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for measured in files:
        for mode in ("train", "infer"):
            columns = list(zip(*(cells(measured, mode, c) for c in compare.CONTESTANTS)))
            lines.append(f"| {measured['network']} | {measured['size']} | {mode} | {' | '.join(columns[0])} | "
                         + " | ".join(" / ".join(column) for column in columns[1:]) + " |")
    missing = "; ".join(f"{name}: {why}" for name, (_, why) in NETWORKS.items() if why)
    return "\n".join(lines + ["", f"Not in PyTorch: {missing}.", ""])


def write_document(results):
    """Puts the table of all networks that have been measured into the document."""
    files = [json.loads(p.read_text()) for p in (results / (name + ".json") for name in NETWORKS) if p.exists()]
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or END not in rest:
        sys.exit(f"networks.py: {DOCUMENT} has no lines {BEGIN.strip()} and {END.strip()}")
    replace(DOCUMENT, before + BEGIN + table(files) + END + after)


def replace(path, text):
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(text)
    os.replace(part, path)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skinattn", required=True, help="the program (run.sh builds it)")
    parser.add_argument("--network", nargs="+", required=True, choices=["all", *NETWORKS])
    parser.add_argument("--contestants", nargs="+", default=compare.CONTESTANTS, choices=compare.CONTESTANTS)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--train-steps", type=int, help="timed steps (default: 2 to 6, by network)")
    parser.add_argument("--infer-steps", type=int, help="timed steps (default: 4 to 12, by network)")
    parser.add_argument("--warm-up", type=int, help="steps after the first that are not timed (default: 1 or 2, by network)")
    parser.add_argument("--again", action="store_true", help="measure also what has been measured")
    parser.add_argument("--results", type=pathlib.Path, default=compare.HERE / "results", help="folder of the JSON files")
    parser.add_argument("--no-document", action="store_true", help=f"print the table and leave {DOCUMENT.name} as it is")
    return parser.parse_args()


def main():
    args = arguments()
    args.results.mkdir(parents=True, exist_ok=True)
    if os.getloadavg()[0] > 0.5:
        print(f"warning: the machine is busy (load {os.getloadavg()[0]:.1f}): the ratios will be off", file=sys.stderr)
    for name in NETWORKS if "all" in args.network else args.network:
        path = args.results / (name + ".json")
        if path.exists() and not args.again:
            have = json.loads(path.read_text())
            if have["batch"] != args.batch:
                sys.exit(f"networks.py: {path} is of batch {have['batch']}; choose another --results, or --again")
            if not any("failed" in r for r in have["measurements"]):
                print(f"{name} has been measured: {path}", file=sys.stderr)
                continue
        replace(path, json.dumps(measure(name, args), indent=1) + "\n")
    if args.no_document:
        print(table([json.loads(p.read_text()) for p in sorted(args.results.glob("*.json"))]))
    else:
        write_document(args.results)


if __name__ == "__main__":
    main()
