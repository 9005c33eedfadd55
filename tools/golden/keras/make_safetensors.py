"""Golden file of the safetensors format, as its own library writes it."""
import pathlib

import numpy as np
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).parents[3] / "internal/safetensors/testdata/library.safetensors"


def main():
    OUT.parent.mkdir(exist_ok=True)
    save_file({
        "/conv/kernel": np.arange(12, dtype=np.float32).reshape(2, 2, 3) / 8,
        "/empty": np.zeros((0, 3), np.float32),
        "/special": np.array([np.inf, -np.inf, -0.0, np.finfo(np.float32).tiny, 1e-45, np.finfo(np.float32).max], np.float32),
        "/step": np.array(-1.5, np.float32),
        '"quoted" \u00fc': np.array([1], np.float32),
    }, OUT)


if __name__ == "__main__":
    main()
