#!/usr/bin/env bash
# OpenCV 4.9.0: the EXIF orientation of a photo is ignored if it is stored as LONG in big-endian order. Pillow 11.3.0 obeys it.
#
# EXIF says that the tag is a SHORT, but some programs write a LONG. OpenCV reads the first two of the value's bytes as a
# SHORT of any type: in little-endian order ("II") these are the low half, and the photo is turned; in big-endian order
# ("MM") they are zero, and cv2.imread gives the photo lying on its side, without a warning. ImageOps.exif_transpose turns
# both. The control is a SHORT in either order, which both libraries obey.
# Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==4.9.0.80 pillow==11.3.0 numpy==1.26.4
"$dir/venv/bin/python" - <<'PY'
import io
import sys

import cv2
import numpy as np
from PIL import Image, ImageOps

found = {}
for order, magic in (("little", b"II*\0"), ("big", b"MM\0*")):
    for kind, name, size in ((3, "SHORT", 2), (4, "LONG", 4)):
        number = lambda v, n: v.to_bytes(n, order)
        value = number(6, size).ljust(4, b"\0")  # 6: turned by a quarter
        tiff = magic + number(8, 4) + number(1, 2) + number(0x0112, 2) + number(kind, 2) + number(1, 4) + value + number(0, 4)
        photo = io.BytesIO()
        Image.new("RGB", (24, 16)).save(photo, "JPEG", exif=b"Exif\0\0" + tiff)
        opencv = cv2.imdecode(np.frombuffer(photo.getvalue(), np.uint8), cv2.IMREAD_COLOR).shape[:2] == (24, 16)
        pillow = ImageOps.exif_transpose(Image.open(photo)).size == (16, 24)
        found[order, name] = opencv, pillow
        print(f"{name}, {order}-endian: OpenCV {'turns' if opencv else 'does not turn'}, Pillow {'turns' if pillow else 'does not turn'}")
if found != {(o, n): ((o, n) != ("big", "LONG"), True) for o in ("little", "big") for n in ("SHORT", "LONG")}:
    print("CHANGED")
    sys.exit(1)
PY
