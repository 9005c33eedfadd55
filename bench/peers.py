"""One measurement of a peer, with the answer of 'skinattn bench --json'; or a check that the peers are the same network.

  peers.py measure --peer keras --network mobilenet_v2 --mode train --size 128 --batch 32 --steps 8
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
sys.path.append(str(ROOT / "tools/golden/keras"))

import fill  # noqa: E402

TOLERANCE = 1e-4


def peak_rss():
    """VmHWM in bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


def measure(args):
    module = importlib.import_module("peer_" + args.peer)
    peer = module.Peer(args.network, args.size, common.generated_batch(args.size, args.batch), args.threads)
    # The weights that 'skinattn bench' takes. PyTorch's own first weights would let activations fade into denormal numbers,
    # which it computes with several times more slowly.
    peer.fill(fill.fill_by_name)
    step = peer.train_step if args.mode == "train" else peer.infer_step
    seconds = []
    for _ in range(1 + args.warm_up + args.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    timed = seconds[1 + args.warm_up:]
    median = statistics.median(timed)
    print(json.dumps({
        "backbone": args.network, "mode": args.mode, "batch": args.batch, "size": args.size, "engine": f"{module.NAME} {module.VERSION}",
        "parameters": peer.parameters(), "images_per_second": args.batch / median, "step_seconds": timed,
        "compile_seconds": max(seconds[0] - median, 0), "peak_rss_bytes": peak_rss()}))


def check(args):
    """Compares the probabilities with the golden files that the Go network is tested with; in PyTorch only those of MobileNetV2."""
    failed = False
    for path in sorted((ROOT / "pkg/skinattn/testdata").glob("golden_*_*.json")):
        golden = json.loads(path.read_text())
        name, size = golden.get("network"), golden.get("size")
        if "train" in path.stem or name not in args.network or "cases" not in golden or "probabilities" not in golden["cases"][0]:
            continue
        cases = golden["cases"]
        metadata = np.array([[case["age"]] + case["metadata"][1:] if "metadata" in case else [0] * common.METADATA for case in cases], np.float32)
        images = np.stack([preprocessed(name, fill.fill_image(case["image"], size)) for case in cases])
        batch = types.SimpleNamespace(images=images.astype(np.float32), metadata=metadata, labels=np.zeros(len(cases), np.int64))
        want = np.array([case["probabilities"] for case in cases])
        for contestant in args.peer:
            if contestant == "torch" and name != "mobilenet_v2":
                continue
            peer = importlib.import_module("peer_" + contestant).Peer(name, size, batch, args.threads, exact=True)
            peer.fill(scaled(golden.get("gamma_scales", [])))
            off = np.abs(peer.infer_step() - want).max()
            same = off < TOLERANCE and peer.parameters() == golden["parameters"]["total"]
            failed |= not same
            print(f"{contestant}, {name} at {size} px: {peer.parameters()} parameters (Go and Keras: {golden['parameters']['total']}), "
                  f"probabilities off by {off:.1e}: {'same' if same else 'DIFFERENT'}")
    sys.exit(failed)


def preprocessed(name, image):
    """As the authors' metadata regime has it."""
    if name == "mobilenet_v2":
        return image / 127.5 - 1
    import network  # TensorFlow, which PyTorch's peer does without
    return network.preprocess(name, image[None])[0]


def scaled(scales):
    """The filling rule with the golden file's scales of gamma."""
    by = {layer: np.float32(scale["by"]) for scale in scales for layer in scale["layers"]}

    def value(name, shape):
        layer, _, weight = name.rpartition("/")
        filled = fill.fill_by_name(name, shape)
        return filled * by[layer] if weight == "gamma" and layer in by else filled
    return value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("measure")
    one.add_argument("--peer", choices=["keras", "torch", "torch_compile", "onnxruntime", "openvino"], required=True)
    one.add_argument("--network", choices=common.NETWORKS, default="mobilenet_v2")
    one.add_argument("--mode", choices=["train", "infer"], required=True)
    one.add_argument("--size", type=int, required=True)
    one.add_argument("--batch", type=int, required=True)
    one.add_argument("--steps", type=int, required=True)
    one.add_argument("--warm-up", type=int, default=2, help="steps after the first that are not timed, as in skinattn bench")
    one.set_defaults(run=measure)
    every = commands.add_parser("check")
    every.add_argument("--peer", choices=["keras", "torch"], nargs="+", default=["keras", "torch"])
    every.add_argument("--network", choices=common.NETWORKS, nargs="+", default=["mobilenet_v2"])
    every.set_defaults(run=check)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
