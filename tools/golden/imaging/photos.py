"""Writes what Pillow decodes photos of HAM10000 to, for TestPhotosMatchPillow.

    venv/bin/python tools/golden/imaging/photos.py HAM10000 pkg/skinattn/imaging/testdata/photos.sha256 [--every 250]

One line a photo: SHA-256 of the file, SHA-256 of the decoded pixels (uint8
[height][width][3], RGB) and the image's name. OpenCV must agree about each.
"""

import argparse
import hashlib
import pathlib

import cv2
import numpy as np
from PIL import Image


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ham10000", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--every", type=int, default=250, help="take the first of so many photos, in order of their names")
    args = parser.parse_args()

    lines = []
    for path in sorted(args.ham10000.rglob("ISIC_*.jpg"))[::args.every]:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        assert (pixels == cv2.imread(str(path))[..., ::-1]).all(), path
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()} {hashlib.sha256(pixels.tobytes()).hexdigest()} {path.stem}\n")
    args.out.write_text("".join(lines))


if __name__ == "__main__":
    main()
