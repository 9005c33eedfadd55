"""What the peers share: the setting of the network and of its training, the batch, and what each network's peers are."""
import collections
import json
import pathlib
import types

import numpy as np

CLASSES = 7
HEADS = 16            # of Soft-Attention
METADATA = 21         # age, 1+3 for the sex, 1+15 for the localization
METADATA_UNITS = 4096
DROPOUT = 0.5
# The authors' setting, which is skinattn's default regime too.
ADAM = {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 0.1}
CLASS_WEIGHTS = [4.37, 2.78, 1.3, 12.44, 1.28, 0.21, 10.0]
# Of MobileNetV2 with Soft-Attention and metadata at 224 px, by the authors' model summary.
PARAMETERS_224 = 1_354_714

# Where torchvision or timm has a network, and where it is cut: after the module last; then come the modules of tail, which the
# library calls later. idle is what the library calls before the cut although the cut does not depend on it. more is how many more
# parameters it has than Keras's: scales of batch norm, or no biases before it. MobileNetV2 is written out in torch_backbones.py.
Torch = collections.namedtuple("Torch", "library model last tail idle more", defaults=((), (), 0))
TORCH = {
    "densenet201": Torch("torchvision", "densenet201", "features.denseblock4.denselayer29.relu2"),
    "inception_resnet_v2": Torch("timm", "inception_resnet_v2", "repeat_2.7", ["repeat_2.8.branch0"], ["repeat_2.8.branch0.bn.act"], 27_200),
    "resnet50": Torch("torchvision", "resnet50", "layer4", more=-26_560),
    "resnet152": Torch("torchvision", "resnet152", "layer4.0", more=-69_568),
    "nasnet_large": Torch("timm", "nasnetalarge", "cell_17.conv_1x1", [
        "cell_17.comb_iter_4_left." + part for part in ("act_1", "separable_1", "bn_sep_1", "act_2")], ["cell_17.conv_prev_1x1"]),
    "mobilenet": Torch("timm", "mobilenetv1_100", "blocks.4.1.conv_dw"),
    "mobilenet_v2": Torch("", "", ""),
    "mobilenet_v3_small": Torch("torchvision", "mobilenet_v3_small", "features.11.block.1"),
    "mobilenet_v3_large": Torch("torchvision", "mobilenet_v3_large", "features.15.block.1"),
}
NO_TORCH = {"nasnet_mobile": "neither torchvision nor timm has it", "vgg16": "the authors' own form", "resnet34": "the authors' own form"}
# By network, from the Go table: its input in pixels, and why there is none in PyTorch, if so.
TABLE = json.loads((pathlib.Path(__file__).resolve().parents[1] / "tools/backbones.json").read_text())
NETWORKS = {row["name"]: (row["input"], "" if row["name"] in TORCH else NO_TORCH.get(row["name"], "not looked for")) for row in TABLE}


def generated_batch(size, n, seed=1):
    rng = np.random.default_rng(seed)
    metadata = np.zeros((n, METADATA), np.float32)
    metadata[:, 0] = rng.integers(0, 18, n) * 5
    rows = np.arange(n)
    metadata[rows, 2 + rng.integers(0, 3, n)] = 1
    metadata[rows, 6 + rng.integers(0, 15, n)] = 1
    return types.SimpleNamespace(
        images=rng.uniform(-1, 1, (n, size, size, 3)).astype(np.float32), metadata=metadata, labels=rng.integers(0, CLASSES, n))
