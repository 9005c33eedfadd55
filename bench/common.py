"""What the peers share: the setting of the network and of its training, the batch, and what each network's peers are."""
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

# By network: its input in pixels, and why there is none in PyTorch, if so.
NO_LIBRARY = "neither torchvision nor timm has it"
NETWORKS = {
    "densenet201": (224, ""),
    "inception_resnet_v2": (299, ""),
    "resnet50": (224, ""),
    "resnet152": (224, ""),
    "nasnet_large": (331, ""),
    "nasnet_mobile": (224, NO_LIBRARY),
    "mobilenet": (224, ""),
    "mobilenet_v2": (224, ""),
    "mobilenet_v3_small": (224, ""),
    "mobilenet_v3_large": (224, ""),
    "vgg16": (224, "the authors' own form"),
    "resnet34": (224, "the authors' own form"),
}
# How many more parameters the PyTorch library's network has than Keras's: scales of batch norm, or no biases before it.
TORCH_MORE = {"inception_resnet_v2": 27_200, "resnet50": -26_560, "resnet152": -69_568}


def generated_batch(size, n, seed=1):
    rng = np.random.default_rng(seed)
    metadata = np.zeros((n, METADATA), np.float32)
    metadata[:, 0] = rng.integers(0, 18, n) * 5
    rows = np.arange(n)
    metadata[rows, 2 + rng.integers(0, 3, n)] = 1
    metadata[rows, 6 + rng.integers(0, 15, n)] = 1
    return types.SimpleNamespace(
        images=rng.uniform(-1, 1, (n, size, size, 3)).astype(np.float32), metadata=metadata, labels=rng.integers(0, CLASSES, n))
