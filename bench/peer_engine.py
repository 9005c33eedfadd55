"""What the peers have in common that predict from a file of the network: ONNX Runtime and OpenVINO."""
import pathlib
import subprocess
import sys

import numpy as np

import common

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 1e-4


def exported(name, size):
    """The ONNX file of a network, made by export_onnx.py in a process of its own where there is none."""
    path = HERE / "out" / f"{name}-{size}.onnx"
    if not path.exists():
        subprocess.run([sys.executable, str(HERE / "export_onnx.py"), "--network", name, "--size", str(size), "--out", str(path)],
                       check=True, stdout=sys.stderr, stderr=subprocess.DEVNULL)
    return path


class Peer:
    """An engine's class gives open(path, inputs, threads), which returns a function from a dictionary of inputs to probabilities."""

    def __init__(self, name, size, batch, threads, exact=False):
        path = exported(name, size)
        known = np.load(path.with_suffix(".npz"))
        self.count = int(known["parameters"])
        self.inputs = {"images": batch.images, "metadata": batch.metadata}
        self.run = self.open(path, self.inputs, threads)
        # The first photo of a generated batch depends on its size alone where the batch has one photo.
        one = common.generated_batch(size, 1)
        alone = {"images": np.repeat(one.images, len(batch.images), 0), "metadata": np.repeat(one.metadata, len(batch.images), 0)}
        off = np.abs(self.run(alone)[0] - known["probabilities"][0]).max()
        if not off < TOLERANCE:
            sys.exit(f"{type(self).__module__}: probabilities of {name} are off by {off:.1e} from Keras's")

    def parameters(self):
        return self.count

    def fill(self, value):
        """The file has the weights already."""

    def infer_step(self):
        return self.run(self.inputs)
