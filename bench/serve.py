"""Measures 'skinattn serve' under load in turn with 'skinattn bench' and with FastAPI and ONNX Runtime; run it through serve.sh.

Both servers answer the same requests of the same clients (scripts/load): a photo of HAM10000 as multipart/form-data with age, sex and
site, whose answer is the mean over the released model's eight turned views, calibrated. A photo is eight images for the network. Every
answer of skinattn must have the digits of 'skinattn predict'; those of the peer, which rounds photos to bytes, must be near.
"""
import argparse
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from compare import environment

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "out"
PEER_TOLERANCE = .05  # photos and views are rounded to bytes


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def call(*command):
    done = subprocess.run([str(c) for c in command], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed with {done.returncode}:\n{done.stderr}")
    return done.stdout


def first_answer(url, request, process):
    """Waits for the answer to a request that is made again and again from the start on."""
    while True:
        if process.poll() is not None:
            sys.exit(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(urllib.request.Request(url + "/v1/predict", data=request[1], headers={"Content-Type": request[0]}), timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as problem:
            sys.exit(f"the first answer is {problem.code}: {problem.read()}")
        except (ConnectionError, urllib.error.URLError):
            time.sleep(.01)


def form(photo):
    boundary = "first-photo"
    body = (f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n').encode() + photo + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body


@contextlib.contextmanager
def serving(command, url, request, more=None):
    """A server from before its first answer on, with the seconds that this took."""
    start = time.monotonic()
    # Without the data's folder: the index of similar photos is another thing.
    variables = environment() | {"SKINATTN_DATA": "", "SKINATTN_TOKEN": ""} | (more or {})
    process = subprocess.Popen([str(c) for c in command], env=variables, cwd=HERE, stdout=subprocess.DEVNULL)
    try:
        first_answer(url, request, process)
        yield process, time.monotonic() - start
    finally:
        process.terminate()
        if process.wait(timeout=100) not in (0, -15):
            print(f"serve.py: the server ended with {process.returncode}", file=sys.stderr)


def load(args, url, answers, pid, tolerance=0.):
    return json.loads(call(OUT / "load", "-url", url, "-answers", answers, "-clients", args.clients, "-seconds", args.seconds, "-pid", pid, "-tolerance", tolerance))


def photos(args):
    data = pathlib.Path(args.data) if args.data else None
    files = sorted(data.rglob("ISIC_*.jpg")) if data else []
    if len(files) < args.photos:
        sys.exit("serve.py: set --data or $SKINATTN_DATA to a folder of HAM10000, or of 'skinattn demo'")
    return files[:: len(files) // args.photos][: args.photos]


def measure_skinattn(args, files, answers):
    url = f"http://127.0.0.1:{free_port()}"
    command = [OUT / "skinattn", "serve", "--quiet", "--port", url.rpartition(":")[2]]
    with serving(command, url, form(files[0].read_bytes())) as (process, first):
        (OUT / "model.json").write_bytes(urllib.request.urlopen(url + "/v1/model").read())
        return load(args, url, answers, process.pid) | {"contestant": "skinattn serve", "first_answer_seconds": first}


def measure_peer(args, files, answers):
    url = f"http://127.0.0.1:{free_port()}"
    command = [pathlib.Path(sys.executable).parent / "uvicorn", "serve_peer:app", "--port", url.rpartition(":")[2], "--log-level", "error", "--no-access-log"]
    more = {"NETWORK": str(OUT / "released.onnx"), "MODEL": str(OUT / "model.json"), "CALIBRATION": str(args.calibration), "THREADS": str(args.threads)}
    with serving(command, url, form(files[0].read_bytes()), more) as (process, first):
        return load(args, url, answers, process.pid, PEER_TOLERANCE) | {"contestant": "FastAPI + ONNX Runtime", "first_answer_seconds": first}


def measure_bench(args, batch):
    result = json.loads(call(OUT / "skinattn", "bench", "--json", "--quiet", "--program-cache", "--mode", "infer", "--batch", batch, "--steps", 100))
    return {"contestant": f"skinattn bench, batch {batch}", "images_per_second": result["images_per_second"]}


def table(results, views):
    lines = ["| | images/s | by round | photos/s | p50, s | p99, s | wrong, lost, refused | memory by third, MB | first answer, s |", "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    best = {}
    for contestant in dict.fromkeys(r["contestant"] for r in results):
        mine = [r for r in results if r["contestant"] == contestant]
        rates = [r.get("images_per_second", views * r.get("photos_per_second", 0)) for r in mine]
        one = mine[rates.index(max(rates))]
        best[contestant] = one | {"images_per_second": max(rates)}
        rounds = ", ".join(f"{v:.0f}" for v in rates)
        if "photos_per_second" not in one:
            lines.append(f"| {contestant} | {max(rates):.0f} | {rounds} | | | | | | |")
            continue
        memory = " / ".join(f"{v / 1e6:.0f}" for v in one.get("memory_by_third", []))
        lines.append(f"| {contestant} | {max(rates):.0f} | {rounds} | {one['photos_per_second']:.1f} | {one['p50_seconds']:.2f} | {one['p99_seconds']:.2f} | "
                     f"{sum(r['wrong'] for r in mine)}, {sum(r['lost'] for r in mine)}, {sum(r['refused'] for r in mine)} | {memory} | {one['first_answer_seconds']:.2f} |")
    ours = best.pop("skinattn serve")
    for contestant, other in best.items():
        lines.append(f"\nskinattn serve has {ours['images_per_second'] / other['images_per_second']:.2f}x the images/s of {contestant}.")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("SKINATTN_DATA"), help="folder with the photos to ask about (default: $SKINATTN_DATA)")
    parser.add_argument("--photos", type=int, default=64, help="different photos")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2, help="of ONNX Runtime")
    parser.add_argument("--no-peer", action="store_true", help="leave FastAPI and ONNX Runtime out")
    args = parser.parse_args()
    args.calibration = next((HERE.parent / "models").glob("*/calibration.json"))
    files, answers = photos(args), OUT / "answers.json"
    # One by one, as a person would ask: an answer must not depend on what else is asked.
    alone = [json.loads(call(OUT / "skinattn", "predict", "--json", "--quiet", "--age", 45, "--sex", "female", "--localization", "back", f))[0] for f in files[:8]]
    rest = json.loads(call(OUT / "skinattn", "predict", "--json", "--quiet", "--age", 45, "--sex", "female", "--localization", "back", *files[8:])) if files[8:] else []
    answers.write_text(json.dumps(alone + rest))
    results = []
    for number in range(args.rounds):
        results.append(measure_bench(args, 32))
        results.append(measure_skinattn(args, files, answers))
        if not args.no_peer:
            if not (OUT / "released.onnx").exists():
                call(OUT / "skinattn", "weights", "export", "--out", OUT / "released.h5")
                call(sys.executable, HERE / "export_onnx.py", "--network", "mobilenet_v2", "--size", 224, "--weights", OUT / "released.h5", "--out", OUT / "released.onnx")
            results.append(measure_peer(args, files, answers))
        (OUT / "serve.json").write_text(json.dumps(results, indent=1))
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
    print(table(results, json.loads((OUT / "model.json").read_text())["views"]))


if __name__ == "__main__":
    main()
