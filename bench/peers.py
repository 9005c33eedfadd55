"""One measurement of a peer, with the answer of 'skinattn bench --json'; or a check that the peers are the same network.

  peers.py measure --peer keras --mode train --size 128 --batch 32 --steps 8
  peers.py check
"""
import argparse
import importlib
import json
import os
import pathlib
import statistics
import sys
import time
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

import common

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools/golden"))

import fill  # noqa: E402

WARM_UP = 2  # steps after the first that are not timed, as in skinattn bench
TOLERANCE = 1e-4


def peak_rss():
    """VmHWM in bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


def measure(args):
    module = importlib.import_module("peer_" + args.peer)
    peer = module.Peer(args.size, common.generated_batch(args.size, args.batch), args.threads)
    # The weights that 'skinattn bench' takes. PyTorch's own first weights would let activations fade into denormal numbers,
    # which it computes with several times more slowly.
    peer.fill(fill.fill_by_name)
    step = peer.train_step if args.mode == "train" else peer.infer_step
    seconds = []
    for _ in range(1 + WARM_UP + args.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    timed = seconds[1 + WARM_UP:]
    median = statistics.median(timed)
    print(json.dumps({
        "backbone": "mobilenet_v2", "mode": args.mode, "batch": args.batch, "size": args.size, "engine": f"{module.NAME} {module.VERSION}",
        "parameters": peer.parameters(), "images_per_second": args.batch / median, "step_seconds": timed,
        "compile_seconds": max(seconds[0] - median, 0), "peak_rss_bytes": peak_rss()}))


def check(args):
    """Compares the probabilities with the golden files that the Go network is tested with."""
    failed = False
    for size in (64, 100, 224):
        golden = json.loads((ROOT / f"pkg/skinattn/testdata/golden_mobilenet_v2_{size}.json").read_text())
        cases = golden["cases"]
        metadata = np.array([[case["age"]] + case["metadata"][1:] for case in cases], np.float32)
        images = np.stack([fill.fill_image(case["image"], size) for case in cases]) / 127.5 - 1
        batch = types.SimpleNamespace(images=images.astype(np.float32), metadata=metadata, labels=np.zeros(len(cases), np.int64))
        want = np.array([case["probabilities"] for case in cases])
        for name in args.peer:
            peer = importlib.import_module("peer_" + name).Peer(size, batch, args.threads, exact=True)
            peer.fill(fill.fill_by_name)
            off = np.abs(peer.infer_step() - want).max()
            same = off < TOLERANCE and peer.parameters() == golden["parameters"]["total"]
            failed |= not same
            print(f"{name} at {size} px: {peer.parameters()} parameters (Go and Keras: {golden['parameters']['total']}), "
                  f"probabilities off by {off:.1e}: {'same' if same else 'DIFFERENT'}")
    sys.exit(failed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("measure")
    one.add_argument("--peer", choices=["keras", "torch"], required=True)
    one.add_argument("--mode", choices=["train", "infer"], required=True)
    one.add_argument("--size", type=int, required=True)
    one.add_argument("--batch", type=int, required=True)
    one.add_argument("--steps", type=int, required=True)
    one.set_defaults(run=measure)
    every = commands.add_parser("check")
    every.add_argument("--peer", choices=["keras", "torch"], nargs="+", default=["keras", "torch"])
    every.set_defaults(run=check)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
